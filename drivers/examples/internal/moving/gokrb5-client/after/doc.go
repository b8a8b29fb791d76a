// Command after gets a page with Kerberos, by this project: a program of docs/moving.md.
package main

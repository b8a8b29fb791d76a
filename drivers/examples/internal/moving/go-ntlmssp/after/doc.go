// Command after gets a page with NTLM, by this project: a program of docs/moving.md.
package main

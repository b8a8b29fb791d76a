// Command after serves a page with Digest, by this project: a program of docs/moving.md.
package main

// Command before serves a page with Digest, by abbot/go-http-auth: a program of docs/moving.md.
package main

// Command before gets a page with Digest, by icholy/digest: a program of docs/moving.md.
package main

// Command before gets a page with NTLM, by Azure/go-ntlmssp: a program of docs/moving.md.
package main

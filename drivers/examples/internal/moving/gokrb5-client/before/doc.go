// Command before gets a page with Kerberos, by jcmturner/gokrb5: a program of docs/moving.md.
package main

// Package interop holds no code, only tests that let countersign talk to
// programs that it did not write: its server and its proxy to curl, wget, requests
// and gss-ntlmssp, its client to Apache httpd, lighttpd, Samba and Squid.
//
// The tests start those programs for themselves, on free ports of the loopback
// interface, from the configurations in testdata, and stop them again. A test
// whose program is not installed is skipped and names the Debian package to
// install; with INTEROP=required in the environment it fails.
package interop

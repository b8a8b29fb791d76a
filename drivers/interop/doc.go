// Package interop holds no code, only tests, in a module of their own, that let countersign talk to
// programs that it did not write: its server and its proxy to Chromium, Firefox, curl, wget, requests,
// MIT's and Heimdal's GSS-API, gss-ntlmssp and gokrb5; its client to Apache httpd, Caddy,
// lighttpd, Samba, Squid, gokrb5 and gRPC; both by way of the KDCs of MIT, Heimdal and Samba.
//
// The tests start those programs for themselves, on free ports of the loopback
// interface, from the configurations in testdata, and stop them again. A test
// whose program is not installed is skipped and names the Debian package to
// install; with INTEROP=required in the environment it fails.
package interop

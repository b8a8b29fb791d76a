// Package interop holds no code, only tests, in a module of their own, of countersign
// with other implementations: its server and its proxy with Chromium, Firefox, curl,
// wget, requests, MIT's and Heimdal's GSS-API, gss-ntlmssp and gokrb5; its client with
// Apache httpd, Caddy, lighttpd, Samba, Squid, gokrb5 and gRPC; both with the KDCs of
// MIT, Heimdal and Samba.
//
// The tests start those programs themselves, on free ports of the loopback interface,
// with the configurations in testdata, and stop them again. If a program is not
// installed its tests are skipped and name the Debian package to install; with
// INTEROP=required in the environment they fail.
package interop

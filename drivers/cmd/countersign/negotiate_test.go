package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServeNegotiate: SPNEGO under both names beside NTLM, which of them the client
// takes, and what it may not.
func TestServeNegotiate(t *testing.T) {
	s := serve(t, "--scheme", "negotiate,nego2,ntlm", "--domain", "LAB", "--user", "alice:Canary-4711", "--require-mic")
	for _, c := range []struct{ list, by string }{
		{"", "Nego2"}, {"negotiate", "Negotiate"}, {"nego2", "Nego2"}, {"ntlm", "NTLM"}, {"ntlm,negotiate", "Negotiate"}, {"negotiate,nego2", "Nego2"},
	} {
		args := []string{"get", "-u", `LAB\alice:Canary-4711`, s.url + "/one", s.url + "/two"}
		if c.list != "" {
			args = append(args, "--scheme", c.list)
		}
		call(t, "", args...).want(t, 0, strings.Repeat("hello alice via "+c.by+"\n", 2), "")
	}
	call(t, "", "get", "-X", "POST", "-I", "-d", "@"+file(t, "big", strings.Repeat("x", 64<<10)), "-u", "alice:Canary-4711", s.url).want(t, 0, "X-Body-Length: 65536", "")
	call(t, "", "get", "--scheme", "negotiate", "-u", "alice:wrong", s.url).want(t, exitRefused, "", "refused by the peer")
	call(t, "", "get", "-v", "--scheme", "nego2", "-u", "alice:Canary-4711", s.url).want(t, 0, "", "< WWW-Authenticate: Nego2 Y")
	bad := 0
	for _, l := range s.stop() {
		if l.Reason == "bad credentials" {
			bad++
		}
	}
	if bad != 1 || strings.Contains(s.stderr.String(), "Canary") {
		t.Errorf("%d bad credentials in the log, want 1; or a password shows", bad)
	}
}

// TestServeNegotiatePolicy: NTLM's policy holds inside of SPNEGO too.
func TestServeNegotiatePolicy(t *testing.T) {
	cert, key := certificate(t)
	bound := serve(t, "--user", "alice:secret", "--tls-cert", cert, "--tls-key", key, "--scheme", "nego2,negotiate", "--channel-binding", "require")
	call(t, "", "get", "-k", "-u", "alice:secret", bound.url).want(t, 0, "hello alice via Nego2", "")
	level := serve(t, "--user", "alice:secret", "--scheme", "negotiate")
	call(t, "", "get", "--ntlm-level", "v1", "-u", "alice:secret", level.url).want(t, exitRefused, "", "refused by the peer")
	call(t, "", "serve", "--addr", "127.0.0.1:0", "--scheme", "negotiate", "--user", "alice:secret", "--channel-binding", "require").want(t, exitUsage, "", "needs TLS")
}

// TestProxyNegotiate: to a proxy, through one, and both at once.
func TestProxyNegotiate(t *testing.T) {
	origin := serve(t, "--user", "alice:secret", "--scheme", "nego2,negotiate")
	p := serve(t, "--proxy", "--scheme", "negotiate", "--user", "bob:pw")
	open := serve(t, "--proxy", "--scheme", "digest", "--user", "bob:pw")
	for _, proxy := range []*served{p, open} {
		call(t, "", "get", "-u", "alice:secret", "-x", proxy.url, "-U", "bob:pw", origin.url, origin.url).want(t, 0, "hello alice via Nego2\nhello alice via Nego2\n", "")
	}
	call(t, "", "get", "-u", "alice:secret", "-x", p.url, "-U", "bob:no", origin.url).want(t, exitRefused, "", "proxy authentication")
}

// TestReplayNegotiate: a negotiation fits into a sealed trace, and no secret of it
// shows.
func TestReplayNegotiate(t *testing.T) {
	dir := t.TempDir()
	key := file(t, "key", traceKey)
	sealed := func(name string) []string {
		return []string{"--trace", filepath.Join(dir, name), "--trace-key", key}
	}
	origin := serve(t, append(sealed("server"), "--scheme", "nego2,negotiate", "--user", "alice:Canary-4711")...)
	call(t, "", append(append([]string{"get"}, sealed("client")...), "-u", "alice:Canary-4711", origin.url+"/one", origin.url+"/two")...).want(t, 0, "hello alice via Nego2", "")
	origin.stop()
	for _, role := range []string{"client", "server"} {
		call(t, "", "replay", "--key", key, filepath.Join(dir, role)).want(t, 0, "reproduced byte for byte", "")
		b, err := os.ReadFile(filepath.Join(dir, role))
		if err != nil || strings.Contains(string(b), "Canary") {
			t.Errorf("%s: %v, or a password shows", role, err)
		}
	}
}

package main

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/internal/requirement"
)

func TestServeLog(t *testing.T) {
	s := serve(t, "--scheme", "digest,basic", "--user", "alice:open-sesame")
	call(t, "", "get", "-u", "alice:open-sesame", s.url+"/a?b=c").want(t, 0, "hello alice via Digest", "")
	call(t, "", "get", "-u", "alice:Canary-4711", s.url+"/b").want(t, exitRefused, "", "refused by the peer")
	call(t, "", "get", "--scheme", "basic", "--allow-cleartext", "-u", "mallory:Canary-4711", s.url+"/c").want(t, exitRefused, "", "refused by the peer")
	got := s.stop()
	want := []logLine{
		{Method: "GET", Path: "/a", Status: 401, Reason: "no credentials"},
		{Method: "GET", Path: "/a", Status: 200, User: "alice", Scheme: "Digest"},
		{Method: "GET", Path: "/b", Status: 401, Reason: "no credentials"},
		{Method: "GET", Path: "/b", Status: 401, Reason: "bad credentials"},
		{Method: "GET", Path: "/c", Status: 401, Reason: "no credentials"},
		{Method: "GET", Path: "/c", Status: 401, Reason: "unknown user"},
	}
	for i := range got {
		if (got[i].Detail != "") != (got[i].Reason != "") {
			t.Errorf("line %d: a reason has a detail: %+v", i, got[i])
		}
		got[i].Detail = ""
	}
	if len(got) != len(want) {
		t.Fatalf("%d log lines, want %d: %+v", len(got), len(want), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("log line %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	if log := s.stderr.String(); strings.Contains(log, "Canary") || strings.Contains(log, "open-sesame") {
		t.Errorf("a password is in the log: %s", log)
	}
}

// TestServeHtdigest: users of a file beside those of the command line.
func TestServeHtdigest(t *testing.T) {
	users := htdigestFile(t, digest.MD5, "api", [2]string{"carol", "word"})
	s := serve(t, "--scheme", "digest,basic", "--realm", "api", "--htdigest", users, "--user", "alice:secret")
	call(t, "", "get", "-u", "carol:word", s.url).want(t, 0, "hello carol via Digest", "")
	call(t, "", "get", "-u", "alice:secret", s.url).want(t, 0, "hello alice via Digest", "")
	call(t, "", "get", "--scheme", "basic", "--allow-cleartext", "-u", "carol:word", s.url).want(t, 0, "hello carol via Basic", "")
	call(t, "", "get", "-u", "carol:secret", s.url).want(t, exitRefused, "", "refused")
}

// htdigestFile is a file of users and passwords, with the hashes of one algorithm.
func htdigestFile(t *testing.T, a digest.Algorithm, realm string, users ...[2]string) string {
	t.Helper()
	f, err := digest.For(a)
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, u := range users {
		fmt.Fprintf(&lines, "%s:%s:%s\n", u[0], realm, f.HA1(u[0], realm, u[1]).Secret().Reveal())
	}
	return file(t, "users", lines.String())
}

// TestServeOffersWhatUsersHave: a file of users alone lets its users in, whatever its hashes and its
// realm.
func TestServeOffersWhatUsersHave(t *testing.T) {
	for _, a := range []digest.Algorithm{digest.MD5, digest.SHA256} {
		s := serve(t, "--htdigest", htdigestFile(t, a, "site", [2]string{"carol", "word"}))
		call(t, "", "get", "-u", "carol:word", s.url).want(t, 0, "hello carol via Digest", "")
		call(t, "", "get", "-u", "carol:other", s.url).want(t, exitRefused, "", "refused")
	}
	requirement.Held(t, "unit:serve_offers_what_users_have", "HTA-35")
}

// TestServeStores: each user is that of the first store that knows it, and no later store is asked
// for another password.
func TestServeStores(t *testing.T) {
	one := htdigestFile(t, digest.MD5, "api", [2]string{"carol", "one"}, [2]string{"dave", "one"}, [2]string{"alice", "one"})
	two := htdigestFile(t, digest.MD5, "api", [2]string{"dave", "two"}, [2]string{"erin", "two"})
	s := serve(t, "--scheme", "digest,basic", "--realm", "api", "--htdigest", one, "--htdigest", two, "--user", "alice:zero")
	for login, store := range map[string]bool{"alice:zero": true, "alice:one": false, "carol:one": true, "dave:one": true, "dave:two": false, "erin:two": true, "frank:two": false} {
		name, _, _ := strings.Cut(login, ":")
		for _, scheme := range []string{"Digest", "Basic"} {
			got := call(t, "", "get", "--scheme", strings.ToLower(scheme), "--allow-cleartext", "-u", login, s.url)
			if store {
				got.want(t, 0, "hello "+name+" via "+scheme, "")
			} else {
				got.want(t, exitRefused, "", "refused")
			}
		}
	}
}

// TestServeUsage: every mistake is told before anything listens.
func TestServeUsage(t *testing.T) {
	cert, key := certificate(t)
	user := []string{"--user", "alice:secret"}
	for _, test := range []struct {
		args []string
		says string
	}{
		{nil, "no users configured"},
		{[]string{"--user", "alice"}, "--user: no password for it"},
		{[]string{"--user", "alice:"}, "password"},
		{append(user, "--scheme", "magic"), `no scheme "magic"`},
		{append(user, "--digest-algorithm", "CRC"), "no Digest algorithm"},
		{append(user, "--digest-qop", "auth-conf"), "no Digest qop"},
		{append(user, "--digest-tolerate", "anything"), "no Digest tolerance"},
		{append(user, "--nonce-lifetime", "-1s"), "want more than 0"},
		{append(user, "--tls-cert", cert), "need each other"},
		{append(user, "--tls-cert", key, "--tls-key", cert), "tls"},
		{append(user, "--channel-binding", "require"), "bind to a channel"},
		{append(user, "--channel-binding", "maybe"), "expected ignore"},
		{append(user, "--proxy", "--connect-port", "0"), "--connect-port"},
		{append(user, "--trace-key", key), "--trace-key needs --trace"},
		{append(user, "--trace", file(t, "t", ""), "--trace-key", cert), "32 bytes"},
		{[]string{"--htdigest", cert}, "line 1"},
		{append(user, "--session"), "needs --tls-cert"},
		{append(user, "--session", "--proxy", "--tls-cert", cert, "--tls-key", key), "a proxy has none"},
		{append(user, "extra"), "unknown command"},
	} {
		call(t, "", append([]string{"serve", "--addr", "127.0.0.1:0"}, test.args...)...).want(t, exitUsage, "", test.says)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	call(t, "", "serve", "--addr", l.Addr().String(), "--user", "alice:secret").want(t, exitTransport, "", "in use")
}

// TestServeProxy: 407 for clients, CONNECT to the ports that are named.
func TestServeProxy(t *testing.T) {
	cert, key := certificate(t)
	plain := serve(t, "--user", "alice:secret")
	secure := serve(t, "--user", "alice:secret", "--tls-cert", cert, "--tls-key", key, "--scheme", "basic")
	if !strings.HasPrefix(secure.url, "https://") {
		t.Errorf("it listens on %s", secure.url)
	}
	p := serve(t, "--proxy", "--connect-port", "any", "--user", "bob:pw")
	narrow := serve(t, "--proxy", "--user", "bob:pw")
	through := func(proxy string, args ...string) result {
		return call(t, "", append([]string{"get", "-u", "alice:secret", "--cacert", cert, "-x", proxy}, args...)...)
	}
	through(p.url, "-U", "bob:pw", plain.url).want(t, 0, "hello alice via Digest", "")
	through(p.url, "-U", "bob:pw", secure.url).want(t, 0, "hello alice via Basic", "")
	through(p.url, "-U", "bob:no", plain.url).want(t, exitRefused, "", "proxy authentication")
	through(p.url, "-U", "bob:no", secure.url).want(t, exitRefused, "", "proxy authentication")
	through(p.url, plain.url).want(t, exitPolicy, "", "no credentials")
	through(narrow.url, "-U", "bob:pw", secure.url).want(t, exitTransport, "", "no tunnel")
	for _, l := range p.stop() {
		if l.Method == "CONNECT" && !strings.HasSuffix(secure.url, l.Path) {
			t.Errorf("the log of a CONNECT says %q", l.Path)
		}
	}
}

package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/ntlm"
)

// TestServeNTLM: names in every form, users of both kinds, and the log lines of refused
// requests.
func TestServeNTLM(t *testing.T) {
	key, fault := ntlm.HashOf(gss.NewSecret("wonder"))
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	hashes := file(t, "hashes", fmt.Sprintf("# users\ncarol:%x\ndave:1000:%s:%x:[U          ]:LCT-65A1B2C3:\n", [16]byte(key), strings.Repeat("X", 32), [16]byte(key)))
	s := serve(t, "--scheme", "ntlm", "--domain", "LAB", "--user", "alice:Canary-4711", "--user", "jäsøn:pässwörd", "--nthash", hashes)
	for _, c := range []struct{ login, want string }{
		{"alice:Canary-4711", "alice"}, {"ALICE:Canary-4711", "alice"}, {`LAB\alice:Canary-4711`, "alice"}, {"lab/alice:Canary-4711", "alice"},
		{`\alice:Canary-4711`, "alice"}, {"alice@LAB:Canary-4711", "alice"}, {"jäsøn:pässwörd", "jäsøn"}, {"Carol:wonder", "carol"}, {"dave:wonder", "dave"},
	} {
		call(t, "", "get", "--scheme", "ntlm", "-u", c.login, s.url).want(t, 0, "hello "+c.want+" via NTLM", "")
	}
	call(t, "", "get", "-u", "alice:Canary-4711", s.url+"/one", s.url+"/two").want(t, 0, "hello alice via NTLM\nhello alice via NTLM\n", "")
	call(t, "", "get", "-u", "alice:wrong", s.url).want(t, exitRefused, "", "refused by the peer")
	call(t, "", "get", "-u", "mallory:Canary-4711", s.url).want(t, exitRefused, "", "refused by the peer")
	call(t, "", "get", "-u", `EVIL\alice:Canary-4711`, s.url).want(t, exitRefused, "", "refused by the peer")
	call(t, "", "get", "-u", "alice:", s.url).want(t, exitPolicy, "", "no credentials")
	call(t, "", "get", "--ntlm-level", "v1", "-u", "alice:Canary-4711", s.url).want(t, exitRefused, "", "refused by the peer")
	call(t, "", "get", "-X", "POST", "-I", "-d", "@"+file(t, "big", strings.Repeat("x", 64<<10)), "-u", "alice:Canary-4711", s.url).want(t, 0, "X-Body-Length: 65536", "")
	reasons := map[string]int{}
	for _, l := range s.stop() {
		reasons[l.Reason]++
		if l.User != "" && !slices.Contains([]string{`LAB\alice`, `LAB\jäsøn`, `LAB\carol`, `LAB\dave`}, l.User) { // one account, one name
			t.Errorf("the log has the user %q", l.User)
		}
	}
	for reason, n := range map[string]int{"bad credentials": 1, "unknown user": 2, "not permitted by policy": 1} {
		if reasons[reason] != n {
			t.Errorf("%q is in the log %d times, want %d: %v", reason, reasons[reason], n, reasons)
		}
	}
	if strings.Contains(s.stderr.String(), "Canary") {
		t.Error("a password is in the log")
	}
}

// TestNames: the name of the service and of this computer are options, and the login is for the URL in any case.
func TestNames(t *testing.T) {
	s := serve(t, "--scheme", "ntlm", "--user", "alice:secret")
	proxy := serve(t, "--proxy", "--scheme", "ntlm", "--user", "bob:pw")
	key := file(t, "key", traceKey)
	for _, row := range []struct {
		args  []string
		names []string // in the client's messages
	}{
		{nil, []string{"HTTP/127.0.0.1"}},
		{[]string{"--service-name", "web"}, []string{"web/127.0.0.1"}},
		{[]string{"--service-name", "web/Alias.Example."}, []string{"web/alias.example"}},
		{[]string{"--service-name", "/alias.example:8080"}, []string{"HTTP/alias.example:8080"}},
		{[]string{"--service-name", "web", "--proxy-service-name", "cache/alias.example", "-x", proxy.url, "-U", "bob:pw"}, []string{"cache/alias.example", "web/127.0.0.1"}},
		{[]string{"--workstation", "DESK7"}, []string{"DESK7"}},
	} {
		record := filepath.Join(t.TempDir(), "trace")
		call(t, "", append(append([]string{"get", "-u", "alice:secret", "--trace", record, "--trace-key", key}, row.args...), s.url)...).want(t, 0, "hello alice via NTLM", "")
		call(t, "", "replay", "--key", key, record).want(t, 0, "reproduced byte for byte", "")
		r := call(t, "", append(append([]string{"get", "-v", "-u", "alice:secret"}, row.args...), s.url)...)
		var sent []string
		for line := range strings.Lines(r.stderr) {
			if _, token, ok := strings.Cut(line, "uthorization: NTLM "); ok && strings.HasPrefix(line, "> ") {
				b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(token))
				sent = append(sent, strings.ReplaceAll(string(b), "\x00", ""))
			}
		}
		for _, name := range row.names {
			if !strings.Contains(strings.Join(sent, "\n"), name) {
				t.Errorf("%q: sent %q, want %s in it", row.args, sent, name)
			}
		}
	}
	requirement.Held(t, "unit:service_name_of_the_application")
}

// TestServeNTLMPolicy: what policy asks for, and lets pass.
func TestServeNTLMPolicy(t *testing.T) {
	cert, key := certificate(t)
	login := []string{"-k", "-u", "alice:secret"}
	get := func(s *served, more ...string) result {
		return call(t, "", append(append([]string{"get"}, append(login, more...)...), s.url)...)
	}
	tls := []string{"--user", "alice:secret", "--tls-cert", cert, "--tls-key", key, "--scheme", "ntlm"}
	bound := serve(t, append(tls, "--channel-binding", "require", "--require-mic")...)
	get(bound).want(t, 0, "hello alice via NTLM", "")
	old := serve(t, "--user", "alice:secret", "--scheme", "digest,ntlm,basic", "--ntlm-level", "v1")
	for _, level := range []string{"v1", "v1-session", "v2"} {
		get(old, "--scheme", "ntlm", "--ntlm-level", level).want(t, 0, "hello alice via NTLM", "")
	}
	half := serve(t, "--user", "alice:secret", "--scheme", "ntlm", "--ntlm-level", "v1-session")
	get(half, "--ntlm-level", "v1").want(t, exitRefused, "", "refused by the peer")
	get(half, "--ntlm-level", "v1-session").want(t, 0, "hello alice via NTLM", "")
	call(t, "", "get", "--ntlm-level", "v3", half.url).want(t, exitUsage, "", "no NTLM level")
}

// TestServeNTLMUsage: promises that cannot be kept are refused before anything
// listens.
func TestServeNTLMUsage(t *testing.T) {
	cert, key := certificate(t)
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"--scheme", "ntlm", "--channel-binding", "require"}, "needs TLS"},
		{[]string{"--scheme", "ntlm,digest", "--channel-binding", "require", "--tls-cert", cert, "--tls-key", key}, "Digest cannot bind"},
		{[]string{"--scheme", "ntlm", "--channel-binding", "maybe"}, "expected ignore"},
		{[]string{"--scheme", "ntlm", "--ntlm-level", "v3"}, "no NTLM level"},
		{[]string{"--scheme", "digest", "--nthash", cert}, "--nthash needs ntlm"},
		{[]string{"--scheme", "ntlm", "--nthash", cert}, "line 1"},
		{[]string{"--scheme", "ntlm", "--domain", strings.Repeat("D", 256)}, "want up to 255"},
		{[]string{"--scheme", "ntlm", "--user", "ALICE:other"}, "twice"},
	} {
		call(t, "", append([]string{"serve", "--addr", "127.0.0.1:0", "--user", "alice:secret"}, test.args...)...).want(t, exitUsage, "", test.says)
	}
}

// TestProxyNTLM: NTLM to a proxy, plain and for tunnels; through a proxy, which reserves a
// connection for it; and both at once.
func TestProxyNTLM(t *testing.T) {
	cert, key := certificate(t)
	plain := serve(t, "--user", "alice:secret")
	secure := serve(t, "--user", "alice:secret", "--tls-cert", cert, "--tls-key", key, "--scheme", "ntlm")
	bound := serve(t, "--user", "alice:secret", "--scheme", "ntlm")
	p := serve(t, "--proxy", "--scheme", "ntlm", "--connect-port", "any", "--user", "bob:pw")
	open := serve(t, "--proxy", "--scheme", "digest", "--user", "bob:pw")
	through := func(proxy *served, args ...string) result {
		return call(t, "", append([]string{"get", "-u", "alice:secret", "--cacert", cert, "-x", proxy.url}, args...)...)
	}
	through(p, "-U", "bob:pw", plain.url, plain.url).want(t, 0, "hello alice via Digest\nhello alice via Digest", "")
	through(p, "-U", `\bob:pw`, secure.url, secure.url).want(t, 0, "hello alice via NTLM\nhello alice via NTLM", "")
	through(p, "-U", "bob:pw", bound.url).want(t, 0, "hello alice via NTLM", "")
	through(open, "-U", "bob:pw", bound.url, bound.url).want(t, 0, "hello alice via NTLM\nhello alice via NTLM", "")
	through(p, "-U", "bob:no", plain.url).want(t, exitRefused, "", "proxy authentication")
	through(p, "-U", "bob:no", secure.url).want(t, exitRefused, "", "proxy authentication")
	through(p, "-U", "bob:pw", "-I", "-d", "@"+file(t, "big", strings.Repeat("x", 64<<10)), "-X", "POST", bound.url).want(t, 0, "X-Body-Length: 65536", "")
}

// TestReplayNTLM: NTLM's questions and answers fit into a sealed trace, and show
// in none.
func TestReplayNTLM(t *testing.T) {
	dir := t.TempDir()
	key := file(t, "key", traceKey)
	sealed := func(name string) []string {
		return []string{"--trace", filepath.Join(dir, name), "--trace-key", key}
	}
	origin := serve(t, append(sealed("server"), "--scheme", "ntlm", "--user", "alice:Canary-4711")...)
	proxy := serve(t, append(sealed("proxy"), "--proxy", "--scheme", "ntlm", "--user", "bob:Canary-4712")...)
	call(t, "", append(append([]string{"get"}, sealed("client")...), "-x", proxy.url, "-U", "bob:Canary-4712", "-u", "alice:Canary-4711", origin.url+"/one")...).want(t, 0, "hello alice via NTLM", "")
	proxy.stop()
	origin.stop()
	for _, role := range []string{"client", "proxy", "server"} {
		call(t, "", "replay", "--key", key, filepath.Join(dir, role)).want(t, 0, "reproduced byte for byte", "")
		b, err := os.ReadFile(filepath.Join(dir, role))
		if err != nil || strings.Contains(string(b), "Canary") {
			t.Errorf("%s: %v, or a password shows", role, err)
		}
	}
}

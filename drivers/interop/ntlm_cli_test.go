package interop

import (
	"slices"
	"strings"
	"testing"
)

// TestServeNTLM: "countersign serve --scheme ntlm" to curl and to wget, which needs
// the policy for old clients (issue, Holds when).
func TestServeNTLM(t *testing.T) {
	t.Parallel()
	needCurl(t)
	s := startServe(t, "--scheme", "ntlm", "--domain", domain, "--user", "alice:"+password)
	body, _ := payload()
	login := []string{"--ntlm", "--user", `LAB\alice:` + password}
	c := curl(t, append(login, s.url+"/1", s.url+"/2")...)
	c.want(t, 200, 200)
	if strings.Count(c.bodies, "hello alice via NTLM") != 2 {
		t.Errorf("curl got %q", c.bodies)
	}
	curl(t, append(login, "--data-binary", "@"+upload(t, body), s.url)...).want(t, 200)
	curl(t, "--ntlm", "--user", "alice:wrong", s.url).want(t, 401)
	curl(t, "--ntlm", "--user", "mallory:"+password, s.url).want(t, 401)
	var reasons []string
	for _, l := range s.lines(t) {
		if l.Reason != "" {
			reasons = append(reasons, l.Reason)
		}
	}
	if !slices.Equal(reasons, []string{"bad credentials", "unknown user"}) {
		t.Errorf("the log has the reasons %q", reasons)
	}
	if strings.Contains(s.log.String(), password) {
		t.Error("a password stands in the log")
	}
}

// TestServeProxyNTLM: "countersign serve --proxy --scheme ntlm" to curl, plain, for
// a tunnel to TLS, and for one with plain HTTP in it.
func TestServeProxyNTLM(t *testing.T) {
	t.Parallel()
	needCurl(t)
	s := startServe(t, "--proxy", "--connect-port", "any", "--scheme", "ntlm", "--user", "alice:"+password)
	for _, row := range []struct {
		secure bool
		more   []string
	}{{false, nil}, {true, nil}, {false, []string{"--proxytunnel"}}} {
		c := curl(t, append(row.more, "--proxy", s.url, "--proxy-ntlm", "--proxy-user", "alice:"+password, "--cacert", pki.file, page(t, row.secure).URL)...)
		c.want(t, 200)
		if got := c.reports(t); len(got) != 1 {
			t.Errorf("the origin got %+v", got)
		}
	}
}

// TestGetNTLM: "countersign get --scheme ntlm" to Apache and through Squid.
func TestGetNTLM(t *testing.T) {
	t.Parallel()
	apacheNTLM.up(t)
	upSquidNTLM(t)
	body, hash := payload()
	file := upload(t, body)
	login := []string{"--scheme", "ntlm", "--user", `LAB\alice:` + password}
	proxy := []string{"--scheme", "ntlm", "--proxy", squidNTLMURL(), "--proxy-user", alice + ":" + password}
	plain, secure := page(t, false).URL, page(t, true).URL
	for _, row := range []struct {
		name   string
		args   [][]string
		code   int
		stdout string // must hold it
		stderr string
	}{
		{"Apache", [][]string{login, {apacheNTLMURL() + "/ntlm/echo"}}, 0, "user=LAB\\alice\nauth=NTLM\n", ""},
		{"Apache, all schemes", [][]string{login[2:], {apacheNTLMURL() + "/ntlm/echo"}}, 0, "user=LAB\\alice\nauth=Negotiate\n", ""},
		{"Apache, POST", [][]string{login, {"--data", "@" + file, apacheNTLMURL() + "/ntlm/echo"}}, 0, "sha256=" + hash, ""},
		{"Apache, wrong password", [][]string{{"--scheme", "ntlm", "--user", `LAB\alice:wrong`, apacheNTLMURL() + "/ntlm/echo"}}, 3, "", "refused by the peer"},
		{"Squid", [][]string{proxy, {plain}}, 0, "method=GET\n", ""},
		{"Squid, POST", [][]string{proxy, {"--data", "@" + file, plain}}, 0, "sha256=" + hash, ""},
		{"Squid, CONNECT", [][]string{proxy, {"--cacert", pki.file, "--data", "@" + file, secure}}, 0, "sha256=" + hash, ""},
		{"Squid and Apache", [][]string{proxy, login, {apacheNTLMURL() + "/ntlm/echo"}}, 0, "user=LAB\\alice\n", ""},
		{"Squid, wrong password", [][]string{{"--scheme", "ntlm", "--proxy", squidNTLMURL(), "--proxy-user", alice + ":wrong", plain}}, 3, "", "proxy authentication at " + strings.TrimPrefix(squidNTLMURL(), "http://") + ": refused by the peer"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var args []string
			for _, a := range row.args {
				args = append(args, a...)
			}
			g := runGet(t, args...)
			if g.code != row.code || !strings.Contains(g.stdout, row.stdout) || !strings.Contains(g.stderr, row.stderr) {
				t.Errorf("exit code %d, want %d, %q and %q", g.code, row.code, row.stdout, row.stderr)
			}
			if strings.Contains(g.stderr, password) {
				t.Error("a password stands on standard error")
			}
		})
	}
}

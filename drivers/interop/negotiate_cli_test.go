package interop

import (
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// TestServeNegotiate: "countersign serve --scheme negotiate,nego2,ntlm" to curl, by
// Negotiate and by NTLM.
func TestServeNegotiate(t *testing.T) {
	t.Parallel()
	needCurl(t)
	s := startServe(t, "--scheme", "negotiate,nego2,ntlm", "--domain", domain, "--user", "alice:"+password)
	body, _ := payload()
	right, wrong := gssUser(t, alice, password), gssUser(t, alice, "wrong")
	c := curlWith(t, right, "--negotiate", "--user", ":", s.url+"/1", s.url+"/2")
	c.want(t, 200, 200)
	if strings.Count(c.bodies, "hello alice via Negotiate") != 2 {
		t.Errorf("curl got %q", c.bodies)
	}
	curlWith(t, right, "--negotiate", "--user", ":", "--data-binary", "@"+upload(t, body), s.url).want(t, 200)
	curlWith(t, wrong, "--negotiate", "--user", ":", s.url).want(t, 401)
	curl(t, "--ntlm", "--user", `LAB\alice:`+password, s.url).want(t, 200)
	var reasons []string
	for _, l := range s.lines(t) {
		if l.Reason != "" {
			reasons = append(reasons, l.Reason)
		}
	}
	if !slices.Equal(reasons, []string{"bad credentials"}) {
		t.Errorf("the log has the reasons %q", reasons)
	}
	if strings.Contains(s.log.String(), password) {
		t.Error("a password stands in the log")
	}
}

// TestServeProxyNegotiate: "countersign serve --proxy --scheme negotiate" to curl,
// plain, for a tunnel to TLS, and for one with plain HTTP in it.
func TestServeProxyNegotiate(t *testing.T) {
	t.Parallel()
	needCurl(t)
	s := startServe(t, "--proxy", "--connect-port", "any", "--scheme", "negotiate", "--domain", domain, "--user", "alice:"+password)
	for _, row := range []struct {
		secure bool
		more   []string
	}{{false, nil}, {true, nil}, {false, []string{"--proxytunnel"}}} {
		c := curlWith(t, gssUser(t, alice, password), append(row.more, "--proxy", s.url, "--proxy-negotiate", "--proxy-user", ":", "--cacert", pki.file, page(t, row.secure).URL)...)
		c.want(t, 200)
		if got := c.reports(t); len(got) != 1 {
			t.Errorf("the origin got %+v", got)
		}
	}
}

// TestGetNegotiate: "countersign get" to Apache, and to a server of this project that
// speaks Nego2, which no other peer does.
func TestGetNegotiate(t *testing.T) {
	t.Parallel()
	apacheNTLM.up(t)
	body, hash := payload()
	file := upload(t, body)
	m := spnegoOver(t, spnego.Config{}, ntlmMechanism(t, ntlm.Config{}))
	o := newOrigin(t, false, ntlmSource(t), serverOf(scheme.Negotiate, m), serverOf(scheme.Nego2, m))
	apache := apacheNTLMURL() + "/ntlm/echo"
	login := []string{"--user", `LAB\alice:` + password}
	for _, row := range []struct {
		name   string
		args   []string
		code   int
		stdout string // must hold it
		stderr string
	}{
		{"Apache", append(login, "--scheme", "negotiate", apache), 0, "user=LAB\\alice\nauth=Negotiate\n", ""},
		{"Apache, no Nego2", append(login, "--scheme", "nego2", apache), 4, "", "unsupported"},
		{"Apache, POST", append(login, "--scheme", "nego2,negotiate", "--data", "@"+file, apache), 0, "sha256=" + hash, ""},
		{"Apache, wrong password", []string{"--user", `LAB\alice:wrong`, "--scheme", "negotiate", apache}, 3, "", "refused by the peer"},
		{"Nego2", append(login, o.URL), 0, "user=alice\nauth=Nego2\n", ""},
		{"Nego2, POST", append(login, "--data", "@"+file, o.URL), 0, "sha256=" + hash, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := runGet(t, row.args...)
			if g.code != row.code || !strings.Contains(g.stdout, row.stdout) || !strings.Contains(g.stderr, row.stderr) {
				t.Errorf("exit code %d, want %d, %q and %q\n%s%s", g.code, row.code, row.stdout, row.stderr, g.stdout, g.stderr)
			}
			if strings.Contains(g.stderr, password) {
				t.Error("a password stands on standard error")
			}
		})
	}
}

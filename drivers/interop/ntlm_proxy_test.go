package interop

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// TestProxyNTLMCurl: curl --proxy-ntlm through our proxy: plain requests, a tunnel
// to TLS, and a tunnel with plain HTTP in it (-p).
func TestProxyNTLMCurl(t *testing.T) {
	t.Parallel()
	needCurl(t)
	body, hash := payload()
	file := upload(t, body)
	for _, way := range []struct {
		name   string
		secure bool
		args   []string
	}{{"plain", false, nil}, {"CONNECT", true, nil}, {"CONNECT and plain", false, []string{"--proxytunnel"}}} {
		for _, request := range []struct {
			name string
			args []string
			sum  string
		}{{"GET", nil, emptyHash}, {"HEAD", []string{"--head"}, ""}, {"POST", []string{"--data-binary", "@" + file}, hash}} {
			t.Run(way.name+"/"+request.name, func(t *testing.T) {
				t.Parallel()
				f, origin := newForwardFor(t, ntlmSource(t), ntlmServer(t, ntlm.Config{})), page(t, way.secure)
				args := append(append([]string{"--http1.1", "--proxy", f.URL, "--proxy-ntlm", "--proxy-user", `LAB\alice:` + password, "--cacert", pki.file}, way.args...), request.args...)
				c := curl(t, append(args, origin.URL+"/page?q=1")...)
				c.want(t, 200)
				if request.sum != "" {
					if got := c.reports(t); len(got) != 1 || got[0].sha256 != request.sum || got[0].query != "q=1" {
						t.Errorf("the origin got %+v", got)
					}
				}
				f.wantOutcome(t, "407; 200 alice by NTLM")
			})
		}
	}
}

// TestProxyNTLMPersistent: the client's connection to the proxy stays
// authenticated, for whatever origin, and for what another origin asks itself.
func TestProxyNTLMPersistent(t *testing.T) {
	t.Parallel()
	needCurl(t)
	f := newForwardFor(t, ntlmSource(t), ntlmServer(t, ntlm.Config{}))
	one, two := page(t, false), page(t, false)
	c := curl(t, "--proxy", f.URL, "--proxy-ntlm", "--proxy-user", alice+":"+password, one.URL+"/1", two.URL+"/2", one.URL+"/3")
	c.want(t, 200, 200, 200)
	f.wantOutcome(t, "407; 200 alice by NTLM; 200 alice by NTLM; 200 alice by NTLM")
}

// TestProxyNTLMRefuses: a wrong password ends in 407, and nothing reaches the
// origin.
func TestProxyNTLMRefuses(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, row := range []struct{ user, want string }{
		{alice + ":wrong", "bad credentials"}, {"mallory:" + password, "unknown user"}, {`EVIL\alice:` + password, "unknown user"},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(row.user, "/TLS ", secure), func(t *testing.T) {
				t.Parallel()
				f := newForwardFor(t, ntlmSource(t), ntlmServer(t, ntlm.Config{}))
				origin := newHTTP(t, secure, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the request reached the origin") }), nil)
				c := curl(t, "--proxy", f.URL, "--proxy-ntlm", "--proxy-user", row.user, "--cacert", pki.file, origin.URL)
				if secure {
					if c.exit != 56 || !strings.Contains(c.trace, "407") {
						t.Errorf("curl ended with exit code %d, want 56 for a proxy that says 407", c.exit)
					}
				} else {
					c.want(t, 407)
				}
				f.wantOutcome(t, "407; 407 "+row.want)
			})
		}
	}
}

// TestProxyNTLMThrough: curl's NTLM with an origin of ours through our proxy, which
// keeps the connection to it for this client alone.
func TestProxyNTLMThrough(t *testing.T) {
	t.Parallel()
	needCurl(t)
	body, hash := payload()
	for _, row := range []struct {
		name    string
		schemes []scheme.Server
		args    []string
	}{
		{"by Digest", []scheme.Server{digestServer(t, digest.ServerConfig{})}, []string{"--proxy-digest", "--proxy-user", alice + ":" + password}},
		{"by NTLM", []scheme.Server{ntlmServer(t, ntlm.Config{})}, []string{"--proxy-ntlm", "--proxy-user", alice + ":" + password}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f := newForwardFor(t, accountSource(), row.schemes...)
			o := newOrigin(t, false, ntlmSource(t), ntlmServer(t, ntlm.Config{}))
			c := curl(t, append(row.args, "--proxy", f.URL, "--ntlm", "--user", alice+":"+password, "--data-binary", "@"+upload(t, body), o.URL)...)
			c.want(t, 200)
			if got := c.reports(t); len(got) != 1 || got[0].user != alice || got[0].sha256 != hash {
				t.Errorf("the origin got %+v", got)
			}
		})
	}
}

// TestProxyNTLMOurs: our client through our proxy to a real NTLM server, both
// handshakes on the way.
func TestProxyNTLMOurs(t *testing.T) {
	t.Parallel()
	apacheNTLM.up(t)
	f := newForwardFor(t, ntlmSource(t), ntlmServer(t, ntlm.Config{}))
	c := newProxyClient(t, f.URL, byNTLM(t), loginForProxy(t, f.URL, `LAB\alice`, password), loginFor(t, apacheNTLMURL(), alice, password))
	body, hash := payload()
	for range 2 {
		if got := c.do(t, "POST", apacheNTLMURL()+"/ntlm/echo", bytes.NewReader(body)).report(t); got.user != alice || got.sha256 != hash {
			t.Errorf("Apache got %+v", got)
		}
	}
}

package interop

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// forward is our forward proxy.
type forward struct {
	*httptest.Server
	journal journal
}

func newForward(t testing.TB, schemes ...scheme.Server) *forward {
	t.Helper()
	return newForwardFor(t, accountSource(), schemes...)
}

func newForwardFor(t testing.TB, source answer.Source, schemes ...scheme.Server) *forward {
	t.Helper()
	f := new(forward)
	proxy, err := nethttp.NewProxy(nethttp.ProxyConfig{
		Proxy:  machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: schemes}},
		Source: source,
		Allow:  func(string, string, uint16) bool { return true }, // CONNECT to any port
		Log:    f.journal.log,
		Transport: &http.Transport{
			DialContext: new(net.Dialer).DialContext,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Server = httptest.NewUnstartedServer(proxy)
	proxy.Install(f.Config)
	f.Start()
	t.Cleanup(proxy.CloseIdleConnections)
	t.Cleanup(f.Close)
	return f
}

// page is an origin without authentication, which fails a test that lets the proxy's
// own fields through (R9110-11.7.2-1).
func page(t testing.TB, secure bool) *httptest.Server {
	return newHTTP(t, secure, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the proxy's credentials came through to the origin")
		}
		echo(func(r *http.Request) (string, string) { return "", "" }).ServeHTTP(w, r)
	}), nil)
}

// TestProxyCurl: real curl through our proxy, plain and CONNECT, by each scheme
// that both know.
func TestProxyCurl(t *testing.T) {
	t.Parallel()
	needCurl(t)
	body, hash := payload()
	file := upload(t, body)
	basic := scheme.BasicServer(realm, scheme.AskVerdict)
	for _, row := range []struct {
		option string
		legs   string // what the proxy's log says
	}{
		{"--proxy-digest", "407 no credentials; 200 alice by Digest"},
		{"--proxy-basic", "200 alice by Basic"},
		{"--proxy-anyauth", "407 no credentials; 200 alice by Digest"},
	} {
		for _, secure := range []bool{false, true} {
			for _, request := range [][]string{nil, {"--head"}, {"--data-binary", "@" + file}} {
				t.Run(fmt.Sprint(row.option, "/TLS ", secure, "/", strings.Join(request, "")[:min(6, len(strings.Join(request, "")))]), func(t *testing.T) {
					t.Parallel()
					f, origin := newForward(t, digestServer(t, digest.ServerConfig{}), basic), page(t, secure)
					c := curl(t, append(request, "--proxy", f.URL, row.option, "--proxy-user", alice+":"+password,
						"--cacert", pki.file, "--http1.1", origin.URL+"/page?q=1")...)
					c.want(t, 200)
					if request == nil || request[0] != "--head" {
						got, want := c.reports(t), emptyHash
						if request != nil {
							want = hash
						}
						if len(got) != 1 || got[0].sha256 != want || got[0].query != "q=1" {
							t.Errorf("the origin got %+v", got)
						}
					}
					f.wantOutcome(t, row.legs)
				})
			}
		}
	}
}

// wantOutcome checks the proxy's log, which has a line for a tunnel when that has
// closed.
func (f *forward) wantOutcome(t testing.TB, want string) {
	t.Helper()
	wantOutcome(t, f.journal.wait(t, strings.Count(want, ";")+1), want)
}

// TestProxyRefuses: a wrong password ends in 407, and nothing reaches the origin.
func TestProxyRefuses(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, row := range []struct{ name, user, option, want string }{
		{"wrong password", alice + ":wrong", "--proxy-digest", "407 no credentials; 407 bad credentials"},
		{"unknown user", "mallory:" + password, "--proxy-digest", "407 no credentials; 407 unknown user"},
		{"wrong password, Basic", alice + ":wrong", "--proxy-basic", "407 bad credentials"},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(row.name, "/TLS ", secure), func(t *testing.T) {
				t.Parallel()
				f := newForward(t, digestServer(t, digest.ServerConfig{}), scheme.BasicServer(realm, scheme.AskVerdict))
				origin := newHTTP(t, secure, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the request reached the origin") }), nil)
				c := curl(t, "--proxy", f.URL, row.option, "--proxy-user", row.user, "--cacert", pki.file, origin.URL)
				if secure { // curl calls a tunnel that it does not get an error
					if c.exit != 56 || !strings.Contains(c.trace, "407") {
						t.Errorf("curl ended with exit code %d, want 56 for a proxy that says 407", c.exit)
					}
				} else {
					c.want(t, 407)
				}
				f.wantOutcome(t, row.want)
			})
		}
	}
}

// TestProxyBoth: curl authenticates to our proxy and to the origin behind it at
// once, each with its own name (R7616-3.6-1); the origin is ours, and real Apache.
func TestProxyBoth(t *testing.T) {
	t.Parallel()
	needCurl(t)
	apache.up(t)
	for _, secure := range []bool{false, true} {
		ours := newOrigin(t, secure, accountSource(), digestServer(t, digest.ServerConfig{}))
		theirs := apacheURL()
		if secure {
			theirs = apacheURLTLS()
		}
		for _, row := range []struct{ name, url string }{{"ours", ours.URL + "/page"}, {"apache", theirs + "/digest/echo"}} {
			t.Run(fmt.Sprint(row.name, "/TLS ", secure), func(t *testing.T) {
				t.Parallel()
				f := newForward(t, digestServer(t, digest.ServerConfig{}))
				second := accounts[1]
				c := curl(t, "--proxy", f.URL, "--proxy-digest", "--proxy-user", alice+":"+password,
					"--digest", "--user", second.name+":"+second.password, "--cacert", pki.file, "--http1.1", row.url)
				c.want(t, 200)
				if got := c.reports(t); len(got) != 1 || got[0].user != second.name {
					t.Errorf("the origin got %+v, want %s", got, second.name)
				}
				if secure {
					f.wantOutcome(t, "407 no credentials; 200 alice by Digest")
				} else { // the origin's challenge came through, to a request that had passed
					f.wantOutcome(t, "407 no credentials; 401 alice by Digest; 200 alice by Digest")
				}
			})
		}
	}
}

// TestProxyParallel: several transfers at once, to several origins, plain and
// tunnelled.
func TestProxyParallel(t *testing.T) {
	t.Parallel()
	needCurl(t)
	f := newForward(t, digestServer(t, digest.ServerConfig{}))
	args := []string{"--parallel", "--proxy", f.URL, "--proxy-digest", "--proxy-user", alice + ":" + password, "--cacert", pki.file}
	var want []int
	for n := range 12 {
		args = append(args, page(t, n%2 == 1).URL)
		want = append(want, 200)
	}
	c := curl(t, args...)
	c.want(t, want...)
	if got := c.reports(t); len(got) != len(want) {
		t.Errorf("%d origins were reached, want %d", len(got), len(want))
	}
	in := 0
	for _, e := range f.journal.wait(t, 2*len(want)) {
		if e.Status == 200 && e.Identity.Info.Peer == alice {
			in++
		}
	}
	if in != len(want) {
		t.Errorf("the proxy let %d requests through, want %d", in, len(want))
	}
}

// TestProxyOurs: our client through our proxy to a real server, with the default
// uri of both (C29).
func TestProxyOurs(t *testing.T) {
	t.Parallel()
	apache.up(t)
	for _, url := range []string{apacheURL(), apacheURLTLS()} {
		t.Run(url[:5], func(t *testing.T) {
			t.Parallel()
			f := newForward(t, digestServer(t, digest.ServerConfig{}))
			c := newProxyClient(t, f.URL, nil, loginForProxy(t, f.URL, alice, password), loginFor(t, url, alice, password))
			for range 2 {
				got := c.do(t, "POST", url+"/digest/echo", strings.NewReader("hello"))
				if r := got.report(t); r.user != alice || r.length != "5" {
					t.Errorf("Apache got %+v", r)
				}
				if !got.delivered.Info.Flags.Has(gss.Mutual) {
					t.Error("Apache's proof did not come through")
				}
			}
		})
	}
}

package nethttp_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// newProxy starts a forward proxy of this package that requires the given schemes.
func newProxy(t *testing.T, tls bool, schemes ...scheme.Server) *site {
	t.Helper()
	p, err := nethttp.NewProxy(nethttp.ProxyConfig{
		Proxy:  machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: schemes}},
		Source: answer.Chain(answer.NewUsers(people), &answer.ReplayCache{Max: 1 << 16}),
		Allow:  func(string, string, uint16) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	return rawSite(t, p, func(s *httptest.Server) {
		p.Install(s.Config)
		s.EnableHTTP2 = tls // not used for plain proxying or CONNECT
	})
}

func through(t *testing.T, proxy string) func(*http.Request) (*url.URL, error) {
	t.Helper()
	u, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	return http.ProxyURL(u)
}

// Proxy and origin each authenticate, by any scheme, plain and through a tunnel, over a
// proxy with and without TLS.
func TestTransportThroughProxy(t *testing.T) {
	digestServer, digestClient := digestPair(t)
	basicServer, basicClient := basicPair()
	ntlmServer, ntlmClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	servers := map[string]scheme.Server{"Digest": digestServer, "Basic": basicServer, "bound": ntlmServer, "open": nil}
	clients := []scheme.Client{ntlmClient, digestClient, basicClient}
	for proxyName, proxyScheme := range servers {
		for originName, originScheme := range servers {
			if originName == "open" {
				continue
			}
			for _, secure := range []string{"http by http", "http by https", "https by http", "https by https"} {
				t.Run(proxyName+" then "+originName+", "+secure, func(t *testing.T) {
					t.Parallel()
					var wanted []scheme.Server
					if proxyScheme != nil {
						wanted = append(wanted, proxyScheme)
					}
					proxy := newProxy(t, strings.HasSuffix(secure, "by https"), wanted...)
					s := newSite(t, hello, func(s *httptest.Server) {
						if strings.HasPrefix(secure, "https") {
							s.TLS = new(tlsConfig)
						}
					}, originScheme)
					c := newClient(t, func(c *nethttp.ClientConfig) {
						c.Proxy = through(t, proxy.URL)
						c.Base = s.Client().Transport.(*http.Transport)
						if strings.HasSuffix(secure, "by https") {
							c.Base = proxy.Client().Transport.(*http.Transport) // the same certificate for all test servers
						}
					}, clients...)
					for _, person := range []string{"", "bob", "", "bob"} {
						want := "hello alice"
						if person != "" {
							want = "hello " + person
						}
						if r, got := get(t, c, person, s.URL); got != want {
							t.Errorf("status %d: %q, want %q", r.StatusCode, got, want)
						}
					}
				})
			}
		}
	}
}

// A large body is still being written through the proxy when the origin's 401 arrives.
// The upstream connection that was to be pinned breaks, and the exchange starts again
// instead of ending in the proxy's 502.
func TestTransportPostThroughProxy(t *testing.T) {
	ntlmServer, ntlmClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	proxy := newProxy(t, false)
	s := newSite(t, hello, nil, ntlmServer)
	c := newClient(t, func(c *nethttp.ClientConfig) { c.Proxy = through(t, proxy.URL) }, ntlmClient)
	body := strings.Repeat("x", 4<<20)
	for range 5 {
		r, err := do(c, "", "POST", s.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if got := text(t, r); got != "hello alice"+body {
			t.Fatalf("status %d, %d bytes", r.StatusCode, len(got))
		}
		c.CloseIdleConnections()
	}
}

// A plain proxy's connection serves many origins, but only one identity, and a
// connection bound to one origin does not serve another.
func TestTransportSharesProxyConnection(t *testing.T) {
	digestServer, digestClient := digestPair(t)
	ntlmServer, ntlmClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	proxy := newProxy(t, false, ntlmServer)
	var wg sync.WaitGroup
	var sites []*site
	for range 2 {
		sites = append(sites, newSite(t, hello, nil, digestServer), newSite(t, hello, nil, ntlmServer))
	}
	c := newClient(t, func(c *nethttp.ClientConfig) { c.Proxy = through(t, proxy.URL) }, digestClient, ntlmClient)
	for person := range people {
		wg.Go(func() {
			for i := range 12 {
				r, err := do(c, person, "GET", sites[i%len(sites)].URL, nil)
				if err != nil {
					t.Errorf("%s: %v", person, err)
					return
				}
				b, _ := io.ReadAll(r.Body)
				r.Body.Close()
				if string(b) != "hello "+person {
					t.Errorf("%s got %q", person, b)
				}
			}
		})
	}
	wg.Wait()
	if n := conns(proxy.take()); n < len(people) || n > 4*len(people) {
		t.Errorf("%d connections to the proxy", n)
	}
}

// A proof to a plain proxy is computed over the request-target that the proxy receives
// (C29), however the application wrote the URL.
func TestTransportProxyTarget(t *testing.T) {
	_, client := digestPair(t)
	proxy := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") == "" {
			w.Header().Set("Proxy-Authenticate", `Digest realm="r", nonce="n", qop="auth"`)
			w.WriteHeader(407)
			return
		}
		if uri, _ := header.ParseRequest(r.Header.Values).ProxyAuthorization.Param("uri"); uri != r.RequestURI {
			t.Errorf("uri %q for the target %q", uri, r.RequestURI)
		}
	}), nil)
	c := newClient(t, func(c *nethttp.ClientConfig) { c.Proxy = through(t, proxy.URL) }, client)
	for _, url := range []string{"http://Origin.example:80", "HTTP://origin.example:8080/a%20b?c", "http://[2001:DB8::1]/"} {
		for _, host := range []string{"", "Other.example:80"} {
			r, err := http.NewRequest("GET", url, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			response, err := c.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			text(t, response)
		}
	}
}

// The user information of a proxy's URL is sent to the proxy only.
func TestTransportProxyUserInfo(t *testing.T) {
	digestServer, digestClient := digestPair(t)
	for _, secure := range []bool{false, true} {
		proxy := newProxy(t, false, digestServer)
		s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, field := range []string{"Authorization", "Proxy-Authorization"} {
				if r.Header.Get(field) != "" {
					t.Errorf("the origin got %s", field)
				}
			}
		}), func(s *httptest.Server) {
			if secure {
				s.TLS = new(tlsConfig)
			}
		})
		c := newClient(t, func(c *nethttp.ClientConfig) {
			c.Proxy = through(t, strings.Replace(proxy.URL, "://", "://alice:wonder@", 1))
			c.Source = nil
			c.Base = s.Client().Transport.(*http.Transport)
		}, digestClient)
		for _, person := range []string{"", "anybody"} {
			if r, _ := get(t, c, person, s.URL); r.StatusCode != 200 {
				t.Errorf("status %d", r.StatusCode)
			}
		}
	}
}

// A field for the proxy that the application set is not sent through the tunnel.
func TestTransportTunnelKeepsProxyAuthorization(t *testing.T) {
	digestServer, digestClient := digestPair(t)
	proxy := newProxy(t, false, digestServer)
	s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the origin got Proxy-Authorization")
		}
	}), func(s *httptest.Server) { s.TLS = new(tlsConfig) })
	c := newClient(t, func(c *nethttp.ClientConfig) {
		c.Proxy = through(t, proxy.URL)
		c.Base = s.Client().Transport.(*http.Transport)
	}, digestClient)
	r, _ := http.NewRequest("GET", s.URL, nil)
	r.Header.Set("Proxy-Authorization", "Basic YTpi")
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text(t, response)
}

// A proxy's refusal is reported by kind: failed authentication is an Error of the
// proxy's side, a refused tunnel is not.
func TestTransportProxyRefuses(t *testing.T) {
	digestServer, digestClient := digestPair(t)
	proxy := newProxy(t, false, digestServer)
	for _, url := range []string{"http://origin.example", "https://origin.example"} {
		c := newClient(t, func(c *nethttp.ClientConfig) {
			c.Proxy = through(t, proxy.URL)
			c.Source = nil
		}, digestClient)
		_, err := do(c, "", "GET", url, nil)
		if e := wantFault(t, err, gss.NoCredentials); e.Side != gss.Proxy || e.Status != 407 {
			t.Errorf("error %+v", e)
		}
	}
	never := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(403)
		io.WriteString(w, "a page that must not be taken for the origin's")
	}), nil)
	c := newClient(t, func(c *nethttp.ClientConfig) { c.Proxy = through(t, never.URL) }, digestClient)
	_, err := do(c, "", "GET", "https://origin.example", nil)
	if e, ok := errors.AsType[*drive.Error](err); !ok || e.Status != 403 || !e.Fault.IsZero() {
		t.Errorf("error %v", err)
	}
	if strings.Contains(err.Error(), "a page") {
		t.Errorf("the error contains the proxy's page: %v", err)
	}
}

// An exchange with a proxy that challenges without end stops after a few requests, for
// a plain origin and for a tunnel.
func TestTransportProxyEndlessChallenges(t *testing.T) {
	_, digests := digestPair(t)
	_, bound := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	for name, c := range map[string]struct {
		client scheme.Client
		say    func(n int32) string
	}{
		"bare":            {bound, func(int32) string { return "NTLM" }},
		"a token":         {bound, func(int32) string { return "NTLM " + base64.StdEncoding.EncodeToString([]byte("toy/NTLM:c1")) }},
		"new nonces":      {digests, func(n int32) string { return fmt.Sprintf(`Digest realm="r", nonce="n%d", qop="auth"`, n) }},
		"always stale":    {digests, func(n int32) string { return fmt.Sprintf(`Digest realm="r", nonce="n%d", qop="auth", stale=true`, n) }},
		"one more scheme": {digests, func(n int32) string { return fmt.Sprintf(`Riddle-%d x=y`, n) }},
	} {
		for _, to := range []string{"http://origin.example/", "https://origin.example/"} {
			var requests atomic.Int32
			proxy := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Proxy-Authenticate", c.say(requests.Add(1)))
				w.WriteHeader(407)
			}), nil)
			_, err := do(newClient(t, func(c *nethttp.ClientConfig) { c.Proxy = through(t, proxy.URL) }, c.client), "", "GET", to, nil)
			if e, ok := errors.AsType[*drive.Error](err); !ok || e.Side != gss.Proxy || e.Status != 407 {
				t.Errorf("%s, %s: %v, want an error of the proxy's side", name, to, err)
			}
			if n := requests.Load(); n < 1 || n > 16 {
				t.Errorf("%s, %s: %d requests", name, to, n)
			}
		}
	}
}

// A 407 without a proxy gets no credentials.
func TestTransport407WithoutProxy(t *testing.T) {
	_, client := digestPair(t)
	s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Proxy-Authenticate", `Digest realm="r", nonce="n"`)
		w.WriteHeader(407)
	}), nil)
	_, err := do(newClient(t, nil, client), "", "GET", s.URL, nil)
	wantFault(t, err, gss.Unexpected)
}

// Nor does a 407 inside a tunnel: it comes from the origin, which must not get the
// proxy's credentials.
func TestTransport407InTunnel(t *testing.T) {
	server, client := digestPair(t)
	proxy := newProxy(t, false, server)
	var requests atomic.Int32
	s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.Header.Get("Proxy-Authorization") != "" || r.Header.Get("Authorization") != "" {
			t.Error("the origin got credentials")
		}
		w.Header().Set("Proxy-Authenticate", `Digest realm="a realm", nonce="n", qop="auth"`)
		w.WriteHeader(407)
	}), func(s *httptest.Server) { s.TLS = new(tlsConfig) })
	c := newClient(t, func(c *nethttp.ClientConfig) {
		c.Proxy = through(t, proxy.URL)
		c.Base = s.Client().Transport.(*http.Transport)
	}, client)
	for range 2 {
		_, err := do(c, "", "GET", s.URL, nil)
		wantFault(t, err, gss.Unexpected)
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("the origin got %d requests, want 2", n)
	}
}

// If idle connections break, a request that may be repeated does not fail, and if
// nothing was written, not even one with a one-shot body.
func TestTransportStaleConnections(t *testing.T) {
	server, client := digestPair(t)
	var mu sync.Mutex
	var ours, theirs []net.Conn
	s := newSite(t, hello, func(s *httptest.Server) {
		s.Config.ConnState = func(c net.Conn, state http.ConnState) {
			if state == http.StateNew {
				mu.Lock()
				theirs = append(theirs, c)
				mu.Unlock()
			}
		}
	}, server)
	closeAll := func(conns []net.Conn) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range conns {
			c.Close()
		}
	}
	late := false
	c := newClient(t, func(c *nethttp.ClientConfig) {
		c.Base = &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			mu.Lock()
			ours = append(ours, conn)
			mu.Unlock()
			return conn, err
		}}
		c.Observer = func(_ uint64, _ gss.Env, e machine.Event, _ machine.Actions) {
			if _, ok := e.(machine.Begin); ok && late { // the connection has been chosen
				late = false
				closeAll(ours)
			}
		}
	}, client)
	for _, breaks := range []struct {
		end    *[]net.Conn
		method string
		body   func() io.Reader
		want   string
	}{
		{&theirs, "GET", func() io.Reader { return nil }, "hello alice"},
		{&ours, "POST", func() io.Reader { return once{strings.NewReader("!")} }, "hello alice!"},
	} {
		for i := range 20 {
			late = i%2 == 1 && breaks.end == &ours
			r, err := do(c, "", breaks.method, s.URL, breaks.body())
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, r); got != breaks.want {
				t.Errorf("got %q", got)
			}
			if i%2 == 1 {
				closeAll(*breaks.end)
			}
		}
		c.CloseIdleConnections()
	}
}

// Idle connections are bounded, and closed on demand. None is kept if keep-alives are
// disabled.
func TestTransportIdle(t *testing.T) {
	server, client := digestPair(t)
	for _, c := range []struct {
		base *http.Transport
		idle int
	}{
		{&http.Transport{MaxIdleConnsPerHost: 2}, 2},
		{&http.Transport{MaxIdleConns: 3, MaxIdleConnsPerHost: 5}, 3},
		{&http.Transport{DisableKeepAlives: true}, 0},
	} {
		var wg sync.WaitGroup
		var busy sync.WaitGroup
		busy.Add(6)
		s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/together" { // wait for all of them, so that no two share a connection
				busy.Done()
				busy.Wait()
			}
			hello(w, r)
		}, nil, server)
		tr := newClient(t, func(cfg *nethttp.ClientConfig) { cfg.Base = c.base }, client)
		for range 6 {
			wg.Go(func() {
				r, err := do(tr, "", "GET", s.URL+"/together", nil)
				if err != nil {
					t.Error(err)
					return
				}
				io.Copy(io.Discard, r.Body)
				r.Body.Close()
			})
		}
		wg.Wait()
		if n := nethttp.Idle(tr.Transport.(*nethttp.Transport)); n != c.idle {
			t.Errorf("%d idle connections, want %d", n, c.idle)
		}
		tr.CloseIdleConnections()
		if n := nethttp.Idle(tr.Transport.(*nethttp.Transport)); n != 0 {
			t.Errorf("%d idle connections after closing them", n)
		}
		get(t, tr, "", s.URL)
	}
}

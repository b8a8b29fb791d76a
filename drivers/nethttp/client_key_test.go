package nethttp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

type loginKey struct{}

// loginProxy returns a Proxy function that adds the user information in a request's
// context to the proxy's URL, as http.Transport.Proxy may.
func loginProxy(raw string) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		u, err := url.Parse(raw)
		if err == nil {
			u.User, _ = r.Context().Value(loginKey{}).(*url.Userinfo)
		}
		return u, err
	}
}

// as sends a request through the proxy with the given user information.
func as(t *testing.T, c *http.Client, user *url.Userinfo, to string) (status int, body string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithValue(t.Context(), loginKey{}, user), "GET", to, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(r)
	if err != nil {
		return 0, "", err
	}
	return response.StatusCode, text(t, response), nil
}

// A connection opened for one user of a proxy carries no request of another user,
// whether the proxy forwards or tunnels, and whatever it challenges for.
func TestProxyUsersShareNoConnection(t *testing.T) {
	digestServer, digestClient := digestPair(t)
	basicServer, basicClient := basicPair()
	boundServer, boundClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	for name, p := range map[string]struct {
		server scheme.Server
		client scheme.Client
	}{"Basic": {basicServer, basicClient}, "Digest": {digestServer, digestClient}, "NTLM": {boundServer, boundClient}} {
		for _, secure := range []bool{false, true} {
			proxy := newProxy(t, false, p.server)
			origin := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "an origin") }), func(s *httptest.Server) {
				if secure {
					s.TLS = new(tlsConfig)
				}
			})
			c := newClient(t, func(c *nethttp.ClientConfig) {
				c.Proxy, c.Source = loginProxy(proxy.URL), nil
				c.Base = origin.Client().Transport.(*http.Transport)
			}, p.client)
			for _, alice := range []string{"alice", "alice"} {
				if status, body, err := as(t, c, url.UserPassword(alice, "wonder"), origin.URL); err != nil || status != 200 {
					t.Fatalf("%s, TLS %t: alice: %d %q %v", name, secure, status, body, err)
				}
			}
			if n := conns(origin.take()); n != 1 {
				t.Errorf("%s, TLS %t: alice's two requests came over %d connections", name, secure, n)
			}
			for _, other := range []*url.Userinfo{
				url.UserPassword("bob", "WRONG"), url.UserPassword("alice", "WRONG"), url.UserPassword("alice", ""), url.User("alice"), nil,
			} {
				if status, body, err := as(t, c, other, origin.URL); err == nil {
					t.Errorf("%s, TLS %t: %q got %d %q, with alice's password", name, secure, other.Username(), status, body)
				}
			}
			if n := len(origin.take()); n != 0 {
				t.Errorf("%s, TLS %t: %d requests of other users reached the origin", name, secure, n)
			}
			requirement.Held(t, "unit:proxy_users_apart", "CONN-1")
		}
	}
}

// Behind a SOCKS proxy, too, each user has separate connections.
func TestSOCKSUsersShareNoConnection(t *testing.T) {
	for _, as5 := range []string{"socks5", "socks5h"} {
		origin := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "an origin") }), nil)
		proxy := newSOCKS(t, origin.Listener.Addr().String())
		_, client := basicPair()
		c := newClient(t, func(c *nethttp.ClientConfig) { c.Proxy = loginProxy(as5 + "://" + proxy.addr) }, client)
		for _, user := range []string{"alice", "bob", "alice", "bob"} {
			if status, body, err := as(t, c, url.UserPassword(user, "pw"), origin.URL); err != nil || status != 200 {
				t.Fatalf("%s, %s: %d %q %v", as5, user, status, body, err)
			}
		}
		if got := proxy.logins(); !slices.Equal(got, []string{"alice", "bob"}) {
			t.Errorf("%s: logins of %q, want one of each user", as5, got)
		}
		requirement.Held(t, "unit:proxy_users_apart", "CONN-1")
	}
}

// socks is a SOCKS5 proxy (RFC 1928, RFC 1929) that accepts any password and connects
// to one address.
type socks struct {
	addr string
	mu   sync.Mutex
	who  []string
}

func (s *socks) logins() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.who)
}

func newSOCKS(t *testing.T, to string) *socks {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &socks{addr: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c, to)
		}
	}()
	return s
}

func (s *socks) serve(c net.Conn, to string) {
	defer c.Close()
	in := bufio.NewReader(c)
	take := func(n int) []byte {
		b := make([]byte, n)
		io.ReadFull(in, b)
		return b
	}
	take(int(take(2)[1])) // methods
	c.Write([]byte{5, 2})
	user := take(int(take(2)[1]))
	take(int(take(1)[0]))
	s.mu.Lock()
	s.who = append(s.who, string(user))
	s.mu.Unlock()
	c.Write([]byte{1, 0})
	switch head := take(4); head[3] {
	case 1:
		take(4)
	case 3:
		take(int(take(1)[0]))
	case 4:
		take(16)
	}
	take(2)
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	c.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 0})
	go func() {
		io.Copy(far, in)
		far.Close()
	}()
	io.Copy(c, far)
}

// An invalid port in a URL is an error: the scheme's default port is not used, and no
// credentials for it are sent.
func TestInvalidPorts(t *testing.T) {
	_, client := basicPair()
	for _, authority := range []string{"h.example:99999", "h.example:0", "h.example:-1", "h.example:+80", "h.example:http", "h.example:80x", "h.example: 80", "[::1]:65536", "::1", "[::1", "a:b:80"} {
		for _, w := range []string{"http", "https"} {
			dialed := ""
			tr, err := nethttp.NewTransport(nethttp.ClientConfig{Base: &http.Transport{
				DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
					dialed = address
					return nil, fmt.Errorf("nowhere")
				},
			}})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []*http.Request{
				{Method: "GET", URL: &url.URL{Scheme: w, Host: authority, Path: "/"}},
				{Method: "GET", URL: &url.URL{Scheme: w, Host: authority, Path: "/"}, Body: io.NopCloser(strings.NewReader("a body"))},
			} {
				if _, err := tr.RoundTrip(r); err == nil || dialed != "" {
					t.Errorf("%s://%s: dialed %q, error %v", w, authority, dialed, err)
				} else if strings.Contains(err.Error(), authority) {
					t.Errorf("%s://%s: the error repeats it: %v", w, authority, err)
				}
			}
		}
		c := newClient(t, func(c *nethttp.ClientConfig) {
			c.Proxy = func(*http.Request) (*url.URL, error) { return &url.URL{Scheme: "http", Host: authority}, nil }
		}, client)
		for _, to := range []string{"http://origin.example/", "https://origin.example/"} {
			if _, err := do(c, "", "GET", to, nil); err == nil {
				t.Errorf("a proxy %q was found", authority)
			}
		}
		requirement.Held(t, "unit:ports_that_are_none", "CONN-2")
	}
	s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}), nil)
	if r, _ := get(t, newClient(t, nil, client), "", s.URL); r.StatusCode != 200 {
		t.Errorf("a valid port: status %d", r.StatusCode)
	}
}

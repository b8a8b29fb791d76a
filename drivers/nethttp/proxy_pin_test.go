package nethttp_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// boundOrigin is an origin with connection-bound authentication that trusts the proxy
// in front of it to pin. Its responses name the connection that they were sent on.
// /open needs no login, /both waits for two concurrent requests, /upgrade echoes.
func boundOrigin(t *testing.T) (addr string) {
	t.Helper()
	c := toyConfig()
	c.Auth.PinnedFront = true
	a, err := nethttp.NewAuthenticator(c)
	if err != nil {
		t.Fatal(err)
	}
	inner := a.Wrap(http.HandlerFunc(whoami))
	var both sync.WaitGroup
	both.Add(2)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Peer", r.RemoteAddr)
		switch r.URL.Path {
		case "/both":
			both.Done()
			both.Wait()
			return
		case "/open":
			io.WriteString(w, "open")
			return
		case "/upgrade":
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			io.WriteString(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			rw.Flush()
			io.Copy(conn, rw)
			return
		}
		inner.ServeHTTP(w, r)
	})
	return serve(t, h, func(s *http.Server) { s.ConnContext = a.ConnContext })
}

func TestProxyPins(t *testing.T) {
	origin := boundOrigin(t)
	proxy := startProxy(t, nethttp.ProxyConfig{})
	target := "http://" + origin + "/"
	alice, bob := dialWire(t, proxy), dialWire(t, proxy)

	r := alice.do("GET", target)
	r.want(t, 401, "")
	sessionBased(t, r, true)
	peer := r.Header.Get("Peer")
	r = alice.do("GET", target, first("alice"))
	r.want(t, 401, "")
	sessionBased(t, r, true)
	r = alice.do("GET", target, second("alice"))
	r.want(t, 200, "alice by NTLM")
	sessionBased(t, r, true)
	if r.Header.Get("Persistent-Auth") != "true" {
		t.Error("Persistent-Auth did not pass")
	}
	for range 3 {
		r = alice.do("GET", target)
		r.want(t, 200, "alice by NTLM")
		if got := r.Header.Get("Peer"); got != peer {
			t.Errorf("the origin saw %s and then %s: not the connection that brought the 401", peer, got)
		}
	}
	// V18: a second client never gets the first one's connection.
	for range 3 {
		r = bob.do("GET", target)
		r.want(t, 401, "")
		if got := r.Header.Get("Peer"); got == peer {
			t.Error("the second client came over the first one's connection")
		}
	}
	// Legs on two connections do not make a handshake.
	bob.do("GET", target, first("bob")).want(t, 401, "")
	dialWire(t, proxy).do("GET", target, second("bob")).want(t, 401, "")
	bob.do("GET", target, second("bob")).want(t, 200, "bob by NTLM")
	alice.do("GET", target).want(t, 200, "alice by NTLM")
	// A request to another origin on the same client connection drops the pin.
	other := boundOrigin(t)
	alice.do("GET", "http://"+other+"/").want(t, 401, "")
	alice.do("GET", target).want(t, 401, "")
	requirement.Held(t, "unit:proxy_pins", "HTA-17")
}

// sessionBased checks Proxy-Support, and that Connection lists it (HTA-17).
func sessionBased(t *testing.T, r reply, want bool) {
	t.Helper()
	value := strings.Join(r.Header.Values("Proxy-Support"), ",")
	listed := strings.Contains(strings.ToLower(strings.Join(r.Header.Values("Connection"), ",")), "proxy-support")
	if want && (value != "Session-Based-Authentication" || !listed) || !want && (value != "" || listed) {
		t.Errorf("Proxy-Support %q, listed in Connection %t; want it: %t", value, listed, want)
	}
}

// Credentials that arrive without a challenge before them are pinned as well.
func TestProxyPinsWithoutChallenge(t *testing.T) {
	origin := boundOrigin(t)
	c := dialWire(t, startProxy(t, nethttp.ProxyConfig{}))
	target := "http://" + origin + "/"
	r := c.do("GET", "http://"+origin+"/open")
	r.want(t, 200, "open")
	sessionBased(t, r, false)
	r = c.do("GET", target, first("alice"))
	r.want(t, 401, "")
	sessionBased(t, r, true)
	c.do("GET", target, second("alice")).want(t, 200, "alice by NTLM")
	// Nor does another client get it once its client has disconnected.
	c.Close()
	other := dialWire(t, startProxy(t, nethttp.ProxyConfig{}))
	other.do("GET", target).want(t, 401, "")
}

// When either side closes, the other is retired (R4559-6-5).
func TestProxyClosesBothConnections(t *testing.T) {
	closed := make(chan string, 16)
	conns := make(chan net.Conn, 16)
	c := toyConfig()
	c.Auth.PinnedFront = true
	a, err := nethttp.NewAuthenticator(c)
	if err != nil {
		t.Fatal(err)
	}
	origin := serve(t, a.Wrap(http.HandlerFunc(whoami)), func(s *http.Server) {
		s.ConnContext = a.ConnContext
		s.ConnState = func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				conns <- c
			case http.StateClosed:
				closed <- c.RemoteAddr().String()
			}
		}
	})
	p, err := nethttp.NewProxy(nethttp.ProxyConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.CloseIdleConnections)
	idle := make(chan bool, 16)
	proxy := serve(t, p, func(s *http.Server) {
		p.Install(s)
		installed := s.ConnState
		s.ConnState = func(c net.Conn, state http.ConnState) {
			installed(c, state)
			if state == http.StateIdle {
				idle <- true
			}
		}
	})
	target := "http://" + origin + "/"
	authenticate := func() *wire {
		c := dialWire(t, proxy)
		c.do("GET", target, first("alice")).want(t, 401, "")
		<-idle
		c.do("GET", target, second("alice")).want(t, 200, "alice by NTLM")
		<-idle
		return c
	}
	down := authenticate()
	up := <-conns
	down.Close()
	if got := <-closed; got != up.RemoteAddr().String() {
		t.Errorf("the origin saw %s close, want %s", got, up.RemoteAddr())
	}
	down = authenticate()
	up = <-conns
	up.Close()
	down.wantClosed()

	// An upstream that closes with its response takes the client's connection along.
	upstream := scripted(t, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM dG95OmMx\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	down = dialWire(t, proxy)
	if r := down.do("GET", "http://"+upstream.addr+"/", first("alice")); r.StatusCode != 401 || !r.Close {
		t.Errorf("status %d, close %t; want 401 and close", r.StatusCode, r.Close)
	}
	down.wantClosed()

	// So does one that closes without announcing it.
	upstream = scripted(t, hangUp+"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM dG95OmMx\r\nContent-Length: 0\r\n\r\n")
	down = dialWire(t, proxy)
	down.do("GET", "http://"+upstream.addr+"/", first("alice")).want(t, 401, "")
	down.wantClosed()

	// One that breaks off causes a 502, and the same.
	upstream = scripted(t, hangUp)
	down = dialWire(t, proxy)
	if r := down.do("GET", "http://"+upstream.addr+"/", first("alice")); r.StatusCode != 502 || !r.Close {
		t.Errorf("status %d, close %t; want 502 and close", r.StatusCode, r.Close)
	}
	down.wantClosed()
}

// Without a client connection to pin to, connection-bound credentials are refused.
func TestProxyCannotPin(t *testing.T) {
	origin := boundOrigin(t)
	p, err := nethttp.NewProxy(nethttp.ProxyConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.CloseIdleConnections()
	bare := serve(t, p, nil) // not installed
	hooked := startProxy(t, nethttp.ProxyConfig{})
	target := "http://" + origin + "/"
	for name, test := range map[string]struct{ proxy, line string }{
		"not installed": {bare, "X: y"}, "behind another proxy": {hooked, "Via: 1.1 other"}, "behind a balancer": {hooked, "X-Forwarded-For: 10.0.0.1"},
	} {
		c, line := dialWire(t, test.proxy), test.line
		r := c.do("GET", target, line)
		r.want(t, 401, "")
		sessionBased(t, r, false)
		if r.Header.Get("WWW-Authenticate") != "NTLM" {
			t.Errorf("%s: the challenge did not pass", name)
		}
		c.do("GET", target, line, first("alice")).want(t, 403, "")
		c.do("GET", "http://"+origin+"/open", line).want(t, 200, "open")
	}
}

// Requests without credentials share upstream connections, and are repeated if one of
// these has closed meanwhile.
func TestProxyShares(t *testing.T) {
	up := scripted(t, ok, ok, hangUp, ok)
	proxy := startProxy(t, nethttp.ProxyConfig{})
	target := "http://" + up.addr + "/"
	dialWire(t, proxy).do("GET", target).want(t, 200, "ok")
	dialWire(t, proxy).do("GET", target).want(t, 200, "ok")
	dialWire(t, proxy).do("GET", target).want(t, 200, "ok") // the upstream closes the connection on the first try
	if n := len(up.requests); n != 4 {
		t.Errorf("%d requests reached the upstream, want 4", n)
	}
}

// Many clients use one proxy to one origin, and close connections at random: no client
// ever gets another one's response.
func TestProxyIdentityNeverCrosses(t *testing.T) {
	origin := boundOrigin(t)
	proxy := startProxy(t, nethttp.ProxyConfig{})
	var clients sync.WaitGroup
	for n := range 12 {
		clients.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(n), 11))
			roam(t, rnd, fmt.Sprintf("user%d", n), func() (net.Conn, error) { return net.Dial("tcp", proxy) }, "http://"+origin+"/")
		})
	}
	clients.Wait()
}

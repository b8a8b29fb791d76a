package nethttp_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// startProxy serves a proxy with its hooks installed.
func startProxy(t *testing.T, c nethttp.ProxyConfig) string {
	t.Helper()
	p, err := nethttp.NewProxy(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.CloseIdleConnections)
	return serve(t, p, p.Install)
}

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

// script is an upstream that sends fixed responses to any requests.
type script struct {
	addr     string
	requests chan string // the header of each request, as it was received
}

// hangUp before a text closes the connection after it.
const hangUp = "!"

// scripted answers each request with the next of texts, and repeats the last one.
func scripted(t *testing.T, texts ...string) *script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &script{l.Addr().String(), make(chan string, 100)}
	var n atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for r := bufio.NewReader(c); ; {
					var head strings.Builder
					for {
						line, err := r.ReadString('\n')
						if err != nil {
							return
						}
						if line == "\r\n" {
							break
						}
						head.WriteString(line)
					}
					s.requests <- head.String()
					text := texts[min(int(n.Add(1)), len(texts))-1]
					text, last := strings.CutPrefix(text, hangUp)
					io.WriteString(c, text)
					if last {
						return
					}
				}
			}()
		}
	}()
	return s
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// Hop-by-hop fields are removed; end-to-end fields pass unchanged.
func TestProxyFields(t *testing.T) {
	up := scripted(t, "HTTP/1.1 401 Unauthorized\r\n"+
		"Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"+
		"Proxy-Support: Session-Based-Authentication\r\n"+
		"Proxy-Authenticate: Basic realm=\"theirs\"\r\nProxy-Authentication-Info: a=1\r\n"+
		"WWW-Authenticate: Digest  realm=\"a\" ,nonce=x\r\nWWW-Authenticate: Basic realm=\"b\", Odd ???\r\n"+
		"Authentication-Info: nextnonce=\"n\"\r\nContent-Length: 0\r\n\r\n", ok)
	c := dialWire(t, startProxy(t, nethttp.ProxyConfig{Name: "me"}))
	r := c.do("GET", "http://"+up.addr+"/a%2fb/%7e\"<?q=%zz;x", "Authorization: Digest  username=\"u\" ,x=\"y\"",
		"Proxy-Authorization: Basic eDp5", "Proxy-Connection: keep-alive", "Connection: X-Mine, Keep-Alive", "X-Mine: 1", "Keep-Alive: 5",
		"X-Forwarded-For: 10.0.0.1", "Via: 1.0 before")
	head := <-up.requests
	for _, want := range []string{"GET /a%2fb/%7e\"<?q=%zz;x HTTP/1.1\r\n", "Authorization: Digest  username=\"u\" ,x=\"y\"\r\n", "Via: 1.0 before\r\n", "Via: 1.1 me\r\n", "Host: " + up.addr + "\r\n", "X-Forwarded-For: 10.0.0.1\r\n"} {
		if !strings.Contains(head, want) {
			t.Errorf("the origin did not get %q:\n%s", want, head)
		}
	}
	for _, bad := range []string{"Proxy-Authorization", "Proxy-Connection", "X-Mine", "Keep-Alive", "Accept-Encoding"} {
		if strings.Contains(head, bad) {
			t.Errorf("the origin got %s:\n%s", bad, head)
		}
	}
	r.want(t, 401, "")
	sessionBased(t, r, false) // the received one was for us, and we have not pinned
	if got := r.Header.Values("WWW-Authenticate"); len(got) != 2 || got[0] != `Digest  realm="a" ,nonce=x` || got[1] != `Basic realm="b", Odd ???` {
		t.Errorf("WWW-Authenticate was changed: %q", got)
	}
	if r.Header.Get("Authentication-Info") != `nextnonce="n"` || r.Header.Get("Via") != "1.1 me" {
		t.Errorf("Authentication-Info or Via: %v", r.Header)
	}
	for _, bad := range []string{"X-Hop", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Support"} {
		if r.Header.Get(bad) != "" {
			t.Errorf("the client got the upstream's %s", bad)
		}
	}
	c.do("GET", "http://"+up.addr+"/").want(t, 200, "ok")
	c.do("GET", "http://"+up.addr+"//x").want(t, 200, "ok")
	<-up.requests
	if head := <-up.requests; !strings.HasPrefix(head, "GET //x ") {
		t.Errorf("the origin got %q", head)
	}
	requirement.Held(t, "unit:proxy_fields", "R9110-7.6.1-1", "R9110-11.6.1-1", "R9110-11.6.2-1", "R7616-3.6-1")
}

// A 407 from upstream is for this proxy alone (R9110-11.7.1-1).
func TestProxyUpstream407(t *testing.T) {
	up := scripted(t, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"theirs\"\r\nContent-Length: 0\r\n\r\n")
	c := dialWire(t, startProxy(t, nethttp.ProxyConfig{}))
	r := c.do("GET", "http://"+up.addr+"/")
	r.want(t, 502, "")
	if r.Header.Get("Proxy-Authenticate") != "" {
		t.Error("the upstream's challenge was passed on")
	}
}

// Requests that the proxy refuses, and clients that it refuses them to.
func TestProxyRefuses(t *testing.T) {
	up := scripted(t, ok)
	proxy := startProxy(t, nethttp.ProxyConfig{Name: "me", Allow: func(method, host string, port uint16) bool {
		return nethttp.AllowWeb(method, host, port) && host != "denied.test"
	}})
	target := "http://" + up.addr + "/"
	for _, test := range []struct {
		method, target string
		lines          string
		status         int
	}{
		{"GET", "/", "", 400},                      // to the proxy itself
		{"GET", "ftp://" + up.addr + "/", "", 400}, // not HTTP
		{"GET", "http:///", "", 400},               // no host
		{"CONNECT", up.addr, "", 403},              // a port that is not for tunnels
		{"CONNECT", "denied.test:443", "", 403},    // by name
		{"CONNECT", "denied.test:0443", "", 400},   // two ways to write a port
		{"CONNECT", "denied.test", "", 400},        // no port
		{"GET", "http://127.0.0.1:25/", "", 403},   // a port that is not for the web
		{"GET", target, "Via: 1.1 x, 1.1 me", 508}, // a loop
		{"GET", target, "Authorization: , NTLM x", 400},
		{"GET", target, second("a") + "\r\n" + second("a"), 400},
	} {
		lines := []string{"X: y"}
		if test.lines != "" {
			lines = strings.Split(test.lines, "\r\n")
		}
		r := dialWire(t, proxy).do(test.method, test.target, lines...)
		if r.StatusCode != test.status {
			t.Errorf("%s %s %.30s: status %d, want %d", test.method, test.target, test.lines, r.StatusCode, test.status)
		}
	}
	if len(up.requests) > 0 {
		t.Errorf("the origin got %q", <-up.requests)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	c := dialWire(t, proxy)
	c.do("GET", "http://"+closed.Addr().String()+"/").want(t, 502, "")
	c.do("GET", target).want(t, 200, "ok")
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

// V18 for a multiplexed front: an HTTP/2 client of a reverse proxy.
func TestReverseProxyHTTP2(t *testing.T) {
	origin := boundOrigin(t)
	u := &url.URL{Scheme: "http", Host: origin}
	p, err := nethttp.NewProxy(nethttp.ProxyConfig{Proxy: machine.ProxyConfig{Reverse: true, Strip: true}, Upstream: u})
	if err != nil {
		t.Fatal(err)
	}
	defer p.CloseIdleConnections()
	s := httptest.NewUnstartedServer(p)
	p.Install(s.Config)
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	for _, step := range []struct {
		line string
		want int
	}{{"", 401}, {first("alice"), 403}, {second("alice"), 403}} {
		req, _ := http.NewRequest("GET", s.URL, nil)
		if k, v, ok := strings.Cut(step.line, ": "); ok {
			req.Header.Set(k, v)
		}
		res, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.ProtoMajor != 2 || res.StatusCode != step.want || res.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%.20s: HTTP/%d, status %d, %q; want 2, %d, and the challenge stripped", step.line, res.ProtoMajor, res.StatusCode, res.Header.Get("WWW-Authenticate"), step.want)
		}
	}
	// Its streams run concurrently: the origin waits for both.
	var streams sync.WaitGroup
	for range 2 {
		streams.Go(func() {
			if res, err := s.Client().Get(s.URL + "/both"); err != nil || res.StatusCode != 200 {
				t.Errorf("two streams at once: %v %v", res, err)
			}
		})
	}
	streams.Wait()
	// Over HTTP/1.1 the same front has connections of its own.
	raw, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	c := &wire{t, raw, bufio.NewReader(raw)}
	r := c.do("GET", "/")
	r.want(t, 401, "")
	sessionBased(t, r, false) // to its clients a reverse proxy is the origin
	login(c, "alice")
	c.do("GET", "/").want(t, 200, "alice by NTLM")
}

func proxyAuth(line string) string {
	return strings.Replace(line, "Authorization", "Proxy-Authorization", 1)
}

// The proxy's own clients authenticate with 407, and the origin does not see it.
func TestProxyAuthentication(t *testing.T) {
	up := scripted(t, ok)
	conf := nethttp.ProxyConfig{Source: users}
	conf.Proxy.Auth.Schemes = []scheme.Server{toyServer(toy), scheme.BasicServer("proxy", scheme.AskVerifier)}
	var last lastResult
	conf.Log = last.log
	proxy := startProxy(t, conf)
	target := "http://" + up.addr + "/"
	c := dialWire(t, proxy)
	r := c.do("GET", target)
	r.want(t, 407, "")
	if got := r.Header.Values("Proxy-Authenticate"); len(got) != 2 || got[0] != "NTLM" {
		t.Errorf("challenges %q", got)
	}
	if len(up.requests) > 0 {
		t.Fatal("the origin received an unauthenticated request")
	}
	c.do("GET", target, proxyAuth(basic("alice", "wrong"))).want(t, 407, "")
	c.do("GET", target, basic("alice", "secret")).want(t, 407, "") // the origin's field
	c.do("GET", target, proxyAuth(basic("alice", "secret")), "Authorization: Basic eA==").want(t, 200, "ok")
	if head := <-up.requests; strings.Contains(head, "Proxy-Authorization") || !strings.Contains(head, "Authorization: Basic eA==") {
		t.Errorf("the origin got:\n%s", head)
	}
	if got := last.get(); got.Status != 200 || got.Identity.Info.Peer != "alice" {
		t.Errorf("logged %+v", got)
	}
	c = dialWire(t, proxy)
	c.exchange("POST", target, strings.Repeat("b", 600<<10), proxyAuth(first("bob"))).want(t, 407, "")
	c.do("GET", target, proxyAuth(second("bob"))).want(t, 200, "ok")
	c.do("GET", target).want(t, 200, "ok")
	dialWire(t, proxy).do("GET", target).want(t, 407, "")
}

// echo is a TCP server that echoes its input, and "bye" at the end.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				io.WriteString(c, "bye")
				c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func TestProxyTunnel(t *testing.T) {
	far := echo(t)
	conf := nethttp.ProxyConfig{Source: users, Allow: func(method, host string, port uint16) bool {
		return host == "127.0.0.1" && strings.HasSuffix(far, ":"+strconv.Itoa(int(port)))
	}}
	conf.Proxy.Auth.Schemes = []scheme.Server{toyServer(toy), scheme.BasicServer("proxy", scheme.AskVerifier)}
	proxy := startProxy(t, conf)
	tunnel := func(c *wire, lines ...string) {
		t.Helper()
		// The first bytes come with the request, as some clients send them.
		fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\nearly ", far, far, strings.Join(lines, "\r\n"))
		r := c.read("CONNECT")
		if r.StatusCode != 200 || r.Header.Get("Transfer-Encoding") != "" || r.Header.Get("Content-Length") != "" {
			t.Fatalf("status %d, %v", r.StatusCode, r.Header)
		}
		io.WriteString(c, "late")
		c.Conn.(*net.TCPConn).CloseWrite()
		all, err := io.ReadAll(c.r)
		if string(all) != "early latebye" {
			t.Errorf("through the tunnel came %q, %v", all, err)
		}
	}
	c := dialWire(t, proxy)
	c.do("CONNECT", far).want(t, 407, "")
	c.do("CONNECT", far, proxyAuth(basic("alice", "wrong"))).want(t, 407, "")
	tunnel(c, proxyAuth(basic("alice", "secret")))

	c = dialWire(t, proxy)
	c.do("CONNECT", far).want(t, 407, "")
	c.do("CONNECT", far, proxyAuth(first("bob"))).want(t, 407, "")
	tunnel(c, proxyAuth(second("bob")))

	c = dialWire(t, proxy)
	c.do("CONNECT", "127.0.0.1:1", proxyAuth(basic("alice", "secret"))).want(t, 403, "")
}

// A tunnel on an HTTP/2 stream.
func TestProxyTunnelHTTP2(t *testing.T) {
	far := echo(t)
	conf := nethttp.ProxyConfig{Source: users, Allow: func(string, string, uint16) bool { return true }}
	conf.Proxy.Auth.Schemes = []scheme.Server{scheme.BasicServer("proxy", scheme.AskVerifier)}
	p, err := nethttp.NewProxy(conf)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(p)
	p.Install(s.Config)
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	for line, want := range map[string]int{basic("alice", "wrong"): 407, basic("alice", "secret"): 200} {
		body, w := io.Pipe()
		req, err := http.NewRequest("CONNECT", s.URL, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = far
		_, value, _ := strings.Cut(line, ": ")
		req.Header.Set("Proxy-Authorization", value)
		res, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.ProtoMajor != 2 || res.StatusCode != want {
			t.Fatalf("HTTP/%d, status %d; want 2, %d", res.ProtoMajor, res.StatusCode, want)
		}
		if want == 200 {
			io.WriteString(w, "hello")
		}
		w.Close()
		all, _ := io.ReadAll(res.Body)
		if want == 200 && string(all) != "hellobye" {
			t.Errorf("through the tunnel came %q", all)
		}
		res.Body.Close()
	}
}

// Digest over CONNECT is computed over the authority (C29).
func TestProxyTunnelDigest(t *testing.T) {
	far := echo(t)
	conf := nethttp.ProxyConfig{Source: source(), Allow: func(string, string, uint16) bool { return true }}
	conf.Proxy.Auth.Schemes = []scheme.Server{digestScheme(t)}
	c := dialWire(t, startProxy(t, conf))
	r := c.do("CONNECT", far)
	r.want(t, 407, "")
	r = c.do("CONNECT", far, digestOf(t, "Proxy", r, "CONNECT", far, "alice", "secret", "", nil))
	if r.StatusCode != 200 || r.Header.Get("Proxy-Authentication-Info") == "" {
		t.Errorf("status %d, Proxy-Authentication-Info %q", r.StatusCode, r.Header.Get("Proxy-Authentication-Info"))
	}
}

// Digest to the proxy, over the absolute form and over the path.
func TestProxyDigest(t *testing.T) {
	up := scripted(t, ok)
	conf := nethttp.ProxyConfig{Source: source()}
	conf.Proxy.Auth.Schemes = []scheme.Server{digestScheme(t)}
	c := dialWire(t, startProxy(t, conf))
	target := "http://" + up.addr + "/x?y"
	r := c.do("GET", target)
	r = c.do("GET", target, digestOf(t, "Proxy", r, "GET", target, "alice", "secret", "", nil))
	r.want(t, 200, "ok")
	if r.Header.Get("Proxy-Authentication-Info") == "" {
		t.Error("no Proxy-Authentication-Info")
	}
	// The path is what all clients sign (C29).
	r = c.do("GET", target)
	c.do("GET", target, digestOf(t, "Proxy", r, "GET", "/x?y", "alice", "secret", "", nil)).want(t, 200, "ok")
	// Another resource is refused, with words and without a challenge.
	r = c.do("GET", target)
	r = c.do("GET", target, digestOf(t, "Proxy", r, "GET", "/x", "alice", "secret", "", nil))
	r.want(t, 400, "Bad Request: credentials for another resource\n")
	if r.Header.Get("Proxy-Authenticate") != "" {
		t.Error("a challenge came with the 400")
	}
}

// The upstream of a tunnel cannot be reached.
func TestProxyTunnelUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	c := dialWire(t, startProxy(t, nethttp.ProxyConfig{Allow: func(string, string, uint16) bool { return true }}))
	c.do("CONNECT", closed.Addr().String()).want(t, 502, "")
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

// An upgrade takes both connections out of the pool.
func TestProxyUpgrade(t *testing.T) {
	origin := boundOrigin(t)
	for _, pinned := range []bool{false, true} {
		c := dialWire(t, startProxy(t, nethttp.ProxyConfig{Upgrades: []string{"Echo"}}))
		if pinned {
			c.do("GET", "http://"+origin+"/", first("alice")).want(t, 401, "")
			c.do("GET", "http://"+origin+"/", second("alice")).want(t, 200, "")
		}
		fmt.Fprintf(c, "GET http://%s/upgrade HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n", origin)
		res, err := http.ReadResponse(c.r, nil)
		if err != nil || res.StatusCode != 101 || res.Header.Get("Upgrade") != "echo" {
			t.Fatalf("pinned %t: %v %v, want 101", pinned, res, err)
		}
		for range 3 {
			io.WriteString(c, "hello\n")
			if line, err := c.r.ReadString('\n'); line != "hello\n" {
				t.Fatalf("pinned %t: echo %q, %v", pinned, line, err)
			}
		}
	}
}

func TestNewProxyRefuses(t *testing.T) {
	u := &url.URL{Scheme: "http", Host: "h"}
	for name, c := range map[string]nethttp.ProxyConfig{
		"reverse without upstream": {Proxy: machine.ProxyConfig{Reverse: true}},
		"upstream of a forward":    {Upstream: u},
		"upstream with a path":     {Proxy: machine.ProxyConfig{Reverse: true}, Upstream: &url.URL{Scheme: "http", Host: "h", Path: "/x"}},
		"upstream of no web":       {Proxy: machine.ProxyConfig{Reverse: true}, Upstream: &url.URL{Scheme: "ftp", Host: "h"}},
		"chain":                    {Proxy: machine.ProxyConfig{Chain: true}},
	} {
		if _, err := nethttp.NewProxy(c); err == nil {
			t.Errorf("%s: no error", name)
		}
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

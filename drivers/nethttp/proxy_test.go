package nethttp_test

import (
	"bufio"
	"crypto/tls"
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

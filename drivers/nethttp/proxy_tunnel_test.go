package nethttp_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/scheme"
)

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

package nethttp_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// madeUp are fields with which a client would pass for a front server.
var madeUp = []string{
	"Forwarded: for=127.0.0.1;proto=https", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: admin.test", "X-Forwarded-Proto: https", "X-Forwarded-Prefix: /admin", "X-Forwarded-User: root",
	"X-Forwarded-Port: 443", "X-Real-IP: 127.0.0.1", "True-Client-IP: 127.0.0.1", "X-Original-URL: /admin", "X-Rewrite-URL: /admin", "X-Original-Host: admin.test", "Remote-User: root",
	"Client-Cert: :AAAA:", "X_Forwarded_For: 127.0.0.1", "X-SSL-Client-Verify: SUCCESS", "Front-End-Https: on",
}

func reverseProxy(t *testing.T, upstream string, tune func(*nethttp.ProxyConfig)) string {
	t.Helper()
	c := nethttp.ProxyConfig{Proxy: machine.ProxyConfig{Reverse: true}, Upstream: &url.URL{Scheme: "http", Host: upstream}, Name: "me"}
	if tune != nil {
		tune(&c)
	}
	return startProxy(t, c)
}

// A reverse proxy forwards none of the fields in which its clients describe themselves,
// and adds its own. From a trusted front server it forwards them.
func TestReverseProxyForwardedFields(t *testing.T) {
	up := scripted(t, ok)
	head := func(proxy string, lines ...string) string {
		dialWire(t, proxy).do("GET", "/", lines...).want(t, 200, "ok")
		return <-up.requests
	}
	own := []string{"X-Forwarded-For: 127.0.0.1\r\n", `Forwarded: for="127.0.0.1";host="origin.test";proto=http` + "\r\n", "X-Forwarded-Host: origin.test\r\n", "X-Forwarded-Proto: http\r\n", "Via: 1.1 me\r\n"}
	strict := reverseProxy(t, up.addr, nil)
	for _, lines := range [][]string{nil, madeUp, append([]string{"Connection: X-Forwarded-For, Forwarded, X-Forwarded-Proto"}, madeUp...)} {
		got := head(strict, lines...)
		for _, want := range own {
			if !strings.Contains(got, want) {
				t.Errorf("%q is not in %q", want, got)
			}
		}
		for _, bad := range []string{"admin", "root", "https", "443", "Client", "_", "Front-End", "SSL", "Real"} {
			if strings.Contains(got, bad) {
				t.Errorf("%q went up: %q", bad, got)
			}
		}
		requirement.Held(t, "unit:made_up_fields", "R7239-8.1-1", "RELAY-1")
	}
	// RFC 8470 section 5.1: an intermediary does not remove it.
	if got := head(strict, "Early-Data: 1"); !strings.Contains(got, "Early-Data: 1\r\n") {
		t.Errorf("Early-Data did not go up: %q", got)
	}

	front := []string{"Forwarded: for=10.0.0.1;proto=https", "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Host: www.test", "X-Forwarded-Proto: https", "X-Forwarded-Prefix: /a", "X-Real-IP: 10.0.0.1"}
	for name, tune := range map[string]func(*nethttp.ProxyConfig){
		"TrustForwarded": func(c *nethttp.ProxyConfig) { c.TrustForwarded = true },
		"PinnedFront":    func(c *nethttp.ProxyConfig) { c.Proxy.Auth.PinnedFront = true },
	} {
		got := head(reverseProxy(t, up.addr, tune), front...)
		for _, want := range []string{
			"X-Forwarded-For: 10.0.0.1, 127.0.0.1\r\n", `Forwarded: for=10.0.0.1;proto=https, for="127.0.0.1";host="origin.test";proto=http` + "\r\n",
			"X-Forwarded-Host: www.test\r\n", "X-Forwarded-Proto: https\r\n", "X-Forwarded-Prefix: /a\r\n", "X-Real-Ip: 10.0.0.1\r\n",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in %q", name, want, got)
			}
		}
	}

	// A forward proxy is not the origin's front server: it forwards these fields and
	// adds none.
	forward := startProxy(t, nethttp.ProxyConfig{})
	dialWire(t, forward).do("GET", "http://"+up.addr+"/", front...).want(t, 200, "ok")
	if got := <-up.requests; !strings.Contains(got, "X-Forwarded-For: 10.0.0.1\r\n") || !strings.Contains(got, "X-Real-Ip: 10.0.0.1\r\n") || strings.Contains(got, "127.0.0.1\r\nX-") {
		t.Errorf("through a forward proxy: %q", got)
	}
}

// Of Upgrade only what the configuration allows is sent upstream, and a switch of
// protocols that was not requested is not forwarded.
func TestProxyUpgradeIsHopByHop(t *testing.T) {
	const switches = hangUp + "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
	for _, reverse := range []bool{true, false} {
		up := scripted(t, switches)
		target, addr := "/", ""
		if reverse {
			addr = reverseProxy(t, up.addr, nil)
		} else {
			target, addr = "http://"+up.addr+"/", startProxy(t, nethttp.ProxyConfig{})
		}
		for offer, want := range map[string]string{"h2c": "", "WebSocket": "WebSocket", "h2c, websocket": "websocket", "TLS/1.0, h2c": "", "websocket/13": ""} {
			r := dialWire(t, addr).do("GET", target, "Connection: Upgrade, HTTP2-Settings", "Upgrade: "+offer, "HTTP2-Settings: AAMAAABkAAQAAP__")
			r.want(t, 502, "")
			got := <-up.requests
			if has := strings.Contains(got, "Upgrade: "); has != (want != "") || has && !strings.Contains(got, "Upgrade: "+want+"\r\n") || strings.Contains(got, "Http2") || strings.Contains(got, "HTTP2") {
				t.Errorf("reverse %t, Upgrade %q went up in %q, want %q", reverse, offer, got, want)
			}
			requirement.Held(t, "unit:upgrade_is_one_hops", "R9110-7.8-1", "RELAY-2")
		}
		for _, to := range []string{"", "Upgrade: h2c\r\n", "Upgrade: websocket\r\n"} {
			l := listen(t)
			ended := make(chan error, 1)
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				c.SetDeadline(time.Now().Add(20 * time.Second)) // only ends a test that hangs
				io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"+to+"\r\n")
				_, err = io.Copy(io.Discard, c)
				ended <- err
			}()
			if reverse {
				addr = reverseProxy(t, l.Addr().String(), nil)
			} else {
				target = "http://" + l.Addr().String() + "/"
			}
			if r := dialWire(t, addr).do("GET", target); r.StatusCode != 502 {
				t.Errorf("reverse %t, an upstream that switches unasked, %q: status %d, want 502", reverse, to, r.StatusCode)
			}
			if err := <-ended; errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("reverse %t, an upstream that switches unasked, %q: its connection stays open", reverse, to)
			}
		}
	}
}

// If a client's body ends early the client gets the blame, not the upstream.
func TestProxyClientBodyBroken(t *testing.T) {
	upstream := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }), nil)
	for name, body := range map[string]string{
		"a negative chunk": "-0\r\n\r\n", "a chunk in C's words": "0x0\r\n\r\n", "no chunk": "zz\r\n", "a chunk too long for its size": "1\r\nab\r\n0\r\n\r\n", "an endless size": strings.Repeat("0", 100) + "\r\n",
	} {
		for _, reverse := range []bool{true, false} {
			target, addr := "/", ""
			if reverse {
				addr = reverseProxy(t, upstream, nil)
			} else {
				target, addr = "http://"+upstream+"/", startProxy(t, nethttp.ProxyConfig{})
			}
			w := dialWire(t, addr)
			fmt.Fprintf(w, "POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%s", target, body)
			if r := w.read("POST"); r.StatusCode != 400 {
				t.Errorf("%s, reverse %t: status %d, want 400", name, reverse, r.StatusCode)
			}
			w.wantClosed()
			requirement.Held(t, "unit:client_body_broken", "RELAY-3")
		}
	}
	// If an upstream fails in the middle of a valid body, the upstream gets the blame.
	gone := scripted(t, hangUp)
	w := dialWire(t, reverseProxy(t, gone.addr, nil))
	fmt.Fprintf(w, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	w.read("POST").want(t, 502, "Bad Gateway")

	p, err := nethttp.NewProxy(nethttp.ProxyConfig{Proxy: machine.ProxyConfig{Reverse: true}, Upstream: &url.URL{Scheme: "http", Host: upstream}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.CloseIdleConnections)
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 3)
		p.ServeHTTP(w, r)
	}), p.Install)
	dialWire(t, addr).exchange("POST", "/", "more than three").want(t, 413, "")
}

// The time to wait for the rest of an unwanted body, and for a tunnel without traffic,
// is bounded.
func TestWaitsAreBounded(t *testing.T) {
	leg := nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{toyServer(toy), scheme.BasicServer("r", scheme.AskVerdict)}}, DrainTime: time.Millisecond}
	for _, line := range []string{first("alice"), "X: y"} { // a leg, and a first challenge
		w := dialWire(t, start(t, leg, whoami))
		fmt.Fprintf(w, "POST / HTTP/1.1\r\nHost: h\r\n%s\r\nContent-Length: 1000\r\n\r\nhalf", line)
		w.read("POST").want(t, 401, "")
		w.wantClosed()
	}
	proxy := startProxy(t, nethttp.ProxyConfig{DrainTime: time.Millisecond, Proxy: machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{toyServer(toy)}}}})
	w := dialWire(t, proxy)
	fmt.Fprintf(w, "POST http://h/ HTTP/1.1\r\nHost: h\r\n%s\r\nContent-Length: 1000\r\n\r\nhalf", toyLeg("Proxy-Authorization", "toy:i1:u=alice"))
	w.read("POST").want(t, 407, "")
	w.wantClosed()

	// Both ends of a tunnel, and of a connection that changed its protocol.
	l := listen(t)
	ended := make(chan error, 2)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, err := io.Copy(io.Discard, c)
				ended <- err
				c.Close()
			}()
		}
	}()
	tunnels := startProxy(t, nethttp.ProxyConfig{TunnelIdle: time.Millisecond, Allow: func(string, string, uint16) bool { return true }})
	w = dialWire(t, tunnels)
	w.do("CONNECT", l.Addr().String()).want(t, 200, "")
	w.wantClosed()
	<-ended
	up := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, err = io.Copy(io.Discard, c)
		ended <- err
		c.Close()
	}), nil)
	w = dialWire(t, tunnels)
	fmt.Fprintf(w, "GET http://%s/ HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", up)
	if res, err := http.ReadResponse(w.r, nil); err != nil || res.StatusCode != 101 {
		t.Fatal(res, err)
	}
	w.wantClosed()
	<-ended
	requirement.Held(t, "unit:waits_are_bounded", "RELAY-6")
}

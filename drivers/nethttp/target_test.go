package nethttp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
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
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// odd are invalid request-targets that net/http's server accepts.
var odd = []string{
	"https:/secret", "x:/secret", "http:/a://b/secret", "http:/secret", "x:/public/y://h/admin", "http:/public/a://b/admin/delete?all=1", "x://h/public/a", "http:///public/a",
	"http://user@h/public/a", "http://u:p@h/public/a", "ftp://h/public/a", "*", "/public/a#b",
}

// A Digest proof for one resource does not give access to another: a request-target
// that a handler would read as another resource is answered with 400.
func TestProofIsForTheResource(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/secret", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "top secret") })
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "home") })
	addr := start(t, nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{digestScheme(t)}}, Source: source()}, mux.ServeHTTP)
	for _, target := range odd {
		w := dialWire(t, addr)
		proof := digestOf(t, "", w.do("GET", "/"), "GET", "/", "alice", "secret", "", nil)
		w.do("GET", target, proof).want(t, 400, "Bad Request")
		w.wantClosed()
		requirement.Held(t, "unit:one_resource", "TARGET-1")
	}
	for target, want := range map[string]string{"/": "home", "/secret": "top secret", "http://origin.test/secret": "top secret", "HTTP://origin.test/secret": "top secret"} {
		w := dialWire(t, addr)
		uri := target[strings.LastIndex(target, "/"):]
		w.do("GET", target, digestOf(t, "", w.do("GET", "/"), "GET", uri, "alice", "secret", "", nil)).want(t, 200, want)
	}
}

// paths is an upstream that records the requests that arrive.
type paths struct {
	mu   sync.Mutex
	seen []string
}

func (p *paths) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, r.RequestURI)
}

func (p *paths) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen
	p.seen = nil
	return seen
}

// A reverse proxy forwards the target that handlers in front of it saw.
func TestReverseProxyForwardsTargetOfHandlers(t *testing.T) {
	up := &paths{}
	upstream, err := url.Parse("http://" + serve(t, up, nil))
	if err != nil {
		t.Fatal(err)
	}
	p, err := nethttp.NewProxy(nethttp.ProxyConfig{Proxy: machine.ProxyConfig{Reverse: true}, Upstream: upstream})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.CloseIdleConnections)
	gate := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/public/") && !strings.HasPrefix(r.URL.Path, "//public/") {
			http.Error(w, "the gate is shut", http.StatusForbidden)
			return
		}
		p.ServeHTTP(w, r)
	})
	addr := serve(t, gate, p.Install)
	for _, target := range odd {
		r := dialWire(t, addr).do("GET", target)
		if r.StatusCode != 400 && r.StatusCode != 403 {
			t.Errorf("%s: status %d", target, r.StatusCode)
		}
		if seen := up.take(); len(seen) > 0 {
			t.Errorf("%s arrived as %q", target, seen)
		}
		requirement.Held(t, "unit:one_resource", "TARGET-1")
	}
	for target, want := range map[string]string{
		"/public/a%2Fb?c=%zz": "/public/a%2Fb?c=%zz", "http://h/public/x": "/public/x", "//public/x": "//public/x", "/public/x://h/y": "/public/x://h/y", "/public/../x": "/public/../x",
	} {
		dialWire(t, addr).do("GET", target).want(t, 200, "")
		if seen := up.take(); !slices.Equal(seen, []string{want}) {
			t.Errorf("%s arrived as %q, want %q", target, seen, want)
		}
	}

	// If one of them changed it, the changed target is forwarded.
	stripped := serve(t, http.StripPrefix("/public", p), p.Install)
	dialWire(t, stripped).do("GET", "/public/x?y").want(t, 200, "")
	if seen := up.take(); !slices.Equal(seen, []string{"/x?y"}) {
		t.Errorf("without its prefix it arrived as %q", seen)
	}
}

// A forward proxy accepts the absolute form with an authority, and CONNECT the
// authority form. The path that its handlers see and the one that the origin sees are
// the same.
func TestForwardProxyTargets(t *testing.T) {
	up := &paths{}
	origin := serve(t, up, nil)
	proxy := startProxy(t, nethttp.ProxyConfig{Allow: func(string, string, uint16) bool { return true }})
	for _, target := range append([]string{"/public/a", "//" + origin + "/a"}, odd...) {
		dialWire(t, proxy).do("GET", target).want(t, 400, "")
		if seen := up.take(); len(seen) > 0 {
			t.Errorf("%s arrived as %q", target, seen)
		}
	}
	for _, target := range []string{"h", "h:", "h:0", "h:080", ":80", "h:65536", "u@h:80", "/secret"} {
		dialWire(t, proxy).do("CONNECT", target).want(t, 400, "")
	}
	for _, c := range []struct{ method, target, want string }{
		{"GET", "http://" + origin, "/"}, {"GET", "HTTP://" + origin + "?q", "/?q"}, {"GET", "http://" + origin + "//a%2Fb", "//a%2Fb"}, {"GET", "http://" + origin + "/a://b/c", "/a://b/c"},
		{"OPTIONS", "http://" + origin + "/", "/"},
	} {
		dialWire(t, proxy).do(c.method, c.target).want(t, 200, "")
		if seen := up.take(); !slices.Equal(seen, []string{c.want}) {
			t.Errorf("%s %s arrived as %q, want %q", c.method, c.target, seen, c.want)
		}
	}
}

// The scheme is that of the connection: a request that names another one is answered
// with 421.
func TestSchemeIsTheConnections(t *testing.T) {
	c := nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("r", scheme.AskVerdict)}}, Source: users}
	var schemes []string
	c.Observer = schemeNotes(&schemes)
	addr := start(t, c, whoami)
	dialWire(t, addr).do("GET", "https://h/", basic("alice", "secret")).want(t, 421, "Misdirected Request")
	c.AnyScheme = true
	addr = start(t, c, whoami)
	dialWire(t, addr).do("GET", "https://h/", basic("alice", "secret")).want(t, 200, "alice by Basic")
	if !slices.Equal(schemes, []string{"http true"}) {
		t.Errorf("the machine received %q", schemes)
	}
}

// schemeNotes records the schemes of the requests that a machine receives.
func schemeNotes(schemes *[]string) drive.Observer {
	var mu sync.Mutex
	return func(_ uint64, _ gss.Env, e machine.Event, _ machine.Actions) {
		if e, ok := e.(machine.Received); ok {
			mu.Lock()
			defer mu.Unlock()
			*schemes = append(*schemes, e.Request.Scheme+" "+fmt.Sprint(e.Request.Binding.IsNone()))
		}
	}
}

// h2 is an HTTP/2 connection that writes what the test says.
type h2 struct {
	t    *testing.T
	f    *http2.Framer
	next uint32
}

func dialH2(t *testing.T, s *httptest.Server) *h2 {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "example.com", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second)) // only ends a test that hangs
	io.WriteString(c, http2.ClientPreface)
	h := &h2{t: t, f: http2.NewFramer(c, c), next: 1}
	h.f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := h.f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return h
}

// do sends a request and returns the status, "reset" if there is none.
func (h *h2) do(fields ...string) string {
	h.t.Helper()
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, " ")
		enc.WriteField(hpack.HeaderField{Name: name, Value: value})
	}
	id := h.next
	h.next += 2
	if err := h.f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b.Bytes(), EndStream: true, EndHeaders: true}); err != nil {
		h.t.Fatal(err)
	}
	for {
		f, err := h.f.ReadFrame()
		if err != nil {
			h.t.Fatal(err)
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				h.f.WriteSettingsAck()
			}
		case *http2.MetaHeadersFrame:
			if f.StreamID == id {
				return f.PseudoValue("status")
			}
		case *http2.RSTStreamFrame:
			if f.StreamID == id {
				return "reset"
			}
		case *http2.GoAwayFrame:
			h.t.Fatalf("the server sent GOAWAY: %v", f.ErrCode)
		}
	}
}

// Over HTTP/2 the path has the same rules, and :scheme does not override the
// connection's TLS.
func TestHTTP2Targets(t *testing.T) {
	up := &paths{}
	upstream, err := url.Parse("http://" + serve(t, up, nil))
	if err != nil {
		t.Fatal(err)
	}
	p, err := nethttp.NewProxy(nethttp.ProxyConfig{Proxy: machine.ProxyConfig{Reverse: true}, Upstream: upstream})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.CloseIdleConnections)
	var schemes []string
	c := nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("r", scheme.AskVerdict)}}, Source: users, Observer: schemeNotes(&schemes)}
	a, err := nethttp.NewAuthenticator(c)
	if err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]http.Handler{"server": a.Wrap(up), "reverse proxy": p} {
		s := httptest.NewUnstartedServer(h)
		s.EnableHTTP2 = true
		p.Install(s.Config)
		connContext := s.Config.ConnContext
		s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return a.ConnContext(connContext(ctx, c), c) }
		s.StartTLS()
		t.Cleanup(s.Close)
		conn := dialH2(t, s)
		login := "authorization " + strings.TrimPrefix(basic("alice", "secret"), "Authorization: ")
		for _, path := range []string{"x:/public/y://h/admin", "http:/public/a://b/admin", "https:/secret", "http://h/p", "https://example.com/p", "*", "p", "/p#f"} {
			if got := conn.do(":method GET", ":scheme https", ":authority example.com", ":path "+path, login); got != "400" && got != "reset" {
				t.Errorf("%s, :path %s: %s", name, path, got)
			}
			if seen := up.take(); len(seen) > 0 {
				t.Errorf("%s, :path %s arrived as %q", name, path, seen)
			}
			requirement.Held(t, "unit:one_resource", "TARGET-1")
		}
		schemes = nil
		if got := conn.do(":method GET", ":scheme http", ":authority example.com", ":path /p", login); got != "200" {
			t.Errorf("%s, :scheme http over TLS: %s", name, got)
		}
		if name == "server" && !slices.Equal(schemes, []string{"https false"}) {
			t.Errorf("the machine received %q, want https and a binding that is not none", schemes)
		}
		up.take()
		if got := conn.do(":method GET", ":scheme https", ":authority example.com", ":path /p?q", login); got != "200" {
			t.Errorf("%s: %s", name, got)
		}
		if seen := up.take(); !slices.Equal(seen, []string{"/p?q"}) {
			t.Errorf("%s: it arrived as %q", name, seen)
		}
	}
}

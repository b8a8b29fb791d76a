package nethttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/scheme"
)

// An incomplete configuration refuses every request.
func TestMisconfiguredDeniesAll(t *testing.T) {
	good, err := nethttp.NewAuthenticator(toyConfig())
	if err != nil {
		t.Fatal(err)
	}
	ran := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
	var zero nethttp.Authenticator
	var none *nethttp.Authenticator
	for name, h := range map[string]http.Handler{
		"zero Authenticator": zero.Wrap(ran), "nil Authenticator": none.Wrap(ran), "nil handler": good.Wrap(nil),
		"zero Proxy": new(nethttp.Proxy), "nil Proxy": (*nethttp.Proxy)(nil),
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != 500 {
			t.Errorf("%s: status %d, want 500", name, w.Code)
		}
	}
	// Only connection-bound schemes, and no connection.
	w := httptest.NewRecorder()
	good.Wrap(ran).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 500 {
		t.Errorf("nothing to offer: status %d, want 500", w.Code)
	}
	if _, err := nethttp.NewAuthenticator(nethttp.ServerConfig{}); err == nil {
		t.Error("an Authenticator without schemes was made")
	}
	if _, ok := nethttp.IdentityFrom(t.Context()); ok {
		t.Error("an identity without an Authenticator")
	}
}

// The body that comes with a leg is read, so that the next leg can use the same
// connection.
func TestBodyBeforeContinuationIsDrained(t *testing.T) {
	conf := toyConfig()
	conf.MaxDrain = 1 << 20
	addr := start(t, conf, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	for _, size := range []int{64 << 10, 600 << 10} {
		body := strings.Repeat("b", size)
		c := dialWire(t, addr)
		c.exchange("POST", "/", body, first("alice")).want(t, 401, "")
		c.exchange("POST", "/", body, second("alice")).want(t, 200, fmt.Sprint(size))
	}
	// A client that waits for 100 (Continue) gets it.
	c := dialWire(t, addr)
	fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\n%s\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", first("alice"))
	if res, err := http.ReadResponse(c.r, nil); err != nil || res.StatusCode != 100 {
		t.Fatalf("expected 100 (Continue): %v %v", res, err)
	}
	io.WriteString(c, "12345")
	c.read("POST").want(t, 401, "")
	c.exchange("POST", "/", "12345", second("alice")).want(t, 200, "5")
	// Beyond the bound the connection is closed, and the handshake fails.
	conf.MaxDrain = 1000
	c = dialWire(t, start(t, conf, whoami))
	r := c.exchange("POST", "/", strings.Repeat("b", 300<<10), first("alice"))
	r.want(t, 401, "")
	if !r.Close {
		t.Error("a connection with an unread body stayed open")
	}
}

// The machine's fields are added before the handler's header is sent, by whatever
// method, and cannot be forged.
func TestHandlersHeader(t *testing.T) {
	conf := toyConfig()
	final := toy
	final.Final, final.Mutual = true, true
	conf.Auth.Schemes = []scheme.Server{toyServer(final)}
	for name, h := range map[string]http.HandlerFunc{
		"implicit": func(http.ResponseWriter, *http.Request) {},
		"Write":    func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x") },
		"Flush":    func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"ReadFrom": func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, strings.NewReader("x")) },
		"status":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) },
		"twice": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			w.Header().Set("Persistent-Auth", "x")
		},
		"hints": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(200) },
		"forged": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Persistent-Auth", "false")
			w.Header().Set("Authentication-Info", `rspauth="0"`)
			w.Header().Set("WWW-Authenticate", "NTLM eA==")
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := dialWire(t, start(t, conf, h))
			c.do("GET", "/", first("alice")).want(t, 401, "")
			r := c.do("GET", "/", second("alice"))
			for r.StatusCode < 200 {
				r = c.read("GET")
			}
			if got := r.Header.Values("Persistent-Auth"); len(got) != 1 || got[0] != "true" {
				t.Errorf("Persistent-Auth %q, want true", got)
			}
			if got := r.Header.Values("WWW-Authenticate"); len(got) != 1 || got[0] != "NTLM dG95OmY6dT1hbGljZTpwPXNlY3JldA==" {
				t.Errorf("final token %q", got)
			}
			if got := r.Header.Values("Authentication-Info"); got != nil {
				t.Errorf("Authentication-Info %q, want none", got)
			}
			r = c.do("GET", "/")
			for r.StatusCode < 200 {
				r = c.read("GET")
			}
			for _, field := range []string{"Persistent-Auth", "Authentication-Info", "WWW-Authenticate"} {
				if got := r.Header.Values(field); got != nil {
					t.Errorf("%s %q where there is nothing to say", field, got)
				}
			}
		})
	}
}

// A handler that hijacks the connection also receives the machine's fields.
func TestHijack(t *testing.T) {
	addr := start(t, toyConfig(), func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nPersistent-Auth: %s\r\n\r\n", w.Header().Get("Persistent-Auth"))
		rw.Flush()
		io.Copy(conn, rw)
	})
	c := dialWire(t, addr)
	c.do("GET", "/", first("alice")).want(t, 401, "")
	if r := c.do("GET", "/", second("alice")); r.StatusCode != 101 || r.Header.Get("Persistent-Auth") != "true" {
		t.Fatalf("status %d, Persistent-Auth %q", r.StatusCode, r.Header.Get("Persistent-Auth"))
	}
	io.WriteString(c, "echo\n")
	if line, err := c.r.ReadString('\n'); line != "echo\n" {
		t.Errorf("echo %q, %v", line, err)
	}
}

// After a panic the machine's state is unknown: if the connection survives it starts
// afresh.
func TestPanicDropsIdentity(t *testing.T) {
	a, err := nethttp.NewAuthenticator(toyConfig())
	if err != nil {
		t.Fatal(err)
	}
	inner := a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("handler")
		}
		whoami(w, r)
	}))
	addr := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				w.WriteHeader(500)
			}
		}()
		inner.ServeHTTP(w, r)
	}), func(s *http.Server) { s.ConnContext = a.ConnContext })
	c := dialWire(t, addr)
	login(c, "alice")
	c.do("GET", "/").want(t, 200, "alice")
	c.do("GET", "/panic").want(t, 500, "")
	c.do("GET", "/").want(t, 401, "")
	login(c, "alice")
}

// A nested Wrap authenticates once.
func TestNestedWrap(t *testing.T) {
	a, err := nethttp.NewAuthenticator(toyConfig())
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, a.Wrap(a.Wrap(http.HandlerFunc(whoami))), func(s *http.Server) { s.ConnContext = a.ConnContext })
	login(dialWire(t, addr), "alice")
}

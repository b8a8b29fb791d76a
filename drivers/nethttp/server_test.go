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
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// The legs of one handshake count on one connection only. The handler runs after the
// last one only (V7).
func TestHandshakeStaysOnItsConnection(t *testing.T) {
	var ran atomic.Int32
	addr := start(t, toyConfig(), func(w http.ResponseWriter, r *http.Request) { ran.Add(1); whoami(w, r) })
	c1, c2 := dialWire(t, addr), dialWire(t, addr)

	r := c1.do("GET", "/")
	r.want(t, 401, "Unauthorized")
	if got := r.Header.Values("WWW-Authenticate"); len(got) != 1 || got[0] != "NTLM" {
		t.Errorf("first challenge: %q, want one bare NTLM", got)
	}
	r = c1.do("GET", "/", first("alice"))
	r.want(t, 401, "Unauthorized")
	if got := r.Header.Get("WWW-Authenticate"); got != "NTLM dG95OmMx" { // toy:c1
		t.Errorf("second challenge: %q", got)
	}
	c2.do("GET", "/", second("alice")).want(t, 401, "Unauthorized")
	if ran.Load() != 0 {
		t.Fatal("the handler ran before the client had authenticated")
	}
	c1.do("GET", "/", second("alice")).want(t, 200, "alice by NTLM")
	if ran.Load() != 1 {
		t.Errorf("the handler ran %d times, want once", ran.Load())
	}
	c2.do("GET", "/").want(t, 401, "Unauthorized")
}

func login(c *wire, user string, lines ...string) reply {
	c.t.Helper()
	c.do("GET", "/", append(lines, first(user))...).want(c.t, 401, "")
	r := c.do("GET", "/", append(lines, second(user))...)
	r.want(c.t, 200, user+" by NTLM")
	return r
}

func TestIdentityPersists(t *testing.T) {
	addr := start(t, toyConfig(), whoami)
	c := dialWire(t, addr)
	if r := login(c, "alice"); r.Header.Get("Persistent-Auth") != "true" {
		t.Errorf("Persistent-Auth: %q, want true", r.Header.Get("Persistent-Auth"))
	}
	for range 3 {
		r := c.do("GET", "/")
		r.want(t, 200, "alice by NTLM")
		if _, ok := r.Header["Persistent-Auth"]; ok {
			t.Error("Persistent-Auth on a response that ended no handshake")
		}
	}
	dialWire(t, addr).do("GET", "/").want(t, 401, "")
}

// A first message on an authenticated connection drops the identity first (HTA-21).
func TestRestartDropsIdentity(t *testing.T) {
	addr := start(t, toyConfig(), whoami)
	c := dialWire(t, addr)
	login(c, "alice")
	c.do("GET", "/", first("alice")).want(t, 401, "")
	c.do("GET", "/").want(t, 401, "")
	c.do("GET", "/").want(t, 401, "")
	login(c, "alice")
	c.do("GET", "/", first("bob")).want(t, 401, "")
	r := c.do("GET", "/", second("bob")) // another identity: the connection closes
	r.want(t, 401, "")
	if !r.Close {
		t.Error("another identity did not close the connection")
	}
	c.wantClosed()
}

// A request from an intermediary leaves no identity on the connection (HTA-18).
func TestIntermediaryIsNotKept(t *testing.T) {
	for _, mark := range []string{"Via: 1.1 p", "X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1", "X-Real-IP: 10.0.0.1"} {
		t.Run(mark, func(t *testing.T) {
			addr := start(t, toyConfig(), whoami)
			c := dialWire(t, addr)
			if r := login(c, "alice", mark); r.Header.Get("Persistent-Auth") != "false" {
				t.Errorf("Persistent-Auth: %q, want false", r.Header.Get("Persistent-Auth"))
			}
			c.do("GET", "/", mark).want(t, 401, "")
			c = dialWire(t, addr)
			login(c, "alice")
			c.do("GET", "/", mark).want(t, 401, "")
			c.do("GET", "/").want(t, 401, "")
		})
	}
	conf := toyConfig()
	conf.Auth.PinnedFront = true
	c := dialWire(t, start(t, conf, whoami))
	login(c, "alice", "Via: 1.1 p")
	c.do("GET", "/", "Via: 1.1 p").want(t, 200, "alice by NTLM")

	conf = toyConfig()
	conf.SharedFront = func(r *http.Request) bool { return r.Header.Get("Front") != "" }
	c = dialWire(t, start(t, conf, whoami))
	login(c, "alice", "Front: 1")
	c.do("GET", "/").want(t, 401, "")
}

// Without ConnContext no scheme can be bound to a connection.
func TestWithoutConnContext(t *testing.T) {
	conf := toyConfig()
	conf.Auth.Schemes = append(conf.Auth.Schemes, scheme.BasicServer("test", scheme.AskVerifier))
	conf.Source = users
	a, err := nethttp.NewAuthenticator(conf)
	if err != nil {
		t.Fatal(err)
	}
	c := dialWire(t, serve(t, a.Wrap(http.HandlerFunc(whoami)), nil))
	r := c.do("GET", "/")
	r.want(t, 401, "")
	if got := r.Header.Values("WWW-Authenticate"); len(got) != 1 || !strings.HasPrefix(got[0], "Basic ") {
		t.Errorf("offered %q, want Basic alone", got)
	}
	c.do("GET", "/", first("alice")).want(t, 401, "")
	c.do("GET", "/", second("alice")).want(t, 401, "")
	c.do("GET", "/", basic("alice", "secret")).want(t, 200, "alice by Basic")
	c.do("GET", "/").want(t, 401, "")

	// Negotiate may complete in one leg, and is offered; a second leg is not possible.
	for legs, want := range map[uint8]int{1: 200, 2: 401} {
		traits, _ := scheme.TraitsOf(scheme.Negotiate)
		many := toy
		many.Legs = legs
		a, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{scheme.ForMechanism(traits, many)}}})
		if err != nil {
			t.Fatal(err)
		}
		c := dialWire(t, serve(t, a.Wrap(http.HandlerFunc(whoami)), nil))
		token := "toy:i1:u=alice"
		if legs == 1 {
			token += ":p=secret"
		}
		r := c.do("GET", "/", strings.Replace(toyLeg("Authorization", token), "NTLM", "Negotiate", 1))
		if r.StatusCode != want || want == 401 && r.Header.Get("WWW-Authenticate") != "Negotiate" {
			t.Errorf("%d legs: status %d, challenge %q; want %d, no token", legs, r.StatusCode, r.Header.Get("WWW-Authenticate"), want)
		}
		c.do("GET", "/").want(t, 401, "")
	}
}

// HTTP/2 streams share a connection and nothing else (HTA-4).
func TestHTTP2(t *testing.T) {
	conf := toyConfig()
	conf.Auth.Schemes = append(conf.Auth.Schemes, scheme.BasicServer("test", scheme.AskVerifier))
	conf.Source = users
	a, err := nethttp.NewAuthenticator(conf)
	if err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	both.Add(2)
	s := httptest.NewUnstartedServer(a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/both" {
			both.Done()
			both.Wait()
		}
		whoami(w, r)
	})))
	s.Config.ConnContext = a.ConnContext
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	get := func(line string) *http.Response {
		req, _ := http.NewRequest("GET", s.URL, nil)
		if k, v, ok := strings.Cut(line, ": "); ok {
			req.Header.Set(k, v)
		}
		res, err := s.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.ProtoMajor != 2 {
			t.Fatalf("HTTP/%d, want 2", res.ProtoMajor)
		}
		return res
	}
	if got := get("").Header.Values("WWW-Authenticate"); len(got) != 2 || got[0] != "NTLM" {
		t.Errorf("offered %q, want NTLM, for clients that retry over HTTP/1.1, and Basic", got)
	}
	for _, step := range []struct {
		line string
		want int
	}{{first("alice"), 401}, {second("alice"), 401}, {basic("alice", "secret"), 200}, {"", 401}} {
		if got := get(step.line).StatusCode; got != step.want {
			t.Errorf("%.25s: status %d, want %d", step.line, got, step.want)
		}
	}
	// They run concurrently: the handler waits for the other stream.
	var streams sync.WaitGroup
	for range 2 {
		streams.Go(func() {
			req, _ := http.NewRequest("GET", s.URL+"/both", nil)
			req.SetBasicAuth("alice", "secret")
			if res, err := s.Client().Do(req); err != nil || res.StatusCode != 200 {
				t.Errorf("two streams at once: %v %v", res, err)
			}
		})
	}
	streams.Wait()
}

// With Optional a handler decides, and its 401 becomes a challenge.
func TestOptional(t *testing.T) {
	conf := toyConfig()
	conf.Auth.Optional = true
	addr := start(t, conf, func(w http.ResponseWriter, r *http.Request) {
		if id, ok := nethttp.IdentityFrom(r.Context()); !ok && r.URL.Path == "/private" {
			if !id.Anonymous {
				t.Error("neither authenticated nor anonymous")
			}
			w.Header().Add("WWW-Authenticate", "NTLM Zm9yZ2Vk")
			w.Header().Add("WWW-Authenticate", `Bearer realm="api"`)
			w.WriteHeader(401)
			return
		}
		whoami(w, r)
	})
	c := dialWire(t, addr)
	c.do("GET", "/").want(t, 200, "no identity")
	r := c.do("GET", "/private")
	r.want(t, 401, "")
	if got := strings.Join(r.Header.Values("WWW-Authenticate"), "; "); got != `Bearer realm="api"; NTLM` {
		t.Errorf("challenges %q, want the handler's Bearer and our NTLM, and nothing forged", got)
	}
	login(c, "alice")
	c.do("GET", "/private").want(t, 200, "alice by NTLM")
	c.do("GET", "/", "Authorization: Unknown x").want(t, 401, "")
}

func TestBasic(t *testing.T) {
	addr := start(t, nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("test", scheme.AskVerifier)}},
		Source: users,
	}, whoami)
	c := dialWire(t, addr)
	c.do("GET", "/", basic("alice", "secret")).want(t, 200, "alice by Basic")
	c.do("GET", "/", strings.Replace(basic("alice", "secret"), "Basic", "bAsIc", 1)).want(t, 200, "alice by Basic") // V5
	for _, line := range []string{basic("alice", "wrong"), basic("alice", ""), basic("carol", ""), basic("", ""), "Authorization: Basic", "Authorization: Basic !"} {
		r := c.do("GET", "/", line)
		r.want(t, 401, "Unauthorized\n")
		if len(r.body) > 20 {
			t.Errorf("the refusal contains more than its status: %q", r.body)
		}
	}
	c.do("GET", "/").want(t, 401, "")
	c.do("GET", "/", basic("alice", "secret"), basic("bob", "hunter2")).want(t, 401, "")
}

// A nil source answers nothing and allows nothing.
func TestNoSource(t *testing.T) {
	addr := start(t, nethttp.ServerConfig{
		Auth: machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("test", scheme.AskVerifier), digestScheme(t)}},
	}, whoami)
	c := dialWire(t, addr)
	c.do("GET", "/", basic("alice", "secret")).want(t, 401, "")
	r := c.do("GET", "/")
	c.do("GET", "/", digestOf(t, "", r, "GET", "/", "alice", "secret", "", nil)).want(t, 401, "")
}

func digestConfig(t *testing.T, qops ...digest.QOP) nethttp.ServerConfig {
	return nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{digestScheme(t, qops...)}},
		Source: source(),
	}
}

func TestDigest(t *testing.T) {
	addr := start(t, digestConfig(t), whoami)
	c := dialWire(t, addr)
	const uri = "/a/b%20c?x=1&y=%2f"
	line := digestOf(t, "", c.do("GET", uri), "GET", uri, "alice", "secret", "", nil)
	r := c.do("GET", uri, line)
	r.want(t, 200, "alice by Digest")
	if info := header.ParseInfo(r.Header.Values("Authentication-Info")...); !info.Present() || info.Malformed() {
		t.Error("no Authentication-Info with the server's proof")
	} else if _, ok := info.Param("rspauth"); !ok {
		t.Error("Authentication-Info without rspauth")
	}
	if r := c.do("GET", uri, line); r.StatusCode != 401 {
		t.Errorf("the same count again: %d, want 401", r.StatusCode)
	}
	line = digestOf(t, "", c.do("GET", uri), "GET", uri, "alice", "secret", "", nil)
	c.do("POST", uri, line).want(t, 401, "") // another method

	// The absolute form is the same resource (C29).
	line = digestOf(t, "", c.do("GET", "/p"), "GET", "/p", "alice", "secret", "", nil)
	c.do("GET", "http://origin.test/p", line).want(t, 200, "alice by Digest")
}

// V1: malformed credentials are refused.
func TestBrokenCredentials(t *testing.T) {
	addr := start(t, digestConfig(t), whoami)
	c := dialWire(t, addr)
	for _, v := range []string{`Digest username="`, `Digest`, `Digest ,,,`, `Digest =`, ``, `,`, `Digest a=1, a=2`, "Digest \xff", `Digest nonce`, `Digest ` + strings.Repeat(`x=y,`, 5000)} {
		if r := c.do("GET", "/", "Authorization: "+v); r.StatusCode != 401 && r.StatusCode != 400 {
			t.Errorf("%.30q: status %d, want 401 or 400", v, r.StatusCode)
		}
	}
}

// V2: an empty HA1 never matches, whatever the user name.
func TestEmptyHashOpensNothing(t *testing.T) {
	addr := start(t, digestConfig(t), whoami)
	c := dialWire(t, addr)
	for _, user := range []string{"carol", "", "alice"} {
		r := c.do("GET", "/")
		c.do("GET", "/", digestOf(t, "", r, "GET", "/", user, "", "", nil)).want(t, 401, "")
	}
}

// V3: the uri is the request's, whole.
func TestOtherURIIsRefused(t *testing.T) {
	addr := start(t, digestConfig(t), whoami)
	c := dialWire(t, addr)
	const uri = "/secret/file?id=7"
	for _, other := range []string{"", "/", "/secret", "/secret/file", "/secret/", "/secret/file?id=70", "/SECRET/file?id=7", "//secret/file?id=7", "http://other.test" + uri, "https://origin.test" + uri} {
		r := c.do("GET", uri)
		line := digestOf(t, "", r, "GET", uri, "alice", "secret", "", func(p *digest.Params) { p.URI = other })
		if got := c.do("GET", uri, line); got.StatusCode != 401 && got.StatusCode != 400 {
			t.Errorf("uri=%q for %s: status %d", other, uri, got.StatusCode)
		}
	}
	line := digestOf(t, "", c.do("GET", uri), "GET", uri, "alice", "secret", "", nil)
	c.do("GET", uri, line).want(t, 200, "alice")
}

// With auth-int both bodies are covered by a proof: the handler reads the request's,
// the client verifies the response's.
func TestAuthInt(t *testing.T) {
	conf := digestConfig(t, digest.AuthInt)
	conf.MaxBody = 1000
	var last lastResult
	conf.Log = last.log
	addr := start(t, conf, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path == "/stream" {
			io.WriteString(w, "part ")
			http.NewResponseController(w).Flush()
		}
		if r.URL.Path == "/large" {
			io.WriteString(w, strings.Repeat("x", 2000))
		}
		w.Write(body)
	})
	c := dialWire(t, addr)
	post := func(uri, signed, sent string) reply {
		t.Helper()
		line := digestOf(t, "", c.exchange("POST", uri, sent), "POST", uri, "alice", "secret", signed, nil)
		return c.exchange("POST", uri, sent, line)
	}
	rspauth := func(r reply) bool {
		_, ok := header.ParseInfo(r.Header.Values("Authentication-Info")...).Param("rspauth")
		return ok
	}
	r := post("/", "hello", "hello")
	r.want(t, 200, "hello")
	if !rspauth(r) {
		t.Error("no rspauth on a response that was held back")
	}
	if result := last.get(); result.Status != 200 || result.Identity.Info.Peer != "alice" {
		t.Errorf("logged %+v", result)
	}
	post("/", "hello", "jello").want(t, 401, "")
	long := strings.Repeat("y", 1001)
	post("/", long, long).want(t, 401, "")
	if got := last.get().Fault.Code; got != gss.Unanswered {
		t.Errorf("a body beyond MaxBody: %v, want %v", got, gss.Unanswered)
	}
	for _, uri := range []string{"/stream", "/large"} { // no proof after the header was sent
		r := post(uri, "hello", "hello")
		if r.StatusCode != 200 || !strings.HasSuffix(r.body, "hello") || rspauth(r) {
			t.Errorf("%s: status %d, %d bytes, rspauth %t; want 200, all of it, none", uri, r.StatusCode, len(r.body), rspauth(r))
		}
	}
	line := digestOf(t, "", c.do("HEAD", "/"), "HEAD", "/", "alice", "secret", "", nil)
	if r := c.do("HEAD", "/", line); r.StatusCode != 200 || !rspauth(r) {
		t.Errorf("HEAD: status %d, rspauth %t", r.StatusCode, rspauth(r))
	}
}

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

// The binding is that of the certificate, none without TLS, and unavailable if the
// certificate is unknown (HTA-19).
func TestChannelBinding(t *testing.T) {
	ask := func(certificate drive.Certificates, ours func(der string) gss.Binding) (int, bool) {
		conf := toyConfig()
		conf.Certificate = certificate
		a, err := nethttp.NewAuthenticator(conf)
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(a.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, _ := nethttp.IdentityFrom(r.Context())
			fmt.Fprint(w, id.Info.Flags.Has(gss.ChannelBound))
		})))
		s.Config.ConnContext = a.ConnContext
		s.StartTLS()
		defer s.Close()
		raw, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		c := &wire{t, raw, bufio.NewReader(raw)}
		c.do("GET", "/", first("alice")).want(t, 401, "")
		r := c.do("GET", "/", toyLeg("Authorization", lastToken(t, "alice", ours(string(s.Certificate().Raw)))))
		return r.StatusCode, r.body == "true"
	}
	served := httptest.NewTLSServer(nil)
	defer served.Close()
	right := nethttp.Served(served.TLS.Certificates...)
	none := func(string) gss.Binding { return gss.NoBinding() }
	other := func(string) gss.Binding { return gss.BindingOf("tls-server-end-point:other") }
	for _, test := range []struct {
		name        string
		certificate drive.Certificates
		ours        func(string) gss.Binding
		status      int
		bound       bool
	}{
		{"the right one", right, gss.EndPoint, 200, true},
		{"another one", right, other, 401, false},
		{"none, over TLS", right, none, 401, false},
		{"not known to the server", drive.Certificates{}, other, 200, false},
	} {
		status, bound := ask(test.certificate, test.ours)
		if status != test.status || bound != test.bound {
			t.Errorf("%s: status %d, bound %t; want %d, %t", test.name, status, bound, test.status, test.bound)
		}
		requirement.Held(t, "unit:http_binding_type")
	}
}

// lastToken returns the last token of a real initiator of the toy for the given
// channel.
func lastToken(t *testing.T, user string, b gss.Binding) string {
	t.Helper()
	initiator := toy
	initiator.Identity = user
	ctx, _, err := initiator.Initiate(gss.Target{Service: "HTTP", Host: "origin.test", Binding: b}).Step(gss.Env{Now: 1}, gss.Input{})
	if err != nil {
		t.Fatal(err)
	}
	_, out, err := ctx.Step(gss.Env{Now: 1}, gss.Input{Token: gss.TokenOf("toy:c1")})
	if err != nil || !out.Token.Present() {
		t.Fatal(err, out.Fault)
	}
	return out.Token.Bytes()
}

// The log contains the reason, and the observer sees the steps.
func TestLogAndObserver(t *testing.T) {
	var mu sync.Mutex
	var results []nethttp.Result
	var events []string
	conf := toyConfig()
	conf.Log = func(_ *http.Request, r nethttp.Result) {
		mu.Lock()
		defer mu.Unlock()
		results = append(results, r)
	}
	conf.Observer = func(conn uint64, env gss.Env, e machine.Event, acts machine.Actions) {
		mu.Lock()
		defer mu.Unlock()
		if conn == 0 || env.Now == 0 || env.Seed.IsZero() {
			t.Error("a step without connection, time or entropy")
		}
		events = append(events, fmt.Sprintf("%T", e))
	}
	c := dialWire(t, start(t, conf, whoami))
	c.do("GET", "/").want(t, 401, "")
	login(c, "alice")
	c.Close()
	mu.Lock()
	defer mu.Unlock()
	want := []struct {
		status int
		code   gss.Code
		peer   string
	}{{401, gss.NoCredentials, ""}, {401, gss.NoFault, ""}, {200, gss.NoFault, "alice"}}
	if len(results) != len(want) {
		t.Fatalf("%d results, want %d", len(results), len(want))
	}
	for i, w := range want {
		if r := results[i]; r.Status != w.status || r.Fault.Code != w.code || r.Identity.Info.Peer != w.peer {
			t.Errorf("result %d: %+v, want %+v", i, r, w)
		}
	}
	if got := strings.Join(events, " "); got != "machine.Received machine.Received machine.Received machine.Responding" {
		t.Errorf("observed %s", got)
	}
}

// Many clients, each with its own name, come and go at random: no client is ever taken
// for another.
func TestIdentityNeverCrosses(t *testing.T) {
	addr := start(t, toyConfig(), whoami)
	var clients sync.WaitGroup
	for n := range 16 {
		clients.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(n), 7))
			user := fmt.Sprintf("user%d", n)
			roam(t, rnd, user, func() (net.Conn, error) { return net.Dial("tcp", addr) }, "/")
		})
	}
	clients.Wait()
}

// roam sends 200 requests, with and without legs, over connections that it closes at
// random, also before the response. Each response must be a refusal or be for user.
func roam(t *testing.T, rnd *rand.Rand, user string, dial func() (net.Conn, error), target string) {
	var conn net.Conn
	var in *bufio.Reader
	passed := 0
	for range 200 {
		if conn == nil {
			c, err := dial()
			if err != nil {
				t.Error(err)
				return
			}
			conn, in = c, bufio.NewReader(c)
		}
		line := [...]string{"X: y", first(user), second(user), second(user)}[rnd.IntN(4)]
		_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: origin.test\r\n%s\r\n\r\n", target, line)
		if err == nil && rnd.IntN(10) > 0 {
			var res *http.Response
			if res, err = http.ReadResponse(in, nil); err == nil {
				body, _ := io.ReadAll(res.Body)
				switch {
				case res.StatusCode == 200 && string(body) == user+" by NTLM":
					passed++
				case res.StatusCode == 200:
					t.Errorf("%s got the response for %q", user, body)
				case res.StatusCode == 407 || res.StatusCode != 401 && res.StatusCode < 500:
					t.Errorf("%s: status %d", user, res.StatusCode)
				}
				if !res.Close {
					continue
				}
			}
		}
		conn.Close()
		conn = nil
	}
	if conn != nil {
		conn.Close()
	}
	if passed == 0 {
		t.Errorf("%s never authenticated", user)
	}
}

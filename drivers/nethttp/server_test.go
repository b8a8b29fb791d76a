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

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
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
		many := toy
		many.Legs = legs
		a, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{scheme.NegotiateServer(many)}}})
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
	right := drive.CertificatesOf(served.TLS.Certificates...)
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
	var results []drive.Result
	var events []string
	conf := toyConfig()
	conf.Log = func(_ *http.Request, r drive.Result) {
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

// Each route has a policy of its own behind one Authenticator: Require makes 401 of a request
// without a named identity, which becomes a challenge, and 403 of one that is not allowed. An
// identity that something else put into the context counts as well.
func TestRequire(t *testing.T) {
	mux := http.NewServeMux()
	page := http.HandlerFunc(whoami)
	mux.Handle("/public", page)
	mux.Handle("/private", nethttp.Require(nil)(page))
	mux.Handle("/alice", nethttp.Require(func(id drive.Identity) bool { return id.Name() == "alice" })(page))
	conf := nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("test", scheme.AskVerifier)}, Optional: true},
		Source: users,
	}
	addr := start(t, conf, mux.ServeHTTP)
	for _, row := range []struct {
		path, user, password string
		status               int
	}{
		{"/public", "", "", 200}, {"/public", "bob", "hunter2", 200},
		{"/private", "", "", 401}, {"/private", "bob", "hunter2", 200}, {"/private", "bob", "wrong", 401},
		{"/alice", "", "", 401}, {"/alice", "bob", "hunter2", 403}, {"/alice", "alice", "secret", 200},
	} {
		var lines []string
		if row.user != "" {
			lines = append(lines, basic(row.user, row.password))
		}
		r := dialWire(t, addr).do("GET", row.path, lines...)
		if challenged := r.Header.Get("WWW-Authenticate") != ""; r.StatusCode != row.status || challenged != (row.status == 401) {
			t.Errorf("%s as %q: status %d, want %d; challenged %t", row.path, row.user, r.StatusCode, row.status, challenged)
		}
	}

	session := drive.Identity{Scheme: "session", Info: gss.Info{Peer: "alice"}}
	r := httptest.NewRequest("GET", "/alice", nil)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r.WithContext(nethttp.ContextWithIdentity(r.Context(), session)))
	if got, ok := nethttp.IdentityFrom(nethttp.ContextWithIdentity(r.Context(), session)); w.Code != 200 || !ok || got != session {
		t.Errorf("an identity that a session put into the context: status %d, identity %v", w.Code, got)
	}
}

package fasthttp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// host is a fasthttp server with an Authenticator.
type host struct {
	url  string
	auth *fasthttp.Authenticator
	mu   sync.Mutex
	log  []string // results of requests
}

// newHost starts a server. tune may change it first.
func newHost(t testing.TB, tune func(*fasthttp.ServerConfig, *fast.Server), secure bool, schemes ...scheme.Server) *host {
	t.Helper()
	h := new(host)
	conf := fasthttp.ServerConfig{Auth: machine.ServerConfig{Schemes: schemes}, Source: users, Log: func(ctx *fast.RequestCtx, res drive.Result) {
		h.mu.Lock()
		defer h.mu.Unlock()
		line := fmt.Sprint(res.Status)
		if id := res.Identity; id.Info.Peer != "" {
			line += " " + id.Info.Peer + " by " + id.Scheme
		}
		if res.Err != nil {
			line += " (" + res.Err.Error() + ")"
		}
		h.log = append(h.log, line)
	}}
	server := &fast.Server{CloseOnShutdown: true, Logger: quiet{}, MaxIdleWorkerDuration: 50 * time.Millisecond}
	if tune != nil {
		tune(&conf, server)
	}
	auth, err := fasthttp.NewAuthenticator(conf)
	if err != nil {
		t.Fatal(err)
	}
	if server.Handler == nil {
		server.Handler = func(ctx *fast.RequestCtx) {
			id, _ := fasthttp.IdentityFrom(ctx)
			n := len(ctx.Request.Body())
			if s := ctx.RequestBodyStream(); s != nil {
				read, _ := io.Copy(io.Discard, s)
				n = int(read)
			}
			fmt.Fprintf(ctx, "%s %d", id.Info.Peer, n)
		}
	}
	server.Handler = auth.Wrap(server.Handler)
	auth.Install(server)
	h.auth = auth
	h.url = start(t, server, secure)
	return h
}

// start serves until the test ends.
func start(t testing.TB, server *fast.Server, secure bool) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url = "http://" + l.Addr().String()
	if secure {
		cert, _ := certificate()
		url, l = "https://"+l.Addr().String(), tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}})
	}
	var served sync.WaitGroup
	served.Go(func() { server.Serve(l) })
	t.Cleanup(func() {
		server.Shutdown()
		served.Wait()
	})
	return url
}

func (h *host) wantLog(t testing.TB, lines ...string) {
	t.Helper()
	eventually(t, "the log's end", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.log) >= len(lines)
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if got, want := strings.Join(h.log, "; "), strings.Join(lines, "; "); got != want {
		t.Errorf("the log says\n %s\nwant\n %s", got, want)
	}
}

// line is a bare connection.
type line struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func dialLine(t testing.TB, url string) *line {
	t.Helper()
	c, err := net.Dial("tcp", url[strings.Index(url, "//")+2:])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &line{t, c, bufio.NewReader(c)}
}

// do sends a request, "METHOD target", with fields, and reads the response.
func (l *line) do(start string, fields ...string) (*http.Response, string) {
	l.t.Helper()
	if _, err := fmt.Fprintf(l, "%s HTTP/1.1\r\nHost: h\r\n%s\r\n", start, strings.Join(append(fields, ""), "\r\n")); err != nil {
		l.t.Fatal(err)
	}
	res, err := http.ReadResponse(l.r, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return res, string(body)
}

// newClient returns net/http's client with nethttp's Transport.
func newClient(t testing.TB, client scheme.Client) *http.Client {
	t.Helper()
	_, config := certificate()
	tr, err := nethttp.NewTransport(nethttp.ClientConfig{Machine: machine.ClientConfig{Schemes: []scheme.Client{client}}, Source: alice,
		Base: &http.Transport{TLSClientConfig: config}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// post posts n bytes and returns the response.
func post(t testing.TB, c *http.Client, url string, n int) (*http.Response, string) {
	t.Helper()
	res, err := c.Post(url, "text/plain", strings.NewReader(strings.Repeat("x", n)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// The zero Authenticator, and one without a handler, refuse every request.
func TestAuthenticatorZero(t *testing.T) {
	server, _ := digests(t)
	alive, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{server}}})
	if err != nil {
		t.Fatal(err)
	}
	open := func(*fast.RequestCtx) { t.Error("the handler ran") }
	for name, h := range map[string]fast.RequestHandler{
		"zero": new(fasthttp.Authenticator).Wrap(open), "nil": (*fasthttp.Authenticator)(nil).Wrap(open), "no handler": alive.Wrap(nil),
	} {
		var ctx fast.RequestCtx
		if h(&ctx); ctx.Response.StatusCode() != 500 {
			t.Errorf("%s: status %d", name, ctx.Response.StatusCode())
		}
	}
	if _, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{}); err == nil {
		t.Error("no schemes: accepted")
	}
}

// Without Install requests are not associated with connections: connection-bound
// schemes are refused, others work.
func TestAuthenticatorNotInstalled(t *testing.T) {
	two, _ := toys()
	auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{two, scheme.BasicServer("r", scheme.AskVerifier)}}, Source: users})
	if err != nil {
		t.Fatal(err)
	}
	url := start(t, &fast.Server{CloseOnShutdown: true, Logger: quiet{}, MaxIdleWorkerDuration: 50 * time.Millisecond, Handler: auth.Wrap(func(ctx *fast.RequestCtx) {
		id, _ := fasthttp.IdentityFrom(ctx)
		fmt.Fprint(ctx, id.Info.Peer)
	})}, false)
	l := dialLine(t, url)
	if res, body := l.do("GET /", "Authorization: Basic YWxpY2U6d29uZGVy"); res.StatusCode != 200 || body != "alice" {
		t.Errorf("status %d, %q", res.StatusCode, body)
	}
	if res, _ := l.do("GET /"); res.StatusCode != 401 || len(res.Header.Values("Www-Authenticate")) != 1 {
		t.Errorf("status %d, %v", res.StatusCode, res.Header)
	}
	if res, _ := l.do("GET /", "Authorization: NTLM "+base64.StdEncoding.EncodeToString([]byte("toy/NTLM:i1:u=alice"))); res.StatusCode != 401 || strings.Contains(fmt.Sprint(res.Header), "NTLM ") {
		t.Errorf("status %d, %v", res.StatusCode, res.Header)
	}
}

// An identity remains with its connection, but not if the connection carries requests
// of many clients; the connection's state ends with it.
func TestAuthenticatorConnections(t *testing.T) {
	two, client := toys()
	h := newHost(t, func(c *fasthttp.ServerConfig, _ *fast.Server) {
		c.SharedFront = func(ctx *fast.RequestCtx) bool { return ctx.Request.Header.Peek("X-Front") != nil }
	}, false, two)
	c := newClient(t, client)
	for range 2 {
		if _, body := post(t, c, h.url, 5); body != "alice 5" {
			t.Errorf("%q", body)
		}
	}
	h.wantLog(t, "401", "401", "200 alice by NTLM", "200 alice by NTLM")
	for range 20 {
		dialLine(t, h.url).do("GET /")
	}
	if n := h.auth.Guests(); n != 21 {
		t.Errorf("%d connections have a state, want 21", n)
	}
	c.CloseIdleConnections()
	eventually(t, "the end of a connection's state", func() bool { return h.auth.Guests() == 20 })

	for _, front := range []string{"Via: 1.1 proxy", "X-Front: yes", "Forwarded: for=1.2.3.4"} {
		l := dialLine(t, h.url)
		for _, token := range []string{"toy/NTLM:i1:u=alice", "toy/NTLM:i2:u=alice:p=wonder"} {
			l.do("GET /", "Authorization: NTLM "+base64.StdEncoding.EncodeToString([]byte(token)), front)
		}
		if res, _ := l.do("GET /", front); res.StatusCode == 200 {
			t.Errorf("%s: the connection carries an identity", front)
		}
	}
}

// The mechanism binds to the channel: the certificate that was shown.
func TestAuthenticatorBinding(t *testing.T) {
	cert, _ := certificate()
	mechanism := func(c ntlm.Config) gss.Mechanism {
		m, err := ntlm.New(c)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	server := scheme.NTLMServer(mechanism(ntlm.Config{Computer: "WWW", ChannelBinding: gss.Require}))
	client := scheme.NTLMClient(mechanism(ntlm.Config{}))
	hashes, err := answer.NewNTHashes(map[string]string{"alice": "wonder"})
	if err != nil {
		t.Fatal(err)
	}
	for known, want := range map[bool]string{true: "200 alice by NTLM", false: "401"} {
		h := newHost(t, func(c *fasthttp.ServerConfig, _ *fast.Server) {
			c.Source = hashes
			if known {
				c.Certificate = drive.CertificatesOf(cert)
			}
		}, true, server)
		res, err := newClient(t, client).Get(h.url)
		if err == nil {
			res.Body.Close()
		}
		if (err == nil) != known {
			t.Errorf("certificate known %v: %v", known, err)
		}
		h.wantLog(t, "401", "401", want)
	}
}

// Proofs cover contents in both directions if the handler gets complete bodies; a
// streamed body is read within bounds.
func TestAuthenticatorContents(t *testing.T) {
	covered, client := digests(t, digest.AuthInt)
	h := newHost(t, nil, false, covered)
	if _, body := post(t, newClient(t, client), h.url, 1000); body != "alice 1000" {
		t.Errorf("%q", body)
	}
	h.wantLog(t, "401", "200 alice by Digest")

	empty := newHost(t, func(_ *fasthttp.ServerConfig, s *fast.Server) {
		s.Handler = func(ctx *fast.RequestCtx) { ctx.SetStatusCode(fast.StatusNoContent) }
	}, false, covered)
	if res, _ := post(t, newClient(t, client), empty.url, 10); res.StatusCode != 204 {
		t.Errorf("status %d", res.StatusCode)
	}

	plain, client := digests(t)
	streamed := newHost(t, func(_ *fasthttp.ServerConfig, s *fast.Server) { s.StreamRequestBody, s.MaxRequestBodySize = true, 1000 }, false, plain)
	if _, body := post(t, newClient(t, client), streamed.url, 100_000); body != "alice 100000" {
		t.Errorf("%q", body)
	}
}

// The absolute form of a request-target overrides Host (RFC 9112 section 3.2.2).
func TestAuthenticatorAbsoluteForm(t *testing.T) {
	var mu sync.Mutex
	var to []string
	h := newHost(t, func(c *fasthttp.ServerConfig, _ *fast.Server) {
		c.Observer = func(_ uint64, _ gss.Env, e machine.Event, _ machine.Actions) {
			if e, ok := e.(machine.Received); ok {
				mu.Lock()
				defer mu.Unlock()
				to = append(to, fmt.Sprintf("%s %s:%d %s", e.Request.Scheme, e.Request.Host, e.Request.Port, e.Request.URI))
			}
		}
	}, false, scheme.BasicServer("r", scheme.AskVerifier))
	for target, want := range map[string]string{
		"/": "http h:80 /", "http://other.example/x": "http other.example:80 /x", "http://Other.example:8080": "http other.example:8080 /",
		"HTTP://[::1]/?q": "http ::1:80 /?q",
	} {
		to = nil
		if res, _ := dialLine(t, h.url).do("GET "+target, "Authorization: Basic YWxpY2U6d29uZGVy"); res.StatusCode != 200 || strings.Join(to, "; ") != want {
			t.Errorf("%s: status %d, got %v, want %s", target, res.StatusCode, to, want)
		}
	}
}

// The scheme is that of the connection, and the handler sees the target that the
// machine judges: fasthttp itself takes the start of a path with two slashes for a
// host.
func TestAuthenticatorTargets(t *testing.T) {
	var mu sync.Mutex
	var judged, seen []string
	c := func(any bool) *host {
		return newHost(t, func(c *fasthttp.ServerConfig, s *fast.Server) {
			c.AnyScheme = any
			c.Observer = func(_ uint64, _ gss.Env, e machine.Event, _ machine.Actions) {
				if e, ok := e.(machine.Received); ok {
					mu.Lock()
					defer mu.Unlock()
					judged = append(judged, e.Request.Scheme+" "+e.Request.URI)
				}
			}
			s.Handler = func(ctx *fast.RequestCtx) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, string(ctx.URI().PathOriginal())+" at "+string(ctx.Host()))
			}
		}, false, scheme.BasicServer("r", scheme.AskVerifier))
	}
	strict, lax := c(false), c(true)
	const login = "Authorization: Basic YWxpY2U6d29uZGVy"
	for _, target := range []string{"https:/secret", "x:/public/y://h/admin", "http:/a://b/c", "http:///secret", "http://user@h/", "*", "ftp://h/p", "/a#b", "https://h/p"} {
		want := 400
		if target == "https://h/p" {
			want = 421
		}
		if res, _ := dialLine(t, strict.url).do("GET "+target, login); res.StatusCode != want {
			t.Errorf("%s: status %d, want %d", target, res.StatusCode, want)
		}
	}
	if len(judged)+len(seen) > 0 {
		t.Errorf("judged %q, and the handler saw %q", judged, seen)
	}
	for target, want := range map[string]string{
		"//evil/secret": "http //evil/secret", "//evil/secret?x=a://b": "http //evil/secret?x=a://b", "//evil": "http //evil", "https://h/p": "http /p", "/a://b/c": "http /a://b/c",
	} {
		judged, seen = nil, nil
		res, _ := dialLine(t, lax.url).do("GET "+target, login)
		_, path, _ := strings.Cut(want, " ")
		path, _, _ = strings.Cut(path, "?")
		if res.StatusCode != 200 || strings.Join(judged, "; ") != want || len(seen) != 1 || !strings.HasPrefix(seen[0], path+" at ") || strings.Contains(seen[0], "at evil") {
			t.Errorf("%s: status %d, judged %q, and the handler saw %q", target, res.StatusCode, judged, seen)
		}
		requirement.Held(t, "unit:one_resource", "TARGET-1")
	}
}

// The Authenticator overrides the fields and the 401 of a handler.
func TestAuthenticatorHandlerFields(t *testing.T) {
	server, _ := digests(t)
	h := newHost(t, func(_ *fasthttp.ServerConfig, s *fast.Server) {
		s.Handler = func(ctx *fast.RequestCtx) {
			ctx.Response.Header.Set("Persistent-Auth", "true")
			ctx.Response.Header.Set("Authentication-Info", "forged")
			ctx.Response.Header.Add("WWW-Authenticate", `Basic realm="forged"`)
			ctx.Response.Header.Add("WWW-Authenticate", `Riddle of=handler`)
			ctx.SetStatusCode(map[bool]int{true: 401, false: 200}[string(ctx.Path()) == "/no"])
		}
	}, false, server, scheme.BasicServer("r", scheme.AskVerifier))
	for target, want := range map[string]int{"/yes": 200, "/no": 401} {
		res, _ := dialLine(t, h.url).do("GET "+target, "Authorization: Basic YWxpY2U6d29uZGVy")
		all := fmt.Sprint(res.Header)
		if res.StatusCode != want || strings.Contains(all, "forged") || res.Header.Get("Persistent-Auth") == "true" || !strings.Contains(all, "Riddle") {
			t.Errorf("%s: status %d, %v", target, res.StatusCode, res.Header)
		}
		if offers := strings.Contains(all, "Digest realm"); offers != (want == 401) {
			t.Errorf("%s: offers of ours: %v", target, offers)
		}
	}
}

// An Authenticator that cannot offer a configured scheme, since the server was not
// prepared for it, says so once.
func TestNotInstalledIsSaid(t *testing.T) {
	bound, _ := toys()
	unbound, _ := digests(t)
	for name, row := range map[string]struct {
		scheme  scheme.Server
		install bool
		want    int
	}{"bound": {bound, false, 1}, "installed": {bound, true, 0}, "unbound": {unbound, false, 0}} {
		auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{row.scheme}}, Source: users})
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		server := &fast.Server{Handler: auth.Wrap(func(*fast.RequestCtx) {}), Logger: log.New(&said, "", 0), CloseOnShutdown: true}
		if row.install {
			auth.Install(server)
		}
		url := start(t, server, false)
		for range 3 {
			dialLine(t, url).do("GET /")
		}
		if got := strings.Count(said.String(), "Authenticator.Install"); got != row.want {
			t.Errorf("%s: said %d times, want %d: %q", name, got, row.want, said.String())
		}
	}
}

// After a panic of the handler a response that a framework sends in its place is as
// authentic as any other.
func TestRecoveredPanicIsAuthentic(t *testing.T) {
	byDigest, client := digests(t)
	auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{byDigest}}, Source: users})
	if err != nil {
		t.Fatal(err)
	}
	wrapped := auth.Wrap(func(ctx *fast.RequestCtx) {
		ctx.Response.Header.Set("Authentication-Info", `rspauth="0"`)
		panic("handler")
	})
	url := start(t, &fast.Server{CloseOnShutdown: true, Handler: func(ctx *fast.RequestCtx) {
		defer func() {
			if recover() != nil {
				ctx.SetStatusCode(500)
			}
		}()
		wrapped(ctx)
	}}, false)
	res, err := newClient(t, client).Get(url) // which requires the server's proof
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 500 {
		t.Errorf("status %d, want 500", res.StatusCode)
	}
	requirement.Held(t, "unit:recovered_panic", "FRONT-9")
}

// TestLogHearsSources: the Log hears which user store does not respond, and nothing of it where another one knew the user.
func TestLogHearsSources(t *testing.T) {
	gone := answer.Func(func(ctx context.Context, q gss.Question) gss.Answer { return gss.Unreachable{} })
	h := newHost(t, func(c *fasthttp.ServerConfig, _ *fast.Server) {
		c.Source = answer.Stores(answer.NewUsers(map[string]string{"alice": "secret"}), gone)
	}, false, scheme.BasicServer("r", scheme.AskVerifier))
	for _, login := range []string{"alice", "bob"} {
		r, err := http.NewRequest("GET", h.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(login, "secret")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	h.wantLog(t, "200 alice by Basic", "503 (answer: user store 2 of 2 (answer.Func) has no answer: gss.Unreachable)")
	requirement.Held(t, "unit:server_hears_source")
}

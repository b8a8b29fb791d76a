package nethttp_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// wire is a client connection that writes what the test says, valid or not.
type wire struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

// dialWire connects; the deadline only ends a test that hangs.
func dialWire(t *testing.T, addr string) *wire {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return &wire{t, c, bufio.NewReader(c)}
}

// reply is a response as it was received.
type reply struct {
	*http.Response
	body string
}

// do sends a request with the given lines after Host, and reads the response.
func (w *wire) do(method, target string, lines ...string) reply {
	w.t.Helper()
	return w.exchange(method, target, "", lines...)
}

func (w *wire) exchange(method, target, body string, lines ...string) reply {
	w.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: origin.test\r\n", method, target)
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	if _, err := io.WriteString(w, b.String()); err != nil {
		w.t.Fatalf("%s %s: %v", method, target, err)
	}
	return w.read(method)
}

func (w *wire) read(method string) reply {
	w.t.Helper()
	res, err := http.ReadResponse(w.r, &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("%s: reading the response: %v", method, err)
	}
	if method == http.MethodConnect && res.StatusCode == 200 {
		return reply{Response: res}
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatalf("%s: reading the body: %v", method, err)
	}
	return reply{res, string(body)}
}

// wantClosed fails unless the peer closes without another byte.
func (w *wire) wantClosed() {
	w.t.Helper()
	if b, err := w.r.ReadByte(); err == nil {
		w.t.Fatalf("expected the connection to close, got the byte %q", b)
	} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
		w.t.Fatal("expected the connection to close, it stayed open")
	}
}

// want fails the test unless the reply has the status, and a body that starts with
// text.
func (r reply) want(t *testing.T, status int, text string) {
	t.Helper()
	if r.StatusCode != status || !strings.HasPrefix(r.body, text) {
		t.Fatalf("status %d, body %q; want %d, %q", r.StatusCode, r.body, status, text)
	}
}

// toy is a connection-bound mechanism of two legs, under the name of NTLM, that accepts
// every client that knows the secret.
var toy = gsstoy.Toy{Legs: 2, Bound: true, Secret: gss.NewSecret("secret")}

func toyServer(t gsstoy.Toy) scheme.Server {
	return scheme.NTLMServer(t)
}

// toyLeg returns a line with the toy's token.
func toyLeg(field, token string) string {
	return field + ": NTLM " + base64.StdEncoding.EncodeToString([]byte(token))
}

func first(user string) string { return toyLeg("Authorization", "toy:i1:u="+user) }
func second(user string) string {
	return toyLeg("Authorization", "toy:i2:u="+user+":p=secret")
}

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

var users = answer.NewUsers(map[string]string{"alice": "secret", "bob": "hunter2"})

// whoami responds with the identity of the request.
func whoami(w http.ResponseWriter, r *http.Request) {
	id, ok := nethttp.IdentityFrom(r.Context())
	if !ok {
		io.WriteString(w, "no identity")
		return
	}
	fmt.Fprintf(w, "%s by %s", id.Info.Peer, id.Scheme)
}

// start serves h behind an Authenticator, with the connection hook unless bare.
func start(t *testing.T, c nethttp.ServerConfig, h http.HandlerFunc) string {
	t.Helper()
	a, err := nethttp.NewAuthenticator(c)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, a.Wrap(h), func(s *http.Server) { s.ConnContext = a.ConnContext })
}

func serve(t *testing.T, h http.Handler, hooks func(*http.Server)) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	if hooks != nil {
		hooks(s.Config)
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func toyConfig() nethttp.ServerConfig {
	return nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{toyServer(toy)}}}
}

func digestScheme(t *testing.T, qops ...digest.QOP) scheme.Server {
	t.Helper()
	s, err := digest.NewServer(digest.ServerConfig{
		Realm: "test", Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", 32))}, QOPs: qops,
		Algorithms: []digest.Algorithm{digest.SHA256},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// source knows the users, and remembers nonces.
func source() answer.Source { return answer.Chain(users, &answer.ReplayCache{Max: 1000}) }

// lastResult keeps the last result logged.
type lastResult struct {
	mu sync.Mutex
	r  drive.Result
}

func (l *lastResult) log(_ *http.Request, r drive.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.r = r
}

func (l *lastResult) get() drive.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r
}

// digestOf answers the Digest challenge of a reply; bend, if not nil, changes the
// answer.
func digestOf(t *testing.T, field string, r reply, method, uri, user, password, body string, bend func(*digest.Params)) string {
	t.Helper()
	line, credentials := r.Header.Values("WWW-Authenticate"), "Authorization"
	if field == "Proxy" {
		line, credentials = r.Header.Values("Proxy-Authenticate"), "Proxy-Authorization"
	}
	for c := range header.ParseChallenges(line...).Of("Digest") {
		nonce, _ := c.Param("nonce")
		opaque, _ := c.Param("opaque")
		qop, _ := c.Param("qop")
		f, err := digest.For(digest.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		p := digest.Params{Method: method, URI: uri, Nonce: nonce, CNonce: "0a4f113b", NC: "00000001", QOP: digest.Auth}
		if qop == "auth-int" {
			p.QOP, p.BodyHash = digest.AuthInt, f.BodyHash([]byte(body))
		}
		if bend != nil {
			bend(&p)
		}
		return fmt.Sprintf(`%s: Digest username="%s", realm="test", nonce="%s", uri="%s", algorithm=SHA-256, response="%s", opaque="%s", qop=%v, nc=%s, cnonce="%s"`,
			credentials, user, nonce, p.URI, f.Response(f.HA1(user, "test", password), p), opaque, p.QOP, p.NC, p.CNonce)
	}
	t.Fatal("no Digest challenge")
	return ""
}

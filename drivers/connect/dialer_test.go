package connect_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

const target = "origin.example:443"

// script is a proxy that answers each request on each connection by a function
// of the test's: text to be sent, and whether to close then. An empty text
// closes at once.
type script struct {
	t        *testing.T
	listener net.Listener
	target   string // "" for target
	answer   func(conn, n int, r *http.Request) (text string, closes bool)

	mu       sync.Mutex
	requests []string // "connection.request scheme"
}

func newScript(t *testing.T, answer func(conn, n int, r *http.Request) (string, bool)) *script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{t: t, listener: l, answer: answer}
	var wg sync.WaitGroup
	wg.Go(func() {
		for conn := 1; ; conn++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.serve(c, conn) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return s
}

func (s *script) serve(c net.Conn, conn int) {
	defer c.Close()
	b := bufio.NewReader(c)
	for n := 1; ; n++ {
		r, err := http.ReadRequest(b)
		if err != nil {
			return
		}
		name, _, _ := strings.Cut(r.Header.Get("Proxy-Authorization"), " ")
		s.mu.Lock()
		s.requests = append(s.requests, strings.TrimSpace(fmt.Sprintf("%d.%d %s", conn, n, name)))
		s.mu.Unlock()
		if want := cmp.Or(s.target, target); r.Method != "CONNECT" || r.RequestURI != want || r.Host != want {
			s.t.Errorf("got %s %s for host %s", r.Method, r.RequestURI, r.Host)
		}
		text, closes := s.answer(conn, n, r)
		if _, err := io.WriteString(c, text); err != nil || closes || text == "" {
			return
		}
	}
}

func (s *script) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.requests, ", ")
}

func (s *script) dialer(tune func(*connect.Config), schemes ...scheme.Client) *connect.Dialer {
	return newDialer(s.t, "http://"+s.listener.Addr().String(), tune, schemes...)
}

func newDialer(t *testing.T, proxy string, tune func(*connect.Config), schemes ...scheme.Client) *connect.Dialer {
	t.Helper()
	u, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	c := connect.Config{
		Proxy:   u,
		Machine: machine.ClientConfig{Schemes: schemes, Policy: scheme.Policy{Cleartext: true}},
		Source:  alice,
	}
	if tune != nil {
		tune(&c)
	}
	d, err := connect.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var alice = answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
	if need, ok := q.(gss.NeedCredential); ok && !need.Rejected {
		return gss.Password{User: "alice", Password: gss.NewSecret("wonder")}
	}
	return gss.Declined{}
})

func toy(legs uint8) (scheme.Server, scheme.Client) {
	t := gsstoy.Toy{OID: gss.NTLM, Legs: legs, Bound: true, Asks: true}
	return scheme.NTLMServer(t), scheme.NTLMClient(t)
}

func digestPair(t *testing.T) (scheme.Server, scheme.Client) {
	t.Helper()
	s, err := digest.NewServer(digest.ServerConfig{Realm: "r", Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", 32))}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

const (
	ok        = "HTTP/1.1 200 Connection established\r\n\r\n"
	challenge = "HTTP/1.1 407 No\r\nProxy-Authenticate: Digest realm=\"a realm that is not shown\", nonce=\"n\", qop=\"auth\"\r\nContent-Length: 6\r\n\r\na page"
)

// Whatever the proxy wants, a tunnel comes of it, and the next one costs one
// request where the scheme remembers.
func TestDialerSchemes(t *testing.T) {
	digestServer, digestClient := digestPair(t)
	two, twoClient := toy(2)
	three, threeClient := toy(3)
	origin := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "through") }))
	defer origin.Close()
	for _, c := range []struct {
		name          string
		server        scheme.Server
		client        scheme.Client
		first, second int32 // requests
	}{
		{"Digest", digestServer, digestClient, 2, 1},
		{"Basic", scheme.BasicServer("r", scheme.AskVerdict), scheme.BasicClient(), 2, 1},
		{"two legs", two, twoClient, 3, 2},
		{"three legs", three, threeClient, 4, 3},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %t", c.name, secure), func(t *testing.T) {
				p, err := nethttp.NewProxy(nethttp.ProxyConfig{
					Proxy:  machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{c.server}}},
					Source: answer.Chain(answer.NewUsers(map[string]string{"alice": "wonder"}), &answer.ReplayCache{Max: 100}),
					Allow:  func(string, string, uint16) bool { return true },
				})
				if err != nil {
					t.Fatal(err)
				}
				var n atomic.Int32
				proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					n.Add(1)
					p.ServeHTTP(w, r)
				}))
				p.Install(proxy.Config)
				if secure {
					proxy.StartTLS()
				} else {
					proxy.Start()
				}
				defer proxy.Close()
				bindings := make(chan gss.Binding, 10)
				d := newDialer(t, proxy.URL, func(c *connect.Config) {
					if secure {
						c.TLS = proxy.Client().Transport.(*http.Transport).TLSClientConfig
					}
					c.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
						if need, ok := q.(gss.NeedCredential); ok {
							bindings <- need.Target.Binding
						}
						return alice(ctx, q)
					})
				}, c.client)
				for _, want := range []int32{c.first, c.second} {
					inner := origin.Client().Transport.(*http.Transport).Clone()
					inner.DialContext = d.DialContext
					r, err := (&http.Client{Transport: inner}).Get(origin.URL)
					if err != nil {
						t.Fatal(err)
					}
					if b, _ := io.ReadAll(r.Body); string(b) != "through" {
						t.Errorf("got %q", b)
					}
					r.Body.Close()
					inner.CloseIdleConnections()
					if got := n.Swap(0); got != want {
						t.Errorf("%d requests, want %d", got, want)
					}
				}
				want := gss.NoBinding()
				if secure {
					want = gss.EndPoint(string(proxy.Certificate().Raw))
				}
				if got := <-bindings; got != want {
					t.Errorf("binding %v, want %v", got, want)
				}
			})
		}
	}
}

// Bytes of the tunnel that come together with the response are the tunnel's.
func TestDialerKeepsEarlyBytes(t *testing.T) {
	for _, head := range []string{
		ok,
		"HTTP/1.0 200 OK\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + ok,
		"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n",
		"HTTP/1.1 204 Also fine\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		s := newScript(t, func(conn, n int, r *http.Request) (string, bool) { return head + "220 hello", true })
		c, err := s.dialer(nil).DialContext(context.Background(), "tcp", target)
		if err != nil {
			t.Errorf("%q: %v", head, err)
			continue
		}
		if b, err := io.ReadAll(c); string(b) != "220 hello" {
			t.Errorf("%q: got %q, %v", head, b, err)
		}
		c.Close()
	}
}

// What a proxy gets wrong is an error, without a byte of what it said.
func TestDialerRefusals(t *testing.T) {
	_, client := digestPair(t)
	for name, c := range map[string]struct {
		answer string
		status int
		code   gss.Code
	}{
		"forbidden":             {"HTTP/1.1 403 a phrase\r\nContent-Length: 6\r\n\r\na page", 403, gss.NoFault},
		"redirect":              {"HTTP/1.1 302 a phrase\r\nLocation: http://phish.example/\r\nContent-Length: 0\r\n\r\n", 302, gss.NoFault},
		"upgrade":               {"HTTP/1.1 101 a phrase\r\nConnection: Upgrade\r\nUpgrade: a phrase\r\n\r\n", 101, gss.NoFault},
		"origin's challenge":    {"HTTP/1.1 401 a phrase\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"n\"\r\nContent-Length: 0\r\n\r\n", 401, gss.NoFault},
		"an unknown scheme":     {"HTTP/1.1 407 a phrase\r\nProxy-Authenticate: Riddle\r\nContent-Length: 6\r\n\r\na page", 407, gss.Unsupported},
		"no challenge":          {"HTTP/1.1 407 a phrase\r\nContent-Length: 0\r\n\r\n", 407, gss.Unsupported},
		"a challenge for ever":  {challenge, 407, gss.Refused},
		"no HTTP":               {"a phrase that is not HTTP\r\n\r\n", 0, gss.LimitExceeded},
		"a header without end":  {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 256<<10), 0, gss.LimitExceeded},
		"1xx without end":       {strings.Repeat("HTTP/1.1 102 Wait\r\n\r\n", 100), 0, gss.LimitExceeded},
		"nothing, and goodbye":  {"", 0, gss.LimitExceeded},
		"a status beyond range": {"HTTP/1.1 999 a phrase\r\nContent-Length: 0\r\n\r\n", 999, gss.NoFault},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, func(conn, n int, r *http.Request) (string, bool) { return c.answer, false })
			conn, err := s.dialer(nil, client).DialContext(context.Background(), "tcp", target)
			e, isError := errors.AsType[*drive.Error](err)
			if conn != nil || !isError || e.Status != c.status || e.Fault.Code != c.code {
				t.Fatalf("conn %v, error %#v", conn, err)
			}
			if f, isFault := errors.AsType[gss.FaultError](err); isFault == e.Fault.IsZero() || f.Fault != e.Fault {
				t.Errorf("unwraps to %v", f)
			}
			if (c.code == gss.LimitExceeded) != (e.Err != nil) {
				t.Errorf("connection's error %v", e.Err)
			}
			for _, said := range []string{"a phrase", "a page", "phish", "Riddle", "not shown"} {
				if strings.Contains(err.Error(), said) && e.Err == nil {
					t.Errorf("the error repeats the proxy: %v", err)
				}
			}
			if n := strings.Count(s.seen(), ","); n > 12 {
				t.Errorf("requests: %s", s.seen())
			}
		})
	}
}

// The proxy may close between any two legs: per-request schemes go on where they
// were, bound ones from the start, and a 407 with too much content costs its
// connection only.
func TestDialerConnectionCloses(t *testing.T) {
	_, digestClient := digestPair(t)
	large := strings.Replace(challenge, "Content-Length: 6\r\n\r\na page", fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 128<<10, strings.Repeat("x", 128<<10)), 1)
	for name, c := range map[string]struct {
		first  string
		closes bool
		want   string
	}{
		"kept":                       {challenge, false, "1.1, 1.2 Digest"},
		"closed":                     {challenge, true, "1.1, 2.1 Digest"},
		"closed, and said so":        {strings.Replace(challenge, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1), true, "1.1, 2.1 Digest"},
		"more content than is read":  {large, false, "1.1, 2.1 Digest"},
		"content until it is closed": {strings.Replace(challenge, "Content-Length: 6\r\n", "", 1), true, "1.1, 2.1 Digest"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, func(conn, n int, r *http.Request) (string, bool) {
				if r.Header.Get("Proxy-Authorization") == "" {
					return c.first, c.closes
				}
				return ok, false
			})
			conn, err := s.dialer(nil, digestClient).DialContext(context.Background(), "tcp", target)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if got := s.seen(); got != c.want {
				t.Errorf("requests %s, want %s", got, c.want)
			}
		})
	}
}

// The context ends a handshake wherever it is, and has no say over a tunnel that
// stands.
func TestDialerContext(t *testing.T) {
	stopped := errors.New("stopped by the test")
	_, client := digestPair(t)
	for _, at := range []string{"dial", "response", "content", "question"} {
		t.Run(at, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(context.Background())
			s := newScript(t, func(conn, n int, r *http.Request) (string, bool) {
				switch at {
				case "response":
					cancel(stopped)
					return "HTTP/1.1 200", false
				case "content":
					cancel(stopped)
					return strings.TrimSuffix(challenge, "page"), false
				}
				return challenge, false
			})
			d := s.dialer(func(c *connect.Config) {
				c.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
					cancel(stopped)
					<-ctx.Done()
					return gss.Unreachable{}
				})
				if at == "dial" {
					c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
						cancel(stopped)
						<-ctx.Done()
						return nil, context.Cause(ctx)
					}
				}
			}, client)
			if conn, err := d.DialContext(ctx, "tcp", target); !errors.Is(err, stopped) || conn != nil {
				t.Errorf("conn %v, error %v", conn, err)
			}
		})
	}
	s := newScript(t, func(conn, n int, r *http.Request) (string, bool) { return ok, false })
	ctx, cancel := context.WithCancel(context.Background())
	conn, err := s.dialer(nil).DialContext(ctx, "tcp", target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
		t.Errorf("the tunnel gave %q, %v", line, err)
	}
}

// A configured header goes out, but nothing that poses as our authentication.
func TestDialerHeader(t *testing.T) {
	var agent, authorization string
	s := newScript(t, func(conn, n int, r *http.Request) (string, bool) {
		agent, authorization = r.UserAgent(), r.Header.Get("Proxy-Authorization")
		return ok, false
	})
	h := http.Header{"User-Agent": {"tester"}, "Proxy-Authorization": {"Basic eDp5"}}
	conn, err := s.dialer(func(c *connect.Config) { c.Header = h }).DialContext(context.Background(), "tcp", target)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if agent != "tester" || authorization != "" || h.Get("Proxy-Authorization") == "" {
		t.Errorf("User-Agent %q, Proxy-Authorization %q", agent, authorization)
	}
}

// A host of other letters goes to the proxy as DNS has it, and so does the proxy's own to its dialer.
func TestDialerInternationalNames(t *testing.T) {
	var dialled string
	s := newScript(t, func(conn, n int, r *http.Request) (string, bool) { return ok, false })
	d := newDialer(t, "http://vermittlungsbüro.example.:3128", func(c *connect.Config) {
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled = address
			return new(net.Dialer).DialContext(ctx, network, s.listener.Addr().String())
		}
	})
	for to, want := range map[string]string{"Bücher.example:443": "xn--bcher-kva.example:443", "Origin.example:443": "Origin.example:443", "[2001:DB8::1]:80": "[2001:DB8::1]:80"} {
		s.target = want
		conn, err := d.DialContext(context.Background(), "tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if dialled != "xn--vermittlungsbro-cwb.example.:3128" {
			t.Errorf("the proxy was dialled as %s", dialled)
		}
		requirement.Held(t, "unit:international_names")
	}
}

// A CONNECT has no content, and that is what qop=auth-int covers.
func TestDialerAuthInt(t *testing.T) {
	_, client := digestPair(t)
	f, err := digest.For(digest.MD5)
	if err != nil {
		t.Fatal(err)
	}
	s := newScript(t, func(conn, n int, r *http.Request) (string, bool) {
		creds := header.ParseRequest(r.Header.Values).ProxyAuthorization
		if !creds.Present() {
			return strings.Replace(challenge, `qop="auth"`, `qop="auth-int"`, 1), false
		}
		param := func(name string) string { v, _ := creds.Param(name); return v }
		want := f.Response(f.HA1("alice", param("realm"), "wonder"), digest.Params{
			Nonce: "n", CNonce: param("cnonce"), NC: param("nc"), QOP: digest.AuthInt,
			Method: "CONNECT", URI: target, BodyHash: f.BodyHash(nil),
		})
		if !want.Equal(param("response")) {
			t.Errorf("response %s, want %s", param("response"), want)
		}
		return ok, false
	})
	conn, err := s.dialer(nil, client).DialContext(context.Background(), "tcp", target)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// A proxy that closes, and then cannot be reached, is an error like any other.
func TestDialerProxyGoesAway(t *testing.T) {
	_, client := digestPair(t)
	s := newScript(t, func(conn, n int, r *http.Request) (string, bool) { return challenge, true })
	gone := errors.New("gone")
	dials := 0
	d := s.dialer(func(c *connect.Config) {
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials++; dials > 1 {
				return nil, gone
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	}, client)
	if conn, err := d.DialContext(context.Background(), "tcp", target); conn != nil || !errors.Is(err, gone) {
		t.Errorf("conn %v, error %v", conn, err)
	}
}

// TLS that fails is an error before a word of HTTP.
func TestDialerTLSFails(t *testing.T) {
	proxy := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Error("a request came") }))
	defer proxy.Close()
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	d := newDialer(t, proxy.URL, func(c *connect.Config) { c.TLS = &tls.Config{} }) // does not know the certificate
	if conn, err := d.DialContext(context.Background(), "tcp", target); err == nil || conn != nil {
		t.Errorf("conn %v, error %v", conn, err)
	}
}

// Many tunnels at once share what was learned, and nothing else.
func TestDialerConcurrent(t *testing.T) {
	_, client := digestPair(t)
	var mu sync.Mutex
	counts := map[string]bool{}
	s := newScript(t, func(conn, n int, r *http.Request) (string, bool) {
		a := r.Header.Get("Proxy-Authorization")
		if a == "" {
			return challenge, false
		}
		_, nc, _ := strings.Cut(a, "nc=")
		mu.Lock()
		defer mu.Unlock()
		if n == 1 { // pre-emptive: a nonce is shared, its counts are not
			if counts[nc[:8]] {
				t.Errorf("nonce count %s came twice", nc[:8])
			}
			counts[nc[:8]] = true
		}
		return ok, false
	})
	d := s.dialer(nil, client)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				conn, err := d.DialContext(context.Background(), "tcp", target)
				if err != nil {
					t.Error(err)
					return
				}
				conn.Close()
			}
		})
	}
	wg.Wait()
	if len(counts) == 0 {
		t.Error("nothing was remembered")
	}
}

// What is wrong with a configuration or an address is told at once.
func TestDialerArguments(t *testing.T) {
	for _, proxy := range []string{"", "http://", "ftp://proxy.example", "http://proxy.example:0", "http://proxy.example:65536"} {
		u, err := url.Parse(proxy)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := connect.New(connect.Config{Proxy: u}); err == nil || d != nil {
			t.Errorf("%q: accepted", proxy)
		}
	}
	if _, err := connect.New(connect.Config{}); err == nil {
		t.Error("no proxy: accepted")
	}
	for _, host := range []string{"proxy.example:http", "proxy.example:-1", "proxy.example:+80", "proxy.example:80x", "a:b:80", "::1"} {
		if _, err := connect.New(connect.Config{Proxy: &url.URL{Scheme: "http", Host: host}}); err == nil {
			t.Errorf("%q: accepted", host)
		}
		requirement.Held(t, "unit:ports_that_are_none", "CONN-2")
	}
	u := &url.URL{Scheme: "http", Host: "proxy.example"}
	if _, err := connect.New(connect.Config{Proxy: u, Machine: machine.ClientConfig{Schemes: []scheme.Client{nil}}}); err == nil {
		t.Error("a nil scheme: accepted")
	}
	d, err := connect.New(connect.Config{Proxy: u, Dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialled")
		return nil, io.EOF
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"", "host", "host:", ":443", "host:0", "host:http", "host:65536", "a b\r\nX: y:1"} {
		if _, err := d.DialContext(context.Background(), "tcp", address); err == nil {
			t.Errorf("%q: accepted", address)
		}
	}
}

package nethttp_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// V15: with every scheme, and whether or not a body can be read again, the handler
// receives all of it, once.
func TestBodyArrivesOnce(t *testing.T) {
	digestServer, digestClient := digestPair(t)
	two, twoClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	three, threeClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 3})
	mutual, mutualClient := toyScheme(scheme.Negotiate, gsstoy.Toy{Legs: 2, Final: true, Mutual: true})
	large := strings.Repeat("0123456789abcdef", 1<<12)
	huge := strings.Repeat(large, 8) // net/http's server closes the connection rather than read it before a 401
	for _, sc := range []struct {
		name   string
		server scheme.Server
		client scheme.Client
	}{{"Digest", digestServer, digestClient}, {"two legs", two, twoClient}, {"three legs", three, threeClient}, {"mutual", mutual, mutualClient}} {
		for _, b := range []struct {
			name   string
			text   string
			buffer int64
			body   func(string) io.Reader
		}{
			{"replayable", large, 0, func(s string) io.Reader { return strings.NewReader(s) }},
			{"huge", huge, 0, func(s string) io.Reader { return strings.NewReader(s) }},
			{"once", large, 0, func(s string) io.Reader { return once{strings.NewReader(s)} }},
			{"short once", "x", 0, func(s string) io.Reader { return once{strings.NewReader(s)} }},
			{"buffered", large, 1 << 20, func(s string) io.Reader { return once{strings.NewReader(s)} }},
			{"longer than the buffer", large, 1000, func(s string) io.Reader { return once{strings.NewReader(s)} }},
			{"empty after all", "", 1000, func(s string) io.Reader { return once{strings.NewReader(s)} }},
		} {
			for _, tune := range []func(*httptest.Server){nil, func(s *httptest.Server) { s.EnableHTTP2 = true }} {
				name := sc.name + ", " + b.name
				if tune != nil {
					name += ", over HTTP/2"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					var handled atomic.Int32
					s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
						handled.Add(1)
						hello(w, r)
					}, tune, sc.server)
					c := newClient(t, func(c *nethttp.ClientConfig) {
						c.BufferBody = b.buffer
						c.Base = &http.Transport{ExpectContinueTimeout: time.Hour} // a test that waited for it would time out
						if tune != nil {
							c.Base.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
						}
					}, sc.client)
					for range 2 {
						r, err := do(c, "", "POST", s.URL, b.body(b.text))
						if err != nil {
							t.Fatal(err)
						}
						if got := text(t, r); got != "hello alice"+b.text {
							t.Fatalf("status %d, the handler got %d bytes, want %d", r.StatusCode, len(got), len("hello alice"+b.text))
						}
					}
					if n := handled.Load(); n != 2 {
						t.Errorf("the handler ran %d times for 2 requests", n)
					}
				})
			}
		}
	}
}

// HTA-22: if a one-shot body is needed for another leg, the exchange fails with a typed
// fault.
func TestBodySpent(t *testing.T) {
	early, earlyClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 3, Early: true})
	s := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		t.Error("the handler ran")
	}, nil, early)
	body := newCloser(strings.NewReader("the only one"))
	_, err := do(newClient(t, nil, earlyClient), "", "POST", s.URL, body)
	wantFault(t, err, gss.BodySpent)
	<-body.closed
}

// A body is closed, whatever the outcome of its request.
func TestBodyIsClosed(t *testing.T) {
	server, client := digestPair(t)
	site := newSite(t, hello, nil, server)
	_, other := basicPair()
	forbidden := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(403) }), nil)
	for name, c := range map[string]struct {
		url    string
		client scheme.Client
	}{
		"delivered":            {site.URL, client},
		"failed":               {site.URL, other},
		"refused by a 403":     {forbidden.URL, client},
		"refused connection":   {"http://127.0.0.1:1", client},
		"no scheme of http":    {"gopher://example.com", client},
		"a host that is empty": {"http://", client},
	} {
		t.Run(name, func(t *testing.T) {
			for _, buffer := range []int64{0, 100} {
				body := newCloser(strings.NewReader("content"))
				r, err := http.NewRequest("PUT", site.URL, body)
				if err != nil {
					t.Fatal(err)
				}
				if r.URL, err = r.URL.Parse(c.url); err != nil {
					t.Fatal(err)
				}
				response, err := newClient(t, func(cfg *nethttp.ClientConfig) { cfg.BufferBody = buffer }, c.client).Transport.RoundTrip(r)
				if err == nil {
					text(t, response)
				}
				<-body.closed
			}
		})
	}
}

// An error of reading the body is returned to the application.
func TestBodyFails(t *testing.T) {
	server, client := digestPair(t)
	s := newSite(t, hello, nil, server)
	broken := errors.New("broken")
	for _, buffer := range []int64{0, 1 << 20} {
		body := io.MultiReader(strings.NewReader("begun"), &failing{broken})
		c := newClient(t, func(c *nethttp.ClientConfig) { c.BufferBody = buffer }, client)
		if _, err := do(c, "", "POST", s.URL, once{body}); !errors.Is(err, broken) {
			t.Errorf("buffer %d: error %v", buffer, err)
		}
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// If a server ignores Expect and the body, and answers at once, the connection is lost
// but not the body.
func TestBodyHeldBack(t *testing.T) {
	_, client := digestPair(t)
	got := make(chan string, 1)
	s := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`)
			w.WriteHeader(401)
			return
		}
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
	}), nil)
	body := newCloser(strings.NewReader("the only one"))
	r, err := do(newClient(t, nil, client), "", "POST", s.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	text(t, r)
	if b := <-got; b != "the only one" {
		t.Errorf("got %q", b)
	}
	<-body.closed
}

// If a server keeps the connection open after its 401, net/http would still send it the
// body. The transport closes the connection instead and keeps the body.
func TestBodyNotWastedOnChallenge(t *testing.T) {
	_, client := digestPair(t)
	l := listen(t)
	got := make(chan string, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := bufio.NewReader(c)
				r, err := http.ReadRequest(b)
				if err != nil {
					return
				}
				if r.Header.Get("Authorization") == "" {
					io.WriteString(c, "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\nContent-Length: 0\r\n\r\n")
					rest, _ := io.ReadAll(b)
					got <- "after the challenge: " + string(rest)
					return
				}
				body, _ := io.ReadAll(r.Body)
				got <- string(body)
				io.WriteString(c, "HTTP/1.1 204 Yes\r\n\r\n")
			}()
		}
	}()
	c := newClient(t, func(c *nethttp.ClientConfig) { c.Base = &http.Transport{ExpectContinueTimeout: time.Hour} }, client)
	r, err := http.NewRequest("POST", "http://"+l.Addr().String(), once{strings.NewReader("the only one")})
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = int64(len("the only one"))
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text(t, response)
	seen := []string{<-got, <-got}
	slices.Sort(seen)
	if !slices.Equal(seen, []string{"after the challenge: ", "the only one"}) {
		t.Errorf("the server got %q", seen)
	}
}

// If a connection fails after a response has begun, while a body waits for 100
// (Continue), the wait ends.
func TestBodyConnectionLost(t *testing.T) {
	_, client := digestPair(t)
	l := listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 4096)
			for n := 0; n < len(b) && !bytes.Contains(b[:n], []byte("\r\n\r\n")); {
				m, err := c.Read(b[n:])
				if err != nil {
					break
				}
				n += m
			}
			io.WriteString(c, "HTTP/1.1 2")
			c.Close()
		}
	}()
	body := newCloser(strings.NewReader("the only one"))
	_, err := do(newClient(t, nil, client), "", "POST", "http://"+l.Addr().String(), body)
	if e, ok := errors.AsType[*drive.Error](err); !ok || e.Err == nil {
		t.Fatalf("error %v", err)
	}
	<-body.closed
}

// A scheme with Strict authenticates first, with a request without the body.
func TestBodyStrict(t *testing.T) {
	two, twoClient := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	s := newSite(t, hello, nil, two)
	c := newClient(t, func(c *nethttp.ClientConfig) { c.Machine.Bodies = machine.Strict }, twoClient)
	r, err := do(c, "", "POST", s.URL, once{strings.NewReader("!")})
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, r); got != "hello alice!" {
		t.Errorf("got %q", got)
	}
	var methods []string
	for _, v := range s.take() {
		methods = append(methods, v.method)
	}
	if got := strings.Join(methods, " "); got != "HEAD HEAD POST" {
		t.Errorf("requests %s", got)
	}
}

package fasthttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

func newTransport(t testing.TB, tune func(*fasthttp.ClientConfig), schemes ...scheme.Client) *fasthttp.Transport {
	t.Helper()
	c := fasthttp.ClientConfig{Machine: machine.ClientConfig{Schemes: schemes, Policy: scheme.Policy{Cleartext: true}}, Source: alice}
	if tune != nil {
		tune(&c)
	}
	tr, err := fasthttp.NewTransport(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// site is a server of net/http with nethttp's Authenticator. It responds with the user
// and the body.
type site struct {
	*httptest.Server
	requests atomic.Int32
	open     atomic.Int32 // connections
}

func newSite(t testing.TB, secure bool, schemes ...scheme.Server) *site {
	t.Helper()
	cert, _ := certificate()
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: schemes}, Source: users, Certificate: drive.CertificatesOf(cert)})
	if err != nil {
		t.Fatal(err)
	}
	app := auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := nethttp.IdentityFrom(r.Context())
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d %v", id.Info.Peer, r.Method, len(body), err)
	}))
	s := new(site)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		app.ServeHTTP(w, r)
	}))
	s.Config.ConnContext = auth.ConnContext
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.open.Add(1)
		case http.StateClosed:
			s.open.Add(-1)
		}
	}
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// TestTransportInClient: a fasthttp.Client without any knowledge of authentication,
// with and without TLS, to which NTLM is bound.
func TestTransportInClient(t *testing.T) {
	plain, both := digests(t)
	server, err := ntlm.New(ntlm.Config{Computer: "WWW", ChannelBinding: gss.Require})
	if err != nil {
		t.Fatal(err)
	}
	client, err := ntlm.New(ntlm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, config := certificate()
	for name, c := range map[string]struct {
		secure bool
		server scheme.Server
		client scheme.Client
	}{
		"Digest":      {false, plain, both},
		"Digest, TLS": {true, plain, both},
		"NTLM, TLS":   {true, scheme.NTLMServer(server), scheme.NTLMClient(client)},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, c.secure, c.server)
			unaware := &fast.Client{Transport: newTransport(t, nil, c.client), TLSConfig: config}
			for _, body := range []string{"", "12345"} {
				req, resp := fast.AcquireRequest(), fast.AcquireResponse()
				defer fast.ReleaseRequest(req)
				defer fast.ReleaseResponse(resp)
				req.SetRequestURI(s.URL + "/a?b")
				req.Header.SetMethod("PUT")
				req.SetBodyString(body)
				if err := unaware.DoTimeout(req, resp, time.Minute); err != nil {
					t.Fatal(err)
				}
				if got, want := string(resp.Body()), fmt.Sprintf("alice PUT %d <nil>", len(body)); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			if n := s.open.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestTransportInternationalNames: a host of other letters is dialled, and sent, as DNS has it.
func TestTransportInternationalNames(t *testing.T) {
	server, client := digests(t)
	s := newSite(t, false, server)
	var host, dialled string
	handler := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host = r.Host
		handler.ServeHTTP(w, r)
	})
	unaware := &fast.Client{Transport: newTransport(t, nil, client), Dial: func(addr string) (net.Conn, error) {
		dialled = addr
		return net.Dial("tcp", s.Listener.Addr().String())
	}}
	for in, want := range map[string]string{"bücher.example:8080": "xn--bcher-kva.example:8080", "www.example.:8080": "www.example.:8080"} {
		req, resp := fast.AcquireRequest(), fast.AcquireResponse()
		defer fast.ReleaseRequest(req)
		defer fast.ReleaseResponse(resp)
		req.SetRequestURI("http://" + in + "/")
		if err := unaware.DoTimeout(req, resp, time.Minute); err != nil {
			t.Fatal(err)
		}
		if host != want || dialled != want || resp.StatusCode() != 200 {
			t.Errorf("%s: %d from %s with Host %s, want %s", in, resp.StatusCode(), dialled, host, want)
		}
		requirement.Held(t, "unit:international_names")
	}
}

// TestTransportBodies: a one-shot body reaches its handler once and unchanged, by
// buffering or by Expect; one that is covered by the proof must be readable again.
func TestTransportBodies(t *testing.T) {
	const size = 100_000
	for name, c := range map[string]struct {
		qop      digest.QOP
		buffer   int64
		length   int
		requests int32
		fails    bool
	}{
		"a known length":           {digest.Auth, 0, size, 2, false},
		"no length":                {digest.Auth, 0, -1, 1, true}, // it was sent with the first request
		"buffered":                 {digest.Auth, size, size, 2, false},
		"buffered without length":  {digest.Auth, size, -1, 2, false},
		"more than is buffered":    {digest.Auth, size - 1, -1, 1, true},
		"covered, and buffered":    {digest.AuthInt, size, size, 2, false},
		"covered, and not to hash": {digest.AuthInt, 0, size, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			server, client := digests(t, c.qop)
			s := newSite(t, false, server)
			tr := newTransport(t, func(conf *fasthttp.ClientConfig) { conf.BufferBody = c.buffer }, client)
			var req fast.Request
			var resp fast.Response
			req.SetRequestURI(s.URL)
			req.Header.SetMethod("POST")
			req.SetBodyStream(strings.NewReader(strings.Repeat("x", size)), c.length)
			_, err := tr.Do(t.Context(), hostOf(s.URL), &req, &resp)
			if c.fails {
				if e, ok := errors.AsType[*drive.Error](err); !ok {
					t.Errorf("error %v, status %d, %q; want that the body cannot be sent", err, resp.StatusCode(), resp.Body())
				} else if e.Fault.Code == gss.Refused {
					t.Errorf("error %v", err)
				}
			} else if got, want := string(resp.Body()), fmt.Sprintf("alice POST %d <nil>", size); err != nil || got != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
			if n := s.requests.Load(); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

// silent accepts requests' headers, and does not respond.
func silent(t testing.TB) (url string, arrived <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heads := make(chan struct{}, 100)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					if line == "\r\n" {
						heads <- struct{}{}
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return "http://" + l.Addr().String(), heads
}

// TestTransportContext: a context ends a request at any time, even if deadlines of
// other kinds are set and removed.
func TestTransportContext(t *testing.T) {
	_, client := digests(t)
	at, arrived := silent(t)
	for name, tune := range map[string]func(*fast.HostClient, *fast.Request){
		"waiting":             func(*fast.HostClient, *fast.Request) {},
		"with a read timeout": func(hc *fast.HostClient, _ *fast.Request) { hc.ReadTimeout, hc.WriteTimeout = time.Hour, time.Hour },
		"holding a body back": func(_ *fast.HostClient, r *fast.Request) {
			r.Header.SetMethod("POST")
			r.SetBodyStream(strings.NewReader("12345"), 5)
		},
	} {
		tr := newTransport(t, nil, client)
		ctx, cancel := context.WithCancel(t.Context())
		var req fast.Request
		var resp fast.Response
		req.SetRequestURI(at)
		hc := hostOf(at)
		tune(hc, &req)
		go func() {
			<-arrived
			cancel()
		}()
		if _, err := tr.Do(ctx, hc, &req, &resp); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		if n := tr.Idle(); n != 0 {
			t.Errorf("%s: %d connections are kept", name, n)
		}
	}
	// The context ends between a request and the deadline for its response, which must
	// not lift it.
	ctx, cancel := context.WithCancel(t.Context())
	hc := hostOf(at)
	hc.ReadTimeout = time.Hour
	hc.Dial = func(addr string) (net.Conn, error) {
		c, err := net.Dial("tcp", addr)
		return &ending{Conn: c, cancel: cancel, over: make(chan struct{})}, err
	}
	var req fast.Request
	var resp fast.Response
	req.SetRequestURI(at)
	if _, err := newTransport(t, nil, client).Do(ctx, hc, &req, &resp); !errors.Is(err, context.Canceled) {
		t.Errorf("ended before its deadline: %v", err)
	}
	req.SetTimeout(10 * time.Millisecond)
	if _, err := newTransport(t, nil, client).RoundTrip(hostOf(at), &req, &resp); err != fast.ErrTimeout {
		t.Errorf("a timeout of fasthttp's: %v", err)
	}
}

// ending is a connection on which the first write ends the context.
type ending struct {
	net.Conn
	cancel context.CancelFunc
	over   chan struct{} // closed when the end has reached the connection
	once   sync.Once
}

func (c *ending) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.cancel()
	<-c.over
	return n, err
}

func (c *ending) SetDeadline(at time.Time) error {
	err := c.Conn.SetDeadline(at)
	if !at.IsZero() {
		c.once.Do(func() { close(c.over) })
	}
	return err
}

// maxIdlePerKey is the documented number of idle connections to one server for one user.
const maxIdlePerKey = 8

// TestTransportIdle: an idle connection closes by itself, and their number is bounded.
func TestTransportIdle(t *testing.T) {
	server, client := digests(t)
	s := newSite(t, false, server)
	names := []string{}
	for i := range 2 * maxIdlePerKey {
		names = append(names, fmt.Sprint("user ", i))
	}
	tr := newTransport(t, func(c *fasthttp.ClientConfig) {
		c.Identity = func(r *fast.Request) string { return string(r.Header.Peek("X-Identity")) }
	}, client)
	get := func(identity string, keep time.Duration) {
		t.Helper()
		hc := hostOf(s.URL)
		hc.MaxIdleConnDuration = keep
		var req fast.Request
		var resp fast.Response
		req.SetRequestURI(s.URL)
		req.Header.Set("X-Identity", identity)
		if _, err := tr.Do(t.Context(), hc, &req, &resp); err != nil || resp.StatusCode() != 200 {
			t.Errorf("status %d, %v", resp.StatusCode(), err)
		}
	}
	var all sync.WaitGroup
	for range 4 * maxIdlePerKey {
		all.Go(func() { get("", time.Hour) })
	}
	all.Wait()
	if n := tr.Idle(); n < 1 || n > maxIdlePerKey {
		t.Errorf("%d connections are kept for one identity", n)
	}
	before := tr.Idle()
	for _, name := range names {
		get(name, time.Hour)
	}
	if n := tr.Idle(); n != before+len(names) {
		t.Errorf("%d connections are kept, want one more for each of %d identities than %d", n, len(names), before)
	}
	tr.CloseIdleConnections()
	get("", time.Millisecond)
	eventually(t, "an idle connection's end", func() bool { return tr.Idle() == 0 && s.open.Load() == 0 })
}

// TestTransportOwnAuthorization: if the application sets Authorization, the request is
// sent unchanged, and the response is returned unchanged.
func TestTransportOwnAuthorization(t *testing.T) {
	server, client := digests(t)
	for name, c := range map[string]struct {
		tune   func(*fast.Request)
		status int
	}{
		"a field":                {func(r *fast.Request) { r.Header.Set("Authorization", "Bearer x") }, 401},
		"user information":       {func(r *fast.Request) { r.URI().SetUsername("alice"); r.URI().SetPassword("wonder") }, 200},
		"wrong user information": {func(r *fast.Request) { r.URI().SetUsername("alice"); r.URI().SetPassword("guess") }, 401},
		"user information, and body": {func(r *fast.Request) {
			r.URI().SetUsername("alice")
			r.URI().SetPassword("wonder")
			r.SetBodyStream(strings.NewReader("12345"), 5)
		}, 200},
	} {
		s := newSite(t, false, server, scheme.BasicServer("r", scheme.AskVerifier))
		var req fast.Request
		var resp fast.Response
		req.SetRequestURI(s.URL)
		req.Header.SetMethod("POST")
		c.tune(&req)
		_, err := newTransport(t, nil, client).Do(t.Context(), hostOf(s.URL), &req, &resp)
		if err != nil || resp.StatusCode() != c.status || s.requests.Load() != 1 {
			t.Errorf("%s: status %d after %d requests, %v", name, resp.StatusCode(), s.requests.Load(), err)
		}
	}
}

// TestTransportForm: the arguments of a form are a body, sent with every leg.
func TestTransportForm(t *testing.T) {
	server, client := digests(t)
	s := newSite(t, false, server)
	var req fast.Request
	var resp fast.Response
	req.SetRequestURI(s.URL)
	req.Header.SetMethod("POST")
	req.PostArgs().Set("a", "b")
	if _, err := newTransport(t, nil, client).Do(t.Context(), hostOf(s.URL), &req, &resp); err != nil || string(resp.Body()) != "alice POST 3 <nil>" {
		t.Errorf("%q, %v", resp.Body(), err)
	}
}

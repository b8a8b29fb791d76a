package http3_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/quic-go/quic-go"
	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// relay forwards between a QUIC client and its server. It records what the client
// sends, and can hold back the server's datagrams, so that no handshake completes.
type relay struct {
	addr  string
	mu    sync.Mutex
	first [][]byte // the client's datagrams until the first of the server was forwarded
	hold  chan struct{}
	held  bool
}

func newRelay(t *testing.T, server net.Addr) *relay {
	t.Helper()
	front, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: front.LocalAddr().String(), hold: make(chan struct{}), held: true}
	var client net.Addr
	var all sync.WaitGroup
	all.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, from, err := front.ReadFrom(b)
			if err != nil {
				return
			}
			r.mu.Lock()
			client = from
			if r.held {
				r.first = append(r.first, append([]byte(nil), b[:n]...))
			}
			r.mu.Unlock()
			back.WriteTo(b[:n], server)
		}
	})
	all.Go(func() {
		b := make([]byte, 1<<16)
		for {
			n, _, err := back.ReadFrom(b)
			if err != nil {
				return
			}
			<-r.hold
			r.mu.Lock()
			to := client
			r.mu.Unlock()
			front.WriteTo(b[:n], to)
		}
	})
	t.Cleanup(func() {
		r.release()
		front.Close()
		back.Close()
		all.Wait()
	})
	return r
}

// release forwards the server's datagrams.
func (r *relay) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held {
		r.held = false
		close(r.hold)
	}
}

// replay sends the client's first datagrams again from another address, as an attacker
// could.
func (r *relay) replay(t *testing.T, server net.Addr) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, datagram := range r.first {
		if _, err := c.WriteTo(datagram, server); err != nil {
			t.Fatal(err)
		}
	}
}

// earlySite is a server that accepts 0-RTT, and reports each request when it has ended.
type earlySite struct {
	addr net.Addr
	told chan string
}

func newEarlySite(t *testing.T) *earlySite {
	t.Helper()
	cert, _ := pki()
	s := &earlySite{told: make(chan string, 100)}
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth: machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("r", scheme.AskVerdict)}, Optional: true}, Source: answer.NewUsers(map[string]string{"alice": "wonder"}),
		Log: func(r *http.Request, res drive.Result) {
			s.told <- fmt.Sprintf("%s %s: %d %s", r.Method, r.URL.Path, res.Status, res.Identity.Info.Peer)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	app := auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := nethttp.IdentityFrom(r.Context())
		s.told <- "the handler ran for " + id.Info.Peer
		fmt.Fprintf(w, "hello %s", id.Info.Peer)
	}))
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	config.SetSessionTicketKeys([][32]byte{{1}}) // the servers of a site share their keys
	server := &quichttp3.Server{Handler: app, TLSConfig: quichttp3.ConfigureTLSConfig(config), QUICConfig: &quic.Config{Allow0RTT: true}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(socket)
	}()
	t.Cleanup(func() {
		server.Close()
		socket.Close()
		<-done
	})
	s.addr = socket.LocalAddr()
	return s
}

func (s *earlySite) want(t *testing.T, lines ...string) {
	t.Helper()
	for _, want := range lines {
		select {
		case got := <-s.told:
			if got != want {
				t.Fatalf("the site says %q, want %q", got, want)
			}
		case <-t.Context().Done():
			t.Fatalf("the site does not say %q", want)
		}
	}
}

// tickets is a session cache that reports when it has a ticket.
type tickets struct {
	tls.ClientSessionCache
	came chan struct{}
}

func newTickets() *tickets {
	return &tickets{tls.NewLRUClientSessionCache(4), make(chan struct{}, 16)}
}

func (c *tickets) Put(key string, s *tls.ClientSessionState) {
	c.ClientSessionCache.Put(key, s)
	if s != nil {
		c.came <- struct{}{}
	}
}

// eager is a Multiplexed that sends as much as possible in early data.
type eager struct {
	quic *quic.Conn
	http *quichttp3.ClientConn
}

func dialEager(ctx context.Context, addr string, cache tls.ClientSessionCache) (*eager, error) {
	_, roots := pki()
	c, err := quic.DialAddrEarly(ctx, addr, &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{quichttp3.NextProtoH3}, ClientSessionCache: cache}, nil)
	if err != nil {
		return nil, err
	}
	return &eager{c, (&quichttp3.Transport{}).NewClientConn(c)}, nil
}

// RoundTrip implements http.RoundTripper. quic-go sends methods of its own at once.
func (e *eager) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-e.quic.HandshakeComplete():
	default:
		r = r.WithContext(r.Context())
		r.Method = quichttp3.MethodGet0RTT
	}
	return e.http.RoundTrip(r)
}

func (e *eager) TLS() *tls.ConnectionState {
	state := e.quic.ConnectionState().TLS
	return &state
}

func (e *eager) Err() error   { return context.Cause(e.quic.Context()) }
func (e *eager) Close() error { return e.quic.CloseWithError(0x100, "") }

// Handshake implements nethttp.Handshaker.
func (e *eager) Handshake(ctx context.Context) error {
	select {
	case <-e.quic.HandshakeComplete():
		return nil
	case <-e.quic.Context().Done():
		return e.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

const login = "Basic YWxpY2U6d29uZGVy"

// A request in early data with credentials is answered with 425, and the client sends
// it again after the handshake. Replaying its datagrams runs no handler.
func TestEarlyData(t *testing.T) {
	s := newEarlySite(t)
	cache := newTickets()

	// A first connection leaves a ticket.
	c, err := dialEager(t.Context(), s.addr.String(), cache)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Handshake(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", "https://localhost/first", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	<-cache.came
	c.Close()
	s.want(t, "the handler ran for ", "GET /first: 200 ")

	// The next one resumes the session, and the server cannot answer before it has
	// judged the early data.
	between := newRelay(t, s.addr)
	tr, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{scheme.BasicClient()}}, OnlyMultiplexed: true,
		Multiplexed: func(ctx context.Context, _ string, _ uint16) (nethttp.Multiplexed, error) {
			return dialEager(ctx, between.addr, cache)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	said := make(chan string, 1)
	go func() {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://localhost/transfer", nil)
		if err != nil {
			panic(err)
		}
		r.Header.Set("Authorization", login) // set by the application and sent with the first request
		res, err := tr.RoundTrip(r)
		if err != nil {
			said <- err.Error()
			return
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		said <- fmt.Sprint(res.StatusCode, " ", string(text), " ", err)
	}()
	s.want(t, "GET /transfer: 425 ")
	between.release()
	s.want(t, "the handler ran for alice", "GET /transfer: 200 alice")
	if got := <-said; got != "200 hello alice <nil>" {
		t.Errorf("the client got %q", got)
	}
	requirement.Held(t, "unit:early_data_over_quic", "R8470-5.2-1", "R8470-5.2-2")

	// The same datagrams are sent, without any key, to another server of the site.
	other := newEarlySite(t)
	between.replay(t, other.addr)
	other.want(t, "GET /transfer: 425 ")
}

// The Dialer sends nothing in early data, although it has a ticket for it.
func TestDialerSendsNothingEarly(t *testing.T) {
	s := newEarlySite(t)
	_, roots := pki()
	cache := newTickets()
	d := &http3.Dialer{TLS: &tls.Config{RootCAs: roots, ServerName: "localhost", ClientSessionCache: cache}}
	_, port, _ := net.SplitHostPort(s.addr.String())
	var n uint16
	fmt.Sscan(port, &n)
	for i := range 3 {
		m, err := d.Connect(t.Context(), "127.0.0.1", n)
		if err != nil {
			t.Fatal(err)
		}
		if !m.TLS().HandshakeComplete {
			t.Error("a connection is handed out before its handshake is over")
		}
		if m.TLS().DidResume != (i > 0) {
			t.Errorf("connection %d: resumed is %t", i, m.TLS().DidResume)
		}
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://localhost/", strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", login)
		res, err := m.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		<-cache.came
		s.want(t, "the handler ran for alice", "GET /: 200 alice") // 425 if it were early
		m.Close()
		requirement.Held(t, "unit:dialer_not_early", "R8470-5.2-2")
	}
}

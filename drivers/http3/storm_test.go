package http3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	quichttp3 "github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/qlogwriter"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/internal/long"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// breakages are ways in which a handshake can fail. Each makes one with a server, and
// returns when the client has finished; the server may still have state.
var breakages = map[string]func(ctx context.Context, server net.Addr){
	// The client sends its Initial, and then neither receives nor sends.
	"initial": func(ctx context.Context, server net.Addr) {
		halfway(ctx, server, false)
	},
	// The client receives the server's flight, and does not answer it.
	"flight": func(ctx context.Context, server net.Addr) {
		halfway(ctx, server, true)
	},
	// An Initial with a valid header, and a payload that cannot be decrypted.
	"garbage": func(_ context.Context, server net.Addr) {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return
		}
		defer c.Close()
		c.WriteTo(garbage(), server)
	},
	// The client speaks a protocol that the server does not.
	"alpn": func(ctx context.Context, server net.Addr) {
		dialAndDrop(ctx, server, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"other"}})
	},
	// The client does not trust the server.
	"certificate": func(ctx context.Context, server net.Addr) {
		dialAndDrop(ctx, server, &tls.Config{ServerName: "localhost", NextProtos: []string{quichttp3.NextProtoH3}})
	},
	// The client gives up at some point.
	"cancelled": func(ctx context.Context, server net.Addr) {
		var b [1]byte
		rand.Read(b[:])
		ctx, cancel := context.WithTimeout(ctx, time.Duration(b[0])*20*time.Microsecond)
		defer cancel()
		dialAndDrop(ctx, server, trusting())
	},
	// The client completes the handshake, and disappears without closing.
	"gone": func(ctx context.Context, server net.Addr) {
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return
		}
		tr := &quic.Transport{Conn: socket}
		tr.Dial(ctx, server, trusting(), nil)
		tr.Close() // abruptly, without CONNECTION_CLOSE
		socket.Close()
	},
}

// trusting returns a client's configuration for the test's server.
func trusting() *tls.Config {
	_, roots := pki()
	return &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{quichttp3.NextProtoH3}}
}

// garbage returns a datagram that is an Initial packet by its header only (RFC 9000
// section 17.2.2).
func garbage() []byte {
	b := make([]byte, 1200)
	rand.Read(b)
	copy(b, []byte{0xc3, 0, 0, 0, 1, 8}) // version 1, a destination connection ID of 8 bytes
	b[14], b[15] = 0, 0                  // no source connection ID, no token
	n := len(b) - 18
	b[16], b[17] = 0x40|byte(n>>8), byte(n)
	return b
}

// dialAndDrop dials with a separate socket, and does not close the connection if there
// is one.
func dialAndDrop(ctx context.Context, server net.Addr, config *tls.Config) {
	c, err := quic.DialAddr(ctx, server.String(), config, nil)
	if err == nil {
		c.CloseWithError(0x100, "")
	}
}

// half is the socket of a client that begins a handshake and does not end it: it stops
// after it has sent its first datagram or, if it listens, after the server's flight has
// arrived. over is then called.
type half struct {
	net.PacketConn
	listens bool
	over    func()
	mute    atomic.Bool
}

// ReadFrom implements net.PacketConn.
func (h *half) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := h.PacketConn.ReadFrom(b)
	if err == nil && n > 0 && b[0]>>4 == 0b1100 { // an Initial; a Retry is not (RFC 9000 section 17.2)
		h.mute.Store(true)
		h.over()
	}
	return n, from, err
}

// WriteTo implements net.PacketConn.
func (h *half) WriteTo(b []byte, to net.Addr) (int, error) {
	if h.mute.Load() {
		return len(b), nil
	}
	if !h.listens {
		h.mute.Store(true)
		defer h.over()
	}
	return h.PacketConn.WriteTo(b, to)
}

// quic-go logs a warning if a socket does not have these.
func (*half) SetReadBuffer(int) error  { return nil }
func (*half) SetWriteBuffer(int) error { return nil }

// halfway makes half a handshake.
func halfway(ctx context.Context, server net.Addr, listens bool) {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return
	}
	defer socket.Close()
	ctx, over := context.WithCancel(ctx)
	defer over()
	tr := &quic.Transport{Conn: &half{PacketConn: socket, listens: listens, over: over}}
	defer tr.Close()
	tr.Dial(ctx, server, brief(), nil)
}

// brief returns trusting with a ClientHello that fits into one datagram.
func brief() *tls.Config {
	config := trusting()
	config.CurvePreferences = []tls.CurveID{tls.X25519}
	return config
}

// slow forwards each datagram between clients and a server after a delay, and drops one
// in lost, or none if lost is 0.
func slow(t *testing.T, server net.Addr, delay time.Duration, lost int64) net.Addr {
	t.Helper()
	front := must(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))
	front.SetReadBuffer(4 << 20)
	var all sync.WaitGroup
	var backs sync.Map // for the clients, by their addresses
	var came atomic.Int64
	pass := func(from net.PacketConn, to func(b []byte, from net.Addr)) {
		type held struct {
			b    []byte
			from net.Addr
			due  time.Time
		}
		queue := make(chan held, 1<<14)
		all.Go(func() {
			for h := range queue {
				time.Sleep(time.Until(h.due))
				to(h.b, h.from)
			}
		})
		defer close(queue)
		b := make([]byte, 1<<16)
		for {
			size, addr, err := from.ReadFrom(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if n := came.Add(1); err == nil && (lost == 0 || n%lost != 0) {
				queue <- held{bytes.Clone(b[:size]), addr, time.Now().Add(delay)}
			}
		}
	}
	all.Go(func() {
		pass(front, func(b []byte, client net.Addr) {
			back, ok := backs.Load(client.String())
			if !ok {
				c := must(net.ListenPacket("udp", "127.0.0.1:0"))
				back = c
				backs.Store(client.String(), c)
				all.Go(func() { pass(c, func(b []byte, _ net.Addr) { front.WriteTo(b, client) }) })
			}
			back.(net.PacketConn).WriteTo(b, server)
		})
	})
	t.Cleanup(func() {
		front.Close()
		backs.Range(func(_, c any) bool { c.(net.PacketConn).Close(); return true })
		all.Wait()
	})
	return front.LocalAddr()
}

// newServed starts a server of this package. tune may change it first.
func newServed(t *testing.T, limits drive.Limits, tune func(*quichttp3.Server)) net.Addr {
	t.Helper()
	cert, _ := pki()
	socket := must(net.ListenPacket("udp", "127.0.0.1:0"))
	server := &quichttp3.Server{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, QUICConfig: new(quic.Config),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "served") }),
	}
	if tune != nil {
		tune(server)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		http3.Serve(ctx, socket, server, limits, 0)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		socket.Close()
	})
	return socket.LocalAddr()
}

// connect makes an honest handshake and a request.
func connect(ctx context.Context, server net.Addr) (nethttp.Multiplexed, error) {
	dialer := &http3.Dialer{TLS: trusting(), QUIC: &quic.Config{HandshakeIdleTimeout: time.Minute, MaxIdleTimeout: 2 * time.Minute}} // on any machine
	at := server.(*net.UDPAddr).AddrPort()
	c, err := dialer.Connect(ctx, at.Addr().String(), at.Port())
	if err != nil {
		return nil, err
	}
	res, err := c.RoundTrip(must(http.NewRequestWithContext(ctx, "GET", "https://localhost/", nil)))
	if err != nil {
		return c, err
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); string(b) != "served" {
		return c, fmt.Errorf("the response is %q, %v", b, err)
	}
	return c, nil
}

// serves checks that n handshakes succeed, abreast of them at a time.
func serves(t *testing.T, server net.Addr, n, abreast int) {
	t.Helper()
	var all sync.WaitGroup
	places := make(chan struct{}, abreast)
	for i := range n {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			c, err := connect(t.Context(), server)
			if c != nil {
				defer c.Close()
			}
			if err != nil {
				t.Errorf("handshake %d of %d: %v", i+1, n, err)
			}
		})
	}
	all.Wait()
}

// TestBrokenHandshakes: after many concurrent failed handshakes of all kinds the server
// can complete new ones.
func TestBrokenHandshakes(t *testing.T) {
	bad, good := long.Of(30, 150), long.Of(20, 100)
	kinds := slices.Sorted(maps.Keys(breakages))
	for _, path := range []struct {
		name    string
		delay   time.Duration
		lost    int64
		abreast int // of the honest ones
		rounds  int
	}{
		{"calm", 0, 0, 1, long.Of(2, 20)},
		{"delayed", 50 * time.Millisecond, 0, 25, long.Of(2, 20)},
		{"lossy", 5 * time.Millisecond, 100, 25, long.Of(0, 5)},
	} {
		t.Run(path.name, func(t *testing.T) {
			server := newServed(t, drive.Limits{Header: 2 * time.Minute}, nil) // those that break off are counted until the end
			if path.delay > 0 {
				server = slow(t, server, path.delay, path.lost)
			}
			for range path.rounds {
				var storm sync.WaitGroup
				for n := range bad {
					storm.Go(func() { breakages[kinds[n%len(kinds)]](t.Context(), server) })
				}
				storm.Wait()
				serves(t, server, good, path.abreast)
			}
		})
	}
}

// initials returns the first datagrams of n handshakes, as from a client that forges
// addresses.
func initials(t *testing.T, n int) [][]byte {
	t.Helper()
	all := make([][]byte, n)
	for i := range all {
		sink := must(net.ListenPacket("udp", "127.0.0.1:0"))
		ctx, over := context.WithCancel(t.Context())
		from := must(net.ListenPacket("udp", "127.0.0.1:0"))
		tr := &quic.Transport{Conn: &half{PacketConn: from, over: over}}
		tr.Dial(ctx, sink.LocalAddr(), brief(), nil)
		b := make([]byte, 1<<16)
		size, _, err := sink.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = b[:size]
		tr.Close()
		from.Close()
		sink.Close()
	}
	return all
}

// TestFlood: clients that begin handshakes from addresses at which they do not receive
// take no place in the queue of connections and a bounded number in the server, and all
// others are served.
func TestFlood(t *testing.T) {
	const most, forged = 64, 300
	var begun, accepted atomic.Int64
	elsewhere := must(net.ListenPacket("udp", "127.0.0.2:0"))
	defer elsewhere.Close()
	forger := elsewhere.LocalAddr().String()
	server := newServed(t, drive.Limits{Header: time.Hour}, func(s *quichttp3.Server) { // all last as long as the test
		s.QUICConfig.GetConfigForClient = func(client *quic.ClientInfo) (*quic.Config, error) {
			if client.RemoteAddr.String() == forger {
				begun.Add(1)
			}
			return s.QUICConfig, nil
		}
		s.ConnContext = func(ctx context.Context, c *quic.Conn) context.Context {
			if c.RemoteAddr().String() == forger {
				accepted.Add(1)
			}
			return ctx
		}
	})
	for _, b := range initials(t, forged) {
		elsewhere.WriteTo(b, server)
	}
	serves(t, server, 20, 5)
	if n := begun.Load(); n == 0 || n > most {
		t.Errorf("%d handshakes of %d began from a forged address, want 1 to %d", n, forged, most)
	}
	if n := accepted.Load(); n > 0 {
		t.Errorf("%d connections were accepted of a client that has completed no handshake", n)
	}
	requirement.Held(t, "unit:handshakes_bounded", "FRONT-8")
}

// TestCompletedHandshakes: a connection with a complete handshake does not count as a
// handshake.
func TestCompletedHandshakes(t *testing.T) {
	var verified atomic.Int64
	server := newServed(t, drive.Limits{}, func(s *quichttp3.Server) {
		s.QUICConfig.GetConfigForClient = func(client *quic.ClientInfo) (*quic.Config, error) {
			if client.AddrVerified {
				verified.Add(1)
			}
			return s.QUICConfig, nil
		}
	})
	for range 80 {
		c, err := connect(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if n := verified.Load(); n > 0 {
		t.Errorf("%d clients had to show that they receive at their address, with no handshake under way", n)
	}
}

// TestHandshakesEnd: an incomplete handshake ends by limits.Header, so that it ends
// before one that began earlier at a server with a limit longer than quic-go's own.
func TestHandshakesEnd(t *testing.T) {
	begun := make(chan context.Context, 1)
	tune := func(s *quichttp3.Server) {
		s.QUICConfig.Tracer = func(ctx context.Context, _ bool, _ quic.ConnectionID) qlogwriter.Trace {
			begun <- ctx
			return nil
		}
	}
	late, soon := newServed(t, drive.Limits{Header: time.Minute}, tune), newServed(t, drive.Limits{Header: time.Second}, tune)
	for _, kind := range []string{"initial", "flight", "garbage"} {
		breakages[kind](t.Context(), late)
		after := <-begun
		time.Sleep(200 * time.Millisecond) // so that two with quic-go's own limit do not end together
		breakages[kind](t.Context(), soon)
		select {
		case <-(<-begun).Done():
		case <-after.Done():
		}
		if after.Err() != nil {
			t.Errorf("a handshake that broke off (%s) goes on beyond the limit", kind)
		}
	}
	requirement.Held(t, "unit:handshakes_bounded", "FRONT-2")
}

package nethttp

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"sync"

	"github.com/countersign-auth/countersign/drivers/drive"
)

// Multiplexed is a connection, not made by net/http, that carries many requests at
// once: one of HTTP/3. It is used by several goroutines at once. Its RoundTrip must
// report by httptrace that the request's header was written; otherwise a failed request
// may be taken for one that was never sent.
type Multiplexed interface {
	http.RoundTripper
	// TLS returns the state of the TLS connection.
	TLS() *tls.ConnectionState
	// Err returns a non-nil error once no further request can be sent.
	Err() error
	Close() error
}

// Handshaker is implemented by a [Multiplexed] that sends requests before its handshake
// is over. Handshake returns when the handshake, ctx or the connection has ended. A
// request that was answered with 425 (Too Early) is sent again after that, and not in
// early data (RFC 8470 section 5.2).
type Handshaker interface {
	Handshake(ctx context.Context) error
}

type afterHandshakeKey struct{}

// afterHandshake marks a request that must not be sent in early data.
func afterHandshake(ctx context.Context) context.Context {
	return context.WithValue(ctx, afterHandshakeKey{}, true)
}

// multiplex opens a connection with ClientConfig.Multiplexed and stores it in c.
func (t *Transport) multiplex(ctx context.Context, c *conn, host string, port uint16) (*conn, error) {
	m, err := t.config.Multiplexed(ctx, host, port)
	if err != nil {
		return nil, err
	}
	c.multiplexed, c.binding = true, drive.BindingOf(m.TLS())
	c.cc = &streams{Multiplexed: m}
	return c, nil
}

// streams counts the requests of a Multiplexed, running and reserved.
type streams struct {
	Multiplexed
	mu             sync.Mutex
	reserved, busy int
}

func (s *streams) count(reserved, busy int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved, s.busy = max(0, s.reserved+reserved), s.busy+busy
}

// Available implements clientConn.
func (s *streams) Available() int { return 1 }

// InFlight implements clientConn.
func (s *streams) InFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reserved + s.busy
}

// Reserve implements clientConn.
func (s *streams) Reserve() error {
	err := s.Err()
	if err == nil {
		s.count(1, 0)
	}
	return err
}

// Release implements clientConn.
func (s *streams) Release() { s.count(-1, 0) }

// RoundTrip implements http.RoundTripper. The first leg uses up what was reserved.
func (s *streams) RoundTrip(r *http.Request) (*http.Response, error) {
	s.count(-1, 1)
	response, err := s.roundTrip(r)
	if err != nil {
		s.count(0, -1)
		return nil, err
	}
	response.Body = &streamBody{ReadCloser: response.Body, end: func() { s.count(0, -1) }}
	return response, nil
}

func (s *streams) roundTrip(r *http.Request) (*http.Response, error) {
	if h, ok := s.Multiplexed.(Handshaker); ok && r.Context().Value(afterHandshakeKey{}) != nil { // R8470-5.2-2
		if err := h.Handshake(r.Context()); err != nil {
			return nil, err
		}
	}
	return s.Multiplexed.RoundTrip(r)
}

// streamBody reports when a stream has ended.
type streamBody struct {
	io.ReadCloser
	once sync.Once
	end  func()
}

// Close implements io.Closer.
func (b *streamBody) Close() error {
	b.once.Do(b.end)
	return b.ReadCloser.Close()
}

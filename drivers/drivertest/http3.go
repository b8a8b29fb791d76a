package drivertest

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// HTTP3 is HTTP/3 as the kit itself speaks it, to drivers that say they do. The kit has none of its own, so that what
// uses it depends on no implementation of QUIC: package drivers/http3/http3test has one.
type HTTP3 interface {
	// Dial connects to a server at an address, by TLS as config says but for the protocol's name. The handshake may
	// take until ctx ends. A connection on which nothing happens is kept open if keep is positive, with a sign of
	// life that often.
	Dial(ctx context.Context, addr string, config *tls.Config, keep time.Duration) (HTTP3Conn, error)
	// Serve serves a handler, by TLS as config says but for the protocol's name, until stop is called, which returns
	// when no goroutine of it is left. The context of a connection's requests is one that withConn makes; abort closes
	// that connection at once. Handshakes may take a minute.
	Serve(packets net.PacketConn, config *tls.Config, h http.Handler, withConn func(ctx context.Context, abort func()) context.Context) (stop func())
}

// HTTP3Conn is a client's connection.
type HTTP3Conn interface {
	// RoundTrip sends a request. Its methods and fields are those that net/http writes over HTTP/1.1.
	http.RoundTripper
	// Open opens a stream for bytes of the kit's own.
	Open(ctx context.Context) (HTTP3Stream, error)
	// TLS returns the state of the handshake.
	TLS() tls.ConnectionState
	// Done is closed when the connection is.
	Done() <-chan struct{}
	// Close closes the connection, in order.
	Close() error
}

// HTTP3Stream is a stream of bytes in both directions.
type HTTP3Stream interface {
	io.ReadWriter
	// Close ends what the client sends.
	io.Closer
	// Reset ends it before its time.
	Reset()
	SetDeadline(time.Time) error
}

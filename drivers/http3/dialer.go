package http3

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"sync"

	"github.com/quic-go/quic-go"
	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/drivers/nethttp"
)

// Dialer makes QUIC connections, for nethttp.ClientConfig.Multiplexed. The zero Dialer
// is ready for use. It may be used by several goroutines at once. It waits for each
// handshake to complete, and sends no request in early data (RFC 8470 section 4), even
// if TLS has a ClientSessionCache.
type Dialer struct {
	opaque[Dialer] // no output shows what is in it

	_ struct{}

	// TLS is the TLS configuration. Nil means the default one. Protocols and, if it is
	// empty, ServerName are set by the Dialer.
	TLS *tls.Config
	// QUIC is the QUIC configuration. Nil means the default one.
	QUIC *quic.Config
	// Transport makes HTTP/3 connections and configures them: compression, header
	// bounds. Nil means a Transport with the defaults. It does not dial itself.
	Transport *quichttp3.Transport

	once sync.Once
	h3   *quichttp3.Transport
}

// Connect opens a connection to an origin.
func (d *Dialer) Connect(ctx context.Context, host string, port uint16) (nethttp.Multiplexed, error) {
	d.once.Do(func() {
		if d.h3 = d.Transport; d.h3 == nil {
			d.h3 = &quichttp3.Transport{}
		}
	})
	config := d.TLS.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = []string{quichttp3.NextProtoH3}
	// Not DialAddrEarly: a request with credentials must not be sent where it can be
	// replayed.
	c, err := quic.DialAddr(ctx, net.JoinHostPort(host, strconv.Itoa(int(port))), config, d.QUIC)
	if err != nil {
		return nil, err
	}
	return &connection{quic: c, http: d.h3.NewClientConn(c)}, nil
}

// connection is a QUIC connection of a Dialer.
type connection struct {
	quic *quic.Conn
	http *quichttp3.ClientConn
}

// RoundTrip implements http.RoundTripper.
func (c *connection) RoundTrip(r *http.Request) (*http.Response, error) { return c.http.RoundTrip(r) }

// TLS implements nethttp.Multiplexed.
func (c *connection) TLS() *tls.ConnectionState {
	state := c.quic.ConnectionState().TLS
	return &state
}

// Err implements nethttp.Multiplexed.
func (c *connection) Err() error { return context.Cause(c.quic.Context()) }

// Close implements nethttp.Multiplexed.
func (c *connection) Close() error {
	return c.quic.CloseWithError(quic.ApplicationErrorCode(quichttp3.ErrCodeNoError), "")
}

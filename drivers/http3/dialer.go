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

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/drivers/nethttp"
)

// Dialer connects by QUIC, for nethttp.ClientConfig.Multiplexed. Its zero value is ready. It may be
// used by several goroutines at once. It waits for each handshake, and sends no request in early data (RFC
// 8470 section 4), also where TLS has a ClientSessionCache.
type Dialer struct {
	hidden.In[Dialer] // no output shows what is in it

	_ struct{}

	// TLS is the default configuration if it is nil. Protocols and, where it is empty, ServerName
	// are filled in.
	TLS *tls.Config
	// QUIC is the default configuration if it is nil.
	QUIC *quic.Config
	// Transport makes HTTP/3 connections, and says how: compression, header bounds. Nil is one with
	// the defaults. Its own dialing is not used.
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
	// Not DialAddrEarly: a request with credentials must not go where it can be replayed.
	c, err := quic.DialAddr(ctx, net.JoinHostPort(host, strconv.Itoa(int(port))), config, d.QUIC)
	if err != nil {
		return nil, err
	}
	return &connection{quic: c, http: d.h3.NewClientConn(c)}, nil
}

// connection is one of them.
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

// Package http3test lets package drivertest look at drivers that speak HTTP/3: it is the kit's own HTTP/3, by quic-go.
// A driver's tests hand it in:
//
//	func TestKit(t *testing.T) {
//		drivertest.Run(t, func() drivertest.Driver {
//			return drivertest.Driver{Server: newServer, HTTP3: http3test.Kit()}
//		})
//	}
package http3test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/quic-go"
	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/drivers/drivertest"
)

// Kit returns the kit's HTTP/3.
func Kit() drivertest.HTTP3 { return kit{} }

type kit struct{}

// handshake is how long a handshake may take: a check runs a hundred of them at once, on any machine.
const handshake = time.Minute

// Dial implements drivertest.HTTP3.
func (kit) Dial(ctx context.Context, addr string, config *tls.Config, keep time.Duration) (drivertest.HTTP3Conn, error) {
	config = config.Clone()
	config.NextProtos = []string{quichttp3.NextProtoH3}
	c, err := quic.DialAddr(ctx, addr, config, &quic.Config{HandshakeIdleTimeout: handshake, KeepAlivePeriod: keep})
	if err != nil {
		return nil, err
	}
	return &conn{c, (&quichttp3.Transport{}).NewClientConn(c)}, nil
}

// Serve implements drivertest.HTTP3.
func (kit) Serve(packets net.PacketConn, config *tls.Config, h http.Handler, withConn func(context.Context, func()) context.Context) (stop func()) {
	server := &quichttp3.Server{
		Handler: h, TLSConfig: quichttp3.ConfigureTLSConfig(config), QUICConfig: &quic.Config{HandshakeIdleTimeout: handshake},
		ConnContext: func(ctx context.Context, c *quic.Conn) context.Context {
			return withConn(ctx, func() { c.CloseWithError(quic.ApplicationErrorCode(quichttp3.ErrCodeInternalError), "") })
		},
	}
	served := make(chan struct{})
	go func() {
		server.Serve(packets)
		close(served)
	}()
	return func() {
		server.Close()
		<-served
	}
}

// conn implements drivertest.HTTP3Conn.
type conn struct {
	quic *quic.Conn
	http *quichttp3.ClientConn
}

func (c *conn) RoundTrip(r *http.Request) (*http.Response, error) { return c.http.RoundTrip(r) }
func (c *conn) TLS() tls.ConnectionState                          { return c.quic.ConnectionState().TLS }
func (c *conn) Done() <-chan struct{}                             { return c.quic.Context().Done() }

func (c *conn) Close() error {
	return c.quic.CloseWithError(quic.ApplicationErrorCode(quichttp3.ErrCodeNoError), "")
}

func (c *conn) Open(ctx context.Context) (drivertest.HTTP3Stream, error) {
	s, err := c.quic.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	return stream{s}, nil
}

// stream implements drivertest.HTTP3Stream.
type stream struct{ *quic.Stream }

func (s stream) Reset() { s.CancelWrite(0) }

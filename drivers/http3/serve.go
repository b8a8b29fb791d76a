package http3

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
)

// Serve serves HTTP/3 on conn by s until ctx ends, and then returns nil when the clients have closed
// their connections or grace has passed. s needs a TLSConfig.
//
// It is quic-go's Serve with limits: that one lets the header and the body of a request take any time, so that
// a client that sends a byte now and then keeps its stream. Here a stream has limits.Request for its request
// and its response, until nethttp's Wrap lets the request pass with a name; a connection without a request
// ends after limits.Idle, and a handshake after limits.Header. What s says itself in IdleTimeout,
// MaxHeaderBytes and QUICConfig comes before the limits. Where s has no QUICConfig there is no 0-RTT.
//
// Handshakes that are not over are bounded in number too: beyond 64 whose clients' addresses may be forged, the next client
// has to show that it receives at its address, by a Retry packet; and of one such address, or of one /64 of IPv6, 1024 may be
// under way. A connection waits to be accepted when its handshake is complete, and before that only with 0-RTT. For bounds by
// address that are closer, refuse clients in QUICConfig.GetConfigForClient.
func Serve(ctx context.Context, conn net.PacketConn, s *quichttp3.Server, limits drive.Limits, grace time.Duration) error {
	if s.TLSConfig == nil {
		return errors.New("http3: the server has no TLSConfig")
	}
	l := limits.WithDefaults()
	if s.IdleTimeout == 0 {
		s.IdleTimeout = l.Idle // FRONT-2
	}
	if s.MaxHeaderBytes == 0 {
		s.MaxHeaderBytes = l.HeaderBytes
	}
	config := bounded(s.QUICConfig, l)
	before := s.ConnContext
	s.ConnContext = func(ctx context.Context, c *quic.Conn) context.Context {
		if before != nil {
			ctx = before(ctx, c)
		}
		return nethttp.WithLimits(ctx)
	}
	var under handshakes
	transport := &quic.Transport{Conn: conn, VerifySourceAddress: under.verify, ConnContext: under.begin}
	defer transport.Close()
	listener, err := listen(transport, quichttp3.ConfigureTLSConfig(s.TLSConfig), config)
	if err != nil {
		return err
	}
	defer listener.Close()
	late, hurry := context.WithCancel(context.WithoutCancel(ctx))
	defer hurry()
	var connections sync.WaitGroup
	for {
		c, err := listener.Accept(ctx)
		if err != nil {
			break
		}
		connections.Go(func() { serveConn(ctx, late, c, s, l.Request) })
	}
	if ctx.Err() == nil {
		hurry()
		connections.Wait()
		return errors.New("http3: the socket failed")
	}
	defer time.AfterFunc(grace, hurry).Stop()
	connections.Wait()
	return nil
}

// listener is what quic-go's two have in common.
type listener interface {
	Accept(context.Context) (*quic.Conn, error)
	Close() error
}

// listen returns a listener that accepts connections when their handshake is complete, and only where there is 0-RTT before
// that. quic-go keeps 32 that wait to be accepted and refuses what comes then: clients that begin a handshake and say no
// more must have no place among them.
func listen(t *quic.Transport, secure *tls.Config, config *quic.Config) (listener, error) {
	if config.Allow0RTT {
		return t.ListenEarly(secure, config)
	}
	return t.Listen(secure, config) // FRONT-8
}

// bounded returns a copy of a configuration, nil for the default one, in which handshakes end by limits.Header.
func bounded(config *quic.Config, l drive.Limits) *quic.Config {
	if config == nil {
		config = new(quic.Config)
	}
	config = config.Clone()
	if config.HandshakeIdleTimeout == 0 {
		config.HandshakeIdleTimeout = l.Header / 2 // FRONT-2: quic-go gives a handshake twice as much
	}
	if choose := config.GetConfigForClient; choose != nil {
		config.GetConfigForClient = func(client *quic.ClientInfo) (*quic.Config, error) {
			chosen, err := choose(client)
			if err != nil {
				return nil, err
			}
			return bounded(chosen, l), nil
		}
	}
	return config
}

// serveConn serves a connection until ctx ends, and then until its client closes it or late ends.
func serveConn(ctx, late context.Context, c *quic.Conn, s *quichttp3.Server, limit time.Duration) {
	h, err := s.NewRawServerConn(c)
	if err != nil {
		c.CloseWithError(quic.ApplicationErrorCode(quichttp3.ErrCodeInternalError), "")
		return
	}
	var streams sync.WaitGroup
	streams.Go(func() { completed(c) })
	streams.Go(func() {
		for {
			str, err := c.AcceptUniStream(late)
			if err != nil {
				return
			}
			streams.Go(func() { h.HandleUnidirectionalStream(str) })
		}
	})
	for {
		str, err := c.AcceptStream(ctx)
		if err != nil {
			break
		}
		str.SetDeadline(time.Now().Add(limit)) // FRONT-2
		streams.Go(func() { h.HandleRequestStream(str) })
	}
	select {
	case <-c.Context().Done():
	case <-late.Done():
	}
	h.CloseWithError(quic.ApplicationErrorCode(quichttp3.ErrCodeNoError), "")
	streams.Wait()
}

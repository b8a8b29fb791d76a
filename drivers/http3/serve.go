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
	"github.com/countersign-auth/countersign/drivers/internal/deadline"
	"github.com/countersign-auth/countersign/drivers/internal/serverlimits"
	"github.com/countersign-auth/countersign/internal/misuse"
)

// Serve serves HTTP/3 on conn by s until ctx ends, and then returns nil when the clients have closed
// their connections or grace has passed. s needs a TLSConfig. What of the arguments cannot work is a gss.Misuse.
//
// Unlike quic-go's Serve it has limits: with quic-go's, the header and body of a
// request may take any time, so that a client that sends a byte now and then keeps its
// stream. Here a stream has limits.Request for its request and its response, until
// nethttp's Wrap passes the request on with a named identity; a connection without a
// request ends after limits.Idle, and a handshake after limits.Header. IdleTimeout,
// MaxHeaderBytes and QUICConfig of s take precedence over the limits. If s has no
// QUICConfig there is no 0-RTT.
//
// The number of incomplete handshakes is bounded, too. If there are 64 with clients
// that have not proven their address, the next client must do so in response to a Retry
// packet; of one proven address, or of one /64 of IPv6, there may be 1024. A connection
// is queued for acceptance when its handshake is complete, and earlier only with 0-RTT.
// For tighter bounds by address, refuse clients in QUICConfig.GetConfigForClient.
func Serve(ctx context.Context, conn net.PacketConn, s *quichttp3.Server, limits drive.Limits, grace time.Duration) error {
	switch {
	case s == nil || s.TLSConfig == nil:
		return misuse.Errorf("http3", "the server is nil or has no TLSConfig; HTTP/3 needs a certificate")
	case conn == nil:
		return misuse.Errorf("http3", "conn is nil; want a UDP socket")
	case grace < 0:
		return misuse.Errorf("http3", "grace is %v; want 0 or more", grace)
	}
	if err := serverlimits.Check("http3", "limits", limits); err != nil {
		return err
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
		return deadline.With(ctx, deadline.Lift{Read: true, Write: true})
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

// listener is the common interface of quic-go's two listeners.
type listener interface {
	Accept(context.Context) (*quic.Conn, error)
	Close() error
}

// listen returns a listener that accepts connections when their handshake is complete,
// or, only with 0-RTT, earlier. quic-go queues 32 connections and refuses more: clients
// that begin a handshake and then stop must not be able to fill the queue.
func listen(t *quic.Transport, secure *tls.Config, config *quic.Config) (listener, error) {
	if config.Allow0RTT {
		return t.ListenEarly(secure, config)
	}
	return t.Listen(secure, config) // FRONT-8
}

// bounded returns a copy of a configuration, nil for the default one, in which
// handshakes end by limits.Header.
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

// serveConn serves a connection until ctx ends, and then until its client closes it or
// late ends.
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

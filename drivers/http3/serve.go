package http3

import (
	"context"
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
	config := new(quic.Config)
	if s.QUICConfig != nil {
		config = s.QUICConfig.Clone()
	}
	if config.HandshakeIdleTimeout == 0 { // of which quic-go gives a handshake twice as much
		config.HandshakeIdleTimeout = l.Header / 2
	}
	before := s.ConnContext
	s.ConnContext = func(ctx context.Context, c *quic.Conn) context.Context {
		if before != nil {
			ctx = before(ctx, c)
		}
		return nethttp.WithLimits(ctx)
	}
	transport := &quic.Transport{Conn: conn, ConnContext: ConnContext} // drive.BindTLS notes certificates there
	defer transport.Close()
	listener, err := transport.ListenEarly(quichttp3.ConfigureTLSConfig(s.TLSConfig), config)
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

// serveConn serves a connection until ctx ends, and then until its client closes it or late ends.
func serveConn(ctx, late context.Context, c *quic.Conn, s *quichttp3.Server, limit time.Duration) {
	h, err := s.NewRawServerConn(c)
	if err != nil {
		c.CloseWithError(quic.ApplicationErrorCode(quichttp3.ErrCodeInternalError), "")
		return
	}
	var streams sync.WaitGroup
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

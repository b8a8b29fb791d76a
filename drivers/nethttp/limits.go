package nethttp

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/countersign-auth/countersign/drivers/drive"
)

// lifted says which deadlines end with authentication, because Install set them.
type lifted struct{ read, write bool }

type liftedKey struct{}

// guard prepares s for unauthenticated clients: it sets the limits that s does not
// have. If a scheme needs a connection of its own it disables HTTP/2, over which that
// scheme cannot complete.
func guard(s *http.Server, l drive.Limits, needsConnection bool) {
	l = l.WithDefaults()
	var lift lifted
	if s.ReadHeaderTimeout == 0 {
		s.ReadHeaderTimeout = l.Header // FRONT-2
	}
	if s.IdleTimeout == 0 {
		s.IdleTimeout = l.Idle
	}
	if s.ReadTimeout == 0 {
		s.ReadTimeout, lift.read = l.Request, true
	}
	if s.WriteTimeout == 0 {
		s.WriteTimeout, lift.write = l.Request, true
	}
	if s.MaxHeaderBytes == 0 {
		s.MaxHeaderBytes = l.HeaderBytes
	}
	if needsConnection && s.Protocols == nil { // FRONT-4
		s.Protocols = new(http.Protocols)
		s.Protocols.SetHTTP1(true)
	}
	if lift == (lifted{}) { // the limits are those of the server or of another Install
		return
	}
	before := s.ConnContext
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if before != nil {
			ctx = before(ctx, c)
		}
		return context.WithValue(ctx, liftedKey{}, lift)
	}
}

// WithLimits returns a context for the connections of a server that sets read and write
// deadlines for each request. Wrap lifts these deadlines for requests that it passes on
// with a named identity. Install calls it for an http.Server, package http3 for its
// own.
func WithLimits(ctx context.Context) context.Context {
	return context.WithValue(ctx, liftedKey{}, lifted{read: true, write: true})
}

// lift removes the deadlines of an authenticated request.
func lift(w http.ResponseWriter, r *http.Request) {
	l := liftable(r)
	if l.read { // a server without deadlines set none
		http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	if l.write {
		http.NewResponseController(w).SetWriteDeadline(time.Time{})
	}
}

// liftable returns which deadlines of a request were set by Install or declared by
// WithLimits.
func liftable(r *http.Request) lifted {
	l, _ := r.Context().Value(liftedKey{}).(lifted)
	return l
}

// drainTime returns how long to wait for the rest of a body, which is never longer than
// a request's limit.
func drainTime(d time.Duration, l drive.Limits) time.Duration {
	if d == 0 {
		d = defaultDrainTime
	}
	if request := l.WithDefaults().Request; request > 0 {
		d = min(d, request)
	}
	return d
}

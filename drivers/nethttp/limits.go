package nethttp

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/countersign-auth/countersign/drivers/drive"
)

// Limits bound what a server spends on clients that are not authenticated, see drive.Limits.
type Limits = drive.Limits

// lifted tells which limits of a server end with authentication, because Install set them.
type lifted struct{ read, write bool }

type liftedKey struct{}

// guard prepares s for clients that are not authenticated: it sets the limits that s does not have,
// and where a scheme needs a connection it leaves out HTTP/2, on which that scheme cannot end.
func guard(s *http.Server, l Limits, needsConnection bool) {
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
	if lift == (lifted{}) { // the limits are the server's own, or another Install's
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

// WithLimits returns a context for the connections of a server that sets read and write deadlines for
// each request: Wrap then lifts them from requests that it lets pass with a name. Install does this for an
// http.Server, package http3 for its own.
func WithLimits(ctx context.Context) context.Context {
	return context.WithValue(ctx, liftedKey{}, lifted{read: true, write: true})
}

// lift ends the limits on a request that is authenticated.
func lift(w http.ResponseWriter, r *http.Request) {
	l := liftable(r)
	if l.read { // a server that knows no deadlines set none
		http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	if l.write {
		http.NewResponseController(w).SetWriteDeadline(time.Time{})
	}
}

// liftable returns which deadlines of a request Install set, or WithLimits speaks of.
func liftable(r *http.Request) lifted {
	l, _ := r.Context().Value(liftedKey{}).(lifted)
	return l
}

// drainTime is the bound on waiting for the rest of a body: it does not outlast a request's limit.
func drainTime(d time.Duration, l Limits) time.Duration {
	if d <= 0 {
		d = DefaultDrainTime
	}
	if request := l.WithDefaults().Request; request > 0 {
		d = min(d, request)
	}
	return d
}

package nethttp

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/internal/deadline"
)

// guard prepares s for unauthenticated clients: it sets the limits that s does not
// have. If a scheme needs a connection of its own it disables HTTP/2, over which that
// scheme cannot complete.
func guard(s *http.Server, l drive.Limits, needsConnection bool) {
	l = l.WithDefaults()
	var lift deadline.Lift // those that Install sets
	if s.ReadHeaderTimeout == 0 {
		s.ReadHeaderTimeout = l.Header // FRONT-2
	}
	if s.IdleTimeout == 0 {
		s.IdleTimeout = l.Idle
	}
	if s.ReadTimeout == 0 {
		s.ReadTimeout, lift.Read = l.Request, true
	}
	if s.WriteTimeout == 0 {
		s.WriteTimeout, lift.Write = l.Request, true
	}
	if s.MaxHeaderBytes == 0 {
		s.MaxHeaderBytes = l.HeaderBytes
	}
	if needsConnection && s.Protocols == nil { // FRONT-4
		s.Protocols = new(http.Protocols)
		s.Protocols.SetHTTP1(true)
	}
	if lift == (deadline.Lift{}) { // the limits are those of the server or of another Install
		return
	}
	before := s.ConnContext
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if before != nil {
			ctx = before(ctx, c)
		}
		return deadline.With(ctx, lift)
	}
}

// lift removes the deadlines of an authenticated request.
func lift(w http.ResponseWriter, r *http.Request) {
	l := deadline.From(r.Context())
	if l.Read { // a server without deadlines set none
		http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	if l.Write {
		http.NewResponseController(w).SetWriteDeadline(time.Time{})
	}
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

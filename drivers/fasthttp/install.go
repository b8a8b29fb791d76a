package fasthttp

import (
	"bytes"
	"context"
	"io"
	"net"
	"reflect"
	"runtime"
	"sync"
	"time"
	"weak"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/machine"
)

// bounds are the settings of a server that Install changed: what applies until a
// request is authenticated, and what the server's owner set for authenticated requests.
type bounds struct {
	request time.Duration // until a refusal is sent
	lift    bool          // ReadTimeout was set by Install, and ends with authentication
	whole   bool          // handlers get the complete body
	max     func(*fast.RequestHeader) int
}

// servers holds the bounds of the installed servers, by weak.Pointer[fast.Server]: a
// second Authenticator on the same server must not take the first one's settings for
// the owner's.
var servers sync.Map

// Install prepares a server for a handler returned by Wrap. Call it after the server's
// fields are set and before the server serves.
//
//   - It sets ConnState, and calls the hook that was set before.
//   - It sets ReadTimeout and IdleTimeout to [ServerConfig].Limits where they are 0. If it
//     set ReadTimeout, it is lifted for requests that Wrap passes on with a named identity.
//   - It sets StreamRequestBody and DisablePreParseMultipartForm, so that an announced
//     body costs nothing before its request is authenticated, and HeaderReceived, which
//     calls the hook that was set before, so that not even the start of the body is waited
//     for. If StreamRequestBody was not set, Wrap then reads the body, up to
//     MaxRequestBodySize, before it calls the handler.
//   - It sets ExpectHandler, so that clients that wait for 100 (Continue) get it once their
//     request has been authenticated, and otherwise a challenge, on every path. If a server
//     has paths that are not behind Wrap, set an ExpectHandler or ContinueHandler, which
//     Install does not change.
//
// fasthttp's Serve returns when the process has no descriptor left for a connection. To
// continue in that case, serve a drive.RetryAccept listener.
func (a *Authenticator) Install(s *fast.Server) {
	if a == nil || a.conf == nil { // refuses every request
		return
	}
	b := a.bound(s)
	before := s.ConnState
	s.ConnState = func(c net.Conn, state fast.ConnState) {
		if before != nil {
			before(c, state)
		}
		if !reflect.ValueOf(c).Comparable() { // cannot be a map key
			return
		}
		switch state {
		case fast.StateNew:
			a.states.Store(c, &connState{ServerConn: a.server.Connection(), bounds: b})
		case fast.StateActive, fast.StateIdle:
			if v, ok := a.states.Load(c); ok {
				v.(*connState).between(c)
			}
		case fast.StateClosed, fast.StateHijacked:
			if v, ok := a.states.LoadAndDelete(c); ok {
				v.(*connState).abandon()
			}
		}
	}
}

// bound applies the limits to a server, once.
func (a *Authenticator) bound(s *fast.Server) *bounds {
	key := weak.Make(s)
	if b, ok := servers.Load(key); ok {
		return b.(*bounds)
	}
	limits := a.conf.Limits.WithDefaults()
	b := &bounds{request: limits.Request, whole: !s.StreamRequestBody}
	servers.Store(key, b)
	runtime.AddCleanup(s, func(key weak.Pointer[fast.Server]) { servers.Delete(key) }, key)
	if s.ReadTimeout == 0 {
		s.ReadTimeout, b.lift = limits.Request, true // FRONT-2
	}
	if s.IdleTimeout == 0 {
		s.IdleTimeout = limits.Idle
	}
	max, tune := s.MaxRequestBodySize, s.HeaderReceived
	if max <= 0 {
		max = fast.DefaultMaxRequestBodySize
	}
	b.max = func(h *fast.RequestHeader) int {
		if tune != nil {
			if own := tune(h).MaxRequestBodySize; own > 0 {
				return own
			}
		}
		return max
	}
	s.StreamRequestBody, s.DisablePreParseMultipartForm = true, true // FRONT-5
	s.HeaderReceived = func(h *fast.RequestHeader) (c fast.RequestConfig) {
		if tune != nil {
			c = tune(h)
		}
		// fasthttp reads this much of a streamed body before it calls the handler, 8
		// KiB by default. The body may be longer.
		c.MaxRequestBodySize = 1
		return c
	}
	if s.ExpectHandler == nil && s.ContinueHandler == nil {
		s.ExpectHandler = a.expect
	}
	return b
}

// expect judges a request from a client that waits for 100 (Continue) (RFC 9110 section
// 10.1.1). It returns 100 if the body is needed: the handler reads it, or the
// connection continues with the next leg of a handshake. Wrap then continues with the
// visit.
func (a *Authenticator) expect(ctx *fast.RequestCtx) int {
	if coversBody(ctx) {
		return fast.StatusContinue
	}
	v := a.visit(ctx, a.stateOf(ctx))
	if v == nil {
		return fast.StatusServiceUnavailable
	}
	refusal, refused := v.act.(machine.Reply)
	if v.act != nil && !(refused && (refusal.Close || !refusal.Fault.IsZero())) {
		v.g.wait(v)
		return fast.StatusContinue
	}
	defer v.close()
	v.last = true
	if refused { // FRONT-6
		v.reply(refusal)
	} else {
		v.deny(v.err)
	}
	v.ended = refused
	return ctx.Response.StatusCode()
}

// coversBody reports whether the credentials are Digest's with qop=auth-int, which
// cannot be verified without the body.
func coversBody(ctx *fast.RequestCtx) bool {
	qop, _ := header.ParseRequest(requestFields{&ctx.Request.Header}.Values).Authorization.Param("qop")
	return ascii.EqualFold(qop, "auth-int")
}

// wait keeps a judged visit until its request reaches Wrap.
func (g *connState) wait(v *visit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pending = v
}

// waiting returns the waiting visit and no longer keeps it; nil if there is none.
func (g *connState) waiting() *visit {
	g.mu.Lock()
	defer g.mu.Unlock()
	v := g.pending
	g.pending = nil
	return v
}

// between ends a visit that has not reached Wrap, and the time for a refusal. It is
// called before and after each request.
func (g *connState) between(c net.Conn) {
	g.abandon()
	if g.limited.Swap(false) {
		c.SetWriteDeadline(time.Time{})
	}
}

// abandon ends a visit that did not reach Wrap. Its request may already be reused by
// fasthttp.
func (g *connState) abandon() {
	if v := g.waiting(); v != nil {
		v.release()
	}
}

// lift removes the deadline of an authenticated request.
func (v *visit) lift() {
	if v.g.bounds.lift {
		v.ctx.Conn().SetReadDeadline(time.Time{}) // FRONT-3
	}
}

// limit bounds the time for sending a response to an unauthenticated client. fasthttp
// bounds it by its WriteTimeout, if that is set.
func (v *visit) limit() {
	if b := v.g.bounds; b.request > 0 {
		v.g.limited.Store(true)
		v.ctx.Conn().SetWriteDeadline(time.Now().Add(b.request))
	}
}

// fetch reads the body of an authenticated request, if the handler gets the complete
// body. It returns the status to refuse the request with, or 0.
func (v *visit) fetch() int {
	if !v.g.bounds.whole || !v.ctx.Request.IsBodyStream() {
		return 0
	}
	return v.hold(v.maxBody())
}

// maxBody returns the server's bound on the body of this request, in bytes.
func (v *visit) maxBody() int64 { return int64(v.g.bounds.max(&v.ctx.Request.Header)) }

// hold reads the body into memory, up to max bytes. It returns the status to refuse the
// request with, or 0. If it fails the connection is closed, since the start of the next
// request is unknown.
func (v *visit) hold(max int64) (status int) {
	defer func() { v.last = v.last || status != 0 }()
	r := &v.ctx.Request
	if int64(r.Header.ContentLength()) > max {
		return fast.StatusRequestEntityTooLarge
	}
	stream := r.BodyStream()
	body, err := io.ReadAll(io.LimitReader(stream, max+1))
	switch {
	case err != nil:
		return fast.StatusBadRequest
	case int64(len(body)) > max:
		return fast.StatusRequestEntityTooLarge
	case len(body) < r.Header.ContentLength() || !ended(stream): // R9112-8-1
		return fast.StatusBadRequest
	}
	r.SetBodyRaw(body)
	r.Header.SetContentLength(len(body))
	return 0
}

// ended reports whether a stream that was read to io.EOF reached the end of its body.
// fasthttp also returns io.EOF if the connection ends before the last chunk, and does
// not export the difference.
func ended(stream io.Reader) bool {
	v := reflect.ValueOf(stream)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return true
	}
	eof := v.Elem().FieldByName("eof")
	return eof.Kind() != reflect.Bool || eof.Bool()
}

var contentLength, transferEncoding, chunked = []byte("Content-Length"), []byte("Transfer-Encoding"), []byte("chunked")

// framing describes where the body of a request ends, according to its fields.
type framing struct {
	length bool // Content-Length
	coded  bool // Transfer-Encoding
	odd    bool // more than one coding, or one other than chunked
}

// framed reads the fields as they were received. If there is Transfer-Encoding fasthttp
// drops Content-Length, but an intermediary that used it would take the bytes that
// follow for another client's request. fasthttp also treats the coding identity as
// none.
func framed(h *fast.RequestHeader) (f framing) {
	for line := range bytes.Lines(h.RawHeaders()) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, contentLength):
			f.length = true
		case bytes.EqualFold(name, transferEncoding):
			f.odd = f.odd || f.coded || !bytes.EqualFold(bytes.TrimSpace(value), chunked)
			f.coded = true
		}
	}
	return f
}

// visit reserves the connection for a request, and lets the machine judge it. It
// returns nil if the connection is not available.
func (a *Authenticator) visit(ctx *fast.RequestCtx, g *connState) *visit {
	if !g.Lock(context.Background()) { // fasthttp runs one request of a connection at a time
		return nil
	}
	v := &visit{a: a, g: g, ctx: ctx}
	if e, status := v.received(); status != 0 || framed(&ctx.Request.Header).odd { // R9112-6.3-1
		v.act = drive.Refusal(machine.Incoming{}, max(status, 400))
	} else {
		v.judge(e)
	}
	return v
}

// resume returns the visit of a request. If its client waited for 100 (Continue) the
// request has already been judged.
func (a *Authenticator) resume(ctx *fast.RequestCtx) *visit {
	g := a.stateOf(ctx)
	if v := g.waiting(); v != nil {
		return v
	}
	return a.visit(ctx, g)
}

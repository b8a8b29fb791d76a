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
	"github.com/countersign-auth/countersign/machine"
)

// bounds are what Install made of a server: what holds until a request is authenticated, and what the
// server's owner wanted for those that are.
type bounds struct {
	request time.Duration // until a refusal is sent
	lift    bool          // ReadTimeout is Install's, and ends with authentication
	whole   bool          // handlers want bodies whole
	max     func(*fast.RequestHeader) int
}

// servers are the bounds of the servers that were installed, by weak.Pointer[fast.Server]: a second
// Authenticator on the same server must not take the first one's for its owner's.
var servers sync.Map

// Install prepares a server whose handler is behind Wrap. Call it before the server serves, and after
// its fields are set.
//
//   - It sets ConnState, on top of the hook that is there.
//   - It sets ReadTimeout and IdleTimeout to [ServerConfig].Limits where they are 0. ReadTimeout, if it
//     set it, is lifted from requests that Wrap lets pass with a name.
//   - It sets StreamRequestBody and DisablePreParseMultipartForm, so that a body that was announced
//     costs nothing before its request is authenticated, and HeaderReceived, on top of the one that is
//     there, so that not even the start of it is waited for. Where StreamRequestBody was not set, Wrap
//     then reads the body, up to MaxRequestBodySize, before it calls the handler.
//   - It sets ExpectHandler, so that clients that wait for 100 (Continue) get it when their request
//     has been authenticated, and a challenge otherwise, whatever its path. A server with paths that are not
//     behind Wrap sets an ExpectHandler or ContinueHandler of its own, which is left alone.
//
// fasthttp's Serve returns when the process has no descriptor left for a connection. Serve a
// drive.Patient listener to go on.
func (a *Authenticator) Install(s *fast.Server) {
	if a == nil || a.conf == nil { // lets nothing in
		return
	}
	b := a.bound(s)
	before := s.ConnState
	s.ConnState = func(c net.Conn, state fast.ConnState) {
		if before != nil {
			before(c, state)
		}
		if !reflect.ValueOf(c).Comparable() { // cannot be told from others
			return
		}
		switch state {
		case fast.StateNew:
			a.guests.Store(c, &guest{Guest: a.door.Connection(), bounds: b})
		case fast.StateActive, fast.StateIdle:
			if v, ok := a.guests.Load(c); ok {
				v.(*guest).between(c)
			}
		case fast.StateClosed, fast.StateHijacked:
			if v, ok := a.guests.LoadAndDelete(c); ok {
				v.(*guest).abandon()
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
		// Of a streamed body, fasthttp reads so much ahead of the handler, 8 KiB if it may, and is
		// then content with more.
		c.MaxRequestBodySize = 1
		return c
	}
	if s.ExpectHandler == nil && s.ContinueHandler == nil {
		s.ExpectHandler = a.expect
	}
	return b
}

// expect judges a request whose client waits for 100 (Continue) (RFC 9110 section 10.1.1). It returns
// 100 if the body is wanted: the handler is to have it, or the connection is to go on with the next leg of a
// handshake. Wrap then goes on with the visit.
func (a *Authenticator) expect(ctx *fast.RequestCtx) int {
	if coversBody(ctx) {
		return fast.StatusContinue
	}
	v := a.visit(ctx, a.guestOf(ctx))
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

// coversBody reports whether the credentials are Digest's with qop=auth-int, which cannot be judged
// without the body.
func coversBody(ctx *fast.RequestCtx) bool {
	qop, _ := header.ParseRequest(requestFields{&ctx.Request.Header}.Values).Authorization.Param("qop")
	return header.EqualFold(qop, "auth-int")
}

// wait keeps a visit that was judged until its request comes to Wrap.
func (g *guest) wait(v *visit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pending = v
}

// waiting returns the visit that waits, which is then no longer kept; nil if there is none.
func (g *guest) waiting() *visit {
	g.mu.Lock()
	defer g.mu.Unlock()
	v := g.pending
	g.pending = nil
	return v
}

// between is called before a request and behind it: a visit that waits has not come to Wrap, and the time
// for a refusal has ended.
func (g *guest) between(c net.Conn) {
	g.abandon()
	if g.limited.Swap(false) {
		c.SetWriteDeadline(time.Time{})
	}
}

// abandon ends a visit that did not come to Wrap. Its request is no longer its own.
func (g *guest) abandon() {
	if v := g.waiting(); v != nil {
		v.release()
	}
}

// lift ends the time for a request that is authenticated.
func (v *visit) lift() {
	if v.g.bounds.lift {
		v.ctx.Conn().SetReadDeadline(time.Time{}) // FRONT-3
	}
}

// limit bounds the time for sending a response to a client that is not authenticated. fasthttp bounds
// it by its WriteTimeout, if it has one.
func (v *visit) limit() {
	if b := v.g.bounds; b.request > 0 {
		v.g.limited.Store(true)
		v.ctx.Conn().SetWriteDeadline(time.Now().Add(b.request))
	}
}

// fetch reads the body of a request that is authenticated, where the handler wants it whole. It returns
// the status to refuse the request with, or 0.
func (v *visit) fetch() int {
	if !v.g.bounds.whole || !v.ctx.Request.IsBodyStream() {
		return 0
	}
	return v.hold(v.maxBody())
}

// maxBody is the server's bound on the body of this request, in bytes.
func (v *visit) maxBody() int64 { return int64(v.g.bounds.max(&v.ctx.Request.Header)) }

// hold reads the body into memory, up to max bytes. It returns the status to refuse the request with,
// or 0. Where it fails the connection closes: nothing tells where the next request begins.
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

// ended reports whether a stream that has been read to io.EOF came to the end of its body. fasthttp returns
// io.EOF as well where the connection ends before the last chunk, and tells the difference to
// itself alone.
func ended(stream io.Reader) bool {
	v := reflect.ValueOf(stream)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return true
	}
	eof := v.Elem().FieldByName("eof")
	return eof.Kind() != reflect.Bool || eof.Bool()
}

var contentLength, transferEncoding, chunked = []byte("Content-Length"), []byte("Transfer-Encoding"), []byte("chunked")

// framing is what the fields of a request say of where its body ends.
type framing struct {
	length bool // Content-Length
	coded  bool // Transfer-Encoding
	odd    bool // with more than the one coding, or with another one than chunked
}

// framed reads the fields as they came: fasthttp drops Content-Length where there is Transfer-Encoding, which
// an intermediary that went by the former would take what follows for another client's by, and
// takes the coding identity for none.
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

// visit takes the connection for a request, and has the machine judge it; nil if the connection cannot
// be had.
func (a *Authenticator) visit(ctx *fast.RequestCtx, g *guest) *visit {
	if !g.Enter(context.Background()) { // fasthttp has one request of a connection at a time
		return nil
	}
	v := &visit{a: a, g: g, ctx: ctx}
	if e, status := v.received(); status != 0 || framed(&ctx.Request.Header).odd { // R9112-6.3-1
		v.act = drive.Refusal(machine.Incoming{}, max(status, 400))
	} else {
		v.act, v.err = v.g.Run(e, v.answer)
	}
	return v
}

// resume returns the visit of a request, which was judged already if its client waited for
// 100 (Continue).
func (a *Authenticator) resume(ctx *fast.RequestCtx) *visit {
	g := a.guestOf(ctx)
	if v := g.waiting(); v != nil {
		return v
	}
	return a.visit(ctx, g)
}

package nethttp

import (
	"cmp"
	"context"
	"net/http"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/internal/machines"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// Visit is one request at an [Authenticator] that wraps no http.ResponseWriter, for
// frameworks with writers or errors of their own. Its methods are called by one goroutine
// at a time, while the request is served:
//
//	v := auth.Begin(w, r)
//	defer v.End()
//	if v.Refused() {
//		v.Refuse()
//		return
//	}
//	r = v.Request()   // for the handler
//	v.Finish(status)  // when the handler's status is known, before the header is sent
type Visit struct {
	opaque[Visit] // no output shows what is in it

	a       *Authenticator
	c       *drive.ServerConn // nil if the connection's state is not this request's
	r       *http.Request
	w       http.ResponseWriter
	passed  *http.Request // with the identity; nil if the request is refused
	nested  bool          // the Authenticator had passed the request on before
	refusal machine.Reply
	body    heldBody
	ours    responseBody // what the handler wrote, for auth-int
	sealed  bool         // the proof covers the response's body
	session *session.Visit
	last    bool // the machine has been told the response's status
	ended   bool // the request ended normally
	over    bool // End was called
	result  drive.Result
}

// Begin judges a request. The connection's next request waits until [Visit.End] is called.
// A request that the Authenticator has passed on before is passed on again, with the same
// identity.
func (a *Authenticator) Begin(w http.ResponseWriter, r *http.Request) *Visit {
	v := &Visit{a: a, r: r, w: w}
	if a == nil || a.conf == nil { // refuse every request
		return v.deny(http.StatusInternalServerError)
	}
	if r.Context().Value(passedKey{a}) != nil {
		v.passed, v.nested = r, true
		return v
	}
	c := a.conn(r)
	if !c.Lock(r.Context()) {
		return v.deny(http.StatusServiceUnavailable)
	}
	v.c, v.body.limit = c, a.conf.MaxBody
	// A panic of the Source leaves the caller without a Visit to end.
	defer func() {
		if v.passed == nil && v.refusal.Status == 0 {
			v.End()
		}
	}()
	v.judge()
	return v
}

// deny refuses the request without its connection's state.
func (v *Visit) deny(status int) *Visit {
	v.refusal.Status, v.result.Status = status, status
	return v
}

// judge asks the machine about the request.
func (v *Visit) judge() {
	in := incoming(v.r, drive.ChannelFrom(v.r.Context()).Binding(v.r.TLS, v.a.conf.Certificate))
	in.AnyScheme = v.a.conf.AnyScheme
	q, status := in.AtOrigin() // TARGET-1, TARGET-2
	if status != 0 {
		v.refuse(drive.Refusal(in, status))
		return
	}
	q.Multiplexed = q.Multiplexed || v.c.Alone
	received := machine.Received{Request: q, Header: requestHeader(v.r.Header), SharedFront: v.a.sharedFront(v.r)}
	var act machine.Action
	var err error
	v.session, act, err = v.a.sessions.Receive(v.r.Context(), v.sessionRequest(received), v.run)
	switch act := act.(type) {
	case machine.Reply:
		v.refuse(act)
	case machine.Accept:
		v.accept(act)
	default: // a misuse, or an action that no server has
		v.c.Reset()
		v.refuse(machine.Reply{Status: http.StatusInternalServerError, Close: true, Fault: machines.Defect("nethttp", err)})
	}
}

// sessionRequest returns what the sessions have to know of the request.
func (v *Visit) sessionRequest(e machine.Received) session.Request {
	q := session.Request{Received: e}
	if v.a.sessions != nil {
		q.Cookies, q.Now = v.r.Header["Cookie"], entropy.Env().Now
		if v.r.TLS != nil && len(v.r.TLS.PeerCertificates) > 0 {
			q.Certificate = v.r.TLS.PeerCertificates[0].Raw
		}
	}
	return q
}

func (v *Visit) refuse(act machine.Reply) {
	v.refusal, v.ended = act, true
	v.result.Status, v.result.Fault = act.Status, act.Fault
}

// accept prepares the request for its handler.
func (v *Visit) accept(act machine.Accept) {
	v.result.Identity = drive.IdentityOf(act)
	v.result.Identity.Session = v.session.Session(act)
	if v.result.Identity.Named() {
		lift(v.w, v.r) // FRONT-3
	}
	ctx := context.WithValue(v.r.Context(), identityKey{}, &v.result.Identity)
	ctx = context.WithValue(ctx, passedKey{v.a}, true)
	if v.session != nil {
		ctx = context.WithValue(ctx, sessionKey{}, v.session)
	}
	r := v.r.WithContext(ctx)
	r.Body = v.body.reader(v.r.Body)
	v.passed = r
}

// Refused reports whether the handler must not run: the request is not authenticated, or a
// handshake continues.
func (v *Visit) Refused() bool { return v.passed == nil }

// Request returns the request for the handler, whose context has the identity for
// [IdentityFrom]. It returns nil if the request is refused.
func (v *Visit) Request() *http.Request { return v.passed }

// Status returns the status that the request was refused with, or that [Visit.Finish] was
// called with; 0 before.
func (v *Visit) Status() int { return v.result.Status }

// Refuse sends the response to a refused request: a challenge, the next leg of a handshake
// or an error. It does nothing if the request is not refused.
func (v *Visit) Refuse() {
	switch {
	case !v.Refused():
	case v.c == nil:
		plain(v.w, v.refusal.Status)
	default:
		writeReply(v.w, v.r, v.refusal, v.a.conf.MaxDrain, v.a.conf.DrainTime)
	}
}

// Finish adds the fields that belong to a response with status to the header of the
// writer that Begin was called with: the final token of a handshake, or challenges if the
// status is 401. It removes what the handler set in their place. Call it when the status is
// final and the header is not yet sent; the first call counts. Informational statuses are
// passed over. A Digest response is not proven with qop=auth-int, which needs [Authenticator.Wrap].
func (v *Visit) Finish(status int) {
	if v.c == nil || v.over || v.last || v.Refused() || informational(status) {
		return
	}
	v.finish(status)
	v.ended = true
}

// informational reports whether a response with the status is followed by another.
func informational(status int) bool {
	return status < 200 && status != http.StatusSwitchingProtocols
}

// End ends the request and calls Log. If its handler ran and Finish was not called, as
// after a panic, the connection's authentication state is discarded. Only the first call
// counts.
func (v *Visit) End() {
	if v.c == nil || v.over {
		return
	}
	v.over = true
	v.c.Unlock(v.ended)
	v.result.Err = cmp.Or(v.result.Err, v.session.Err())
	if v.a.conf.Log != nil {
		v.a.conf.Log(v.r, v.result)
	}
}

// serve runs the handler.
func (v *Visit) serve(next http.Handler) {
	w := &response{x: v, w: v.w, hold: v.sealed}
	returned := false
	defer func() {
		w.left = true
		if !returned && w.status == 0 {
			// Where a framework recovers, its response is as authentic as any other.
			v.suppose(http.StatusInternalServerError)
			v.result.Status, v.last = 0, true
		}
	}()
	next.ServeHTTP(w, v.passed)
	w.end()
	returned, v.ended = true, true
}

// run passes an event to the machine and returns the resulting action.
func (v *Visit) run(e machine.Event) (machine.Action, error) { return v.c.Run(e, v.answerTo) }

// finish asks the machine for the fields to add to a response that is about to be sent
// with status.
func (v *Visit) finish(status int) {
	v.result.Status = status
	if v.last {
		return
	}
	v.last = true
	act, err := v.run(machine.Responding{Status: status})
	f, ok := act.(machine.Finish)
	v.apply(f, status, ok && err == nil)
}

// suppose adds the fields of a response with status, which may still be sent with another.
func (v *Visit) suppose(status int) {
	v.result.Status = status
	f, err := v.c.Preview(status, v.answerTo)
	v.apply(f, status, err == nil)
	v.last = v.last || v.session.Over()
}

// late finishes a response whose handler returned before it was sent. The request still
// has its connection if its context has not ended: net/http reads the next one after that.
func (v *Visit) late(status int) {
	switch {
	case v.last && status != http.StatusUnauthorized:
	case v.last || v.r.Context().Err() != nil || !v.c.Lock(v.r.Context()):
		v.strip()
		v.session.Apply(v.r.Context(), v.w.Header(), http.StatusUnauthorized, entropy.Env)
	default:
		v.finish(status) // FRONT-9
		v.c.Unlock(true)
	}
}

// strip removes the fields that are the machine's.
func (v *Visit) strip() {
	h := v.w.Header()
	h.Del("Persistent-Auth")
	h.Del("Authentication-Info")
	hop.StripChallenges(h, v.a.server.Names)
}

// apply adds the machine's fields. It has none only if the driver is at fault; then no
// login is kept.
func (v *Visit) apply(f machine.Finish, status int, ok bool) {
	v.strip()
	h := v.w.Header()
	v.session.Apply(v.r.Context(), h, status, entropy.Env)
	if ok {
		hop.ApplyFinish(h, f)
	} else {
		v.c.Reset()
		h.Set("Connection", "close")
	}
	if v.session.Over() { // SESS-6: what the connection proved ends, too
		v.c.Reset()
		h.Del("Persistent-Auth")
	}
	withoutConnection(h, v.r)
}

package drive

import (
	"context"
	"errors"
	"fmt"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// Client is what all exchanges of a client share. It may be used by several
// goroutines at once.
type Client[C Conn] struct {
	hidden.In[Client[C]] // no output shows what is in it

	// Fresh makes the machine of a new connection, or of a stream of one.
	Fresh func() Runner[machine.Client]
	// Pool keeps connections, and Spaces what was learned of peers.
	Pool   Pool[C]
	Spaces Spaces
}

// Exchange is a client's request, from Begin to its end, over as many connections as
// it takes.
type Exchange[C Conn] struct {
	Client *Client[C]
	// Keys say which connections and which memory are the request's.
	Keys Keys
	// Method and URI are those of machine.Request, Body how often its content can be
	// sent.
	Method, URI string
	Body        machine.Body
	// Source answers what the schemes ask, and BodyHash what they ask about content
	// (digest.NeedBodyHash). Nil declines.
	Source   answer.Source
	BodyHash func(digest.NeedBodyHash) gss.Answer
	// Dial opens a connection; with http1 one that is not multiplexed. Its context is
	// Run's, and must be the one of everything that it asks.
	Dial func(ctx context.Context, http1 bool) (C, error)
	// Send sends the request once more, as a says, and gives the response. It reads
	// what is left of the response before. A [*Loss] says that there is none because
	// the connection is gone, or cannot take one more request; any other error ends the
	// exchange.
	Send func(ctx context.Context, c C, a machine.Send) (machine.Response, error)
	// Leave, if not nil, is told that the exchange goes on over another connection,
	// before this one is closed.
	Leave func(c C)
}

// Loss is the error of a request that got no response because its connection is
// gone.
type Loss struct {
	// Err is why.
	Err error
	// Unsent: not an octet of the request was written.
	Unsent bool
	// Heard: a part of a response came.
	Heard bool
}

// Error implements error.
func (l *Loss) Error() string { return fmt.Sprintf("the connection was lost: %v", hidden.Error(l.Err)) }

// Unwrap gives the connection's error.
func (l *Loss) Unwrap() error { return l.Err }

// maxSteps bounds the requests and connections of one exchange. The machine's own
// bounds are lower, unless they are set to their maximum.
const maxSteps = 1 << 17

// exchange is a run of an Exchange.
type exchange[C Conn] struct {
	*Exchange[C]
	resume machine.Resume
	http1  bool // the exchange needs a connection that is not multiplexed
	fresh  bool // and none that was idle

	on       *Held[C]
	proven   *answers                // on's, nil for a stream, whose machine leaves nothing behind
	runner   *Runner[machine.Client] // on's, or its stream's own
	streams  Streams                 // on's
	reserved bool                    // a stream that was not used so far
	pooled   bool                    // on served other exchanges before
	sends    int                     // on this connection
	served   bool                    // a response came on it
	status   int                     // of the last response, 0 if there was none
	broken   error                   // what became of the last connection
}

// Run runs the exchange. It ends with a response that is delivered, or with an
// error: an [*Error] of the authentication, one of the context, of a connection
// that did not come about, or of Send. The connection that it ended on, if there is
// one, is the caller's: to Keep after a response or an [*Error], once nothing is left
// to be read on it, and to Close after all other errors.
//
// An idle connection is asked without obligation: where its machine will not have
// the request, because it belongs to another origin or identity, it stays as it
// was. One that turns out to be gone before anything was written is as if it had not
// been there.
func (x *Exchange[C]) Run(ctx context.Context) (machine.Deliver, *Held[C], error) {
	r := &exchange[C]{Exchange: x}
	acts, err := r.begin(ctx)
	for n := 0; err == nil; n++ {
		switch a := acts.At(0).(type) {
		case machine.Send:
			acts, err = r.send(ctx, a)
		case machine.Deliver:
			r.learn(a.Learn, a.LearnProxy)
			return a, r.end(acts.Len() > 1), nil
		case machine.Fail:
			r.learn(a.Learn, a.LearnProxy)
			return machine.Deliver{}, r.end(acts.Len() > 1), &Error{Side: a.Side, Fault: a.Fault, Tried: a.Tried, Reasons: a.Reasons, Status: r.status, Err: r.broken}
		case machine.Reopen:
			r.learn(a.Learn, a.LearnProxy)
			if a.HTTP11 {
				r.http1 = true
				x.Client.Spaces.LearnHTTP11(x.Keys.Origin)
			}
			r.resume, r.fresh = a.Resume, !a.HTTP11
			r.leave()
			acts, err = r.begin(ctx)
		default:
			err = fmt.Errorf("drive: a client cannot do a %T", a)
		}
		if n > maxSteps {
			err = errors.New("drive: the exchange does not end")
		}
	}
	return machine.Deliver{}, r.end(true), err
}

// end hands the connection to the caller.
func (r *exchange[C]) end(retire bool) *Held[C] {
	if r.on == nil {
		return nil
	}
	if r.streams != nil { // it is not this exchange's alone
		if r.reserved {
			r.streams.Release()
		}
		return r.on
	}
	r.on.retired = r.on.retired || retire
	if !r.on.runner.Machine.Bound() {
		r.on.proven.forget() // each request proves itself
	}
	if r.Keys.Identity == "" && (r.on.dialed.single() || r.on.proven.single()) { // CONN-3
		r.on.retired = true
	}
	r.on.last = r.Keys.Origin
	return r.on
}

// leave closes the connection on the way to another one.
func (r *exchange[C]) leave() {
	if r.on == nil {
		return
	}
	if r.Leave != nil {
		r.Leave(r.on.Conn)
	}
	if r.reserved {
		r.streams.Release()
	}
	r.on.Close()
	r.on, r.reserved = nil, false
}

func (r *exchange[C]) learn(origin, proxy machine.Facts) {
	r.Client.Spaces.Learn(r.Keys.Origin, origin)
	r.Client.Spaces.Learn(r.Keys.Proxy, proxy)
}

// answer answers a question on behalf of the connection.
func (r *exchange[C]) answer(ctx context.Context) func(gss.Question) gss.Answer {
	if r.proven != nil {
		ctx = noting(ctx, r.proven)
	}
	return func(q gss.Question) gss.Answer {
		if need, ok := q.(digest.NeedBodyHash); ok {
			if r.BodyHash == nil {
				return gss.Declined{}
			}
			return r.BodyHash(need)
		}
		return Ask(ctx, r.Source, q)
	}
}

// begin finds a connection that will have the exchange, or opens one, and gives the
// first actions.
func (r *exchange[C]) begin(ctx context.Context) (machine.Actions, error) {
	ks, spaces := &r.Keys, &r.Client.Spaces
	b := machine.Begin{Via: ks.Via, Identity: ks.Identity, Body: r.Body, Resume: r.resume}
	if !ks.Own[gss.Origin] && ks.Via.Route != machine.Tunneling {
		b.Lease = spaces.Lease(ks.Origin, r.URI)
	}
	if !ks.Own[gss.Proxy] && ks.Via.Route != machine.Direct {
		b.ProxyLease = spaces.Lease(ks.Proxy, r.URI)
	}
	r.http1 = r.http1 || spaces.NeedsHTTP11(ks.Origin)
	key := ks.Connection
	if r.http1 {
		key = key.HTTP1()
	}
	var passed []*Held[C]
	defer func() {
		for _, h := range passed {
			if s := h.Conn.Streams(); s != nil {
				s.Release()
			} else {
				h.pool.put(h)
			}
		}
	}()
	again := asking{ctx: ctx, source: r.Source}
	for !r.fresh {
		h := r.Client.Pool.take(key, ks.Origin, passed)
		if h == nil {
			break
		}
		if !r.mayUse(&again, h) {
			passed = append(passed, h)
			continue
		}
		acts, ok, err := r.try(ctx, h, b, true)
		if ok || err != nil {
			return acts, err
		}
		passed = append(passed, h)
	}
	h, err := r.dial(ctx, key)
	if err != nil {
		return machine.Actions{}, err
	}
	acts, _, err := r.try(ctx, h, b, false)
	return acts, err
}

// mayUse reports whether an idle connection belongs to the user of this request. That
// of a named identity does; otherwise the sources are asked again (CONN-3, C37).
func (r *exchange[C]) mayUse(again *asking, h *Held[C]) bool {
	return r.Keys.Identity != "" || again.dialed(h.dialed) && (!h.runner.Machine.Bound() || again.proven(h.proven))
}

// dial opens a connection for a key.
func (r *exchange[C]) dial(ctx context.Context, key Key) (*Held[C], error) {
	h := &Held[C]{pool: &r.Client.Pool, key: key, dialed: new(answers), proven: new(answers)}
	c, err := r.Dial(noting(ctx, h.dialed), r.http1)
	if err != nil {
		return nil, err
	}
	h.Conn = c
	if s := c.Streams(); s == nil {
		h.runner = r.Client.Fresh()
	} else {
		if err := s.Reserve(); err != nil {
			c.Close()
			return nil, err
		}
		r.Client.Pool.share(h)
	}
	return h, nil
}

// try begins the exchange on a connection; false if it is not for this exchange.
func (r *exchange[C]) try(ctx context.Context, h *Held[C], b machine.Begin, pooled bool) (machine.Actions, bool, error) {
	runner, streams := &h.runner, h.Conn.Streams()
	if streams != nil {
		own := r.Client.Fresh()
		runner = &own
	}
	b.Request = h.Conn.Describe(machine.Request{Method: r.Method, URI: r.URI, Scheme: r.Keys.Scheme, Host: r.Keys.Host, Port: r.Keys.Port})
	begun := *runner // machines are values: the connection's own stays as it is
	var note func()
	if see := begun.Observer; see != nil {
		begun.Observer = func(id uint64, env gss.Env, e machine.Event, acts machine.Actions) {
			note = func() { see(id, env, e, acts) }
		}
	}
	acts, err := begun.Step(b)
	if err == nil && pooled && streams == nil {
		switch acts.At(0).(type) {
		case machine.Reopen, machine.Fail:
			return machine.Actions{}, false, nil
		}
	}
	runner.Machine = begun.Machine
	r.take(h, pooled)
	r.runner = runner
	if note != nil {
		note()
	}
	acts, err = r.settle(ctx, acts, err)
	return acts, true, err
}

// settle answers what a machine asks. The context's end is the exchange's.
func (r *exchange[C]) settle(ctx context.Context, acts machine.Actions, err error) (machine.Actions, error) {
	if err == nil {
		acts, err = r.runner.settle(acts, r.answer(ctx))
	}
	if err == nil {
		err = ctx.Err()
	}
	return acts, err
}

// tell tells the machine an event.
func (r *exchange[C]) tell(ctx context.Context, e machine.Event) (machine.Actions, error) {
	acts, err := r.runner.Step(e)
	return r.settle(ctx, acts, err)
}

// send sends one leg, and tells the machine what came of it. What no handshake ties
// to its connection may go out on another one, where this one is gone before
// anything was written.
func (r *exchange[C]) send(ctx context.Context, a machine.Send) (machine.Actions, error) {
	for {
		r.reserved = false
		response, err := r.Send(ctx, r.on.Conn, a)
		if err == nil {
			r.sends, r.served, r.status, r.broken = r.sends+1, true, response.Status, nil
			return r.tell(ctx, r.own(response))
		}
		lost, ok := errors.AsType[*Loss](err)
		switch {
		case !ok:
			return machine.Actions{}, err
		case ctx.Err() != nil:
			return machine.Actions{}, ctx.Err()
		}
		r.broken = lost.Err
		loss := hop.Loss{Idle: r.pooled && r.sends == 0, Served: r.served, Unsent: lost.Unsent, Heard: lost.Heard, Pinned: a.Pinned}
		switch loss.Next() {
		case hop.Anew:
			r.leave()
			r.fresh = true
			return r.begin(ctx)
		case hop.Again:
			same, err := r.renew(ctx)
			if err == nil && same {
				continue
			}
			if ctx.Err() != nil {
				return machine.Actions{}, ctx.Err()
			}
			if err != nil {
				r.broken = err
			}
		}
		return r.tell(ctx, loss.Event())
	}
}

// own hides the challenge of a side whose credentials the application sets itself:
// it is a response like any other.
func (r *exchange[C]) own(e machine.Response) machine.Response {
	if e.Status == 401 && r.Keys.Own[gss.Origin] || e.Status == 407 && r.Keys.Own[gss.Proxy] {
		e.Status, e.Header = 403, header.Response{}
	}
	return e
}

// renew puts a fresh connection under the same machine. It reports whether the
// machine can tell no difference.
func (r *exchange[C]) renew(ctx context.Context) (bool, error) {
	old, streams, runner, q := r.on, r.streams, r.runner, machine.Request{}
	was := old.Conn.Describe(q)
	r.leave()
	h, err := r.dial(ctx, old.key)
	if err != nil {
		return false, err
	}
	if h.Conn.Streams() == nil && streams == nil {
		h.runner, h.proven = *runner, old.proven
		runner = &h.runner
	}
	r.take(h, false)
	r.runner = runner
	return h.Conn.Describe(q) == was && (streams == nil) == (r.streams == nil), nil
}

// take makes a connection the exchange's.
func (r *exchange[C]) take(h *Held[C], pooled bool) {
	r.on, r.streams, r.proven = h, h.Conn.Streams(), h.proven
	if r.reserved = r.streams != nil; r.reserved {
		r.proven = nil
	}
	r.pooled, r.served, r.sends = pooled, false, 0
}

package drive

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/drivers/internal/machines"
	"github.com/countersign-auth/countersign/drivers/internal/spare"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// Client holds what all exchanges of a client share. It may be used by several
// goroutines at once.
type Client[C Conn] struct {
	opaque[Client[C]] // no output shows what is in it

	// Machine is the machine of a new connection or stream, and Observer, if not nil, is
	// called for its steps.
	Machine  machine.Client
	Observer Observer
	// MaxIdle bounds the idle connections, 512 by default. MaxPerKey, 8 by default,
	// bounds those that the same requests may use, and the multiplexed ones of that kind
	// that serve no request. If MaxIdle is negative no idle connection is kept.
	MaxIdle, MaxPerKey int

	spaces spaces
	idle   spare.List[*Held[C]] // that carry one request at a time
	mu     sync.Mutex
	shared []*Held[C] // multiplexed, until they close
}

// fresh returns the runner of a new connection or stream.
func (c *Client[C]) fresh() runner[machine.Client] {
	return runner[machine.Client]{machines.NextID(), c.Machine, c.Observer}
}

// Exchange is a client's request from Begin to its end, over as many connections as it
// needs.
type Exchange[C Conn] struct {
	opaque[Exchange[C]] // no output shows what is in it

	Client *Client[C]
	// Keys identify the connections and remembered facts that the request may use.
	Keys Keys
	// Method and URI are those of machine.Request. Body says how often the content can
	// be sent.
	Method, URI string
	Body        machine.Body
	// Source answers the schemes' questions, except those about content
	// (digest.NeedBodyHash), which BodyHash answers. Nil declines.
	Source   answer.Source
	BodyHash func(digest.NeedBodyHash) gss.Answer
	// Dial opens a connection, or with http1 a connection that is not multiplexed. Its
	// context is that of Run, and must be used for everything that it asks.
	Dial func(ctx context.Context, http1 bool) (C, error)
	// Send sends one request as a says, and returns the response. It reads the rest of
	// the previous response first. A [*Loss] says that there is no response because the
	// connection has closed or cannot carry another request. Any other error ends the
	// exchange.
	Send func(ctx context.Context, c C, a machine.Send) (machine.Response, error)
	// Leave, if not nil, is called before the exchange closes a connection to continue
	// on another one.
	Leave func(c C)
}

// Loss is the error of a request that got no response because its connection has
// closed.
type Loss struct {
	// Err is the connection's error.
	Err error
	// Unsent says that no byte of the request was written.
	Unsent bool
	// Heard says that a part of a response arrived.
	Heard bool
}

// Error implements error.
func (l *Loss) Error() string { return fmt.Sprintf("the connection was lost: %v", hidden.Error(l.Err)) }

// Unwrap returns the connection's error.
func (l *Loss) Unwrap() error { return l.Err }

// maxSteps bounds the requests and connections of one exchange. The machine's own
// bounds are lower, unless they are set to their maximum.
const maxSteps = 1 << 17

// exchange is the state of an Exchange while it runs.
type exchange[C Conn] struct {
	*Exchange[C]
	resume machine.Resume
	http1  bool // the exchange needs a connection that is not multiplexed
	fresh  bool // and no idle one

	on       *Held[C]
	proven   *answers                // of on; nil for a stream, after which no identity remains
	runner   *runner[machine.Client] // the machine of on, or of its stream
	streams  Streams                 // of on
	reserved bool                    // the stream has not been used so far
	pooled   bool                    // on has served other exchanges
	sends    int                     // on this connection
	served   bool                    // a response arrived on this connection
	status   int                     // of the last response, 0 if there was none
	broken   *Loss                   // of the last connection, nil if it is well
	known    known                   // what sources explained
}

// Run runs the exchange. It ends with the delivered response or with an error: an
// [*Error] if authentication failed, or the error of the context, of Dial or of Send.
// If there is a connection at the end, it passes to the caller. After a response or an
// [*Error] the caller must Keep it, once nothing is left to be read on it; after any
// other error it must Close it.
//
// An idle connection is tried without obligation: if its machine refuses the request,
// because the connection belongs to another origin or identity, it stays in the pool
// unchanged. If it turns out to be closed before anything was written, the exchange
// continues as if it had not existed.
func (x *Exchange[C]) Run(ctx context.Context) (machine.Deliver, *Held[C], error) {
	r := &exchange[C]{Exchange: x}
	ctx = answer.Explaining(ctx, r.known.add)
	acts, err := r.begin(ctx)
	for n := 0; err == nil; n++ {
		switch a := acts.At(0).(type) {
		case machine.Send:
			acts, err = r.send(ctx, a)
		case machine.Deliver:
			r.learn(a.OriginFacts, a.ProxyFacts)
			return a, r.end(acts.Len() > 1), nil
		case machine.Fail:
			r.learn(a.OriginFacts, a.ProxyFacts)
			return machine.Deliver{}, r.end(acts.Len() > 1), r.failed(a)
		case machine.Reopen:
			r.learn(a.OriginFacts, a.ProxyFacts)
			if a.HTTP11 {
				r.http1 = true
				x.Client.spaces.learnHTTP11(x.Keys.Origin)
			}
			r.resume, r.fresh = a.Resume, !a.HTTP11
			r.leave()
			acts, err = r.begin(ctx)
		default:
			err = gss.Fault{Code: gss.Bug, Detail: fmt.Sprintf("drive: a client cannot do a %T", a)}.Err()
		}
		if n > maxSteps {
			err = errors.New("drive: the exchange exceeded the limit of requests and connections")
		}
	}
	return machine.Deliver{}, r.end(true), err
}

// failed returns the error of an exchange that failed.
func (r *exchange[C]) failed(a machine.Fail) *Error {
	e := &Error{Side: a.Side, Fault: a.Fault, Tried: a.Tried, Reasons: a.Reasons, Status: r.status, Err: r.known.with(r.broken)}
	e.tunnel = r.Keys.Route.Kind == machine.Tunneling
	if a.Side == gss.Proxy {
		e.Proxy = r.Keys.proxyAddress()
	}
	return e
}

// end passes the connection to the caller.
func (r *exchange[C]) end(retire bool) *Held[C] {
	if r.on == nil {
		return nil
	}
	if r.streams != nil { // shared with other exchanges
		if r.reserved {
			r.streams.Release()
		}
		return r.on
	}
	r.on.retired = r.on.retired || retire
	if !r.on.runner.machine.ConnectionBased() {
		r.on.proven.forget() // each request authenticates
	}
	if r.Keys.Identity == "" && (r.on.dialed.single() || r.on.proven.single()) { // CONN-3
		r.on.retired = true
	}
	r.on.last = r.Keys.Origin
	return r.on
}

// leave closes the connection before the exchange continues on another one.
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
	r.Client.spaces.learn(r.Keys.Origin, origin)
	r.Client.spaces.learn(r.Keys.Proxy, proxy)
}

// answer returns a function that answers questions asked on this connection.
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

// begin finds a connection that accepts the exchange, or opens one. It returns the
// first actions.
func (r *exchange[C]) begin(ctx context.Context) (machine.Actions, error) {
	ks, spaces := &r.Keys, &r.Client.spaces
	b := machine.Begin{Route: ks.Route, Identity: ks.Identity, Body: r.Body, Resume: r.resume}
	if !ks.Own[gss.Origin] && ks.Route.Kind != machine.Tunneling {
		b.Lease = spaces.lease(ks.Origin, r.URI)
	}
	if !ks.Own[gss.Proxy] && ks.Route.Kind != machine.Direct {
		b.ProxyLease = spaces.lease(ks.Proxy, r.URI)
	}
	r.http1 = r.http1 || spaces.needsHTTP11(ks.Origin)
	key := ks.connection
	if r.http1 {
		key = key.overHTTP1()
	}
	var passed []*Held[C]
	defer func() {
		for _, h := range passed {
			if s := h.Conn.Streams(); s != nil {
				s.Release()
			} else {
				h.client.put(h)
			}
		}
	}()
	again := asking{ctx: ctx, source: r.Source}
	for !r.fresh {
		h := r.Client.take(key, ks.Origin, passed)
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

// mayUse reports whether an idle connection belongs to the user of this request. With a
// named identity it does; otherwise the sources are asked again (CONN-3, C37).
func (r *exchange[C]) mayUse(again *asking, h *Held[C]) bool {
	return r.Keys.Identity != "" || again.dialed(h.dialed) && (!h.runner.machine.ConnectionBased() || again.proven(h.proven))
}

// dial opens a connection for a key.
func (r *exchange[C]) dial(ctx context.Context, key connKey) (*Held[C], error) {
	h := &Held[C]{client: r.Client, key: key, dialed: new(answers), proven: new(answers)}
	c, err := r.Dial(noting(ctx, h.dialed), r.http1)
	if err != nil {
		return nil, err
	}
	h.Conn = c
	if s := c.Streams(); s == nil {
		h.runner = r.Client.fresh()
	} else {
		if err := s.Reserve(); err != nil {
			c.Close()
			return nil, err
		}
		r.Client.share(h)
	}
	return h, nil
}

// try begins the exchange on a connection. It reports false if the connection's machine
// refuses it.
func (r *exchange[C]) try(ctx context.Context, h *Held[C], b machine.Begin, pooled bool) (machine.Actions, bool, error) {
	runner, streams := &h.runner, h.Conn.Streams()
	if streams != nil {
		own := r.Client.fresh()
		runner = &own
	}
	b.Request = h.Conn.Describe(machine.Request{Method: r.Method, URI: r.URI, Scheme: r.Keys.Scheme, Host: r.Keys.Host, Port: r.Keys.Port})
	begun := *runner // machines are values: the connection's own stays unchanged
	var note func()
	if see := begun.observer; see != nil {
		begun.observer = func(id uint64, env gss.Env, e machine.Event, acts machine.Actions) {
			note = func() { see(id, env, e, acts) }
		}
	}
	acts, err := begun.step(b)
	if err == nil && pooled && streams == nil {
		switch acts.At(0).(type) {
		case machine.Reopen, machine.Fail:
			return machine.Actions{}, false, nil
		}
	}
	runner.machine = begun.machine
	r.take(h, pooled)
	r.runner = runner
	if note != nil {
		note()
	}
	acts, err = r.settle(ctx, acts, err)
	return acts, true, err
}

// settle answers the machine's questions. If the context ends, so does the exchange.
func (r *exchange[C]) settle(ctx context.Context, acts machine.Actions, err error) (machine.Actions, error) {
	if err == nil {
		acts, err = r.runner.settle(acts, r.answer(ctx))
	}
	if err == nil {
		err = ctx.Err()
	}
	return acts, err
}

// tell passes an event to the machine and answers its questions.
func (r *exchange[C]) tell(ctx context.Context, e machine.Event) (machine.Actions, error) {
	acts, err := r.runner.step(e)
	return r.settle(ctx, acts, err)
}

// send sends one leg, and passes the outcome to the machine. A leg that no handshake
// ties to its connection may be sent on another one, if this one has closed before
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
		r.broken = lost
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
				r.broken = &Loss{Err: err, Unsent: true}
			}
		}
		return r.tell(ctx, loss.Event())
	}
}

// own hides the challenge of a side for which the application sets the credentials:
// such a response is like any other.
func (r *exchange[C]) own(e machine.Response) machine.Response {
	if e.Status == 401 && r.Keys.Own[gss.Origin] || e.Status == 407 && r.Keys.Own[gss.Proxy] {
		e.Status, e.Header = 403, header.Response{}
	}
	return e
}

// renew replaces the connection and keeps the machine. It reports whether that makes no
// difference to the machine.
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

// take makes h the exchange's connection.
func (r *exchange[C]) take(h *Held[C], pooled bool) {
	r.on, r.streams, r.proven = h, h.Conn.Streams(), h.proven
	if r.reserved = r.streams != nil; r.reserved {
		r.proven = nil
	}
	r.pooled, r.served, r.sends = pooled, false, 0
}

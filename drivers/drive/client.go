package drive

import (
	"context"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// Carrier is a connection of a client's, with the machine that belongs to it.
type Carrier interface {
	// Runner has the machine.
	Runner() *Runner[machine.Client]
	// Begun completes the request for this connection: its binding, and whether it is
	// multiplexed.
	Begun(q machine.Request) machine.Request
	// Send sends the request once more, as a says. An error says that the connection is of no
	// use any more; it may have been carried out.
	Send(ctx context.Context, a machine.Send) (machine.Response, error)
	// Renew puts a fresh connection under the same machine, if the last response closed the old
	// one, or the old one was gone before a byte was written. False where the machine could tell
	// the difference, or there is no other.
	Renew(ctx context.Context) bool
	// Spent reports whether no further request can go out.
	Spent() bool
	// Close lets go of the connection for good.
	Close()
}

// Exchange is a client's request, from Begin to its end, over as many connections as it takes.
type Exchange struct {
	Begin machine.Begin
	// Lease is asked once for each connection, nil for nothing known.
	Lease func() (origin, proxy machine.Lease)
	// Answer answers what the machine asks.
	Answer func(gss.Question) gss.Answer
	// Connect gives a connection: one that has been idle if fresh is false and there is any. http11 asks
	// for one that is not multiplexed.
	Connect func(ctx context.Context, fresh, http11 bool) (Carrier, error)
	// Learn is told what the exchange taught of origin and proxy.
	Learn func(origin, proxy machine.Facts)
}

// Run runs the exchange. What comes back is its end, Deliver or Fail, the connection that it
// ended on (nil if there is none), and whether that must not be used again. An error is the
// context's, of a connection that does not come about, or a misuse.
//
// A connection that was idle may turn out to be gone: then the exchange begins again on a fresh
// one, if nothing was sent. It may carry what is somebody else's; its machine then says Reopen.
func (x *Exchange) Run(ctx context.Context) (end machine.Action, on Carrier, retire bool, err error) {
	begin, fresh, http11 := x.Begin, false, false
	for range MaxConnections {
		if on, err = x.Connect(ctx, fresh, http11); err != nil {
			return nil, nil, false, err
		}
		if x.Lease != nil {
			begin.Lease, begin.ProxyLease = x.Lease()
		}
		begin.Request = on.Begun(x.Begin.Request)
		acts, err := x.drive(ctx, on, begin)
		if err != nil {
			on.Close()
			return nil, nil, false, err
		}
		switch a := acts.At(0).(type) {
		case machine.Deliver:
			x.learn(a.Learn, a.LearnProxy)
			return a, on, retires(acts), nil
		case machine.Fail:
			x.learn(a.Learn, a.LearnProxy)
			return a, on, retires(acts), nil
		case machine.Reopen:
			x.learn(a.Learn, a.LearnProxy)
			begin.Resume, fresh, http11 = a.Resume, !a.HTTP11, http11 || a.HTTP11
			on.Close()
		default:
			on.Close()
			return nil, nil, false, fmt.Errorf("drive: a client cannot do a %T", a)
		}
	}
	return nil, nil, false, fmt.Errorf("drive: more than %d connections for one request", MaxConnections)
}

// MaxConnections bounds the connections of one exchange, idle ones that were gone included:
// the machine's own bound is lower.
const MaxConnections = 300

// drive does what the machine says until the exchange ends on this connection.
func (x *Exchange) drive(ctx context.Context, on Carrier, e machine.Event) (machine.Actions, error) {
	for {
		acts, err := on.Runner().Run(e, x.Answer)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return machine.Actions{}, err
		}
		send, ok := acts.At(0).(machine.Send)
		if !ok {
			return acts, nil
		}
		if e, err = x.send(ctx, on, send); err != nil {
			return machine.Actions{}, err
		}
	}
}

// send sends one leg. What no handshake ties to its connection may go out on another one where
// this one is spent.
func (x *Exchange) send(ctx context.Context, on Carrier, a machine.Send) (machine.Event, error) {
	if on.Spent() && (a.Pinned || !on.Renew(ctx)) { // HTA-5
		return machine.Closed{}, ctx.Err()
	}
	for {
		r, err := on.Send(ctx, a)
		switch {
		case err == nil:
			return r, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case a.Pinned || !on.Renew(ctx):
			return machine.Closed{}, nil
		}
	}
}

func (x *Exchange) learn(origin, proxy machine.Facts) {
	if x.Learn != nil {
		x.Learn(origin, proxy)
	}
}

func retires(acts machine.Actions) bool {
	for a := range acts.All() {
		if _, ok := a.(machine.Retire); ok {
			return true
		}
	}
	return false
}

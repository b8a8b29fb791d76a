package drive

import (
	"context"
	"crypto/tls"
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Door makes the state that a server keeps for each connection. The zero Door makes state
// that refuses everything.
type Door struct {
	fresh machine.Server
	lone  machine.Server // for requests without a connection; zero if nothing can run there
	// Names are those of the schemes.
	Names []string
	// NeedsConnection reports whether a scheme may be bound to its connection, so that its
	// handshake cannot end on a connection that carries many requests at once.
	NeedsConnection bool
	observer        Observer
}

// NewDoor makes a Door. The error is a gss.Misuse and says what is wrong with the schemes.
func NewDoor(c machine.ServerConfig, o Observer) (Door, error) {
	d := Door{observer: o, NeedsConnection: NeedsConnection(c.Schemes)}
	var err error
	if d.fresh, err = machine.NewServer(c); err != nil {
		return Door{}, err
	}
	if err = CheckSchemes(c.Schemes); err != nil {
		return Door{}, err
	}
	per := c
	per.Schemes = nil
	for _, s := range c.Schemes {
		d.Names = append(d.Names, s.Traits().Name)
		if s.Traits().Bound != scheme.Connection {
			per.Schemes = append(per.Schemes, s)
		}
	}
	if len(per.Schemes) > 0 {
		if d.lone, err = machine.NewServer(per); err != nil {
			return Door{}, err
		}
	}
	return d, nil
}

// NeedsConnection reports whether one of the schemes may be bound to its connection.
func NeedsConnection(schemes []scheme.Server) bool {
	return slices.ContainsFunc(schemes, func(s scheme.Server) bool { return s != nil && s.Traits().NeedsConnection() })
}

// CheckSchemes looks for schemes whose mechanism is not configured to accept any client
// (HTA-32). The error is a gss.Misuse, and says which and what is missing.
func CheckSchemes(schemes []scheme.Server) error {
	for _, s := range schemes {
		if f := scheme.Unconfigured(s); !f.IsZero() {
			return gss.Misuse("drive: " + s.Traits().Name + " could accept no client: " + f.Detail)
		}
	}
	return nil
}

// Guest is the state of one connection, or of one request where there is no
// connection to speak of.
type Guest struct {
	runner Runner[machine.Server]
	fresh  machine.Server // as it was at first
	turn   Turn
	// Channel is where the TLS configuration notes which certificate the connection
	// showed, see [BindTLS]. It may be nil.
	Channel *Channel
	// Alone: it is one request's own, with nothing before it and nothing after it.
	Alone bool
}

// Connection is the state of a connection that carries one request after the other.
func (d *Door) Connection() *Guest { return d.guest(d.fresh, false) }

// Stream is the state of one request on a connection that carries many at once. Schemes that
// need a connection of their own are offered there, so that clients come back over HTTP/1.1 (HTA-4).
func (d *Door) Stream() *Guest { return d.guest(d.fresh, true) }

// Lone is the state of one request of which nobody knows the connection, and for clients that have
// no other to come back on: what needs a connection is not offered.
func (d *Door) Lone() *Guest { return d.guest(d.lone, true) }

func (d *Door) guest(fresh machine.Server, alone bool) *Guest {
	return &Guest{runner: Runner[machine.Server]{fresh, NextID(), d.observer}, fresh: fresh, turn: NewTurn(), Alone: alone}
}

// Binding returns the channel binding of the connection, see [Channel.Binding].
func (g *Guest) Binding(state *tls.ConnectionState, served Certificates) gss.Binding {
	return g.Channel.Binding(state, served)
}

// Enter waits for the connection's turn; false if the context ended before. Leave hands it on.
func (g *Guest) Enter(ctx context.Context) bool { return g.turn.Take(ctx) }

// Leave ends a request. Where it did not go its way (ended is false), the machine may be anywhere
// in the middle of things, and the connection starts anew.
func (g *Guest) Leave(ended bool) {
	if !ended {
		g.Reset()
	}
	g.turn.Give()
}

// Reset forgets everything about the connection.
func (g *Guest) Reset() { g.runner.Machine = g.fresh }

// Closed tells the machine that its connection is gone, or somebody else's.
func (g *Guest) Closed() { g.runner.Step(machine.Closed{}) }

// Run tells the machine an event, answers what it asks, and gives the action that it came to.
func (g *Guest) Run(e machine.Event, answer func(gss.Question) gss.Answer) (machine.Action, error) {
	acts, err := g.runner.Run(e, answer)
	return acts.At(0), err
}

// Result is what became of one request at a server.
type Result struct {
	// Status is the status of the response, 0 if the handler panicked before it.
	Status int
	// Identity is who made the request, as its handler saw it; zero if the handler
	// did not run.
	Identity Identity
	// Fault is why the handler did not run. It is zero for a challenge that goes on
	// with a handshake.
	Fault gss.Fault
}

// IdentityOf is who a machine lets in.
func IdentityOf(a machine.Accept) Identity {
	return Identity{Scheme: a.Scheme, Info: a.Info, Anonymous: a.Anonymous, Context: a.Context}
}

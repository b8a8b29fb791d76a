package drive

import (
	"context"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/drivers/internal/machines"
	"github.com/countersign-auth/countersign/drivers/internal/turn"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Server makes the state that a server keeps for each connection. The zero Server makes
// states that refuse every request.
type Server struct {
	opaque[Server] // no output shows what is in it

	fresh    machine.Server
	detached machine.Server // for requests without a connection; zero if no scheme is possible there
	// Names are the names of the schemes.
	Names []string
	// NeedsConnection says that a scheme may be bound to its connection, so that its
	// handshake cannot complete on a connection that carries many requests at once.
	NeedsConnection bool
	observer        Observer
}

// NewServer returns a Server. The error is a gss.Misuse and describes what is wrong with
// the schemes.
func NewServer(c machine.ServerConfig, o Observer) (Server, error) {
	d := Server{observer: o, NeedsConnection: machines.NeedConnection(c.Schemes)}
	var err error
	if d.fresh, err = machine.NewServer(c); err != nil {
		return Server{}, err
	}
	per := c
	per.Schemes = nil
	for _, s := range c.Schemes {
		d.Names = append(d.Names, s.Traits().Name)
		if s.Traits().Affinity != scheme.PerConnection {
			per.Schemes = append(per.Schemes, s)
		}
	}
	if len(per.Schemes) > 0 {
		if d.detached, err = machine.NewServer(per); err != nil {
			return Server{}, err
		}
	}
	return d, nil
}

// ServerConn is the state of one connection, or of one request on a multiplexed connection.
type ServerConn struct {
	opaque[ServerConn] // no output shows what is in it

	runner runner[machine.Server]
	fresh  machine.Server // in its initial state
	turn   turn.Mutex
	// supposed is the status of a response that may have been sent with another one; 0 if
	// the machine was told of the response.
	supposed int
	// Alone says that the state is for one request only.
	Alone bool
}

// Connection returns the state of a connection that carries one request after the
// other.
func (d *Server) Connection() *ServerConn { return d.conn(d.fresh, false) }

// Stream returns the state of one request on a connection that carries many at once.
// Schemes that need a connection of their own are offered there, for clients that then
// retry over HTTP/1.1.
func (d *Server) Stream() *ServerConn { return d.conn(d.fresh, true) } // HTA-4

// Detached returns the state of one request on an unknown connection, or from clients that
// cannot retry on another one. Schemes that need a connection are not offered.
func (d *Server) Detached() *ServerConn { return d.conn(d.detached, true) }

func (d *Server) conn(fresh machine.Server, alone bool) *ServerConn {
	return &ServerConn{runner: runner[machine.Server]{machines.NextID(), fresh, d.observer}, fresh: fresh, turn: turn.New(), Alone: alone}
}

// Lock waits until no other request uses the connection. It reports false if the
// context ended first.
func (g *ServerConn) Lock(ctx context.Context) bool { return g.turn.Lock(ctx) }

// Unlock ends a request. If it ended abnormally (ended is false), the machine's state is
// unknown, and the connection's state is reset.
func (g *ServerConn) Unlock(ended bool) {
	if !ended {
		g.Reset()
	}
	g.turn.Unlock()
}

// Reset discards the authentication state of the connection.
func (g *ServerConn) Reset() { g.runner.machine, g.supposed = g.fresh, 0 }

// Closed tells the machine that the connection has closed, or passed to another owner.
func (g *ServerConn) Closed() { g.runner.step(machine.Closed{}) }

// Run passes an event to the machine, answers its questions and returns the resulting
// action.
func (g *ServerConn) Run(e machine.Event, answer func(gss.Question) gss.Answer) (machine.Action, error) {
	if _, next := e.(machine.Received); next && g.supposed != 0 {
		if _, err := g.runner.run(machine.Responding{Status: g.supposed}, decline); err != nil {
			g.Reset()
		}
	}
	g.supposed = 0
	acts, err := g.runner.run(e, answer)
	return acts.At(0), err
}

func decline(gss.Question) gss.Answer { return gss.Declined{} }

// Preview returns the fields to add to a response that will have status, unless it is
// sent later with another one. The machine is told of the status that is sent with Run and
// machine.Responding; without that it is told of status before the connection's next
// request.
func (g *ServerConn) Preview(status int, answer func(gss.Question) gss.Answer) (machine.Finish, error) {
	apart := g.runner // machines are values: this one is not changed
	apart.observer = nil
	acts, err := apart.run(machine.Responding{Status: status}, answer)
	if err != nil {
		return machine.Finish{}, err
	}
	f, ok := acts.At(0).(machine.Finish)
	if !ok {
		return machine.Finish{}, errNoFinish
	}
	g.supposed = status
	return f, nil
}

var errNoFinish = gss.Fault{Code: gss.Bug, Detail: "drive: the machine has no fields for a response"}.Err()

// Result describes the outcome of one request at a server.
type Result struct {
	// Status is the status of the response, 0 if the handler panicked before it. If the
	// handler returned without a response it is 200, which is sent unless a framework sends
	// another response later.
	Status int
	// Identity is the identity that the handler saw; zero if the handler did not run.
	Identity Identity
	// Fault says why the handler did not run. It is zero if the response continues a
	// handshake.
	Fault gss.Fault
	// Err is why a proxy has no response of the upstream server, such as an error of dialing,
	// of TLS, or the [*Error] of another proxy on the way. Otherwise it is what a source said
	// by answer.Explain, such as which user store did not respond, or why there is no session
	// (session.Visit.Err), and nil if there was nothing to say.
	Err error `json:"-"`
}

// Ask asks a source like the function Ask, and keeps in Err what the source says by
// answer.Explain, the first time that it does.
func (r *Result) Ask(ctx context.Context, s answer.Source, q gss.Question) gss.Answer {
	var k known
	a := Ask(answer.Explaining(ctx, k.add), s, q)
	if r.Err == nil { // LEG-3
		r.Err = hidden.Error(k.with(nil))
	}
	return a
}

// IdentityOf returns the identity that a machine accepted.
func IdentityOf(a machine.Accept) Identity {
	return Identity{Scheme: a.Scheme, Info: a.Info, Anonymous: a.Anonymous, Context: a.Context}
}

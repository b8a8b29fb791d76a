package nethttp

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"sync"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/machine"
)

// front is a client's connection to the proxy: its machine, and the upstream
// connection that is its own.
type front struct {
	p    *Proxy
	id   uint64
	conn net.Conn // nil: one request's own, and nothing can be kept for it
	turn drive.Turn
	tls  *drive.Channel

	mu      sync.Mutex
	machine machine.Proxy
	up      *upstream // pinned
	busy    bool      // a request is on its way, and will look after up at its end
	active  bool      // between the first byte of a request and the last of its response
	retired bool      // to be closed as soon as it is not active
}

func (p *Proxy) newFront(conn net.Conn) *front {
	return &front{p: p, id: drive.NextID(), conn: conn, turn: drive.NewTurn(), machine: p.fresh}
}

// Install sets the hooks by which the proxy knows connections, ConnContext and
// ConnState, on top of those that are there, and applies [ProxyConfig].Limits and
// leaves out HTTP/2 as [Authenticator].Install does, which see. ReadTimeout and
// WriteTimeout, if it set them, are lifted from requests that are forwarded. Call it
// before the server serves, and after its fields are set.
func (p *Proxy) Install(s *http.Server) {
	if p == nil || p.conf == nil { // forwards nothing
		return
	}
	defer guard(s, p.conf.Limits, drive.NeedsConnection(p.conf.Proxy.Auth.Schemes))
	connContext, connState := s.ConnContext, s.ConnState
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, c)
		}
		if !reflect.ValueOf(c).Comparable() { // cannot be told from others
			return drive.WithChannel(ctx)
		}
		ctx = drive.WithChannel(ctx)
		f := p.newFront(c)
		f.tls = drive.ChannelFrom(ctx)
		p.fronts.Store(c, f)
		return context.WithValue(ctx, frontKey{p}, f)
	}
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if connState != nil {
			connState(c, state)
		}
		if !reflect.ValueOf(c).Comparable() {
			return
		}
		if f, ok := p.fronts.Load(c); ok {
			f.(*front).state(state)
		}
	}
}

type frontKey struct{ *Proxy }

// front is the connection that r came on.
func (p *Proxy) front(r *http.Request) *front {
	if f, ok := r.Context().Value(frontKey{p}).(*front); ok && r.ProtoMajor == 1 {
		return f
	}
	f := p.newFront(nil)
	f.tls = drive.ChannelFrom(r.Context())
	return f
}

// state follows the connection's life.
func (f *front) state(s http.ConnState) {
	switch s {
	case http.StateActive, http.StateIdle:
		f.mu.Lock()
		f.active = s == http.StateActive
		end := f.retired && !f.active
		f.mu.Unlock()
		if end {
			f.conn.Close()
		}
	case http.StateClosed, http.StateHijacked:
		f.p.fronts.Delete(f.conn)
		f.drop()
	}
}

// step steps the machine and retires what it retires. It gives the action that is
// left, nil if there is none.
func (f *front) step(e machine.Event) (machine.Action, error) {
	f.mu.Lock()
	main, up, err := f.stepLocked(e)
	f.mu.Unlock()
	if up != nil {
		up.close()
	}
	return main, err
}

// stepLocked also gives an upstream connection to be closed, which must not happen
// under the lock: closing calls the connection's hook.
func (f *front) stepLocked(e machine.Event) (main machine.Action, gone *upstream, err error) {
	env := entropy.Env()
	next, acts, err := f.machine.Step(env, e)
	if err != nil {
		return nil, nil, err
	}
	f.machine = next
	if f.p.conf.Observer != nil {
		f.p.conf.Observer(f.id, env, e, acts)
	}
	for a := range acts.All() {
		switch a := a.(type) {
		case machine.Retire:
			if a.End == machine.Downstream {
				f.retired = true
			} else {
				gone, f.up = f.up, nil
			}
		default:
			main = a
		}
	}
	return main, gone, nil
}

// begin takes the front for a request; false if its connection is to close.
func (f *front) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = !f.retired
	return f.busy
}

// end gives it back, and looks after the pinned connection: a hook that ran in the
// meantime left it to us.
func (f *front) end() {
	f.mu.Lock()
	f.busy = false
	up := f.up
	f.mu.Unlock()
	if up != nil && up.cc.Err() != nil {
		f.lost(up)
	}
}

// pin makes up this client's own.
func (f *front) pin(up *upstream) {
	f.mu.Lock()
	former := f.up
	f.up = up
	f.mu.Unlock()
	if former != nil {
		former.close()
	}
	up.cc.SetStateHook(func(cc *http.ClientConn) {
		if cc.Err() != nil {
			go f.lost(up) // the hook may run under somebody's lock
		}
	})
}

// pinned is the upstream connection that is this client's own, nil if there is
// none.
func (f *front) pinned() *upstream {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.up
}

// give takes up out of the front's hands, because it has become something else.
func (f *front) give(up *upstream) {
	f.mu.Lock()
	if f.up == up {
		f.up = nil
	}
	f.mu.Unlock()
}

// lost deals with a pinned connection that closed between two requests: what the
// client believes of its connection does not hold any more.
func (f *front) lost(up *upstream) {
	f.mu.Lock()
	if f.up != up || f.busy {
		f.mu.Unlock()
		return
	}
	f.up = nil
	f.stepLocked(machine.Closed{End: machine.Upstream})
	retired := f.retired
	f.mu.Unlock()
	if retired {
		f.retire()
	}
}

// retire closes the connection as soon as it is not active.
func (f *front) retire() {
	f.mu.Lock()
	f.retired = true
	now := !f.active && f.conn != nil
	f.mu.Unlock()
	if now {
		f.conn.Close()
	}
}

// drop ends the front, and its upstream connection with it (R4559-6-5).
func (f *front) drop() {
	f.mu.Lock()
	_, gone, _ := f.stepLocked(machine.Closed{End: machine.Downstream})
	if f.up != nil {
		gone, f.up = f.up, nil
	}
	f.mu.Unlock()
	if gone != nil {
		gone.close()
	}
}

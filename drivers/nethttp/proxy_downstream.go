package nethttp

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"sync"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/internal/machines"
	"github.com/countersign-auth/countersign/drivers/internal/turn"
	"github.com/countersign-auth/countersign/hop"
)

// downstream is a client's connection to the proxy, with the upstream connections that it
// uses. The hop.Front in it decides what happens to them.
type downstream struct {
	p    *Proxy
	id   uint64
	conn net.Conn // nil: for one request alone; no connection can be kept for it
	turn turn.Mutex
	tls  *drive.Channel

	mu      sync.Mutex
	hop     hop.Front
	own     *upstream // the connection reserved for the client
	used    *upstream // the connection that carries the request
	active  bool      // between the first byte of a request and the last of its response
	retired bool      // to be closed as soon as it is not active
}

func (p *Proxy) newDownstream(conn net.Conn) *downstream {
	return &downstream{p: p, id: machines.NextID(), conn: conn, turn: turn.New(), hop: p.fresh}
}

// Install sets the hooks ConnContext and ConnState, which tell the proxy about
// connections. It calls hooks that were set before. Like [Authenticator].Install it
// applies [ProxyConfig].Limits and disables HTTP/2 if a scheme needs a connection of
// its own. If it set ReadTimeout and WriteTimeout, they are lifted for requests that
// are forwarded. Call it after the server's fields are set and before the server
// serves.
func (p *Proxy) Install(s *http.Server) {
	if p == nil || p.conf == nil { // refuses every request
		return
	}
	defer guard(s, p.conf.Limits, machines.NeedConnection(p.conf.Proxy.Auth.Schemes))
	connContext, connState := s.ConnContext, s.ConnState
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, c)
		}
		if !reflect.ValueOf(c).Comparable() { // cannot be a map key
			return drive.WithChannel(ctx)
		}
		ctx = drive.WithChannel(ctx)
		f := p.newDownstream(c)
		f.tls = drive.ChannelFrom(ctx)
		p.downstreams.Store(c, f)
		return context.WithValue(ctx, downstreamKey{p}, f)
	}
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if connState != nil {
			connState(c, state)
		}
		if !reflect.ValueOf(c).Comparable() {
			return
		}
		if f, ok := p.downstreams.Load(c); ok {
			f.(*downstream).state(state)
		}
	}
}

type downstreamKey struct{ *Proxy }

// downstream returns the state of the connection that r came on.
func (p *Proxy) downstream(r *http.Request) *downstream {
	if f, ok := r.Context().Value(downstreamKey{p}).(*downstream); ok && r.ProtoMajor == 1 {
		return f
	}
	f := p.newDownstream(nil)
	f.tls = drive.ChannelFrom(r.Context())
	return f
}

// state follows the state of the connection.
func (f *downstream) state(s http.ConnState) {
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
		f.p.downstreams.Delete(f.conn)
		f.step(hop.Closed{})
	}
}

// step passes an event to the front and carries out what it orders about connections.
// It returns the action for the request.
func (f *downstream) step(e hop.Event) (hop.Action, error) {
	f.mu.Lock()
	do, after, err := f.stepLocked(e)
	f.mu.Unlock()
	after()
	return do, err
}

// stepLocked returns, as after, what must be done once the lock is released: closing a
// connection calls its hook, which takes the lock.
func (f *downstream) stepLocked(e hop.Event) (do hop.Action, after func(), err error) {
	env := entropy.Env()
	next, o, err := f.hop.Step(env, e)
	if err != nil {
		return nil, func() {}, err
	}
	f.hop = next
	for _, told := range o.Told {
		if told.Event != nil && f.p.conf.Observer != nil {
			f.p.conf.Observer(f.id, env, told.Event, told.Actions)
		}
	}
	var returned *upstream
	var closed [2]*upstream
	if o.CloseOwn { // R4559-6-5
		closed[0], f.own = f.own, nil
	}
	switch o.Used {
	case hop.Keep:
		f.keepLocked(f.used)
	case hop.Return:
		returned, f.used = f.used, nil
	case hop.Close:
		closed[1], f.used = f.used, nil
	case hop.Detach:
		f.used = nil
	}
	if !next.Owns() {
		f.own = nil // it has closed
	}
	f.retired = f.retired || o.CloseClient
	hangUp := o.CloseClient && !f.active && f.conn != nil
	return o.Do, func() {
		for _, u := range closed {
			if u != nil {
				u.close()
			}
		}
		if returned != nil {
			f.p.pool.put(returned)
		}
		if hangUp {
			f.conn.Close()
		}
	}, nil
}

// carry records the connection that carries the request. If own is set, the connection
// is reserved for the client from now on.
func (f *downstream) carry(up *upstream, own bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.used = up
	if own {
		f.keepLocked(up)
	}
}

// keepLocked reserves up for the client, and watches for its end.
func (f *downstream) keepLocked(up *upstream) {
	f.own = up
	up.cc.SetStateHook(func(cc *http.ClientConn) {
		if cc.Err() != nil {
			go f.lost(up) // the hook may run under a lock of net/http
		}
	})
}

// lost reports to the front that the client's own connection has closed, unless it is
// no longer the client's.
func (f *downstream) lost(up *upstream) {
	after := func() {}
	f.mu.Lock()
	if f.own == up {
		_, after, _ = f.stepLocked(hop.OwnLost{})
	}
	f.mu.Unlock()
	after()
}

// pinned returns the connection that is reserved for the client, nil if there is none.
func (f *downstream) pinned() *upstream {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.own
}

// usable reports whether the connection that carries the request can take another one.
func (f *downstream) usable() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used != nil && f.used.cc.Err() == nil && f.used.cc.Available() > 0
}

// end ends a request. A front without a connection ends with its request.
func (f *downstream) end(e hop.Ended) {
	f.step(e)
	if f.conn == nil {
		f.step(hop.Closed{})
	}
	f.mu.Lock()
	own := f.own
	f.used = nil
	f.mu.Unlock()
	if own != nil && own.cc.Err() != nil {
		f.lost(own) // its hook may have run while it carried the request, without effect
	}
}

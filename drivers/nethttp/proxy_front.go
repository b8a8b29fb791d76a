package nethttp

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"sync"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/hop"
)

// front is a client's connection to the proxy, and where the connections upstream are
// that have to do with it. What becomes of them the value in it says.
type front struct {
	p    *Proxy
	id   uint64
	conn net.Conn // nil: one request's own, and nothing can be kept for it
	turn drive.Turn
	tls  *drive.Channel

	mu      sync.Mutex
	hop     hop.Front
	own     *upstream // the one that is the client's own
	used    *upstream // the one that carries the request
	active  bool      // between the first byte of a request and the last of its response
	retired bool      // to be closed as soon as it is not active
}

func (p *Proxy) newFront(conn net.Conn) *front {
	return &front{p: p, id: drive.NextID(), conn: conn, turn: drive.NewTurn(), hop: p.fresh}
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
		f.step(hop.Closed{})
	}
}

// step tells the front what happened and carries out its orders. It gives what is to be
// done for the request.
func (f *front) step(e hop.Event) (hop.Action, error) {
	f.mu.Lock()
	do, after, err := f.stepLocked(e)
	f.mu.Unlock()
	after()
	return do, err
}

// stepLocked gives what is left to be done after the lock was given up: closing calls the
// connections' hooks.
func (f *front) stepLocked(e hop.Event) (do hop.Action, after func(), err error) {
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
	if o.CloseOwn {
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
		f.own = nil // it has closed by itself
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

// carry takes note of the connection that carries the request. Own is the client's from
// now on.
func (f *front) carry(up *upstream, own bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.used = up
	if own {
		f.keepLocked(up)
	}
}

// keepLocked makes up the client's own, and watches it.
func (f *front) keepLocked(up *upstream) {
	f.own = up
	up.cc.SetStateHook(func(cc *http.ClientConn) {
		if cc.Err() != nil {
			go f.lost(up) // the hook may run under a lock of net/http
		}
	})
}

// lost tells that the client's own connection is gone, unless it is its own no more.
func (f *front) lost(up *upstream) {
	after := func() {}
	f.mu.Lock()
	if f.own == up {
		_, after, _ = f.stepLocked(hop.OwnLost{})
	}
	f.mu.Unlock()
	after()
}

// pinned is the connection that is the client's own, nil if there is none.
func (f *front) pinned() *upstream {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.own
}

// usable reports whether the connection that carries the request can take another one.
func (f *front) usable() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used != nil && f.used.cc.Err() == nil && f.used.cc.Available() > 0
}

// end ends a request, and a front that was for it alone.
func (f *front) end(e hop.Ended) {
	f.step(e)
	if f.conn == nil {
		f.step(hop.Closed{})
	}
	f.mu.Lock()
	own := f.own
	f.used = nil
	f.mu.Unlock()
	if own != nil && own.cc.Err() != nil {
		f.lost(own) // its hook may have come to nothing while it carried the request
	}
}

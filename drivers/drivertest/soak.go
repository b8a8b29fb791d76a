package drivertest

import (
	"context"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The soak: a hundred concurrent clients, on connections that close at random. Each
// request names its user in its body.
const (
	soakClients  = 25 // for each user
	soakRequests = 4  // for each client
)

// Only TCP connections are counted. A QUIC connection that a client gave up remains
// open at its server until the idle timeout, whatever the client did.

// soak runs the clients, each with a random source of its own.
func soak(request func(user string, chance *rand.Rand)) {
	var n atomic.Uint64
	crowd(soakClients, func(user string) {
		chance := rand.New(rand.NewPCG(1, n.Add(1)))
		for range soakRequests {
			request(user, chance)
		}
	})
}

func (k *kit) clientSoak() {
	for _, p := range pairs() {
		s := k.site(func(s *site) {
			s.rough.Store(true)
			s.heard = func(user, body string, err error) {
				if err == nil && body != user {
					k.errorf("%s: a request of %s was made under the name of %s", p.name, body, user)
				}
			}
		}, p)
		c := k.client(nil, p)
		soak(func(user string, chance *rand.Rand) {
			ctx, cancel := context.WithCancel(k.ctx)
			defer cancel()
			if chance.IntN(4) == 0 { // it gives up at some point
				stop := time.AfterFunc(time.Duration(chance.IntN(3000))*time.Microsecond, cancel)
				defer stop.Stop()
			}
			if o := k.do(ctx, c, user, "POST", s.URL, strings.NewReader(user)); o.err == nil && o.status < 400 && !o.ok(user, user) {
				k.errorf("%s: a request of %s: %v", p.name, user, o)
			}
		})
		s.rough.Store(false)
		crowd(1, func(user string) {
			if o := k.do(k.ctx, c, user, "POST", s.URL, strings.NewReader(user)); !o.ok(user, user) {
				k.errorf("%s: a request of %s after the faults ended: %v", p.name, user, o)
			}
		})
		c.Close()
		if !k.emptied(p.name, &s.open) {
			return
		}
	}
}

func (k *kit) serverSoak() {
	for _, p := range k.offered() {
		var open atomic.Int64
		var rough atomic.Bool
		rough.Store(true)
		s := k.serve(func(s *ServerSetup) {
			s.Rough = func() bool { return rough.Load() && rand.IntN(40) == 0 }
			if s.Listener != nil {
				s.Listener = counting{s.Listener, &open}
			}
		}, p)
		s.heard = func(user, body string) {
			if body != user {
				k.errorf("%s: a request of %s ran under the name of %s", p.name, body, user)
			}
		}
		soak(func(user string, chance *rand.Rand) {
			c, err := k.tryDial(s.url, user, p)
			if err != nil { // so many at once may be too many
				return
			}
			defer c.close()
			leg, end := chance.IntN(6), chance.IntN(3)
			c.legs = func() {
				if leg--; leg == 0 {
					c.end(end)
				}
			}
			if chance.IntN(4) == 0 { // without waiting for the response
				c.sent = func() { c.end(end) }
			}
			for range 2 {
				if o := c.request("POST", user); o.status == 200 && !o.ok(user, user) {
					k.errorf("%s: a request of %s: %v", p.name, user, o)
				}
			}
		})
		rough.Store(false)
		crowd(1, func(user string) {
			c := k.dial(s.url, user, p)
			defer c.close()
			if o := c.request("POST", user); !o.ok(user, user) {
				k.errorf("%s: a request of %s after the faults ended: %v", p.name, user, o)
			}
		})
		if !k.emptied(p.name, &open) {
			return
		}
	}
}

// end ends a connection in one of three ways.
func (c *caller) end(how int) {
	tcp, ok := c.conn.(*net.TCPConn)
	switch {
	case ok && how == 1:
		tcp.CloseWrite()
		return
	case ok && how == 2:
		tcp.SetLinger(0)
	}
	c.close()
}

// emptied waits until no connection is open, and reports whether that happened.
func (k *kit) emptied(what string, open *atomic.Int64) bool {
	falls(func() int { return int(open.Load()) }, k.grace, func() bool { return open.Load() == 0 })
	n := open.Load()
	if n > 0 {
		k.errorf("%s: %d connections are open after the end", what, n)
	}
	return n == 0
}

// counting is a listener that counts its open connections.
type counting struct {
	net.Listener
	open *atomic.Int64
}

func (l counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return &numbered{Conn: c, closed: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
}

type numbered struct {
	net.Conn
	closed func()
}

func (c *numbered) Close() error {
	c.closed()
	return c.Conn.Close()
}

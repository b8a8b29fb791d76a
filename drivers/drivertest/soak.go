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

// The soak: a hundred clients at once, on connections that close when nobody expects it. Each
// request says in its body whose it is.
const (
	soakClients  = 25 // of each of the people
	soakRequests = 4  // of each client
)

// Connections are counted where they are TCP's. One of QUIC that a client gave up is open to its
// server for as long as its silence is borne, whatever the client did.

// soak runs the clients, each with chances of its own.
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
					k.errorf("%s: a request of %s came in the name of %s", p.name, body, user)
				}
			}
		}, p)
		c := k.client(nil, p)
		soak(func(user string, chance *rand.Rand) {
			ctx, cancel := context.WithCancel(k.ctx)
			defer cancel()
			if chance.IntN(4) == 0 { // it gives up, somewhere
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
				k.errorf("%s: a request of %s when all is calm: %v", p.name, user, o)
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
				k.errorf("%s: a request of %s ran in the name of %s", p.name, body, user)
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
			if chance.IntN(4) == 0 { // without waiting for what comes
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
				k.errorf("%s: a request of %s when all is calm: %v", p.name, user, o)
			}
		})
		if !k.emptied(p.name, &open) {
			return
		}
	}
}

// end leaves a connection in one of three ways.
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

// emptied waits until no connection is open any more, and reports whether it came to that.
func (k *kit) emptied(what string, open *atomic.Int64) bool {
	falls(func() int { return int(open.Load()) }, k.grace, func() bool { return open.Load() == 0 })
	n := open.Load()
	if n > 0 {
		k.errorf("%s: %d connections are open after the end", what, n)
	}
	return n == 0
}

// counting is a listener that knows how many of its connections are open.
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

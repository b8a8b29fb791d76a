package nethttp

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// agent is a machine with the number that an observer knows it by.
type agent struct {
	client machine.Client
	id     uint64
}

// clientConn is what there is of a connection: an http.ClientConn, or a [Multiplexed].
type clientConn interface {
	http.RoundTripper
	Available() int
	InFlight() int
	Reserve() error
	Release()
	Err() error
	Close() error
}

// conn is a connection with the machine that belongs to it.
type conn struct {
	cc          clientConn
	key         drive.Key
	last        drive.SpaceKey // the origin that it served last
	multiplexed bool
	binding     gss.Binding
	wire        *wire
	agent       agent       // HTTP/1: the connection's; multiplexed: each stream has its own
	timer       *time.Timer // while it is idle
}

// wire is what this package must know of the network below http.Transport.
type wire struct {
	wrote  atomic.Int64           // bytes
	upload atomic.Pointer[upload] // HTTP/1: whose body is being sent
}

// watched is the network's end of a connection.
type watched struct {
	net.Conn
	wire *wire
}

// Write implements net.Conn.
func (w watched) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.wire.wrote.Add(int64(n))
	return n, err
}

// Close implements net.Conn. http.Transport waits for the one who sends a body,
// who may be waiting for us.
func (w watched) Close() error {
	if u := w.wire.upload.Load(); u != nil {
		u.resolve(halted)
	}
	return w.Conn.Close()
}

// usable reports whether another request can go out.
func (c *conn) usable() bool {
	if c.multiplexed {
		return c.cc.Err() == nil
	}
	return c.cc.Available() > 0
}

// pool keeps connections: HTTP/1 ones while they are idle, multiplexed ones as
// long as they live.
type pool struct {
	maxIdle, maxPerKey int
	timeout            time.Duration

	mu     sync.Mutex
	idle   []*conn // in the order in which they became idle
	shared []*conn
}

// take is a connection for k, the one that was used last, and rather one that
// served origin last than another: a plain proxy's may be bound to it. Nil if
// there is none. A multiplexed one comes with a stream reserved. http11: none of
// those.
func (p *pool) take(k drive.Key, origin drive.SpaceKey, http11 bool) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		at := -1
		for i, c := range p.idle {
			if c.key == k && (at < 0 || c.last == origin || p.idle[at].last != origin) {
				at = i
			}
		}
		if at < 0 {
			break
		}
		c := p.idle[at]
		p.remove(at)
		if c.usable() {
			return c
		}
		c.cc.Close()
	}
	if http11 {
		return nil
	}
	for i := len(p.shared) - 1; i >= 0; i-- {
		c := p.shared[i]
		if c.cc.Err() != nil {
			p.shared = append(p.shared[:i], p.shared[i+1:]...)
		} else if c.key == k && c.cc.Reserve() == nil {
			return c
		}
	}
	return nil
}

// share makes a multiplexed connection known to all requests of its key.
func (p *pool) share(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shared = append(p.shared, c)
}

// put takes a connection back after its exchange, or closes it where there is no
// use or no room for it.
func (p *pool) put(c *conn) {
	if c.multiplexed {
		return
	}
	if !c.usable() || p.maxIdle < 0 {
		c.cc.Close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	same, oldest := 0, -1
	for i := len(p.idle) - 1; i >= 0; i-- {
		if p.idle[i].key == c.key {
			same++
			oldest = i
		}
	}
	switch {
	case same >= p.maxPerKey:
		p.idle[oldest].cc.Close()
		p.remove(oldest)
	case len(p.idle) >= p.maxIdle:
		p.idle[0].cc.Close()
		p.remove(0)
	}
	p.idle = append(p.idle, c)
	if p.timeout > 0 {
		c.timer = time.AfterFunc(p.timeout, func() { p.expire(c) })
	}
}

// remove takes idle connection i off the list. The lock is held.
func (p *pool) remove(i int) {
	if t := p.idle[i].timer; t != nil {
		t.Stop()
		p.idle[i].timer = nil
	}
	p.idle = append(p.idle[:i], p.idle[i+1:]...)
}

// expire closes a connection that was idle for too long.
func (p *pool) expire(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.idle {
		if other == c {
			p.remove(i)
			c.cc.Close()
			return
		}
	}
}

// closeIdle closes what nobody is using.
func (p *pool) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		p.idle[0].cc.Close()
		p.remove(0)
	}
	kept := p.shared[:0]
	for _, c := range p.shared {
		if c.cc.InFlight() == 0 {
			c.cc.Close()
		} else {
			kept = append(kept, c)
		}
	}
	clear(p.shared[len(kept):])
	p.shared = kept
}

package drive

import (
	"slices"
	"sync"
	"time"

	"github.com/countersign-auth/countersign/drivers/internal/spare"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// The default bounds of a [Pool].
const (
	defaultMaxIdle   = 512
	defaultMaxPerKey = 8
)

// Conn is a client's connection to an origin or a proxy, as a driver's library provides
// it.
type Conn interface {
	// Describe returns the request completed with the properties of the connection: its
	// channel binding, and whether it is multiplexed.
	Describe(machine.Request) machine.Request
	// Usable reports whether another request can be sent, as far as is known. If a Conn
	// has a method Alive() bool, it is also called after the connection was idle.
	Usable() bool
	// Close closes the connection.
	Close()
	// Streams returns the request count of a connection that carries several requests
	// at once, and nil for all others.
	Streams() Streams
}

// alive is implemented by a Conn if its library does not notice that the peer has closed
// the connection. It is called after the connection has been idle.
type alive interface{ Alive() bool }

func isAlive[C Conn](c C) bool {
	a, ok := any(c).(alive)
	return c.Usable() && (!ok || a.Alive())
}

// Streams counts the requests that a connection carries at once. http.ClientConn
// implements it.
type Streams interface {
	// Reserve reserves a stream for one more request, and Release gives it up. Sending
	// a request uses the reservation.
	Reserve() error
	Release()
	// InFlight returns the number of requests running or reserved.
	InFlight() int
}

// Held is a connection that an exchange uses or has used, with its state.
type Held[C Conn] struct {
	opaque[Held[C]] // no output shows what is in it

	Conn C

	pool    *Pool[C]
	key     Key
	last    SpaceKey               // the origin of its last request
	runner  Runner[machine.Client] // for a connection that carries one request at a time
	dialed  *answers               // the questions asked to connect it, by a tunnel
	proven  *answers               // the questions asked since
	retired bool                   // it must not be reused
	long    time.Duration          // how long it may be idle, 0 for no bound
}

// Keep returns the connection to the pool after its exchange, to be kept idle for at
// most long, or without limit if long is 0. If it must not be reused, or if the pool is
// full, it is closed. A multiplexed connection is not affected.
func (h *Held[C]) Keep(long time.Duration) {
	if h.Conn.Streams() == nil {
		h.long = long
		h.pool.put(h)
	}
}

// Close closes the connection. A multiplexed connection is not affected.
func (h *Held[C]) Close() {
	if h.Conn.Streams() == nil {
		h.Conn.Close()
	}
}

// Pool holds a client's connections: those that carry one request at a time while they
// are idle, multiplexed ones until they close. The zero Pool is ready for use, with the
// default bounds. It may be used by several goroutines at once.
type Pool[C Conn] struct {
	opaque[Pool[C]] // no output shows what is in it

	// MaxIdle bounds the idle connections; MaxPerKey those of one key, and the
	// multiplexed ones of one key that serve no request. 0 means the default. If
	// MaxIdle is negative no idle connection is kept.
	MaxIdle, MaxPerKey int

	idle   spare.List[*Held[C]]
	mu     sync.Mutex
	shared []*Held[C]
}

// take returns a connection for k that is not in passed, nil if there is none. It
// prefers the one that was used last, and above all one that last served origin, since
// the connection of a plain proxy may be bound to it. On a multiplexed connection a
// stream is reserved.
func (p *Pool[C]) take(k Key, origin SpaceKey, passed []*Held[C]) *Held[C] {
	for {
		h, ok := p.idle.Take(func(h *Held[C]) hop.Fit {
			switch {
			case h.key != k || slices.Contains(passed, h): // CONN-1
				return hop.Unfit
			case h.last == origin:
				return hop.FitsBest
			}
			return hop.Fits
		})
		if !ok {
			break
		}
		if isAlive(h.Conn) {
			return h
		}
		h.Conn.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.shared) - 1; i >= 0; i-- {
		h := p.shared[i]
		if !h.Conn.Usable() {
			p.shared = slices.Delete(p.shared, i, i+1)
		} else if h.key == k && !slices.Contains(passed, h) && h.Conn.Streams().Reserve() == nil {
			return h
		}
	}
	return nil
}

// share adds a multiplexed connection for all requests of its key. If there are too
// many for that key, one that serves no request is closed.
func (p *Pool[C]) share(h *Held[C]) {
	_, most := p.bounds()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shared = append(p.shared, h)
	same := 0
	for i := len(p.shared) - 1; i >= 0; i-- {
		if p.shared[i].key != h.key {
			continue
		}
		if same++; same > most && p.shared[i].Conn.Streams().InFlight() == 0 {
			p.shared[i].Conn.Close()
			p.shared = slices.Delete(p.shared, i, i+1)
		}
	}
}

// bounds returns MaxIdle and MaxPerKey with their defaults.
func (p *Pool[C]) bounds() (most, mostPerKey int) {
	most, mostPerKey = p.MaxIdle, p.MaxPerKey
	if most == 0 {
		most = defaultMaxIdle
	}
	if mostPerKey == 0 {
		mostPerKey = defaultMaxPerKey
	}
	return most, mostPerKey
}

// put adds an idle connection to the pool, or closes it.
func (p *Pool[C]) put(h *Held[C]) {
	most, mostPerKey := p.bounds()
	if h.retired || most < 0 || mostPerKey < 0 || !h.Conn.Usable() {
		h.Conn.Close()
		return
	}
	p.idle.Put(h, spare.Bounds{Most: most, PerKey: mostPerKey, Long: h.long}, func(other *Held[C]) bool { return other.key == h.key }, func(h *Held[C]) { h.Conn.Close() })
}

// Idle returns the number of idle connections.
func (p *Pool[C]) Idle() int { return p.idle.Len() }

// CloseIdle closes the connections that no request is using.
func (p *Pool[C]) CloseIdle() {
	p.idle.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shared = slices.DeleteFunc(p.shared, func(h *Held[C]) bool {
		unused := h.Conn.Streams().InFlight() == 0
		if unused {
			h.Conn.Close()
		}
		return unused
	})
}

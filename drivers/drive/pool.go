package drive

import (
	"slices"
	"sync"
	"time"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/drivers/internal/spare"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// The default bounds of a [Pool].
const (
	DefaultMaxIdle   = 512
	DefaultMaxPerKey = 8
)

// Conn is a connection of a client's, to an origin or a proxy, as a driver's
// library has it.
type Conn interface {
	// Describe completes a request by what belongs to the connection: its channel
	// binding, and whether it is multiplexed.
	Describe(machine.Request) machine.Request
	// Usable reports whether another request can go out, as far as that is known. A
	// Conn that has a method Alive() bool is asked that as well after it was idle.
	Usable() bool
	// Close closes the connection.
	Close()
	// Streams counts the requests of a connection that carries several at once. It
	// is nil for all others.
	Streams() Streams
}

// An alive Conn is looked at after it has been idle, where its library does not
// notice by itself that the peer has closed it.
type alive interface{ Alive() bool }

func isAlive[C Conn](c C) bool {
	a, ok := any(c).(alive)
	return c.Usable() && (!ok || a.Alive())
}

// Streams are the requests that a connection carries at once. An http.ClientConn
// has them.
type Streams interface {
	// Reserve makes sure that one more request can go out, and Release gives that up
	// again. A request that goes out uses the reservation up.
	Reserve() error
	Release()
	// InFlight is how many requests are under way or reserved.
	InFlight() int
}

// Held is a connection that an exchange has, or has left behind, with everything
// that belongs to it.
type Held[C Conn] struct {
	hidden.In[Held[C]] // no output shows what is in it

	Conn C

	pool    *Pool[C]
	key     Key
	last    SpaceKey               // the origin that it served last
	runner  Runner[machine.Client] // of a connection that carries one request at a time
	dialed  *answers               // what was asked when it was connected, by a tunnel
	proven  *answers               // what was asked since
	retired bool                   // it must not be used again
	long    time.Duration          // how long it may be idle, 0: no bound
}

// Keep gives the connection back after its exchange, to be kept for so long (0: for
// as long as it lives). One that must not be used again, or for which there is no
// room, is closed. What is multiplexed stays with all its requests.
func (h *Held[C]) Keep(long time.Duration) {
	if h.Conn.Streams() == nil {
		h.long = long
		h.pool.put(h)
	}
}

// Close closes the connection. What is multiplexed stays with its other requests.
func (h *Held[C]) Close() {
	if h.Conn.Streams() == nil {
		h.Conn.Close()
	}
}

// Pool keeps a client's connections: those that carry one request at a time while
// they are idle, multiplexed ones as long as they live. The zero Pool has the
// default bounds. It may be used by several goroutines at once.
type Pool[C Conn] struct {
	hidden.In[Pool[C]] // no output shows what is in it

	// MaxIdle bounds the idle connections, MaxPerKey those of one key, and the
	// multiplexed ones of one key that serve no request. 0 is the default; nothing is
	// kept idle where MaxIdle is negative.
	MaxIdle, MaxPerKey int

	idle   spare.List[*Held[C]]
	mu     sync.Mutex
	shared []*Held[C]
}

// take is a connection for k, the one that was used last, and rather one that
// served origin last than another: a plain proxy's may be bound to it. Nil if there
// is none beside those that were passed over. A multiplexed one comes with a stream
// reserved.
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

// share makes a multiplexed connection known to all requests of its key. Where there
// are too many for that key, one that serves no request goes.
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

// bounds are MaxIdle and MaxPerKey with their defaults.
func (p *Pool[C]) bounds() (most, mostPerKey int) {
	most, mostPerKey = p.MaxIdle, p.MaxPerKey
	if most == 0 {
		most = DefaultMaxIdle
	}
	if mostPerKey == 0 {
		mostPerKey = DefaultMaxPerKey
	}
	return most, mostPerKey
}

// put takes an idle connection back, or closes it.
func (p *Pool[C]) put(h *Held[C]) {
	most, mostPerKey := p.bounds()
	if h.retired || most < 0 || mostPerKey < 0 || !h.Conn.Usable() {
		h.Conn.Close()
		return
	}
	p.idle.Put(h, spare.Bounds{Most: most, PerKey: mostPerKey, Long: h.long}, func(other *Held[C]) bool { return other.key == h.key }, func(h *Held[C]) { h.Conn.Close() })
}

// Idle is how many connections wait for a request.
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

package drive

import (
	"slices"
	"time"

	"github.com/countersign-auth/countersign/drivers/internal/spare"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// The defaults of a [Client].
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

	client  *Client[C]
	key     connKey
	last    SpaceKey               // the origin of its last request
	runner  runner[machine.Client] // for a connection that carries one request at a time
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
		h.client.put(h)
	}
}

// Close closes the connection. A multiplexed connection is not affected.
func (h *Held[C]) Close() {
	if h.Conn.Streams() == nil {
		h.Conn.Close()
	}
}

// take returns a connection for k that is not in passed, nil if there is none. It
// prefers the one that was used last, and above all one that last served origin, since
// the connection of a plain proxy may be bound to it. On a multiplexed connection a
// stream is reserved.
func (c *Client[C]) take(k connKey, origin SpaceKey, passed []*Held[C]) *Held[C] {
	for {
		h, ok := c.idle.Take(func(h *Held[C]) hop.Fit {
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
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.shared) - 1; i >= 0; i-- {
		h := c.shared[i]
		if !h.Conn.Usable() {
			c.shared = slices.Delete(c.shared, i, i+1)
		} else if h.key == k && !slices.Contains(passed, h) && h.Conn.Streams().Reserve() == nil {
			return h
		}
	}
	return nil
}

// share adds a multiplexed connection for all requests of its key. If there are too
// many for that key, one that serves no request is closed.
func (c *Client[C]) share(h *Held[C]) {
	_, most := c.bounds()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shared = append(c.shared, h)
	same := 0
	for i := len(c.shared) - 1; i >= 0; i-- {
		if c.shared[i].key != h.key {
			continue
		}
		if same++; same > most && c.shared[i].Conn.Streams().InFlight() == 0 {
			c.shared[i].Conn.Close()
			c.shared = slices.Delete(c.shared, i, i+1)
		}
	}
}

// bounds returns MaxIdle and MaxPerKey with their defaults.
func (c *Client[C]) bounds() (most, mostPerKey int) {
	most, mostPerKey = c.MaxIdle, c.MaxPerKey
	if most == 0 {
		most = defaultMaxIdle
	}
	if mostPerKey == 0 {
		mostPerKey = defaultMaxPerKey
	}
	return most, mostPerKey
}

// put adds an idle connection to the pool, or closes it.
func (c *Client[C]) put(h *Held[C]) {
	most, mostPerKey := c.bounds()
	if h.retired || most < 0 || mostPerKey < 0 || !h.Conn.Usable() {
		h.Conn.Close()
		return
	}
	c.idle.Put(h, spare.Bounds{Most: most, PerKey: mostPerKey, Long: h.long}, func(other *Held[C]) bool { return other.key == h.key }, func(h *Held[C]) { h.Conn.Close() })
}

// Idle returns the number of idle connections.
func (c *Client[C]) Idle() int { return c.idle.Len() }

// CloseIdle closes the connections that no request is using.
func (c *Client[C]) CloseIdle() {
	c.idle.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shared = slices.DeleteFunc(c.shared, func(h *Held[C]) bool {
		unused := h.Conn.Streams().InFlight() == 0
		if unused {
			h.Conn.Close()
		}
		return unused
	})
}

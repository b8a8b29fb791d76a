package drive

import (
	"errors"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
)

// fake is a connection that is counted and does nothing.
type fake struct {
	gone, closed bool // no request can be sent; it was closed
	known        bool // its server has authenticated a user
	streams      *fakeStreams
}

func (c *fake) Describe(q machine.Request) machine.Request {
	q.Binding, q.Multiplexed = gss.NoBinding(), c.streams != nil
	return q
}
func (c *fake) Usable() bool { return !c.gone && !c.closed }
func (c *fake) Close()       { c.closed = true }
func (c *fake) Streams() Streams {
	if c.streams == nil {
		return nil
	}
	return c.streams
}

type fakeStreams struct{ n, most int }

func (s *fakeStreams) Reserve() error {
	if s.n == s.most {
		return errors.New("full")
	}
	s.n++
	return nil
}
func (s *fakeStreams) Release()      { s.n-- }
func (s *fakeStreams) InFlight() int { return s.n }

func (p *Client[C]) hold(c C, k connKey, last SpaceKey) *Held[C] {
	return &Held[C]{Conn: c, client: p, key: k, last: last, dialed: new(answers), proven: new(answers)}
}

// A connection is used for its key only, and by one exchange at a time.
func TestPoolGivesNoOtherKey(t *testing.T) {
	home := keysOf(t, Destination{Scheme: "http", Authority: "host.example", Identity: "alice"})
	var p Client[*fake]
	h := p.hold(new(fake), home.connection, SpaceKey{})
	h.Keep(0)
	for _, w := range []Destination{
		{Scheme: "http", Authority: "host.example"},
		{Scheme: "http", Authority: "host.example", Identity: "bob"},
		{Scheme: "http", Authority: "host.example:81", Identity: "alice"},
		{Scheme: "http", Authority: "host.example", Identity: "alice", Proxy: parse(t, "http://bob:pw@proxy.example")},
	} {
		if p.take(keysOf(t, w).connection, SpaceKey{}, nil) != nil {
			t.Errorf("%+v got a connection of %+v", w, home)
		}
		requirement.Held(t, "unit:keys_are_apart", "CONN-1")
	}
	if p.take(home.connection.overHTTP1(), SpaceKey{}, nil) != nil {
		t.Error("a request that must not be multiplexed got a connection that may be")
	}
	if p.take(home.connection, SpaceKey{}, []*Held[*fake]{h}) != nil {
		t.Error("it was given out though it had been passed over")
	}
	if p.take(home.connection, SpaceKey{}, nil) != h {
		t.Error("its own key did not get it")
	}
	if p.take(home.connection, SpaceKey{}, nil) != nil {
		t.Error("it was given out twice")
	}
}

// The newest connection is preferred, but one that served the origin before any other.
func TestPoolOrder(t *testing.T) {
	here, there := keysOf(t, Destination{Scheme: "http", Authority: "here"}), keysOf(t, Destination{Scheme: "http", Authority: "there"})
	var p Client[*fake]
	var all []*Held[*fake]
	for _, last := range []SpaceKey{here.Origin, there.Origin, here.Origin, there.Origin} {
		h := p.hold(new(fake), here.connection, last)
		h.Keep(0)
		all = append(all, h)
	}
	for i, want := range []*Held[*fake]{all[2], all[0], all[3], all[1], nil} {
		if got := p.take(here.connection, here.Origin, nil); got != want {
			t.Errorf("take %d: another one", i+1)
		}
	}
}

// If there are more connections than allowed, the one that has been idle longest is
// closed. Connections that are closed, retired or too old are not kept.
func TestPoolBounds(t *testing.T) {
	k, other := keysOf(t, Destination{Scheme: "http", Authority: "a"}).connection, keysOf(t, Destination{Scheme: "http", Authority: "b"}).connection
	p := Client[*fake]{MaxIdle: 3, MaxPerKey: 2}
	var all []*Held[*fake]
	for _, k := range []connKey{k, k, k, other, other} {
		h := p.hold(new(fake), k, SpaceKey{})
		h.Keep(0)
		all = append(all, h)
	}
	for i, open := range []bool{false, false, true, true, true} {
		if all[i].Conn.closed == open {
			t.Errorf("connection %d: open %t, want %t", i, !open, open)
		}
	}
	for _, spoil := range []func(*Held[*fake]){
		func(h *Held[*fake]) { h.Conn.gone = true },
		func(h *Held[*fake]) { h.retired = true },
	} {
		h := p.hold(new(fake), k, SpaceKey{})
		spoil(h)
		if h.Keep(0); !h.Conn.closed {
			t.Error("one that cannot be used was kept")
		}
	}
	all[4].Conn.gone = true
	if got := p.take(other, SpaceKey{}, nil); got != all[3] || !all[4].Conn.closed {
		t.Error("one that the peer has closed was given out")
	}
	if p.Idle() != 1 {
		t.Errorf("%d connections are idle, want 1", p.Idle())
	}
	if p.CloseIdle(); p.Idle() != 0 || !all[2].Conn.closed {
		t.Error("CloseIdle left one open")
	}
	none := Client[*fake]{MaxIdle: -1}
	h := none.hold(new(fake), k, SpaceKey{})
	if h.Keep(0); !h.Conn.closed || none.Idle() != 0 {
		t.Error("a pool for nothing kept one")
	}
}

// A multiplexed connection serves all requests of its key for which it has streams, and
// stays open while a request is running.
func TestPoolShares(t *testing.T) {
	k := keysOf(t, Destination{Scheme: "https", Authority: "a"}).connection
	var p Client[*fake]
	h := p.hold(&fake{streams: &fakeStreams{most: 2}}, k, SpaceKey{})
	p.share(h)
	for i, want := range []*Held[*fake]{h, h, nil} {
		if p.take(k, SpaceKey{}, nil) != want {
			t.Errorf("take %d of a connection for two", i+1)
		}
	}
	h.Keep(0)
	h.Close()
	if p.CloseIdle(); h.Conn.closed {
		t.Error("it was closed under its requests")
	}
	h.Conn.streams.n = 0
	if p.CloseIdle(); !h.Conn.closed || p.take(k, SpaceKey{}, nil) != nil {
		t.Error("it was left open")
	}
	var many []*Held[*fake]
	for i := range 2 * defaultMaxPerKey {
		h := p.hold(&fake{streams: &fakeStreams{most: 2, n: i % 2}}, k, SpaceKey{})
		p.share(h)
		many = append(many, h)
	}
	for i, h := range many {
		if idle := i%2 == 0; h.Conn.closed != (idle && i < defaultMaxPerKey) {
			t.Errorf("of many, number %d: closed %t", i, h.Conn.closed)
		}
	}
	p.shared = nil
	gone := p.hold(&fake{gone: true, streams: &fakeStreams{most: 2}}, k, SpaceKey{})
	p.share(gone)
	if p.take(k, SpaceKey{}, nil) != nil || len(p.shared) != 0 {
		t.Error("one that is gone was given out")
	}
}

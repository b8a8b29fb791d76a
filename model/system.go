package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// System is one of the worlds that are made of the shipped machines. It
// implements [World], [Fair] and [Symmetric]; it fills its tables as it is
// explored, so one System belongs to one explorer at a time.
//
//	client 1 --link-- [gate 1] --wire-- host 1
//	client 2 --link-- [gate 2] --wire-- host 2 ...
//
// Without gates the link leads to the host of the same number. With them a host
// stands at the end of each upstream connection (slot), and any gate may come
// to use any slot.
type System struct {
	setup      *setup
	properties []Property
	layout

	client []machine.Client // as each client's connections begin
	peers  Table[peer]
	hosts  Table[host]
	gates  Table[gate]

	packets Table[packet]
	trails  Table[trail]
	ledgers Table[ledger]
	labels  Table[label]

	peerMemo memo[peerOut]
	hostMemo memo[hostOut]
	gateMemo memo[gateOut]
	// What an outcome means to the history beside it.
	seen [agents]memo[judged]
	// bent are the results of the tricks.
	bent memo[uint32]

	freshHost, freshGate uint32
	gone, unsent         uint32 // closed connections
	hour                 uint32 // of the state whose transitions are being computed
	next                 []uint32

	observer func(before any, e machine.Event, acts machine.Actions, after any)
}

// agent is who a label belongs to.
type agent uint8

const (
	aPeer agent = iota
	aHost
	aGate
	aNet
	agents = aNet
)

// label is what happened: an outcome of an agent, and what the properties have
// to say of it.
type label struct {
	agent      agent
	number     uint8  // which client or slot
	outcome    uint32 // in the agent's memo, or what the network did
	held, fell Set
}

// judged is an outcome seen against a history.
type judged struct {
	history    uint32 // the next one
	held, fell Set
	labels     [maxAgents]uint32 // number+1 by agent's number
}

const maxAgents = 4

// layout tells where what stands in a state.
type layout struct{ clients, slots, perClient, perSlot, width int }

func (l *layout) peer(i int) int   { return 1 + i*l.perClient }
func (l *layout) link(i int) int   { return l.peer(i) + 1 }
func (l *layout) trail(i int) int  { return l.peer(i) + 2 }
func (l *layout) gate(i int) int   { return l.peer(i) + 3 }
func (l *layout) front(i int) int  { return l.peer(i) + 4 }
func (l *layout) host(k int) int   { return 1 + l.clients*l.perClient + k*l.perSlot }
func (l *layout) ledger(k int) int { return l.host(k) + 1 }
func (l *layout) wire(k int) int   { return l.host(k) + 2 }
func (l *layout) lease(k int) int  { return l.host(k) + 3 }
func (l *layout) clock() int       { return l.width - 1 }

// A slot's lease is who owns it and who uses it, client numbers from 1, whether it is
// open at all, and whether it was idle before it came into use.
const (
	slotOpen   = 1
	slotReused = 2
	ownerBits  = 8
	userBits   = 16
)

func ownerOf(lease uint32) int { return int(lease>>ownerBits&0xff) - 1 }
func userOf(lease uint32) int  { return int(lease>>userBits&0xff) - 1 }
func leaseOf(owner, user int) uint32 {
	return slotOpen | uint32(owner+1)<<ownerBits | uint32(user+1)<<userBits
}

// newSystem makes the world that a setup describes.
func newSystem(c *setup) (*System, error) {
	w := &System{setup: c, properties: Properties()}
	w.clients, w.slots, w.perClient, w.perSlot = len(c.orders), len(c.orders), 3, 2
	if c.proxied {
		w.perClient, w.perSlot = 5, 4
		if w.clients > 1 && !c.tunnels || c.spare {
			w.slots++
		}
	}
	w.width = 1 + w.clients*w.perClient + w.slots*w.perSlot + 1
	w.next = make([]uint32, w.width)
	w.packets.ID(packet{})
	w.trails.ID(trail{})
	w.ledgers.ID(ledger{})
	w.gone, w.unsent = w.packets.ID(packet{kind: closed}), w.packets.ID(packet{kind: closed, unsent: true})
	m, err := machine.NewClient(c.clientConfig())
	if err != nil {
		return nil, err
	}
	for range c.orders {
		w.client = append(w.client, m)
	}
	s, err := machine.NewServer(c.serverConfig())
	if err != nil {
		return nil, err
	}
	w.freshHost, c.fresh[gss.Origin] = w.hosts.ID(host{m: s}), s
	if c.proxied {
		p, err := hop.NewFront(c.proxyConfig())
		if err != nil {
			return nil, err
		}
		w.freshGate, c.fresh[gss.Proxy] = w.gates.ID(gate{front: p}), p.Machine()
	}
	return w, nil
}

// Width implements [World].
func (w *System) Width() int { return w.width }

// Start implements [World].
func (w *System) Start(yield func([]uint32)) {
	s := make([]uint32, w.width)
	s[0] = uint32(w.setup.trouble)
	for i := range w.clients {
		s[w.peer(i)] = w.peers.ID(peer{who: uint8(i + 1)})
		if w.setup.proxied {
			s[w.gate(i)] = w.freshGate
		}
	}
	for k := range w.slots {
		s[w.host(k)] = w.freshHost
	}
	yield(s)
}

// Actor implements [Fair]: everybody who can go on does, but the network and hostile
// clients need not do anything.
func (w *System) Actor(id uint32) uint32 {
	l := w.labels.At(id)
	if l.agent == aNet || l.agent == aPeer && w.setup.hostile(int(l.number)) {
		return 0
	}
	return 1 << (uint(l.agent)*maxAgents + uint(l.number))
}

// Canonical implements [Symmetric]: upstream connections have no names, so they
// stand in order.
func (w *System) Canonical(s []uint32) {
	if !w.setup.proxied || w.setup.tunnels {
		return
	}
	for k := 1; k < w.slots; k++ {
		for j := k; j > 0 && w.less(s, j, j-1); j-- {
			for o := range w.perSlot {
				a, b := w.host(j)+o, w.host(j-1)+o
				s[a], s[b] = s[b], s[a]
			}
		}
	}
}

func (w *System) less(s []uint32, j, k int) bool {
	for o := w.perSlot - 1; o >= 0; o-- {
		if a, b := s[w.host(j)+o], s[w.host(k)+o]; a != b {
			return a > b // open ones, in use, come first
		}
	}
	return false
}

// undecided reports whether a client's exchange is under way, or a hostile client's
// request without an answer.
func (w *System) undecided(s []uint32) bool {
	for i := range w.clients {
		if w.peers.values[s[w.peer(i)]].order != 0 && !(w.setup.hostile(i) && w.answeredTo(s, i)) {
			return true
		}
	}
	return false
}

// Next implements [World].
func (w *System) Next(s []uint32, yield func(label uint32, next []uint32)) {
	w.hour = s[w.clock()]
	if w.hour < uint32(w.setup.hours) {
		n := w.from(s, 0)
		n[w.clock()]++
		yield(w.labels.ID(label{agent: aNet, outcome: netWaits}), n)
	}
	for i := range w.clients {
		w.peerMoves(s, i, yield)
	}
	if w.setup.proxied {
		for i := range w.clients {
			w.gateMoves(s, i, yield)
		}
	}
	for k := range w.slots {
		w.hostMoves(s, k, yield)
	}
	if s[0] > 0 {
		w.trouble(s, yield)
	}
}

// from is a copy of a state to be changed, with cost off the network's budget.
func (w *System) from(s []uint32, cost uint32) []uint32 {
	copy(w.next, s)
	w.next[0] -= cost
	return w.next
}

// see lets the history at place at see an outcome, and gives the transition's
// label.
func (w *System) see(n []uint32, a agent, number, at int, outcome uint32, saw []any) uint32 {
	_, j, ok := w.seen[a].get(n[at], outcome)
	if !ok {
		_, j = w.seen[a].put(n[at], outcome, w.judge(a, n[at], saw))
	}
	n[at] = j.history
	if id := j.labels[number]; id != 0 {
		return id - 1
	}
	id := w.labels.ID(label{a, uint8(number), outcome, j.held, j.fell})
	j.labels[number] = id + 1
	return id
}

// judge computes the next history and what the properties say.
func (w *System) judge(a agent, id uint32, saw []any) (j judged) {
	if a == aPeer {
		t := w.trails.At(id)
		for _, v := range saw {
			j.hear(w, v, &t, nil)
			t.see(w.setup, v)
		}
		j.history = w.trails.ID(t)
		return j
	}
	l := w.ledgers.At(id)
	l.side = gss.Origin
	if a == aGate {
		l.side = gss.Proxy
	}
	for _, v := range saw {
		j.hear(w, v, nil, &l)
		l.see(w.setup, v)
	}
	l.side = gss.Origin
	j.history = w.ledgers.ID(l)
	return j
}

type yielder func(label uint32, next []uint32)

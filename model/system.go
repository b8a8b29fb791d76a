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

type yielder func(label uint32, next []uint32)

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

// peerMoves are what client i can do, and its user.
func (w *System) peerMoves(s []uint32, i int, yield yielder) {
	if w.setup.hostile(i) {
		w.hostileMoves(s, i, yield)
		return
	}
	p := &w.peers.values[s[w.peer(i)]]
	ask, order, begun := p.ask.Question, p.order, p.begun
	link := s[w.link(i)]
	if w.setup.cancels && order != 0 && s[0] > 0 {
		w.peerMove(s, i, evCancel, 1, 0, yield)
	}
	switch k := &w.packets.values[link]; {
	case k.kind == closed:
		event := evClosed
		if k.unsent {
			event++
		}
		w.peerMove(s, i, event, 0, 0, yield)
	case ask != nil:
		for n := range w.choices(ask) {
			if cost := uint32(min(n, 1)); cost <= s[0] {
				w.peerMove(s, i, evAnswer+uint32(n), cost, link, yield)
			}
		}
	case k.kind == answers || k.kind == interims:
		w.peerMove(s, i, evTake+link, 0, k.then, yield)
	case k.kind == quiet && order == 0 && begun < w.setup.requests:
		for o := range w.setup.orders[i] {
			w.peerMove(s, i, evBegin+uint32(o+1), 0, 0, yield)
		}
	}
}

func (w *System) peerMove(s []uint32, i int, event, cost, link uint32, yield yielder) {
	was := s[w.peer(i)]
	idx, out, ok := w.peerMemo.get(was, w.timed(event))
	if !ok {
		idx, out = w.peerMemo.put(was, w.timed(event), w.peerStep(was, event))
	}
	n := w.from(s, cost)
	n[w.link(i)] = link
	n[w.peer(i)] = out.peer
	if w.setup.tunnels && w.peers.values[out.peer].inside && !w.peers.values[was].inside {
		w.closeSlot(n, i) // the tunnel is a connection of its own
	}
	if out.fresh {
		w.hangUp(n, i, w.peers.values[was].inside)
	}
	if out.sent != 0 {
		n[w.link(i)] = out.sent
	}
	label := w.see(n, aPeer, i, w.trail(i), idx, out.saw)
	if w.setup.streams {
		w.share(n, i)
	}
	yield(label, n)
}

// hangUp ends what stands behind client i's connection.
func (w *System) hangUp(n []uint32, i int, inside bool) {
	n[w.link(i)] = 0
	if !w.setup.proxied || inside {
		w.closeSlot(n, i)
	}
	if !w.setup.proxied {
		return
	}
	_, out := w.gateOutcome(n[w.gate(i)], evClosed)
	w.useSlots(n, i, out.does)
	for k := range w.slots {
		switch l := n[w.lease(k)]; {
		case userOf(l) == i:
			w.closeSlot(n, k)
		case ownerOf(l) == i: // nothing says that it must not be used again
			n[w.lease(k)] = leaseOf(-1, userOf(l))
		}
	}
	n[w.gate(i)], n[w.front(i)] = w.freshGate, 0
}

// useSlots does to the upstream connections of client i what its gate says.
func (w *System) useSlots(n []uint32, i int, does []slotUse) {
	for _, do := range does {
		for k := range w.slots {
			l := n[w.lease(k)]
			switch owner, used := ownerOf(l), userOf(l) == i; {
			case do == closesOwn && owner == i, do == closesUsed && used:
				w.closeSlot(n, k)
			case do == keepsUsed && used:
				n[w.lease(k)] = leaseOf(i, i)
			case do == returnsUsed && used:
				n[w.lease(k)] = leaseOf(-1, -1)
			case do == endsUse && used:
				n[w.lease(k)] = leaseOf(owner, -1)
			}
		}
	}
}

func (w *System) closeSlot(n []uint32, k int) {
	n[w.host(k)], n[w.ledger(k)] = w.freshHost, 0
	if w.setup.proxied {
		n[w.wire(k)], n[w.lease(k)] = 0, 0
	}
}

// wireOf is the connection that host k listens on.
func (w *System) wireOf(s []uint32, k int) int {
	if !w.setup.proxied || k < w.clients && w.peers.values[s[w.peer(k)]].inside {
		return w.link(k)
	}
	return w.wire(k)
}

// served is the number under which host k moves: that of the client whose request it
// deals with where upstream connections have no names, and so no fixed places, since
// otherwise no host would be seen to be able to move all the time.
func (w *System) served(s []uint32, k int) int {
	if !w.setup.proxied || w.setup.tunnels {
		return k
	}
	return max(userOf(s[w.lease(k)]), 0)
}

// hostMoves are what host k can do.
func (w *System) hostMoves(s []uint32, k int, yield yielder) {
	if ask := w.hosts.values[s[w.host(k)]].ask.Question; ask != nil {
		for n := range w.choices(ask) {
			if cost := uint32(min(n, 1)); cost <= s[0] {
				w.hostMove(s, k, evAnswer+uint32(n), cost, yield)
			}
		}
		return
	}
	if at := s[w.wireOf(s, k)]; w.packets.values[at].kind == asks {
		w.hostMove(s, k, evReceived+at, 0, yield)
	}
}

func (w *System) hostMove(s []uint32, k int, event, cost uint32, yield yielder) {
	was, at := s[w.host(k)], w.wireOf(s, k)
	for i, status := range w.setup.statuses {
		if i > 0 {
			if cost++; cost > s[0] {
				return
			}
		}
		key := w.timed(event) | uint32(i)<<28
		idx, out, ok := w.hostMemo.get(was, key)
		if !ok {
			idx, out = w.hostMemo.put(was, key, w.hostStep(was, event, status))
		}
		if i > 0 && !out.admitted {
			return
		}
		admitted := out.admitted
		n := w.from(s, cost)
		n[w.host(k)] = out.host
		if event&(0xf<<24) == evReceived {
			n[at] = 0
		}
		if out.sent != 0 {
			n[at] = out.sent
		}
		label := w.see(n, aHost, w.served(s, k), w.ledger(k), idx, out.saw)
		if out.close {
			n[w.host(k)], n[w.ledger(k)] = w.freshHost, 0
		}
		yield(label, n)
		if !admitted {
			return
		}
		if i > 0 {
			cost--
		}
	}
}

// gateMoves are what client i's gate can do.
func (w *System) gateMoves(s []uint32, i int, yield yielder) {
	if w.peers.values[s[w.peer(i)]].inside {
		return
	}
	g := &w.gates.values[s[w.gate(i)]]
	if ask := g.ask.Question; ask != nil {
		for n := range w.choices(ask) {
			if cost := uint32(min(n, 1)); cost <= s[0] {
				w.gateMove(w.from(s, cost), i, evAnswer+uint32(n), yield)
			}
		}
		return
	}
	at, shuts := s[w.link(i)], g.closing && !w.peers.values[s[w.peer(i)]].lost // else it is gone already
	kind := w.packets.values[at].kind
	if kind == asks {
		n := w.from(s, 0)
		n[w.link(i)] = 0
		w.gateMove(n, i, evReceived+at, yield)
	}
	if shuts && (kind == quiet || kind == asks) {
		n := w.from(s, 0)
		n[w.link(i)] = w.gone
		w.gateMove(n, i, evShut, yield)
	}
	for k := range w.slots {
		l := s[w.lease(k)]
		at := s[w.wire(k)]
		kind := w.packets.values[at].kind
		if userOf(l) != i || kind != answers && kind != interims {
			continue
		}
		n := w.from(s, 0)
		if n[w.wire(k)] = w.packets.values[at].then; kind == answers && w.packets.values[at].resp.close {
			n[w.wire(k)] = w.gone
		}
		event := evUpstream + at
		if ownerOf(l) == i {
			event |= own
		}
		w.gateMove(n, i, event, yield)
	}
}

// gateOutcome is what an event does to a gate, remembered.
func (w *System) gateOutcome(id, event uint32) (uint32, *gateOut) {
	idx, out, ok := w.gateMemo.get(id, w.timed(event))
	if !ok {
		idx, out = w.gateMemo.put(id, w.timed(event), w.gateStep(id, event))
	}
	return idx, out
}

// gateMove lets gate i have an event, in state n, which it changes.
func (w *System) gateMove(n []uint32, i int, event uint32, yield yielder) {
	was := n[w.gate(i)]
	idx, out := w.gateOutcome(was, event)
	n[w.gate(i)] = out.gate
	w.useSlots(n, i, out.does)
	label := w.see(n, aGate, i, w.front(i), idx, out.saw)
	switch {
	case out.sent != 0:
		n[w.link(i)] = out.sent
	case out.aborts:
		n[w.link(i)] = w.gone
	}
	if out.forward != 0 && !w.forward(n, i, out.forward, out.over) {
		return
	}
	yield(label, n)
}

// forward sends a request over the connection that it is to go on. It reports false where
// there is none, which cannot be: there is one slot more than clients.
func (w *System) forward(n []uint32, i int, request uint32, over hop.Over) bool {
	// Slots have no order of their own; those that are most in use are looked at last, where
	// a pick that does not look at all would show.
	find := func(fits func(lease uint32) bool) int {
		k := hop.Pick(w.slots, func(i int) hop.Fit {
			if fits(n[w.lease(w.slots-1-i)]) {
				return hop.Fits
			}
			return hop.Unfit
		})
		if k < 0 {
			return -1
		}
		return w.slots - 1 - k
	}
	free := func(l uint32) bool { return l == 0 }
	pooled := func(l uint32) bool { return l != 0 && ownerOf(l) < 0 && userOf(l) < 0 }
	lease, k := leaseOf(-1, i), -1
	switch over {
	case hop.Pooled:
		if k = find(pooled); k >= 0 {
			lease |= slotReused
		}
	case hop.Own:
		lease, k = leaseOf(i, i), find(func(l uint32) bool { return ownerOf(l) == i })
		if k < 0 {
			return false
		}
	case hop.NewOwn:
		lease = leaseOf(i, i)
	}
	if k < 0 {
		k = find(free)
	}
	if k < 0 {
		if k = find(pooled); k < 0 {
			return false
		}
		w.closeSlot(n, k)
	}
	n[w.wire(k)], n[w.lease(k)] = request, lease
	return true
}

// What the network does, as a label's outcome: a trick, or one of these.
const (
	netClosesLink = 1000 + iota
	netClosesSlot
	netLoses
	netWaits // an hour
)

// trouble is what the network can do for one unit of its budget.
func (w *System) trouble(s []uint32, yield yielder) {
	net := func(what, number int) uint32 {
		return w.labels.ID(label{agent: aNet, number: uint8(number), outcome: uint32(what)})
	}
	bend := func(at, number int) {
		for _, t := range w.setup.tricks {
			k := s[at]
			if w.packets.values[k].kind != tricks[t].kind {
				continue
			}
			_, bent, ok := w.bent.get(k, uint32(t))
			if !ok {
				_, bent = w.bent.put(k, uint32(t), w.packets.ID(tricks[t].do(w, w.packets.At(k))))
			}
			if *bent == k {
				continue
			}
			n := w.from(s, 1)
			n[at] = *bent
			yield(net(t, number), n)
		}
	}
	for i := range w.clients {
		bend(w.link(i), i)
		p := &w.peers.values[s[w.peer(i)]]
		alive, lost, inside := p.alive, p.lost, p.inside
		k := &w.packets.values[s[w.link(i)]]
		if alive && !lost && k.kind == asks {
			n := w.from(s, 1)
			w.hangUp(n, i, inside)
			n[w.link(i)] = w.unsent
			yield(net(netLoses, i), n)
		}
		if alive && !lost && w.setup.closes && w.packets.values[s[w.link(i)]].kind != closed {
			n := w.from(s, 1)
			w.hangUp(n, i, inside)
			n[w.link(i)] = w.gone
			yield(net(netClosesLink, i), n)
		}
	}
	if !w.setup.proxied {
		return
	}
	for k := range w.slots {
		l := s[w.lease(k)]
		if l == 0 {
			continue
		}
		bend(w.wire(k), k)
		if !w.setup.closes {
			continue
		}
		if owner, user := ownerOf(l), userOf(l); user >= 0 {
			event := evLost
			if l&slotReused != 0 {
				event |= idle
			}
			w.loseSlot(s, k, user, event, yield)
			if owner == user && w.packets.values[s[w.wire(k)]].kind == asks {
				w.loseSlot(s, k, user, event|unsent, yield)
			}
		} else if owner >= 0 {
			w.loseSlot(s, k, owner, evOwnLost, yield)
		} else {
			n := w.from(s, 1)
			w.closeSlot(n, k)
			yield(net(netClosesSlot, k), n)
		}
	}
}

// loseSlot closes upstream connection k, which is client i's for the time being or for
// good.
func (w *System) loseSlot(s []uint32, k, i int, event uint32, yield yielder) {
	n := w.from(s, 1)
	w.closeSlot(n, k)
	w.gateMove(n, i, event, yield)
}

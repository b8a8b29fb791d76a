package model

import "github.com/countersign-auth/countersign/hop"

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

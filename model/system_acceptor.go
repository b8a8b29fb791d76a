package model

import "github.com/countersign-auth/countersign/hop"

// wireOf returns the place of the connection that server k reads from.
func (w *World) wireOf(s []uint32, k int) int {
	if !w.setup.proxied || k < w.clients && w.clientNodes.values[s[w.clientNode(k)]].inside {
		return w.link(k)
	}
	return w.wire(k)
}

// served returns the number under which server k moves. Where upstream connections have no names
// they have no fixed places either, and a server that changed its place would never be seen to be
// able to move all the time, as weak fairness asks. It then has the number of the client that it
// serves.
func (w *World) served(s []uint32, k int) int {
	if !w.setup.proxied || w.setup.tunnels {
		return k
	}
	return max(userOf(s[w.lease(k)]), 0)
}

// serverMoves yields what server k can do.
func (w *World) serverMoves(s []uint32, k int, yield yielder) {
	if ask := w.serverNodes.values[s[w.serverNode(k)]].ask.Question; ask != nil {
		for n := range w.choices(ask) {
			if cost := uint32(min(n, 1)); cost <= s[0] {
				w.serverMove(s, k, evAnswer+uint32(n), cost, yield)
			}
		}
		return
	}
	if at := s[w.wireOf(s, k)]; w.packets.values[at].kind == asks {
		w.serverMove(s, k, evReceived+at, 0, yield)
	}
}

// serverMove yields the transitions of one event of server k: one for each status that the handler
// may answer with, where it runs.
func (w *World) serverMove(s []uint32, k int, event, cost uint32, yield yielder) {
	was, at := s[w.serverNode(k)], w.wireOf(s, k)
	for i, status := range w.setup.statuses {
		if i > 0 {
			if cost++; cost > s[0] {
				return
			}
		}
		key := w.timed(event) | uint32(i)<<28
		idx, out, ok := w.serverMemo.get(was, key)
		if !ok {
			idx, out = w.serverMemo.put(was, key, w.serverStep(was, event, status))
		}
		if i > 0 && !out.admitted {
			return
		}
		admitted := out.admitted
		n := w.from(s, cost)
		n[w.serverNode(k)] = out.node
		if event&(0xf<<24) == evReceived {
			n[at] = 0
		}
		if out.sent != 0 {
			n[at] = out.sent
		}
		label := w.see(n, aServer, w.served(s, k), w.acceptorHistory(k), idx, out.saw)
		if out.close {
			n[w.serverNode(k)], n[w.acceptorHistory(k)] = w.freshServer, 0
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

// proxyMoves yields what the proxy of client i can do.
func (w *World) proxyMoves(s []uint32, i int, yield yielder) {
	if w.clientNodes.values[s[w.clientNode(i)]].inside {
		return
	}
	g := &w.proxyNodes.values[s[w.proxyNode(i)]]
	if ask := g.ask.Question; ask != nil {
		for n := range w.choices(ask) {
			if cost := uint32(min(n, 1)); cost <= s[0] {
				w.proxyMove(w.from(s, cost), i, evAnswer+uint32(n), yield)
			}
		}
		return
	}
	at, shuts := s[w.link(i)], g.closing && !w.clientNodes.values[s[w.clientNode(i)]].lost // else it is gone already
	kind := w.packets.values[at].kind
	if kind == asks {
		n := w.from(s, 0)
		n[w.link(i)] = 0
		w.proxyMove(n, i, evReceived+at, yield)
	}
	if shuts && (kind == quiet || kind == asks) {
		n := w.from(s, 0)
		n[w.link(i)] = w.gone
		w.proxyMove(n, i, evShut, yield)
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
		w.proxyMove(n, i, event, yield)
	}
}

// proxyOutcome returns what an event does to a proxy, remembered.
func (w *World) proxyOutcome(id, event uint32) (uint32, *proxyOut) {
	idx, out, ok := w.proxyMemo.get(id, w.timed(event))
	if !ok {
		idx, out = w.proxyMemo.put(id, w.timed(event), w.proxyStep(id, event))
	}
	return idx, out
}

// proxyMove yields the transition of one event of proxy i in state n, which it changes.
func (w *World) proxyMove(n []uint32, i int, event uint32, yield yielder) {
	was := n[w.proxyNode(i)]
	idx, out := w.proxyOutcome(was, event)
	n[w.proxyNode(i)] = out.node
	w.useSlots(n, i, out.does)
	label := w.see(n, aProxy, i, w.front(i), idx, out.saw)
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

// forward puts a request on the connection that it is to go over. It reports false where there is
// none, which cannot happen: there is one slot more than clients.
func (w *World) forward(n []uint32, i int, request uint32, over hop.Over) bool {
	// Slots have no order of their own; those that are most in use are looked at last, where
	// a pick that does not look at all would show.
	find := func(fits func(lease uint32) bool) int {
		k := w.setup.driver.pick(w.slots, func(i int) hop.Fit {
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

// useSlots does to the upstream connections of client i what its proxy says.
func (w *World) useSlots(n []uint32, i int, does []slotUse) {
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

// closeSlot gives upstream connection k a fresh server behind it.
func (w *World) closeSlot(n []uint32, k int) {
	n[w.serverNode(k)], n[w.acceptorHistory(k)] = w.freshServer, 0
	if w.setup.proxied {
		n[w.wire(k)], n[w.lease(k)] = 0, 0
	}
}

package model

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

// share lets the other clients know what client i does.
func (w *System) share(n []uint32, i int) {
	known, leased := w.peers.values[n[w.peer(i)]].known, w.trails.values[n[w.trail(i)]].leased
	for j := range w.clients {
		if p := w.peers.At(n[w.peer(j)]); p.known != known {
			p.known = known
			n[w.peer(j)] = w.peers.ID(p)
		}
		if t := w.trails.At(n[w.trail(j)]); t.leased != leased {
			t.leased = leased
			n[w.trail(j)] = w.trails.ID(t)
		}
	}
}

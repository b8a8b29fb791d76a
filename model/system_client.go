package model

// clientMoves yields what client i and its user can do.
func (w *World) clientMoves(s []uint32, i int, yield yielder) {
	if w.setup.hostile(i) {
		w.hostileMoves(s, i, yield)
		return
	}
	p := &w.clientNodes.values[s[w.clientNode(i)]]
	ask, order, begun := p.ask.Question, p.order, p.begun
	link := s[w.link(i)]
	if w.setup.cancels && order != 0 && s[0] > 0 {
		w.clientMove(s, i, evCancel, 1, 0, yield)
	}
	switch k := &w.packets.values[link]; {
	case k.kind == closed:
		event := evClosed
		if k.unsent {
			event++
		}
		w.clientMove(s, i, event, 0, 0, yield)
	case ask != nil:
		for n := range w.choices(ask) {
			if cost := uint32(min(n, 1)); cost <= s[0] {
				w.clientMove(s, i, evAnswer+uint32(n), cost, link, yield)
			}
		}
	case k.kind == answers || k.kind == interims:
		w.clientMove(s, i, evTake+link, 0, k.then, yield)
	case k.kind == quiet && order == 0 && begun < w.setup.requests:
		for o := range w.setup.orders[i] {
			w.clientMove(s, i, evBegin+uint32(o+1), 0, 0, yield)
		}
	}
}

// clientMove yields the transition of one event of client i. link is the packet that is left on its
// connection, unless the client hangs up or sends one.
func (w *World) clientMove(s []uint32, i int, event, cost, link uint32, yield yielder) {
	was := s[w.clientNode(i)]
	idx, out, ok := w.clientMemo.get(was, w.timed(event))
	if !ok {
		idx, out = w.clientMemo.put(was, w.timed(event), w.clientStep(was, event))
	}
	n := w.from(s, cost)
	n[w.link(i)] = link
	n[w.clientNode(i)] = out.node
	if w.setup.tunnels && w.clientNodes.values[out.node].inside && !w.clientNodes.values[was].inside {
		w.closeSlot(n, i) // the tunnel is a connection of its own
	}
	if out.fresh {
		w.hangUp(n, i, w.clientNodes.values[was].inside)
	}
	if out.sent != 0 {
		n[w.link(i)] = out.sent
	}
	label := w.see(n, aClient, i, w.clientHistory(i), idx, out.saw)
	if w.setup.streams {
		w.share(n, i)
	}
	yield(label, n)
}

// hangUp ends what is behind client i's connection.
func (w *World) hangUp(n []uint32, i int, inside bool) {
	n[w.link(i)] = 0
	if !w.setup.proxied || inside {
		w.closeSlot(n, i)
	}
	if !w.setup.proxied {
		return
	}
	_, out := w.proxyOutcome(n[w.proxyNode(i)], evClosed)
	w.useSlots(n, i, out.does)
	for k := range w.slots {
		switch l := n[w.lease(k)]; {
		case userOf(l) == i:
			w.closeSlot(n, k)
		case ownerOf(l) == i: // nothing says that it must not be used again
			n[w.lease(k)] = leaseOf(-1, userOf(l))
		}
	}
	n[w.proxyNode(i)], n[w.front(i)] = w.freshProxy, 0
}

// share gives the other streams of a connection what client i knows.
func (w *World) share(n []uint32, i int) {
	known, leased := w.clientNodes.values[n[w.clientNode(i)]].known, w.clientHistories.values[n[w.clientHistory(i)]].leased
	for j := range w.clients {
		if p := w.clientNodes.At(n[w.clientNode(j)]); p.known != known {
			p.known = known
			n[w.clientNode(j)] = w.clientNodes.ID(p)
		}
		if t := w.clientHistories.At(n[w.clientHistory(j)]); t.leased != leased {
			t.leased = leased
			n[w.clientHistory(j)] = w.clientHistories.ID(t)
		}
	}
}

// hostileMoves yields what hostile client i can do.
func (w *World) hostileMoves(s []uint32, i int, yield yielder) {
	p := w.clientNodes.values[s[w.clientNode(i)]]
	link := s[w.link(i)]
	switch k := &w.packets.values[link]; {
	case k.kind == answers || k.kind == interims:
		w.clientMove(s, i, evTake+link, 0, k.then, yield)
	case k.kind == quiet && p.order == 0 && !p.inside:
		for n := range w.setup.vocabulary {
			w.clientMove(s, i, evSay+uint32(n), 0, 0, yield)
		}
	}
	if p.hasConn {
		w.clientMove(s, i, evClosed, 0, 0, yield)
	}
}

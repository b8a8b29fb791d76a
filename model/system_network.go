package model

import "slices"

// What the network does, as a label's outcome: a trick, or one of these.
const (
	netClosesLink = 1000 + iota
	netClosesSlot
	netLoses
	netWaits // an hour
)

// trouble yields what the network can do for one unit of its budget.
func (w *World) trouble(s []uint32, yield yielder) {
	net := func(what, number int) uint32 {
		return w.labels.ID(label{agent: aNet, number: uint8(number), outcome: uint32(what)})
	}
	bend := func(at, number int) {
		for _, t := range w.setup.tricks {
			k := s[at]
			if w.packets.values[k].kind != w.setup.trick(t).kind {
				continue
			}
			_, bent, ok := w.bent.get(k, uint32(t))
			if !ok {
				_, bent = w.bent.put(k, uint32(t), w.packets.ID(w.setup.trick(t).do(w, w.packets.At(k))))
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
		p := &w.clientNodes.values[s[w.clientNode(i)]]
		alive, lost, inside := p.hasConn, p.lost, p.inside
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

// loseSlot closes upstream connection k, which client i uses for one request or owns.
func (w *World) loseSlot(s []uint32, k, i int, event uint32, yield yielder) {
	n := w.from(s, 1)
	w.closeSlot(n, k)
	w.proxyMove(n, i, event, yield)
}

// tricks are all of them; a world names the ones that it uses.
var tricks = slices.Concat(networkTricks, digestTricks, kerberosTricks, replayTricks, realmTricks)

// trick returns the one with a number.
func (c *setup) trick(n int) trick {
	if n < len(tricks) {
		return tricks[n]
	}
	return c.forgeries[n-len(tricks)]
}

// trickSet returns the named tricks by their place in the list, -1 for a name that does not exist.
func trickSet(names ...string) (set []int) {
	for _, n := range names {
		set = append(set, slices.IndexFunc(tricks, func(t trick) bool { return t.name == n }))
	}
	return set
}

package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// newSystem makes the world that a setup describes.
func newSystem(c *setup) (*World, error) {
	w := &World{setup: c, properties: append(Properties(), c.properties...)}
	has := c.concerns()
	for i := range w.properties {
		p := &w.properties[i]
		w.concerned = append(w.concerned, has&p.needs == p.needs)
	}
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
	w.clientHistories.ID(clientHistory{})
	w.acceptorHistories.ID(acceptorHistory{})
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
	w.freshServer, c.fresh[gss.Origin] = w.serverNodes.ID(serverNode{m: s}), s
	if c.proxied {
		p, err := hop.NewFront(c.proxyConfig())
		if err != nil {
			return nil, err
		}
		w.freshProxy, c.fresh[gss.Proxy] = w.proxyNodes.ID(proxyNode{front: p}), p.Machine()
	}
	return w, nil
}

// tuple implements [world].
func (w *World) tuple() int { return w.width }

// starts implements [world].
func (w *World) starts(yield func([]uint32)) {
	s := make([]uint32, w.width)
	s[0] = uint32(w.setup.trouble)
	for i := range w.clients {
		s[w.clientNode(i)] = w.clientNodes.ID(clientNode{number: uint8(i + 1)})
		if w.setup.proxied {
			s[w.proxyNode(i)] = w.freshProxy
		}
	}
	for k := range w.slots {
		s[w.serverNode(k)] = w.freshServer
	}
	yield(s)
}

// actor implements [fair]: every client, server and proxy that can go on does; the network and
// hostile clients need not do anything.
func (w *World) actor(id uint32) uint32 {
	l := w.labels.At(id)
	if l.agent == aNet || l.agent == aClient && w.setup.hostile(int(l.number)) {
		return 0
	}
	return 1 << (uint(l.agent)*maxAgents + uint(l.number))
}

// canonical implements [symmetric]: upstream connections have no names, so they are sorted.
func (w *World) canonical(s []uint32) {
	if !w.setup.proxied || w.setup.tunnels {
		return
	}
	for k := 1; k < w.slots; k++ {
		for j := k; j > 0 && w.less(s, j, j-1); j-- {
			for o := range w.perSlot {
				a, b := w.serverNode(j)+o, w.serverNode(j-1)+o
				s[a], s[b] = s[b], s[a]
			}
		}
	}
}

// less sorts slots so that open ones, in use, come first.
func (w *World) less(s []uint32, j, k int) bool {
	for o := w.perSlot - 1; o >= 0; o-- {
		if a, b := s[w.serverNode(j)+o], s[w.serverNode(k)+o]; a != b {
			return a > b // open ones, in use, come first
		}
	}
	return false
}

// steps implements [world].
func (w *World) steps(s []uint32, yield func(label uint32, next []uint32)) {
	w.hour = s[w.clock()]
	if w.hour < uint32(w.setup.hours) {
		n := w.from(s, 0)
		n[w.clock()]++
		yield(w.labels.ID(label{agent: aNet, outcome: netWaits}), n)
	}
	for i := range w.clients {
		w.clientMoves(s, i, yield)
	}
	if w.setup.proxied {
		for i := range w.clients {
			w.proxyMoves(s, i, yield)
		}
	}
	for k := range w.slots {
		w.serverMoves(s, k, yield)
	}
	if s[0] > 0 {
		w.trouble(s, yield)
	}
}

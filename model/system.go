package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// World is one of the worlds that are made of the shipped machines. It
// implements [World], [fair] and [symmetric]; it fills its tables as it is
// explored, so one System belongs to one explorer at a time.
//
//	client 1 --link-- [proxy 1] --wire-- server 1
//	client 2 --link-- [proxy 2] --wire-- server 2 ...
//
// Without proxies the link leads to the server of the same number. With them there is
// a server at the end of each upstream connection (slot), and any proxy may come to use
// any slot.
type World struct {
	setup      *setup
	properties []Property
	concerned  []bool // which of them concern this world
	layout

	client      []machine.Client // as each client's connections begin
	clientNodes table[clientNode]
	serverNodes table[serverNode]
	proxyNodes  table[proxyNode]

	packets           table[packet]
	clientHistories   table[clientHistory]
	acceptorHistories table[acceptorHistory]
	labels            table[label]

	clientMemo memo[clientOut]
	serverMemo memo[serverOut]
	proxyMemo  memo[proxyOut]
	// What an outcome means to the history beside it.
	seen [agents]memo[judged]
	// bent are the results of the tricks.
	bent memo[uint32]

	freshServer, freshProxy uint32
	gone, unsent            uint32 // closed connections
	hour                    uint32 // of the state that Next computes the transitions of
	next                    []uint32

	observer func(before any, e machine.Event, acts machine.Actions, after any)
}

// agent is the part of a world that a label belongs to.
type agent uint8

const (
	aClient agent = iota
	aServer
	aProxy
	aNet
	agents = aNet
)

// label is what happened: an outcome of an agent, and what the properties have
// to say of it.
type label struct {
	agent      agent
	number     uint8  // which client or slot
	outcome    uint32 // in the agent's memo, or what the network did
	held, fell propertySet
}

// judged is an outcome seen against a history.
type judged struct {
	history    uint32 // the next one
	held, fell propertySet
	labels     [maxAgents]uint32 // number+1 by agent's number
}

const maxAgents = 4

// layout holds the places of a state: first the budget, then for each client its node, its
// connection, its history and those of its proxy, then for each slot its server, the history of
// that and the connection, and the clock.
type layout struct{ clients, slots, perClient, perSlot, width int }

func (l *layout) clientNode(i int) int      { return 1 + i*l.perClient }
func (l *layout) link(i int) int            { return l.clientNode(i) + 1 }
func (l *layout) clientHistory(i int) int   { return l.clientNode(i) + 2 }
func (l *layout) proxyNode(i int) int       { return l.clientNode(i) + 3 }
func (l *layout) front(i int) int           { return l.clientNode(i) + 4 }
func (l *layout) serverNode(k int) int      { return 1 + l.clients*l.perClient + k*l.perSlot }
func (l *layout) acceptorHistory(k int) int { return l.serverNode(k) + 1 }
func (l *layout) wire(k int) int            { return l.serverNode(k) + 2 }
func (l *layout) lease(k int) int           { return l.serverNode(k) + 3 }
func (l *layout) clock() int                { return l.width - 1 }

// A slot's lease holds the client that owns it and the one that uses it, numbered from 1,
// whether it is open at all, and whether it was idle before it came into use.
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

type yielder func(label uint32, next []uint32)

// from returns a copy of a state to be changed, with cost off the network's budget. There is one
// copy: it is overwritten by the next call.
func (w *World) from(s []uint32, cost uint32) []uint32 {
	copy(w.next, s)
	w.next[0] -= cost
	return w.next
}

// see lets the history at a place see an outcome, and returns the transition's label. The result is
// remembered for each pair of history and outcome.
func (w *World) see(n []uint32, a agent, number, at int, outcome uint32, saw []any) uint32 {
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

// judge computes the next history, and the verdicts of the properties on the way to it.
func (w *World) judge(a agent, id uint32, saw []any) (j judged) {
	if a == aClient {
		t := w.clientHistories.At(id)
		for _, v := range saw {
			j.hear(w, v, &t, nil)
			t.see(w.setup, v)
		}
		j.history = w.clientHistories.ID(t)
		return j
	}
	l := w.acceptorHistories.At(id)
	l.side = gss.Origin
	if a == aProxy {
		l.side = gss.Proxy
	}
	for _, v := range saw {
		j.hear(w, v, nil, &l)
		l.see(w.setup, v)
	}
	l.side = gss.Origin
	j.history = w.acceptorHistories.ID(l)
	return j
}

// hear judges one observation by every property, against the history before it: a client's, or an
// acceptor's.
func (j *judged) hear(w *World, v any, t *clientHistory, l *acceptorHistory) {
	for i := range w.properties {
		p := &w.properties[i]
		verdict := Idle
		switch {
		case !w.concerned[i]:
		case t != nil && p.client != nil:
			verdict = p.client(w.setup, t, v)
		case l != nil && p.acceptor != nil:
			verdict = p.acceptor(w.setup, l, v)
		case t != nil && p.Client != nil:
			verdict = p.Client(t.history(w.setup), exported(v))
		case l != nil && p.Acceptor != nil:
			verdict = p.Acceptor(l.history(w.setup), exported(v))
		}
		switch verdict {
		case Holds:
			j.held.add(i)
		case Falls:
			j.held.add(i)
			j.fell.add(i)
		}
	}
}

// undecided reports whether a client's exchange is under way, or a hostile client's request without
// an answer.
func (w *World) undecided(s []uint32) bool {
	for i := range w.clients {
		if w.clientNodes.values[s[w.clientNode(i)]].order != 0 && !(w.setup.hostile(i) && w.answeredTo(s, i)) {
			return true
		}
	}
	return false
}

// answeredTo reports whether client i has its answer, or its connection is gone.
func (w *World) answeredTo(s []uint32, i int) bool {
	k := w.packets.values[s[w.link(i)]].kind
	return k == answers || k == closed
}

package model

import (
	"slices"
	"strings"
)

// Property is one claim about the shipped machines.
type Property struct {
	Name string
	// Says is the claim in a sentence.
	Says string
	Kind Kind
	// Rows are the requirements that it checks.
	Rows []string
	// Shipped: it speaks of mechanisms that only [MechanismWorlds] have.
	Shipped bool

	client   func(c *setup, t *trail, v any) Verdict
	acceptor func(c *setup, l *ledger, v any) Verdict
	state    func(w *System, s []uint32) Verdict
}

// rows splits a list of requirement ids.
func rows(ids string) []string { return strings.Fields(ids) }

// on makes a judgement of one type of observation out of a function for it. The
// history is what was before it.
func on[H, T any](f func(c *setup, h *H, v T) Verdict) func(*setup, *H, any) Verdict {
	return func(c *setup, h *H, v any) Verdict {
		if v, ok := v.(T); ok {
			return f(c, h, v)
		}
		return Idle
	}
}

// Properties are all of them: those of clients, of acceptors (origins and
// proxies), of shipped mechanisms, and of whole worlds.
func Properties() []Property {
	return slices.Concat(clientProperties, acceptorProperties, hopProperties, hostileProperties, timeProperties, memoryProperties, handshakeProperties, shippedProperties, worldProperties)
}

// hear judges one observation by every property, against the history before it:
// a client's, or an acceptor's.
func (j *judged) hear(w *System, v any, t *trail, l *ledger) {
	for i := range w.properties {
		p := &w.properties[i]
		verdict := Idle
		switch {
		case t != nil && p.client != nil:
			verdict = p.client(w.setup, t, v)
		case l != nil && p.acceptor != nil:
			verdict = p.acceptor(w.setup, l, v)
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

// checks are the properties as the explorer takes them.
func (w *System) checks() []Check {
	list := make([]Check, len(w.properties))
	for i := range w.properties {
		p := &w.properties[i]
		list[i] = Check{Name: p.Name, Kind: p.Kind}
		if p.state != nil {
			list[i].State = func(s []uint32) Verdict { return p.state(w, s) }
			continue
		}
		list[i].Step = func(id uint32) Verdict {
			l := &w.labels.values[id]
			switch {
			case l.fell.Has(i):
				return Falls
			case l.held.Has(i):
				return Holds
			}
			return Idle
		}
	}
	return list
}

var worldProperties = []Property{
	{
		Name: "EventuallyDecided", Kind: Eventually,
		Says: "Every request ends: the application gets a response or a failure, whatever the peers say and the network does within its budget.",
		Rows: rows("HTA-7 N2HT-2.2.2-2 N2HT-2.2.3-1 N2HT-3.2.5-11 R4559-4.1-9"),
		state: func(w *System, s []uint32) Verdict {
			if w.undecided(s) {
				return Open
			}
			return Idle
		},
	},
}

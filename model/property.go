package model

import (
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

	// Client and Acceptor are the judgements of a user's own: of what a client, and what an
	// origin or a proxy, takes and does, against the history before it. v is an event or an
	// action of package machine, or a [hop.Send]. Both are pure functions.
	Client, Acceptor func(h History, v any) Verdict

	// needs is what a world must have in it for the property to concern it.
	needs concern

	client   func(c *setup, t *clientHistory, v any) Verdict
	acceptor func(c *setup, l *acceptorHistory, v any) Verdict
	state    func(w *World, s []uint32) Verdict
}

// rows splits a list of requirement ids.
func rows(ids string) []string { return strings.Fields(ids) }

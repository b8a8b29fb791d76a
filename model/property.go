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

	client   func(c *setup, t *clientHistory, v any) Verdict
	acceptor func(c *setup, l *acceptorHistory, v any) Verdict
	state    func(w *System, s []uint32) Verdict
}

// rows splits a list of requirement ids.
func rows(ids string) []string { return strings.Fields(ids) }

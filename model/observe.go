package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// Observe has f told of the steps that the world's machines take while it is
// explored: before, a machine.Client, Server or Proxy, took e, gave acts and
// became after. A step that is remembered is not taken again, so each is told
// once for each thing that its driver did besides; one that ends in an error is
// not told. Nil ends it. It changes nothing about the exploration.
func (w *World) Observe(f func(before any, e machine.Event, acts machine.Actions, after any)) {
	w.observer = f
}

// stepOf steps a machine for a driver of a world, and lets the observer see the step.
func stepOf[M machine.Machine[M]](w *World, env gss.Env, m M, e machine.Event) (M, machine.Actions, error) {
	next, acts, err := m.Step(env, e)
	if w.observer != nil && err == nil {
		w.observer(m, e, acts, next)
	}
	return next, acts, err
}

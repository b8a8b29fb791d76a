package machine_test

import (
	"flag"
	"slices"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/model"
)

var full = flag.Bool("full", false, "explore the worlds in full size")

// The machines do what their table says, all of it and nothing else: every step
// of every machine of every world is declared, and every one that is declared is
// taken. See docs/machines.md.
//
//	go test ./machine -run TestWorldsFollowTheTable -full    explores the worlds in full size
func TestWorldsFollowTheTable(t *testing.T) {
	n := model.Quick
	if *full {
		n = model.Full
	}
	seen := recorder{}
	for _, s := range model.Worlds() {
		w, err := s.World(n, model.Tune{})
		if err != nil {
			t.Fatal(err)
		}
		seen.explore(w, s.Name)
	}
	declared := machine.Transitions()
	for row, where := range seen {
		if !slices.Contains(declared, row) {
			t.Errorf("in the world %q a machine did what the table does not have: %v", where, row)
		}
	}
	for _, row := range declared {
		if _, ok := seen[row]; !ok {
			t.Errorf("the table has what no machine did: %v", row)
		}
	}
}

// recorder is the set of the rows that were seen, each with where first.
type recorder map[machine.Transition]string

// explore walks a world and records the rows of every step that its machines
// take. Whatever they are doing, their connections may close: the worlds' drivers
// throw a server away with its connection, so each machine that is met is told
// so here.
func (r recorder) explore(w *model.System, where string) {
	w.Observe(func(before any, e machine.Event, acts machine.Actions, after any) {
		switch after := after.(type) {
		case machine.Client:
			note(r, where, before.(machine.Client), e, acts, after)
			hangUp(r, where, after)
		case machine.Server:
			note(r, where, before.(machine.Server), e, acts, after)
			hangUp(r, where, after)
		case machine.Proxy:
			note(r, where, before.(machine.Proxy), e, acts, after)
			hangUp(r, where, after)
		}
	})
	model.Explore(w, nil, model.Options{})
	w.Observe(nil)
}

// note records the rows of one step.
func note[M machine.Machine[M]](r recorder, where string, before M, e machine.Event, acts machine.Actions, after M) {
	for _, row := range machine.TransitionsOf(before, e, acts, after) {
		if _, ok := r[row]; !ok {
			r[row] = where
		}
	}
}

// hangUp tells a machine that its connections are gone, each of them first, and
// twice.
func hangUp[M machine.Machine[M]](r recorder, where string, m M) {
	for _, first := range [...]machine.End{machine.Downstream, machine.Upstream} {
		m := m
		for _, end := range [...]machine.End{first, 1 - first, first} {
			e := machine.Closed{End: end}
			next, acts, err := m.Step(gss.Env{Now: 1, Seed: gss.Seed{1}}, e)
			if err != nil { // nothing may forbid it
				r[machine.Transition{Machine: "misuse: " + err.Error()}] = where
				break
			}
			note(r, where, m, e, acts, next)
			m = next
		}
	}
}

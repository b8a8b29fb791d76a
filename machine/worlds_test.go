package machine_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/model"
)

var full = flag.Bool("full", false, "explore the worlds in full size")

// deep are the rows that only worlds of full size take, each with the first world that does.
var deep = map[machine.Transition]string{
	// The answer about a proxy's user comes between a request and its forwarding, to another
	// origin than that for which a connection is reserved.
	{Machine: "pin", From: "reserved", Event: "Answered", Actions: "Forward shared", To: "reserved"}: "detours-basic",
	{Machine: "pin", From: "reserved", Event: "Answered", Actions: "Forward tunnel", To: "shared"}:   "detours-basic",
	// The answer about one side ends the exchange. The connection stays bound to the identity
	// of the other side, or closes, and what it carried is gone.
	{Machine: "side", From: "halfway", Event: "Answered", Actions: "end", To: "bound"}:     "kept-and-refused",
	{Machine: "side", From: "persistent", Event: "Answered", Actions: "end", To: "unused"}: "kept-and-refused",
	// The origin's challenge closes the connection that the proxy has authenticated.
	{Machine: "side", From: "done", Event: "passed", To: "unused"}: "renewed",
}

// The machines do what their table says, all of it and nothing else: every step
// of every machine of every world is declared, and every one that is declared is
// taken, those of deep in worlds of full size alone. See docs/machines.md.
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
	for _, wrong := range untrue(seen, machine.Transitions(), deep, n) {
		t.Error(wrong)
	}
}

// untrue returns what the table and its marks say that is not so, after the worlds of size n
// took the rows of seen.
func untrue(seen recorder, declared []machine.Transition, deep map[machine.Transition]string, n model.Size) (wrong []string) {
	for row, where := range seen {
		if !slices.Contains(declared, row) {
			wrong = append(wrong, fmt.Sprintf("in the world %q a machine did what the table does not have: %v", where, row))
		}
	}
	for _, row := range declared {
		first, marked := deep[row]
		where, taken := seen[row]
		switch {
		case !taken && (n == model.Full || !marked):
			wrong = append(wrong, fmt.Sprintf("the table has what no machine did: %v", row))
		case taken && n == model.Quick && marked:
			wrong = append(wrong, fmt.Sprintf("the world %q takes in quick size what is marked as deep: %v", where, row))
		case taken && marked && where != first:
			wrong = append(wrong, fmt.Sprintf("the first world to take what is marked as deep is %q, and not %q: %v", where, first, row))
		}
	}
	for row := range deep {
		if !slices.Contains(declared, row) {
			wrong = append(wrong, fmt.Sprintf("marked as deep, and not in the table: %v", row))
		}
	}
	return wrong
}

// What is not true of the table or of a mark is told, in each size.
func TestUntrue(t *testing.T) {
	row := func(to string) machine.Transition { return machine.Transition{Machine: "m", To: to} }
	plain, far, other := row("plain"), row("far"), row("other")
	declared := []machine.Transition{plain, far}
	marks := map[machine.Transition]string{far: "a world"}
	near, all := recorder{plain: "a world"}, recorder{plain: "a world", far: "a world"}
	for _, c := range []struct {
		name string
		seen recorder
		deep map[machine.Transition]string
		n    model.Size
		want string // "" if all is true
	}{
		{"quick worlds take all but the deep rows", near, marks, model.Quick, ""},
		{"full worlds take all rows", all, marks, model.Full, ""},
		{"a deep row without a mark", near, nil, model.Quick, "no machine did"},
		{"a mark on a row that quick worlds take", all, marks, model.Quick, "marked as deep: m"},
		{"a mark with another world", all, map[machine.Transition]string{far: "another"}, model.Full, "and not \"another\""},
		{"a mark on a row that no world takes", near, marks, model.Full, "no machine did"},
		{"a mark on a row that is not declared", all, map[machine.Transition]string{far: "a world", other: "a world"}, model.Full, "not in the table"},
		{"a step that is not declared", recorder{plain: "w", far: "w", other: "w"}, marks, model.Full, "does not have"},
	} {
		got := strings.Join(untrue(c.seen, declared, c.deep, c.n), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// recorder is the set of the rows that were seen, each with where first.
type recorder map[machine.Transition]string

// explore walks a world and records the rows of every step that its machines
// take. Whatever they are doing, their connections may close: the worlds' drivers
// throw a server away with its connection, so each machine that is met is told
// so here.
func (r recorder) explore(w *model.World, where string) {
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
	w.Check(model.Options{})
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

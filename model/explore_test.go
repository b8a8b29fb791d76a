package model

import (
	"slices"
	"testing"
)

// graph is a world given by its edges. Labels below 10 belong to actor 1, those
// from 10 on to actor 2, and label 99 to no actor.
type graph struct {
	from  []uint32
	edges map[uint32][]edge
	fold  bool // states that differ by 100 look alike
}

type edge struct{ label, to uint32 }

func (g graph) tuple() int { return 1 }

func (g graph) starts(yield func([]uint32)) {
	for _, s := range g.from {
		yield([]uint32{s})
	}
}

func (g graph) steps(s []uint32, yield func(uint32, []uint32)) {
	for _, e := range g.edges[s[0]] {
		yield(e.label, []uint32{e.to})
	}
}

func (g graph) canonical(s []uint32) {
	if g.fold {
		s[0] %= 100
	}
}

func (g graph) actor(label uint32) uint32 {
	switch {
	case label == 99:
		return 0
	case label >= 10:
		return 2
	}
	return 1
}

func stateIs(k Kind, name string, f func(uint32) Verdict) check {
	return check{Name: name, Kind: k, State: func(s []uint32) Verdict { return f(s[0]) }}
}

func TestExplore(t *testing.T) {
	// 0 -> 1 -> 2 -> 3 -> 1, and 2 -> 4, where it ends.
	g := graph{from: []uint32{0, 0}, edges: map[uint32][]edge{
		0: {{1, 1}}, 1: {{2, 2}}, 2: {{3, 3}, {4, 4}}, 3: {{5, 1}},
	}}
	not := func(n uint32) func(uint32) Verdict { return func(s uint32) Verdict { return Must(s != n) } }
	checks := []check{
		stateIs(Always, "never 4", not(4)),
		stateIs(Always, "never 9", not(9)),
		stateIs(Always, "nothing to say", func(uint32) Verdict { return Idle }),
		stateIs(Sometimes, "reaches 3", func(s uint32) Verdict { return Must(s == 3) }),
		stateIs(Sometimes, "reaches 9", func(s uint32) Verdict { return sometimes(s == 9) }),
		{Name: "never by 5", Step: func(l uint32) Verdict { return Must(l != 5) }},
		{Name: "never by 6", Step: func(l uint32) Verdict { return Must(l != 6) }},
		{Name: "goes by 4", Kind: Sometimes, Step: func(l uint32) Verdict { return sometimes(l == 4) }},
	}
	r := exploreAll(g, checks, Options{})
	if r.States != 5 || r.Transitions != 5 || r.Depth != 3 || !r.Complete || r.Bytes == 0 {
		t.Errorf("%+v", r)
	}
	for i, want := range []struct {
		status Status
		count  uint64
		path   []uint32
	}{
		{Fell, 5, []uint32{1, 2, 4}}, {Held, 5, nil}, {Vacuous, 0, nil}, {Held, 5, []uint32{1, 2, 3}}, {Vacuous, 0, nil},
		{Fell, 5, []uint32{1, 2, 3, 5}}, {Held, 5, nil}, {Held, 1, []uint32{1, 2, 4}},
	} {
		o := r.Outcomes[i]
		if o.Status != want.status || o.Count != want.count || !slices.Equal(o.path.Labels, want.path) {
			t.Errorf("%s: %v, %d times, %v; expected %+v", o.Name, o.Status, o.Count, o.path.Labels, want)
		}
	}
}

func TestEventually(t *testing.T) {
	open := func(until uint32) check {
		return stateIs(Eventually, "gets there", func(s uint32) Verdict {
			if s < until {
				return pending
			}
			return Idle
		})
	}
	for _, test := range []struct {
		name  string
		edges map[uint32][]edge
		want  Status
		path  []uint32
		cycle []uint32
		stuck bool
	}{
		{"it does", map[uint32][]edge{0: {{1, 1}}, 1: {{1, 9}}, 9: {{1, 0}}}, Held, nil, nil, false},
		{"it stops before", map[uint32][]edge{0: {{1, 1}, {2, 9}}}, Fell, []uint32{1}, nil, true},
		{"it goes round", map[uint32][]edge{0: {{1, 1}}, 1: {{2, 2}, {3, 9}}, 2: {{4, 1}}}, Fell, []uint32{1}, []uint32{2, 4}, false},
		{"one goes round, though the other could always end it", map[uint32][]edge{0: {{1, 1}}, 1: {{2, 2}, {10, 9}}, 2: {{4, 1}, {10, 9}}}, Held, nil, nil, false},
		{"the other could end it now and then", map[uint32][]edge{0: {{1, 1}}, 1: {{2, 2}, {10, 9}}, 2: {{4, 1}}}, Fell, []uint32{1}, []uint32{2, 4}, false},
		{"only the network goes round", map[uint32][]edge{0: {{99, 0}, {1, 9}}}, Held, nil, nil, false},
		{"only the network could end it", map[uint32][]edge{0: {{1, 0}, {99, 9}}}, Fell, nil, []uint32{1}, false},
		{"it goes round inside a larger round", map[uint32][]edge{
			0: {{1, 1}}, 1: {{1, 2}}, 2: {{1, 3}, {1, 1}}, 3: {{1, 9}, {1, 0}},
		}, Fell, nil, []uint32{1, 1, 1, 1}, false},
	} {
		g := graph{from: []uint32{0}, edges: test.edges}
		o := exploreAll(g, []check{open(5)}, Options{}).Outcomes[0]
		if o.Status != test.want || !slices.Equal(o.path.Labels, test.path) || !slices.Equal(o.path.Cycle, test.cycle) || o.path.Stuck != test.stuck {
			t.Errorf("%s: %v by %v round %v stuck %v", test.name, o.Status, o.path.Labels, o.path.Cycle, o.path.Stuck)
		}
	}
}

func TestSymmetry(t *testing.T) {
	edges := map[uint32][]edge{0: {{1, 101}, {1, 1}}, 1: {{2, 102}}, 2: {{3, 1}}}
	r := exploreAll(graph{from: []uint32{100}, edges: edges, fold: true}, nil, Options{})
	if r.States != 3 || r.Transitions != 4 {
		t.Errorf("%d states, %d transitions", r.States, r.Transitions)
	}
}

func TestMaxStates(t *testing.T) {
	edges := map[uint32][]edge{}
	for i := range uint32(1000) {
		edges[i] = []edge{{1, i + 1}}
	}
	g := graph{from: []uint32{0}, edges: edges}
	never := func(n uint32) check { return stateIs(Always, "never", func(s uint32) Verdict { return Must(s != n) }) }
	calls := 0
	r := exploreAll(g, []check{never(50), never(500), stateIs(Sometimes, "early", func(s uint32) Verdict { return sometimes(s == 7) })},
		Options{MaxStates: 100, Progress: func(_, _, _ uint64) { calls++ }})
	if r.States != 100 || r.Complete || calls == 0 {
		t.Errorf("%d states, complete %v, %d reports", r.States, r.Complete, calls)
	}
	for i, want := range []Status{Fell, Unfinished, Held} {
		if got := r.Outcomes[i].Status; got != want {
			t.Errorf("check %d: %v, expected %v", i, got, want)
		}
	}
	if r := exploreAll(g, nil, Options{MaxStates: 1001}); !r.Complete || r.States != 1001 {
		t.Errorf("a bound that is just enough: %d states, complete %v", r.States, r.Complete)
	}
}

// What leads to a state for which there was no room can still be done: a run that never
// does it is as unfair as it would be if there had been.
func TestMaxStatesFair(t *testing.T) {
	g := graph{from: []uint32{0}, edges: map[uint32][]edge{0: {{1, 1}, {10, 9}}, 1: {{2, 0}, {10, 9}}}}
	open := stateIs(Eventually, "gets there", func(s uint32) Verdict { return Must(s == 9) })
	for most, want := range map[uint32]Status{2: Unfinished, 0: Held} {
		if o := exploreAll(g, []check{open}, Options{MaxStates: most}).Outcomes[0]; o.Status != want {
			t.Errorf("with room for %d states: %v, want %v", most, o.Status, want)
		}
	}
}

func TestStore(t *testing.T) {
	s := newStore(2)
	for i := range uint32(100_000) {
		if n, fresh := s.add([]uint32{i, i * i}); n != i || !fresh {
			t.Fatalf("state %d is number %d, new %v", i, n, fresh)
		}
	}
	for i := range uint32(100_000) {
		if n, fresh := s.add([]uint32{i, i * i}); n != i || fresh {
			t.Fatalf("state %d is number %d the second time, new %v", i, n, fresh)
		}
	}
	if _, ok := s.find([]uint32{1, 2}); ok {
		t.Error("found a state that was never added")
	}
}

func TestTable(t *testing.T) {
	var table table[string]
	if a, b, c := table.ID("a"), table.ID("b"), table.ID("a"); a != 0 || b != 1 || c != 0 || table.At(1) != "b" || table.Len() != 2 {
		t.Error(a, b, c)
	}
}

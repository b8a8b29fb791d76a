package model

import "slices"

// world is a transition system. Its states are tuples of so many numbers; what a
// number means is the world's affair, usually an index into a [table] or a
// counter. starts and steps give the same states in the same order every time.
// The slices that they yield are copied, and may be used again.
type world interface {
	tuple() int
	starts(yield func(state []uint32))
	// steps yields the transitions of a state, each with a label that tells what
	// happens. Labels are small numbers, without large gaps.
	steps(state []uint32, yield func(label uint32, next []uint32))
}

// symmetric is a world in which some states differ only by names. canonical
// turns a state, in place, into the one that stands for all that look alike.
type symmetric interface{ canonical(state []uint32) }

// fair is a world that says which of its labels belong to which actor, so that
// Eventually leaves out runs in which an actor that could move all the time never
// does (weak fairness). Actors are bits. A label without an actor (0), as that of a
// network which may lose things, need never happen. In a world that is not fair one
// actor owns all labels, so that it must not stop while it can go on.
type fair interface {
	actor(label uint32) (bits uint32)
}

// Options are the bounds of an exploration.
type Options struct {
	_ struct{}

	// MaxStates ends the exploration when that many states were found; 0 means
	// 1<<32 - 2. The report says whether it did.
	MaxStates uint32
	// Progress, if not nil, is told now and then how far it is.
	Progress func(states, transitions, depth uint64)
}

// Report is the result of one exploration.
type Report struct {
	States, Transitions uint64
	// Depth is the length of the longest shortest path.
	Depth uint64
	// Complete: all states were seen.
	Complete bool
	// Bytes is what the explorer kept for all states, without what the world
	// itself remembers.
	Bytes    uint64
	Outcomes []Outcome
}

// explorer is one exploration under way.
type explorer struct {
	world   world
	seen    *store
	parent  []uint32 // state that it was found from
	by      []uint32 // label that it was found by
	starts  uint32   // the first states have no parent
	counts  []uint64 // transitions by label
	origin  []uint32 // the state from which a label was met first
	symm    symmetric
	scratch []uint32
}

// exploreAll walks the world and judges the checks, all of them to the end.
func exploreAll(w world, checks []check, o Options) Report {
	e := &explorer{world: w, seen: newStore(w.tuple()), scratch: make([]uint32, w.tuple())}
	e.symm, _ = w.(symmetric)
	r := e.walk(o)
	r.Outcomes = make([]Outcome, len(checks))
	for i := range checks {
		out := e.judge(&checks[i], r.Complete)
		out.Steps = len(out.path.Labels) + len(out.path.Cycle)
		r.Outcomes[i] = out
	}
	return r
}

// canonical returns the state that stands for s.
func (e *explorer) canonical(s []uint32) []uint32 {
	if e.symm == nil {
		return s
	}
	copy(e.scratch, s)
	e.symm.canonical(e.scratch)
	return e.scratch
}

// walk finds all states.
func (e *explorer) walk(o Options) (r Report) {
	most := o.MaxStates
	if most == 0 {
		most = 1<<32 - 2
	}
	r.Complete = true
	full := func() bool {
		if e.seen.n >= most {
			r.Complete = false
		}
		return !r.Complete
	}
	e.world.starts(func(state []uint32) {
		state = e.canonical(state)
		if _, known := e.seen.find(state); known || full() {
			return
		}
		e.seen.add(state)
		e.parent, e.by = append(e.parent, 0), append(e.by, 0)
	})
	e.starts = e.seen.n
	var from uint32
	visit := func(label uint32, next []uint32) {
		if !r.Complete {
			return
		}
		next = e.canonical(next)
		if e.seen.n >= most {
			if _, known := e.seen.find(next); !known {
				r.Complete = false
				return
			}
		}
		e.count(label, from)
		r.Transitions++
		if _, fresh := e.seen.add(next); fresh {
			e.parent, e.by = append(e.parent, from), append(e.by, label)
		}
	}
	level := e.seen.n // the first state of the next depth
	for ; from < e.seen.n && r.Complete; from++ {
		if from == level {
			r.Depth++
			level = e.seen.n
		}
		if o.Progress != nil && from&0xffff == 0 {
			o.Progress(uint64(e.seen.n), r.Transitions, r.Depth)
		}
		e.world.steps(e.seen.at(from), visit)
	}
	r.States = uint64(e.seen.n)
	r.Bytes = uint64(e.seen.bytes() + 4*cap(e.parent) + 4*cap(e.by))
	return r
}

func (e *explorer) count(label, from uint32) {
	for int(label) >= len(e.counts) {
		e.counts = append(e.counts, 0)
		e.origin = append(e.origin, 0)
	}
	if e.counts[label] == 0 {
		e.origin[label] = from
	}
	e.counts[label]++
}

// judge gives a check its verdict.
func (e *explorer) judge(c *check, complete bool) Outcome {
	out := Outcome{Name: c.Name, check: c}
	switch {
	case c.Kind == Eventually:
		e.eventually(c, &out, complete)
	case c.Step != nil:
		e.overSteps(c, &out)
	default:
		e.overStates(c, &out)
	}
	if c.Kind == Sometimes && out.Status == Held {
		return out
	}
	if out.Status != Fell && !complete {
		out.Status = Unfinished
	}
	return out
}

// wanted returns the verdict for which a kind of check wants a path.
func wanted(k Kind) Verdict {
	if k == Sometimes {
		return Holds
	}
	return Falls
}

func (e *explorer) overStates(c *check, out *Outcome) {
	found := false
	for i := range e.seen.n {
		v := c.State(e.seen.at(i))
		if v == Idle {
			continue
		}
		out.Count++
		if v == wanted(c.Kind) && !found {
			found = true
			out.path = e.path(i)
		}
	}
	out.Status = status(c.Kind, out.Count, found)
}

func (e *explorer) overSteps(c *check, out *Outcome) {
	found, best := false, uint32(0)
	for label, n := range e.counts {
		if n == 0 {
			continue
		}
		v := c.Step(uint32(label))
		if v == Idle {
			continue
		}
		out.Count += n
		// States are numbered by depth, so the least origin is a nearest one.
		if v == wanted(c.Kind) && (!found || e.origin[label] < e.origin[best]) {
			found, best = true, uint32(label)
		}
	}
	out.Status = status(c.Kind, out.Count, found)
	if found {
		out.path = e.path(e.origin[best])
		out.path.Labels = append(out.path.Labels, best)
	}
}

func status(k Kind, count uint64, found bool) Status {
	switch {
	case k == Sometimes && found:
		return Held
	case k == Sometimes, count == 0:
		return Vacuous
	case found:
		return Fell
	}
	return Held
}

// path returns a shortest way to state i, the one on which it was found.
func (e *explorer) path(i uint32) (p path) {
	for i >= e.starts {
		p.Labels = append(p.Labels, e.by[i])
		i = e.parent[i]
	}
	slices.Reverse(p.Labels)
	p.Start = slices.Clone(e.seen.at(i))
	return p
}

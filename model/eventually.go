package model

import "slices"

// eventually looks for runs on which an obligation stays open for ever: a state
// without successors, or a fair cycle with nothing but open states. Cycles are
// found as strongly connected components of the open states (Tarjan 1972, with a
// stack of its own, since runs are long). For weak fairness the largest
// component is all that has to be looked at: any smaller one has fewer of the
// transitions that it asks for, and fewer states in which an actor may rest.
//
// Transitions were not stored; they are computed anew, which the world's memory
// makes cheap.
func (e *explorer) eventually(c *check, out *Outcome, complete bool) {
	n := e.seen.n
	open := make([]bool, n)
	for i := range n {
		if open[i] = c.State(e.seen.at(i)) == pending; open[i] {
			out.Count++
		}
	}
	out.Status = status(Eventually, out.Count, false)
	const unseen = 0
	index := make([]uint32, n) // order of discovery, from 1
	low := make([]uint32, n)
	onStack := make([]bool, n)
	var next uint32
	var stack []uint32
	type frame struct {
		state    uint32
		from, to int // its successors in succ
	}
	var frames []frame
	var succ []uint32
	best, found := uint32(0), false
	loops := false // some state leads to itself, so that even one alone may be a cycle
	enter := func(i uint32) {
		next++
		index[i], low[i] = next, next
		stack = append(stack, i)
		onStack[i] = true
		f := frame{i, len(succ), 0}
		moves := 0
		e.edges(i, func(_, j uint32) {
			moves++
			loops = loops || i == j
			if open[j] {
				succ = append(succ, j)
			}
		})
		f.to = len(succ)
		frames = append(frames, f)
		if moves == 0 && complete && (!found || i < best) {
			found, best = true, i
			out.path = e.path(i)
			out.path.Stuck = true
		}
	}
	for root := range n {
		if !open[root] || index[root] != unseen {
			continue
		}
		enter(root)
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			if f.from < f.to {
				j := succ[f.from]
				f.from++
				switch {
				case index[j] == unseen:
					enter(j)
				case onStack[j]:
					low[f.state] = min(low[f.state], index[j])
				}
				continue
			}
			i := f.state
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				p := &frames[len(frames)-1]
				succ = succ[:p.to]
				low[p.state] = min(low[p.state], low[i])
			} else {
				succ = succ[:0]
			}
			if low[i] != index[i] {
				continue
			}
			at := len(stack) - 1
			for stack[at] != i {
				at--
			}
			component := stack[at:] // nothing is pushed before it has been looked at
			stack = stack[:at]
			for _, j := range component {
				onStack[j] = false
			}
			if len(component) == 1 && !loops {
				continue
			}
			if first := slices.Min(component); (!found || first < best) && e.fair(component) {
				found, best = true, first
				out.path = e.path(first)
				out.path.Cycle = e.cycle(first, component)
			}
		}
	}
	if found {
		out.Status = Fell
	}
}

// edges gives the transitions of state i to states that were stored.
func (e *explorer) edges(i uint32, yield func(label, to uint32)) {
	e.world.steps(e.seen.at(i), func(label uint32, next []uint32) {
		if j, ok := e.seen.find(e.canonical(next)); ok {
			yield(label, j)
		}
	})
}

// fair reports whether a run may stay in a component for ever. What leads to a state
// that was not stored can be done as well.
func (e *explorer) fair(component []uint32) bool {
	in := map[uint32]bool{}
	for _, i := range component {
		in[i] = true
	}
	f, _ := e.world.(fair)
	cycle := false
	always, taken := ^uint32(0), uint32(0)
	for _, i := range component {
		enabled := uint32(0)
		e.world.steps(e.seen.at(i), func(label uint32, next []uint32) {
			bits := uint32(1)
			if f != nil {
				bits = f.actor(label)
			}
			enabled |= bits
			if j, ok := e.seen.find(e.canonical(next)); ok && in[j] {
				cycle = true
				taken |= bits
			}
		})
		always &= enabled
	}
	return cycle && always&^taken == 0
}

// cycle returns a shortest way from a state back to it within its component. It shows how the run
// goes round, though a fair run may have to wander further.
func (e *explorer) cycle(from uint32, component []uint32) []uint32 {
	in := map[uint32]bool{}
	for _, i := range component {
		in[i] = true
	}
	type step struct{ from, label uint32 }
	found := map[uint32]step{}
	queue := []uint32{from}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		e.edges(i, func(label, j uint32) {
			if _, seen := found[j]; in[j] && !seen {
				found[j] = step{i, label}
				queue = append(queue, j)
			}
		})
	}
	var labels []uint32
	for i := from; ; {
		s, ok := found[i]
		if !ok {
			return nil
		}
		labels = append(labels, s.label)
		if i = s.from; i == from {
			break
		}
	}
	slices.Reverse(labels)
	return labels
}

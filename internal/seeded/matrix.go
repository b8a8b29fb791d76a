package seeded

import (
	"fmt"
	"slices"

	"github.com/countersign-auth/countersign/model"
)

// Matrix is the file, below the root, that holds what each fault does to the
// properties of package model, a line for each.
const Matrix = "model/testdata/mutants.txt"

// MaxStates ends a world that a fault made too large: what is to fall falls long
// before.
const MaxStates = 15_000

// Seen is what the command explore reports of a property in a world in which it fell,
// or held and had something to say.
type Seen struct {
	World, Property string
	Fell            bool
	Steps           int    // of the shortest counterexample
	Story           string // and what happens in it
}

// Toll is what a fault does to the properties in all worlds.
type Toll struct {
	Steps  int      // of the shortest counterexample of all
	World  string   // the world of it
	First  []string // properties that fall after so many steps
	Also   []string // those that take longer
	Silent []string // those of kind Sometimes that do not happen any more
	// Worst has the shortest counterexample of each property that falls.
	Worst map[string]Seen
}

// Judge sums up what was seen with a fault switched on.
func Judge(all []Seen) Toll {
	t := Toll{Worst: map[string]Seen{}}
	happens := map[string]bool{}
	any := false
	for _, s := range all {
		w, fell := t.Worst[s.Property]
		switch {
		case !s.Fell:
			happens[s.Property] = true
		case !fell || s.Steps < w.Steps:
			t.Worst[s.Property] = s
		}
		if s.Fell && (!any || s.Steps < t.Steps) {
			any, t.Steps = true, s.Steps
		}
	}
	for _, p := range model.Properties() {
		s, fell := t.Worst[p.Name]
		switch {
		case fell && s.Steps == t.Steps:
			if len(t.First) == 0 {
				t.World = s.World
			}
			t.First = append(t.First, p.Name)
		case fell:
			t.Also = append(t.Also, p.Name)
		case p.Kind == model.Sometimes && !happens[p.Name]:
			t.Silent = append(t.Silent, p.Name)
		}
	}
	return t
}

// Falls reports whether a property falls, or a Sometimes does not happen any more.
func (t *Toll) Falls(property string) bool {
	return slices.Contains(t.First, property) || slices.Contains(t.Also, property) || slices.Contains(t.Silent, property)
}

// String returns the toll as the matrix has it.
func (t Toll) String() string {
	s := fmt.Sprintf("first %v", t.First)
	if len(t.First) > 0 {
		s += fmt.Sprintf(" after %d steps in %s", t.Steps, t.World)
	}
	if len(t.Also) > 0 {
		s += fmt.Sprintf(", then %v", t.Also)
	}
	if len(t.Silent) > 0 {
		s += fmt.Sprintf(", never again %v", t.Silent)
	}
	return s
}

// InMatrix reports whether a fault has a line in the matrix: if it names a property
// without a world.
func InMatrix(e *Edit) bool {
	return slices.ContainsFunc(e.Falls, func(f Fall) bool { return f.Property != "" && f.World == "" })
}

//go:build mutants

package model

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/machine"
)

const mutantsFile = "testdata/mutants.txt"

// mutantStates ends a world that a fault made too large: what is to fall does so
// long before.
const mutantStates = 15_000

// unkillable are the properties that no fault of a machine alone can break. This
// list may only shrink.
var unkillable = map[string]string{
	"ProxyForwardsCredentialsUntouched": "a proxy's actions have no room for other credentials: what is passed on is the driver's to pass",
}

// toll is what a mutant does to the properties.
type toll struct {
	steps  int    // of the shortest counterexample
	world  string // where it was
	first  []string
	also   []string // fall later
	silent []string // a Sometimes that does not happen any more
}

func (t *toll) String() string {
	s := fmt.Sprintf("first %v", t.first)
	if len(t.first) > 0 {
		s += fmt.Sprintf(" after %d steps in %s", t.steps, t.world)
	}
	if len(t.also) > 0 {
		s += fmt.Sprintf(", then %v", t.also)
	}
	if len(t.silent) > 0 {
		s += fmt.Sprintf(", never again %v", t.silent)
	}
	return s
}

// collect runs a mutant through all worlds.
func collect(t *testing.T, m machine.Mutant) *toll {
	type fall struct {
		steps int
		world string
	}
	fell := map[string]fall{}
	happens := map[string]bool{}
	for _, s := range Worlds() {
		w, err := s.World(Quick, Seed(m))
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range w.Check(Options{MaxStates: mutantStates}).Outcomes {
			name := all[i].Name
			n := len(o.Path.Labels) + len(o.Path.Cycle)
			if o.Status == Fell {
				if f, ok := fell[name]; !ok || n < f.steps {
					fell[name] = fall{n, s.Name}
				}
			}
			happens[name] = happens[name] || o.Status == Held
		}
	}
	out := &toll{steps: int(^uint(0) >> 1)}
	for _, f := range fell {
		out.steps = min(out.steps, f.steps)
	}
	for i := range all {
		name := all[i].Name
		f, ok := fell[name]
		switch {
		case ok && f.steps == out.steps:
			if len(out.first) == 0 {
				out.world = f.world
			}
			out.first = append(out.first, name)
		case ok:
			out.also = append(out.also, name)
		case all[i].Kind == Sometimes && !happens[name]:
			out.silent = append(out.silent, name)
		}
	}
	return out
}

// Every mutant is found out, by the property that is there for it; and every
// property has a mutant that it is among the first to find. Who falls by whom is
// golden.
//
//	go test -tags mutants ./model -run TestMutants -update
func TestMutants(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // many worlds, all of them small
	mutants := machine.Mutants()
	tolls := make([]*toll, len(mutants))
	t.Run("each", func(t *testing.T) {
		for i, m := range mutants {
			t.Run(m.Name, func(t *testing.T) {
				t.Parallel()
				tolls[i] = collect(t, m)
				for _, name := range m.Kills {
					if !slices.Contains(tolls[i].first, name) && !slices.Contains(tolls[i].silent, name) {
						t.Errorf("%s\n%s is not among the first to fall: %v", m.Says, name, tolls[i])
					}
				}
				if len(m.Kills) == 0 || m.Says == "" {
					t.Error("it says nothing of itself, or kills nothing")
				}
			})
		}
	})
	var got strings.Builder
	killers := map[string]int{}
	if slices.Contains(tolls, nil) {
		return // -run names some of them
	}
	for i, m := range mutants {
		fmt.Fprintf(&got, "%s: %v\n", m.Name, tolls[i])
		for _, name := range m.Kills {
			killers[name]++
		}
	}
	for _, p := range all {
		switch why, exempt := unkillable[p.Name]; {
		case exempt && killers[p.Name] > 0:
			t.Errorf("%s has a mutant: take it from the list of those without", p.Name)
		case exempt && why == "", !exempt && killers[p.Name] == 0:
			t.Errorf("%s has no mutant", p.Name)
		}
		delete(killers, p.Name)
	}
	for name := range killers {
		t.Errorf("a mutant is said to kill %s, which is no property", name)
	}
	if *update {
		if err := os.WriteFile(mutantsFile, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(mutantsFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got.String() {
		a, b := strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("the golden file has\n%s\nand now it is\n%s", a[i], b[i])
			}
		}
		t.Fatal("the golden file has other mutants")
	}
}

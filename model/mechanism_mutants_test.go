//go:build mutants

package model

import (
	"slices"
	"testing"

	"github.com/countersign-auth/countersign/machine"
)

// With gss/spnego inside, the properties of Nego2 fall by the mutants that are made
// for them.
func TestMechanismMutants(t *testing.T) {
	left := []string{"Nego2OnlyWhenOffered", "Nego2WhenOffered", "Nego2ChallengeCarriesToken"}
	for _, m := range machine.Mutants() {
		for _, name := range m.Kills {
			if !slices.Contains(left, name) {
				continue
			}
			for _, s := range MechanismWorlds() {
				w, err := s.World(Quick, Seed(m))
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range w.Check(Options{MaxStates: mutantStates}).Outcomes {
					if o.Check.Name == name && o.Status == Fell {
						left = slices.DeleteFunc(left, func(n string) bool { return n == name })
					}
				}
			}
		}
	}
	if len(left) > 0 {
		t.Errorf("%v do not fall", left)
	}
}

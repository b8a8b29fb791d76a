package model

import "testing"

// TestConcerns: a property has nothing to say in a world that it does not concern, so that nothing
// is lost by not asking it there.
func TestConcerns(t *testing.T) {
	worlds, err := quickly() // in which every property is asked
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range worlds {
		has := w.setup.concerns()
		for i, p := range all {
			if n := w.Outcomes[i].Count; n > 0 && has&p.needs != p.needs {
				t.Errorf("%s is judged %d times in %s, which has nothing of what it needs (%b)", p.Name, n, name, p.needs&^has)
			}
		}
	}
}

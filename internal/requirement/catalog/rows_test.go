package catalog

import "testing"

// TestFollowed: an alias counts where it leads to a row with a check of its own.
func TestFollowed(t *testing.T) {
	ids := map[string]Row{
		"A": {ID: "A", Checks: []string{"alias:B"}}, "B": {ID: "B", Checks: []string{"alias:A"}},
		"C": {ID: "C", Checks: []string{"alias:D"}}, "D": {ID: "D", Checks: []string{"unit:x"}},
		"E": {ID: "E", Checks: []string{"alias:F"}}, "F": {ID: "F", Checks: []string{"import:x"}},
		"G": {ID: "G", Checks: []string{"alias:nowhere"}},
	}
	for id, want := range map[string]bool{"A": false, "C": true, "E": false, "G": false} {
		if (len(Followed(ids, ids[id])) > 0) != want {
			t.Errorf("alias of %s: %v", id, !want)
		}
	}
}

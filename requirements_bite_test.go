package countersign

import (
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement/catalog"
	"github.com/countersign-auth/countersign/internal/seeded"
)

// unbroken holds the rows that no edit of the code can break, by the reason.
var unbroken = reasons(map[string]string{})

// TestRowsBite: the rows that edits name exist, and each MUST is broken by a seeded fault that a check which the row names notices. That it does is for the command prove to see.
func TestRowsBite(t *testing.T) {
	rows, tr := readRows(t), readTree(t)
	edits, err := seeded.Load(".")
	if err != nil {
		t.Fatal(err)
	}
	by := catalog.ByID(rows)
	for _, e := range edits {
		for _, id := range e.Rows {
			if _, known := by[id]; !known {
				t.Errorf("%s: %s: %s is no row of %s", e.At, e.Name, id, catalog.File)
			}
		}
	}
	bites := tr.Bites(rows, edits)
	broken, total := 0, 0
	for _, r := range rows {
		if !r.Must() {
			continue
		}
		total++
		switch why, listed := unbroken[r.ID]; {
		case len(bites[r.ID]) > 0 && listed:
			t.Errorf("%s is broken by %s: take it off unbroken", r.ID, bites[r.ID][0].Edit.Name)
		case len(bites[r.ID]) > 0:
			broken++
		case !listed:
			t.Errorf("%s: no edit in %s names the row and is noticed by one of its checks: %v", r.ID, seeded.Dir, r.Checks)
		default:
			t.Logf("%s is not broken: it %s", r.ID, why)
		}
	}
	t.Logf("%d of %d rows are broken", broken, total)
	for id := range unbroken {
		if _, known := by[id]; !known {
			t.Errorf("unbroken has %s, which is no row", id)
		}
	}
}

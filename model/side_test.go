package model

import (
	"fmt"
	"os"
	"testing"

	"github.com/countersign-auth/countersign/internal/side"
)

const sideFile = "testdata/side.txt"

// One side of a client does all that its table declares and nothing else, whatever its
// peer, its network and its scheme do.
//
//	go test ./model -run TestSideWorld -full -update    writes the golden file
func TestSideWorld(t *testing.T) {
	w := newSideWorld()
	r := exploreAll(w, w.checks(), Options{MaxStates: 1_000_000})
	for i, o := range r.Outcomes {
		t.Run(o.Name, func(t *testing.T) {
			if o.Status != Held {
				t.Errorf("%v: %s", o.Status, sideProperties[i].Says)
				for _, id := range o.path.Labels {
					t.Logf("%+v", w.labels.At(id))
				}
			}
		})
	}
	t.Run("table", func(t *testing.T) {
		type row struct {
			from  side.Stage
			event side.Kind
			to    side.Stage
		}
		seen := map[row]bool{}
		for _, s := range w.labels.values {
			r := row{s.from, s.event, s.to}
			seen[r] = seen[r] || !s.idle
		}
		for from := side.Unused; from <= side.Proven; from++ {
			for event := side.Open; event <= side.End; event++ {
				for to := side.Unused; to <= side.Proven; to++ {
					// A step that changes nothing looks like none.
					if r := (row{from, event, to}); from != to && side.Leads(from, event, to) && !seen[r] {
						t.Errorf("the table has what no side did: %v", r)
					}
				}
			}
		}
	})
	t.Run("golden", func(t *testing.T) {
		got := fmt.Sprintf("side: %d states, %d transitions, depth %d\n", r.States, r.Transitions, r.Depth)
		if *update && *full {
			if err := os.WriteFile(sideFile, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(sideFile)
		if err != nil || got != string(want) {
			t.Errorf("%s (%v), the golden file has %s", got, err, want)
		}
	})
}

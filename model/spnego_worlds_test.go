package model

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const spnegoFile = "testdata/spnego.txt"

// Every property of HTTP holds with gss/spnego inside as well, and those of Nego2 have
// something to say there.
//
//	go test ./model -full -update    writes the golden file, of both sizes
func TestSPNEGOWorlds(t *testing.T) {
	sizes := []Size{Quick}
	if *full {
		sizes = append(sizes, Full)
	}
	b, err := os.ReadFile(spnegoFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	golden := string(b)
	var got strings.Builder
	for _, size := range sizes {
		for _, s := range SPNEGOWorlds() {
			w, err := s.World(size, Tune{})
			if err != nil {
				t.Fatal(err)
			}
			r := w.Check(Options{})
			for i, o := range r.Outcomes {
				if o.Status == Fell || o.Status == Unfinished || o.Status == Vacuous && strings.HasPrefix(o.Check.Name, "Nego2") {
					t.Errorf("%s %v: %s %v: %s\n%s", s.Name, size, o.Check.Name, o.Status, all[i].Says, w.Story(o.Path).Text())
				}
			}
			line := fmt.Sprintf("%s %v: %d states, %d transitions, depth %d\n", s.Name, size, r.States, r.Transitions, r.Depth)
			if got.WriteString(line); !*update && !strings.Contains(golden, line) {
				t.Errorf("%s is not in the golden file", line)
			}
		}
	}
	if *update && *full {
		if err := os.WriteFile(spnegoFile, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

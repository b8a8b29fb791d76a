package model

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const mechanismsFile = "testdata/mechanisms.txt"

// Every property of HTTP holds with the shipped mechanisms inside as well, and those
// of Nego2 and of NTLM have something to say there.
//
//	go test ./model -full -update    writes the golden file, of both sizes
func TestMechanismWorlds(t *testing.T) {
	sizes := []Size{Quick}
	if *full {
		sizes = append(sizes, Full)
	}
	b, err := os.ReadFile(mechanismsFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	golden := string(b)
	var got strings.Builder
	for _, size := range sizes {
		counts := make([]uint64, len(all))
		for _, s := range MechanismWorlds() {
			w, err := s.World(size, Tune{})
			if err != nil {
				t.Fatal(err)
			}
			r := w.Check(Options{})
			for i, o := range r.Outcomes {
				counts[i] += o.Count
				if o.Status == Fell || o.Status == Unfinished {
					t.Errorf("world %s %v: property %s %v, want: %s\nThis happened:\n%s", s.Name, size, o.Name, o.Status, all[i].Says, w.story(o.path).Text())
				}
			}
			line := fmt.Sprintf("%s %v: %d states, %d transitions, depth %d\n", s.Name, size, r.States, r.Transitions, r.Depth)
			if got.WriteString(line); !*update && !strings.Contains(golden, line) {
				t.Errorf("%s is not in the golden file", line)
			}
		}
		for i, n := range counts {
			if n == 0 && (all[i].Shipped || strings.HasPrefix(all[i].Name, "Nego2") || strings.HasPrefix(all[i].Name, "NTLM") || strings.Contains(all[i].Name, "Digest") || all[i].Name == "IdentityNeverCrosses") {
				t.Errorf("%v: %s has nothing to say", size, all[i].Name)
			}
		}
	}
	if *update && *full {
		if err := os.WriteFile(mechanismsFile, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

package requirement

import (
	"path/filepath"
	"slices"
	"testing"
)

func TestHeld(t *testing.T) {
	t.Setenv(File, "")
	Held(t, "unit:unasked") // goes nowhere
	file := filepath.Join(t.TempDir(), "held")
	t.Setenv(File, file)
	for range 5 {
		Held(t, "unit:some")
	}
	t.Run("sub", func(t *testing.T) { Held(t, "unit:some", "HTA-1", "HTA-2") })
	got, err := Read(file)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	if r := got[0]; r.Test != "TestHeld" || r.Check != "unit:some" || len(r.Rows) > 0 || r.Count != 4 || filepath.Base(r.Dir) != "requirement" {
		t.Errorf("%+v", r)
	}
	if r := got[1]; r.Test != "TestHeld/sub" || !slices.Equal(r.Rows, []string{"HTA-1", "HTA-2"}) || r.Count != 1 {
		t.Errorf("%+v", r)
	}
}

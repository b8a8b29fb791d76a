package equalwork

import (
	"strings"
	"testing"
)

// Each way in which work can come to depend on the user is found.
func TestBefore(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"sound":               {"if down { return }; ok := check(known); if !known { return unknown }; return wrong", ""},
		"in a branch":         {"ok := true; if known { ok = check(known) }; return unknown || wrong", "in a branch"},
		"in a case":           {"switch { case known: check(known) }; return unknown || wrong", "in a branch"},
		"in a loop":           {"for range users { check(known) }; return unknown || wrong", "in a branch"},
		"too late":            {"if !known { return unknown }; check(known); return wrong", "before the work"},
		"twice":               {"check(known); check(known); return unknown || wrong", "more than once"},
		"not at all":          {"return unknown || wrong", "not called"},
		"an outcome is gone":  {"check(known); return unknown", "not named"},
		"another function":    {"}; func other() bool { check(known); return unknown || wrong", "not called"},
		"only named":          {"_ = check; return unknown || wrong", "not called"},
		"by the return alone": {"return check(known) && unknown && wrong", ""},
	} {
		source := "package p\nfunc judge() bool {" + test.body + "}"
		got := strings.Join(faults(t, source, "judge", "check", []string{"unknown", "wrong"}), "; ")
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if got := faults(t, "package p", "absent", "check", nil); len(got) != 1 {
		t.Errorf("a function that is not there: %q", got)
	}
}

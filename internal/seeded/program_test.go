package seeded

import "testing"

// TestBlame: an error of the compiler is of the edit on its line, however the go command writes the overlay's path, and of none in another file.
func TestBlame(t *testing.T) {
	o := &Overlay{Files: map[string]string{"scheme/traits.go": ""}, spans: map[string][]span{"scheme/traits.go": {{10, 12, "one"}}}}
	for output, blamed := range map[string]bool{
		"/tmp/run/overlay/scheme_traits.go:11:2: declared and not used: t":  true,
		"../run/overlay/scheme_traits.go:11:2: declared and not used: t":    true,
		"../run/overlay/scheme_traits.go:13:2: declared and not used: t":    false,
		"../run/other/scheme_traits.go:11:2: declared and not used: t":      false,
		"/tmp/run/overlay/scheme_policy.go:11:2: declared and not used: t":  false,
		"# github.com/countersign-auth/countersign/scheme\nexit status 1\n": false,
	} {
		if got := len(o.Blame("/tmp/run/overlay", output)["one"]) > 0; got != blamed {
			t.Errorf("%q: %t", output, got)
		}
	}
}

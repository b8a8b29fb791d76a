package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/internal/setup"
)

// TestComplete: a shell is told the values of the flags that take a few words.
func TestComplete(t *testing.T) {
	for name, row := range map[string]struct {
		args []string
		want []string
	}{
		"schemes":        {[]string{"serve", "--scheme", ""}, setup.Names()},
		"of get":         {[]string{"get", "--scheme", ""}, setup.Names()},
		"with a prefix":  {[]string{"serve", "--scheme", "nego"}, []string{"negotiate", "nego2"}},
		"one more":       {[]string{"serve", "--scheme", "digest,b"}, []string{"digest,basic"}},
		"none twice":     {[]string{"serve", "--digest-qop", "auth,"}, []string{"auth,auth-int"}},
		"behind =":       {[]string{"serve", "--scheme=dig"}, []string{"digest"}},
		"levels":         {[]string{"get", "--ntlm-level", ""}, setup.NTLMLevels()},
		"transports":     {[]string{"serve", "--transport", ""}, transports},
		"a short flag":   {[]string{"get", "-X", "P"}, []string{"PATCH", "POST", "PUT"}},
		"mutual":         {[]string{"get", "--mutual", ""}, setup.Mutuals()},
		"commands":       {[]string{"ki"}, []string{"kinit"}},
		"tolerances":     {[]string{"serve", "--digest-tolerate", ""}, setup.Tolerances()},
		"bindings":       {[]string{"serve", "--channel-binding", ""}, setup.Bindings()},
		"of a word only": {[]string{"serve", "--replay-since", ""}, []string{"start"}},
	} {
		r := call(t, "", append([]string{"__complete"}, row.args...)...)
		var got []string
		for line := range strings.Lines(r.stdout) {
			if !strings.HasPrefix(line, ":") {
				word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
				got = append(got, word)
			}
		}
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(row.want)); r.code != 0 || !slices.Equal(got, want) {
			t.Errorf("%s: exit code %d, %q, want %q", name, r.code, got, want)
		}
	}
	for name, flag := range completions {
		known := false
		for _, cmd := range newRoot().Commands() {
			known = known || cmd.Flags().Lookup(name) != nil
		}
		if !known {
			t.Errorf("no command has --%s", name)
		}
		if name == "digest-algorithm" {
			m := setup.Machine{}
			m.Algorithms = flag.words
			if _, err := m.Client(); err != nil {
				t.Errorf("--%s: %v", name, err)
			}
		}
	}
}

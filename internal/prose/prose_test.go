package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRules: each finding is counted once, by its rule and at its place, and nothing else is.
func TestRules(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("p/p.go", `// Package p is a package (R4559-4-3).
package p

// Size is how many there are.
func Size() int { return 1 }

// Name returns the name of a client, for whoever asks; HTA-12 stands in text that is printed.
func (t T) Name() string { return "" } // HTA-13

// T holds nothing.
type T struct {
	// F is for N2HT-3.2.5-8.
	F int
	g int // nobody reads it, and HTA-3 is not printed
}

// unexported: HTA-4 is not printed.
func unexported() {}

var x = "nobody" // a string is neither a comment nor a text

var errs = []error{errors.New("nobody answered"), fmt.Errorf("%s: %w", "who", err), gss.Misuse("whose")}

var command = cobra.Command{Use: "who", Short: "say " + "whom"}

func init() { flags.StringVarP(&x, "x", "", "everybody's help") }

var fault = gss.Fault{Detail: fmt.Sprint("somebody failed")}
`)
	write("p/p_test.go", "package p\n\n// Is is a test, and somebody's.\nfunc Is() { t.Error(errors.New(\"who\")) }\n")
	write("p/testdata/q.go", "package q // nobody\n")
	write("README.md", "# Who\n\nNot *who*, nor `whose`.\n\n```go\n// whom\n```\n\nFor everybody.\n")
	write("docs/table.md", "Written by go generate. Nobody reads it.\n")
	write("p/README.md", "Nobody's.\n")
	counts, err := measure(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := sorted(counts); !slices.Equal(got, []string{"README.md", "p"}) {
		t.Fatalf("measured %q, want README.md and p", got)
	}
	faults := map[string][]string{
		"p": {
			"p.go:1:1: R4559-4-3", "p.go:4:1: Size", `p.go:7:1: "whoever"`, "p.go:7:1: HTA-12", "p.go:12:2: N2HT-3.2.5-8", `p.go:14:8: "nobody"`, `p_test.go:3:1: "somebody"`,
			`p.go:22:31: "nobody" in the text`, `p.go:22:72: "who" in the text`, `p.go:22:96: "whose" in the text`, `"whom" in the text`,
			`"everybody" in the text`, `p.go:28:42: "somebody" in the text`,
		},
		"README.md": {`README.md:1: "Who"`, `README.md:9: "everybody"`},
	}
	for name, want := range faults {
		for _, want := range want {
			if !slices.ContainsFunc(counts[name].faults, func(f string) bool { return strings.Contains(f, want) }) {
				t.Errorf("%s: %q is not found", name, want)
			}
		}
		if got := counts[name].faults; len(got) != len(want) {
			t.Errorf("%s: %d findings, want %d: %q", name, len(got), len(want), got)
		}
	}
	c := counts["p"]
	if want := [len(rules)]int{persons: 3, texts: 6, nominal: 1, ids: 3, comments: 6}; c.found != want {
		t.Errorf("found %v, want %v", c.found, want)
	}
	if c.of[nominal] != 3 || c.of[comments] != 13 {
		t.Errorf("%d docs of functions and %d lines of code, want 3 and 13", c.of[nominal], c.of[comments])
	}
	if over := counts["README.md"].beyond("README.md"); !slices.Equal(over, []string{"persons/k"}) {
		t.Errorf("README.md exceeds %q, want persons/k", over)
	}
}

// TestLimits: a limit is exceeded just above or below it, in the packages to which it applies.
func TestLimits(t *testing.T) {
	for _, row := range []struct {
		rule, found, of int
		dir, want       string
	}{
		{persons, 1, 10, "p", ""},
		{persons, 2, 4000, "p", ""},
		{persons, 2, 3999, "p", "persons/k"},
		{texts, 0, 0, "p", ""},
		{texts, 1, 0, "p", "texts"},
		{nominal, 1, 2, "p", ""},
		{nominal, 7, 100, "p", ""},
		{nominal, 8, 100, "p", "X is/are"},
		{ids, 1, 0, "p", "ids"},
		{comments, 24, 100, "p", ""},
		{comments, 24, 100, "digest", "comments"},
		{comments, 25, 100, "digest", ""},
	} {
		c := new(count)
		c.found[comments], c.of[comments] = 1, 1
		c.found[row.rule], c.of[row.rule] = row.found, row.of
		if got := strings.Join(c.beyond(row.dir), ", "); got != row.want {
			t.Errorf("%s: %d of %d in %s exceeds %q, want %q", rules[row.rule].column, row.found, row.of, row.dir, got, row.want)
		}
	}
}

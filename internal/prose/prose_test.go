package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCounts: each kind of fault is counted once, where it stands and nowhere else.
func TestCounts(t *testing.T) {
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

var x = "nobody" // a string is no comment
`)
	write("p/p_test.go", "package p\n\n// Is is a test, and somebody's.\nfunc Is() {}\n")
	write("p/testdata/q.go", "package q // nobody\n")
	counts, err := measure(dir)
	if err != nil {
		t.Fatal(err)
	}
	c := counts["p"]
	if len(counts) != 1 || c == nil {
		t.Fatalf("packages %v, want p alone", sorted(counts))
	}
	if c.persons != 3 || c.funcs != 3 || c.nominal != 1 || c.ids != 3 {
		t.Errorf("%d words for persons, %d of %d docs of functions, %d ids; want 3, 1 of 3, 3", c.persons, c.nominal, c.funcs, c.ids)
	}
	if c.comments != 6 || c.code != 9 {
		t.Errorf("%d lines of comment, %d of code; want 6 and 9", c.comments, c.code)
	}
	at := []string{"p.go:1:1: R4559-4-3", "p.go:4:1: Size", `p.go:7:1: "whoever"`, "p.go:7:1: HTA-12", "p.go:12:2: N2HT-3.2.5-8", `p.go:14:8: "nobody"`, `p_test.go:3:1: "somebody"`}
	for _, want := range at {
		if !slices.ContainsFunc(c.faults, func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("nothing is said of %s: %q", want, c.faults)
		}
	}
	if len(c.faults) != len(at) {
		t.Errorf("%d faults, want %d: %q", len(c.faults), len(at), c.faults)
	}
	if over := c.beyond(true); over != "persons, ids" {
		t.Errorf("beyond %q", over)
	}
}

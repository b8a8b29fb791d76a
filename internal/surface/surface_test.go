package surface

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestOf reads a tree with one thing of each kind.
func TestOf(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"p/p.go": `// Package p is a package.
package p

import "fmt"

const A, b = 1, 2

var C = fmt.Sprint("not shown")

// T is a type.
type T[M any] struct {
	Field, hidden int
	fmt.Stringer
	inner
}

type inner struct{ Lost int }

type I interface {
	fmt.Stringer
	Do(n int) error
	unexported()
}

type Alias = T[int]

func F(
	a int,
) error {
	return nil
}
func (t *T[M]) M() {}
func (inner) N()   {}
`,
		"p/p_test.go":             "package p\n\nfunc InTest() {}\n",
		"p/p_windows.go":          "package p\n\nfunc Elsewhere() {}\n",
		"p/internal/q/q.go":       "package q\n\nfunc Q() {}\n",
		"p/testdata/r.go":         "package r\n\nfunc R() {}\n",
		"cmd/main.go":             "package main\n\nfunc Main() {}\n",
		"other/o.go":              "package other\n\nfunc O() {}\n",
		"p/sub/.hidden/hidden.go": "package hidden\n\nfunc H() {}\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := Of(root, "other")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	named := 0
	for _, e := range entries {
		got = append(got, e.String())
		if e.Named {
			named++
		}
	}
	want := []string{
		"pkg p, const A",
		"pkg p, func F( a int, ) error",
		"pkg p, method (*T[M]) M()",
		"pkg p, type Alias = T[int]",
		"pkg p, type I interface",
		"pkg p, type I interface, Do(n int) error",
		"pkg p, type I interface, fmt.Stringer",
		"pkg p, type T struct, Field int",
		"pkg p, type T struct, fmt.Stringer",
		"pkg p, type T[M any] struct",
		"pkg p, var C",
	}
	if !slices.Equal(got, want) {
		t.Errorf("surface\n%q\nwant\n%q", got, want)
	}
	if named != 7 {
		t.Errorf("%d names, want 7", named)
	}
}

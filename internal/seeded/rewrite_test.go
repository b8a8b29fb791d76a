package seeded

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// kinds has functions of every kind, each with a mark that edits replace.
const kinds = `package main

import (
	"errors"
	"fmt"
	"strings"
)

type pair[K comparable, V any] struct {
	k K
	v V
}

func (p *pair[K, V]) set(k K, _ int, vs ...V) (n int, err error) {
	defer func() { err = errors.Join(err, fmt.Errorf("%d left", n)) }()
	n, err = len(vs), nil // generic
	p.k = k
	return
}

func named(x int) (y int) {
	x, z := x+1, 2 // named
	for i := range 3 {
		y += x + z + i
	}
	return
}

func labels(n int) string {
loop:
	for i := 0; ; i++ {
		if i == n {
			break loop // labels
		}
	}
	return fmt.Sprint("labels ", n)
}

func nothing(out *[]string, _ string) {
	if len(*out) > 0 {
		return
	}
	*out = append(*out, "nothing")
}

func forever(c chan string) string {
	for {
		select {
		case s := <-c:
			return s // forever
		}
	}
}

func (p pair[K, V]) literal() func() string {
	return func() string { return strings.ToUpper("literal") }
}

var table = []func(a, b int) int{
	func(a, b int) int { return a + b },
}

func caught() (s string) {
	defer recovers(&s)
	panic("caught")
}

func recovers(s *string) {
	*s = fmt.Sprint(recover(), " by it")
}

const number = 7

func main() {
	p := new(pair[string, int])
	fmt.Println(p.set("k", 0, 1, 2))
	fmt.Println(named(3))
	fmt.Println(labels(2))
	var out []string
	nothing(&out, "")
	nothing(&out, "")
	fmt.Println(out)
	c := make(chan string, 1)
	c <- "forever"
	fmt.Println(forever(c))
	fmt.Println(p.literal()())
	fmt.Println(table[0](3, 4))
	fmt.Println(caught())
	fmt.Println(number)
}
`

// shipped is what it prints.
const shipped = `2 2 left
21
labels 2
[nothing]
forever
LITERAL
7
caught by it
7
`

// One build holds the edits of all kinds of functions; each is switched on by its name
// and changes its own function only, and an unknown name, or none, changes nothing.
func TestRewrite(t *testing.T) {
	edits := []Edit{
		{Name: "generic", Changes: []Change{{"main.go", "	n, err = len(vs), nil // generic", "	m, err := 5, error(nil)\n	n = m\n	_ = err"}}},
		{Name: "named", Changes: []Change{{"main.go", "	x, z := x+1, 2 // named", "	x, z := x+2, 0"}}},
		{Name: "labels", Changes: []Change{{"main.go", "			break loop // labels", "			n++\n			break loop"}}},
		{Name: "nothing", Changes: []Change{{"main.go", "	if len(*out) > 0 {\n		return\n	}", ""}}},
		{Name: "forever", Changes: []Change{{"main.go", "			return s // forever", "			return s + \"!\" // at the end"}}},
		{Name: "literal", Changes: []Change{{"main.go", "strings.ToUpper(\"literal\")", "\"literal\""}}},
		{Name: "table", Changes: []Change{{"main.go", "return a + b", "return a - b"}}},
		{Name: "two-functions", Changes: []Change{{"main.go", "			break loop // labels", "			n--\n			break loop"}, {"main.go", "x, z := x+1, 2", "x, z := x+1, 3"}}},
		{Name: "twice-in-one", Changes: []Change{{"main.go", "x, z := x+1, 2", "x, z := x+1, 3"}, {"main.go", "y += x + z + i", "y -= x + z + i"}}},
		{Name: "recovers", Changes: []Change{{"main.go", "recover(), \" by it\"", "recover(), \" again\""}}},
		{Name: "constant", Changes: []Change{{"main.go", "const number = 7", "const number = 8"}}},
		{Name: "whole", Changes: []Change{{"main.go", "func named(x int) (y int) {\n	x, z := x+1, 2 // named", "func named(x int) (y int) {\n	z := 9"}}},
		{Name: "own", Alone: true, Changes: []Change{{"main.go", "return a + b", "return a * b"}}},
	}
	changes := map[string][2]string{ // of what is printed
		"generic":       {"2 2 left", "5 5 left"},
		"named":         {"21", "18"},
		"labels":        {"labels 2", "labels 3"},
		"nothing":       {"[nothing]", "[nothing nothing]"},
		"forever":       {"forever", "forever!"},
		"literal":       {"LITERAL", "literal"},
		"table":         {"LITERAL\n7", "LITERAL\n-1"},
		"two-functions": {"21\nlabels 2", "24\nlabels 1"},
		"twice-in-one":  {"21", "-24"},
		"recovers":      {"by it", "again"},
		"constant":      {"it\n7", "it\n8"},
		"whole":         {"21", "39"},
		"own":           {"LITERAL\n7", "LITERAL\n12"},
	}
	dir := t.TempDir()
	put(t, dir, "main.go", kinds)
	o, alone, err := Rewrite(dir, edits)
	if err != nil {
		t.Fatal(err)
	}
	run := func(files map[string]string, fault string) string {
		t.Helper()
		for file, text := range files {
			put(t, dir, file, text)
		}
		program := filepath.Join(dir, "program"+fault)
		if fault == "" || len(files) > 0 {
			build := exec.Command("go", "build", "-o", program, ".")
			build.Dir = dir
			build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", fault, err, out)
			}
		} else {
			program = filepath.Join(dir, "program")
		}
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), Variable+"="+fault)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", fault, err)
		}
		return string(out)
	}
	put(t, dir, "go.mod", "module example.org/kinds\n\ngo 1.26.0\n")
	if got := run(o.Files, ""); got != shipped {
		t.Fatalf("without a fault\n%s", got)
	}
	own := map[string]bool{}
	for _, e := range alone {
		own[e.Name] = true
	}
	for _, e := range edits {
		if own[e.Name] {
			continue
		}
		if got, want := run(nil, e.Name), strings.Replace(shipped, changes[e.Name][0], changes[e.Name][1], 1); got != want {
			t.Errorf("%s:\n%s", e.Name, got)
		}
		delete(changes, e.Name)
	}
	if got := run(nil, "unknown"); got != shipped {
		t.Errorf("a fault of no name:\n%s", got)
	}
	put(t, dir, "main.go", kinds)
	if err := os.Remove(filepath.Join(dir, switchFile)); err != nil {
		t.Fatal(err)
	}
	for _, e := range alone {
		files, err := Apply(dir, &e)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := run(files, e.Name), strings.Replace(shipped, changes[e.Name][0], changes[e.Name][1], 1); got != want {
			t.Errorf("%s:\n%s", e.Name, got)
		}
		put(t, dir, "main.go", kinds)
		delete(changes, e.Name)
	}
	if len(alone) != 4 || len(changes) > 0 {
		t.Errorf("%v need a build of their own, %v was not tried", own, changes)
	}
	for text, want := range map[string]string{"m, err := 5": "generic", "x, z := x+2, 0": "named", "const number": ""} {
		before, _, _ := strings.Cut(o.Files["main.go"], text)
		if got := o.EditAt("main.go", strings.Count(before, "\n")+1); got != want {
			t.Errorf("%q counts as the text of %q", text, got)
		}
	}
}

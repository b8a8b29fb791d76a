package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/seeded"
)

// Each operator changes what it says, and nothing is the same mutant twice.
func TestMutate(t *testing.T) {
	for name, row := range map[string]struct {
		body string
		want []string // old → new, line by line
	}{
		"a condition is negated, and a relation is another one": {"if n < 2 {\n\t\treturn 1\n\t}", []string{"if n < 2 { → if n <= 2 {", "if n < 2 { → if !(n < 2) {", "if n < 2 { … → "}},
		"an equality has one opposite":                          {"for n == 2 {\n\t}", []string{"for n == 2 { → for n != 2 {"}},
		"a negation is taken away":                              {"for !f() {\n\t}", []string{"for !f() { → for f() {"}},
		"a connective is the other one, or has one operand": {"x = a && b", []string{
			"x = a && b → x = a || b", "x = a && b → x = a", "x = a && b → x = b", "x = a && b → "}},
		"a case or one of its values is not there": {"switch n {\n\tcase 1, 2:\n\tdefault:\n\t}", []string{
			"case 1, 2: → case 2:", "case 1, 2: → case 1:", "case 1, 2: → ", "default: → "}},
		"a case of conditions is negated":                        {"switch {\n\tcase ok:\n\t}", []string{"case ok: → case !(ok):", "case ok: → "}},
		"a statement is not there, unless it returns or defines": {"y := 1\n\ty++\n\tf()\n\treturn y", []string{"y++ → ", "f() → "}},
		"a boolean is flipped":                                   {"return true", []string{"return true → return false"}},
		"what looks the same is counted":                         {"f()\n\tf()", []string{"f() → ", "f() →  #2"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := "package toy\n\nfunc (t *Toy[T]) Do() int {\n\t" + row.body + "\n}\n"
			all, err := mutate("toy.go", text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range all {
				s := m.Old + " → " + m.New
				if m.Nth > 1 {
					s += " #2"
				}
				got = append(got, s)
				if m.Func != "Toy.Do" || m.File != "toy.go" {
					t.Errorf("the mutant is in %s of %s", m.Func, m.File)
				}
			}
			slices.Sort(got)
			slices.Sort(row.want)
			if !slices.Equal(got, row.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(row.want, "\n\t"))
			}
		})
	}
}

// A mutant is drawn for what it is: code that is added or taken away changes nothing for others.
func TestDrawIsStable(t *testing.T) {
	all, err := mutate("toy.go", "package toy\n\nfunc f() {\n\ta()\n\tb()\n\tc()\n\td()\n\te()\n}\n")
	if err != nil {
		t.Fatal(err)
	}
	order := func(of []Mutant, seed uint64) (s string) {
		for _, m := range draw(of, seed) {
			s += m.Old
		}
		return s
	}
	before, after := order(all, 1), order(slices.Delete(slices.Clone(all), 2, 3), 1)
	if strings.ReplaceAll(before, "c()", "") != after {
		t.Errorf("without c the order is %s, and with it %s", after, before)
	}
	if order(all, 2) == before && order(all, 3) == before {
		t.Error("every seed draws the same")
	}
}

// What the list says is read, and what is no entry is refused.
func TestParseEquivalents(t *testing.T) {
	listed, err := parseEquivalents("# a comment\n\na/b.go T.Do\n- x\n+ y\nIt is\nthe same.\n\na/b.go f #2\n- x\n+\nTwice.\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(listed) != 2 || listed[Site{"a/b.go", "T.Do", "x", "y", 1}] != "It is the same." || listed[Site{"a/b.go", "f", "x", "", 2}] != "Twice." {
		t.Errorf("read %q", listed)
	}
	for _, bad := range []string{"a.go f\n- x\n+ y", "a.go\n- x\n+ y\nWhy", "a.go f 2\n- x\n+ y\nWhy", "a.go f\nx\ny\nWhy"} {
		if _, err := parseEquivalents(bad); err == nil {
			t.Errorf("%q is taken for an entry", bad)
		}
	}
}

// Every entry of the list is a mutant of the code as it stands, is listed once, and has a reason.
func TestEquivalentsExist(t *testing.T) {
	root, err := seeded.Root(".")
	if err != nil {
		t.Fatal(err)
	}
	listed, err := loadEquivalents(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		all, err := Mutants(root, target.dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) < fewest {
			t.Errorf("%s has %d mutants, want %d", target.dir, len(all), fewest)
		}
		for _, m := range all {
			delete(listed, m.Site)
		}
	}
	for s := range listed {
		t.Errorf("%s lists what is no mutant any more:\n%v", equivalents, s)
	}
}

// toy is a repository with a test that notices some mutants of its package.
var toy = map[string]string{
	"go.work":   "go 1.26.0\n\nuse .\n",
	"go.mod":    "module example.org/toy\n\ngo 1.26.0\n",
	equivalents: "toy/toy.go Least\n- if a <= b {\n+ if a < b {\nEqual numbers are the same number.\n",
	"toy/toy.go": `package toy

func Least(a, b int) int {
	if a <= b {
		return a
	}
	return b
}

func Empty(s string) bool {
	for s != "" {
		s = s[1:]
		if len(s) > 1<<20 {
			return false
		}
	}
	return true
}
`,
	"toy/toy_test.go": `package toy

import "testing"

func TestLeast(t *testing.T) {
	if Least(1, 2) != 1 || Least(3, 2) != 2 {
		t.Error("is not the least")
	}
}

func TestEmpty(t *testing.T) {
	if !Empty("xyz") {
		t.Error("is not empty")
	}
}
`,
}

// What tests notice is killed, what never ends too; what they do not notice survives, and is as good
// as noticed only if the list says so.
func TestTry(t *testing.T) {
	dir := t.TempDir()
	for file, text := range toy {
		file = filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "")
	listed, err := loadEquivalents(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	o := options{n: 120, workers: 2, out: &out, cpu: 3}
	r, err := o.try(t.Context(), dir, target{dir: "toy", own: 95}, listed)
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]end{}
	for _, tr := range r.trials {
		ends[tr.Old+" → "+tr.New] = tr.own
	}
	for mutant, want := range map[string]end{
		"if a <= b { → if a < b {":                     survived,
		"if a <= b { → if !(a <= b) {":                 killed,
		"if a <= b { … → ":                             killed,
		`for s != "" { → for s == "" {`:                survived,
		"s = s[1:] → ":                                 endless,
		"if len(s) > 1<<20 { … → ":                     survived,
		"if len(s) > 1<<20 { → if len(s) >= 1<<20 {":   survived,
		"if len(s) > 1<<20 { → if !(len(s) > 1<<20) {": killed,
		"return false → return true":                   survived,
		"return true → return false":                   killed,
	} {
		if ends[mutant] != want {
			t.Errorf("%s: %q, want %q", mutant, ends[mutant], want)
		}
		delete(ends, mutant)
	}
	if len(ends) > 0 {
		t.Errorf("more mutants: %v", ends)
	}
	if want := "toy                 10          1      4        1        4    55%      -"; r.row() != want {
		t.Errorf("the row is\n%s, want\n%s", r.row(), want)
	}
	wrong := strings.Join(r.wrong(&o), "\n")
	for _, want := range []string{"10 mutants, want 100", "its tests notice 55% of the mutants, want 95%"} {
		if !strings.Contains(wrong, want) {
			t.Errorf("not a word of %q:\n%s", want, wrong)
		}
	}
	listed[Site{"toy/toy.go", "Empty", "return true", "return false", 1}] = "A lie."
	o.run = regexp.MustCompile("return true")
	if r, err = o.try(t.Context(), dir, target{dir: "toy", own: 95}, listed); err != nil {
		t.Fatal(err)
	}
	if wrong := strings.Join(r.wrong(&o), "\n"); !strings.Contains(wrong, "listed as equivalent, and noticed by TestEmpty") {
		t.Errorf("a mutant that is noticed is equivalent: %q", wrong)
	}
}

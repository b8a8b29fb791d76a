package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// toy is a repository of two modules with tests that notice some faults.
var toy = map[string]string{
	"go.work":        "go 1.26.0\n\nuse (\n\t.\n\t./nested\n)\n",
	"go.mod":         "module example.org/toy\n\ngo 1.26.0\n",
	"nested/go.mod":  "module example.org/toy/nested\n\ngo 1.26.0\n",
	"toy.go":         "package toy\n\nfunc Double(n int) int {\n\treturn 2 * n\n}\n\nconst Five = 5\n",
	"nested/deep.go": "package nested\n\nimport \"example.org/toy\"\n\nfunc Four() int { return toy.Double(2) }\n",
	"toy_test.go": `package toy

import "testing"

func TestDouble(t *testing.T) {
	for name, n := range map[string]int{"one": 1, "zero": 0} {
		t.Run(name, func(t *testing.T) {
			if Double(n) != 2*n {
				t.Error("is not the double")
			}
		})
	}
}

func TestNothing(t *testing.T) { Double(1) }

func TestFive(t *testing.T) {
	if Five != 5 {
		t.Error("is not five")
	}
}

func TestSkipped(t *testing.T) { t.Skip() }

func TestWrong(t *testing.T) { t.Error("fails in any case") }
`,
	"nested/deep_test.go": `package nested

import "testing"

func TestFour(t *testing.T) {
	if Four() != 4 {
		t.Error("is not four")
	}
}
`,
	"model/testdata/mutants.txt": "",
	"internal/seeded/testdata/toy.edits": edit("noticed", "return 3 * n", "./. TestDouble", "./. TestDouble/one", "./nested TestFour") +
		edit("panics", "panic(n)", "./. TestNothing") +
		edit("passes", "return 3 * n", "./. TestNothing") +
		edit("half-noticed", "return 3 * n", "./. TestNothing", "./. TestDouble") +
		edit("wrong-subtest", "return 3 * n", "./. TestDouble/zero") +
		edit("skipped", "return 3 * n", "./. TestSkipped") +
		edit("fails-anyway", "return 3 * n", "./. TestWrong") +
		edit("hangs", "select {}", "./. TestDouble") +
		edit("no-go", "return \"\"", "./. TestDouble") +
		edit("none-such", "return 2 * n", "./. TestDouble") + `
edit alone
says It is not in a function.
falls ./. TestFive
file toy.go
--- old
const Five = 5
--- new
const Five = 6
--- end
`,
}

func edit(name, text string, falls ...string) string {
	s := "edit " + name + "\nsays It does.\nfile toy.go\n"
	for _, f := range falls {
		s += "falls " + f + "\n"
	}
	return s + "--- old\n\treturn 2 * n\n--- new\n\t" + text + "\n--- end\n\n"
}

// A fault is proved by a test that fails with it and passes without it, and by nothing
// else; and one that cannot be built or never ends keeps no other from being tried.
func TestProve(t *testing.T) {
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
	t.Chdir(filepath.Join(dir, "nested"))
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "")
	prove := func(pattern string, timeout time.Duration, sample int) (string, bool) {
		t.Helper()
		var out strings.Builder
		o := options{run: regexp.MustCompile(pattern), timeout: timeout, workers: 2, sample: sample, seed: 1, out: &out}
		ok, err := o.prove(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return out.String(), ok
	}
	const long = 10 * time.Minute
	if out, ok := prove("^(noticed|panics|alone)$", long, 0); !ok || !strings.Contains(out, "\n3 passed, 0 failed\n") {
		t.Errorf("what is noticed counts as not noticed:\n%s", out)
	}
	if out, ok := prove("^(noticed|panics|alone)$", long, 2); !ok || !strings.Contains(out, "a sample of 2 of 3 edits, -seed 1\n") || !strings.Contains(out, "\n2 passed, 0 failed\n") {
		t.Errorf("a sample:\n%s", out)
	}
	out, ok := prove("^(noticed|passes|half-noticed|wrong-subtest|skipped|fails-anyway|no-go|none-such)$", long, 0)
	if ok || !strings.Contains(out, "\n1 passed, 7 failed\n") {
		t.Errorf("what is not noticed counts as noticed:\n%s", out)
	}
	for name, why := range map[string]string{
		"passes": "./. TestNothing: it passes, with the fault", "half-noticed": "./. TestNothing: it passes, with the fault",
		"wrong-subtest": "./. TestDouble/zero: it passes, with the fault", "skipped": "./. TestSkipped: without a fault it does not pass",
		"fails-anyway": "./. TestWrong: without a fault it does not pass", "no-go": "it does not compile", "none-such": "is the old one",
	} {
		_, of, _ := strings.Cut(out, ": "+name+": ")
		of, _, _ = strings.Cut(of, "\ntoy.edits:")
		if !strings.Contains(of, why) {
			t.Errorf("%s: not a word of %q:\n%s", name, why, of)
		}
	}
	if out, ok := prove("^hangs$", time.Second, 0); ok || !strings.Contains(out, "no end within 1s (-timeout)") {
		t.Errorf("a test that never ends:\n%s", out)
	}
}

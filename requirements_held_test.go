//go:build held

package countersign

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/internal/requirement/catalog"
	"github.com/countersign-auth/countersign/model"
)

var (
	heldEvents  = flag.String("held-events", "", "`FILE` with what go test -json said of all tests, in place of running them again")
	heldRecords = flag.String("held-records", "", "`FILE` with the records of that run, which "+requirement.File+" named")
)

// TestRequirementsHeld looks at what is said to check something, and wants it to have had
// something to say. It is no part of a plain test run, because it takes a run of all tests: its own, or
// with -held-events and -held-records one that has been.
func TestRequirementsHeld(t *testing.T) {
	rows, tr, todo := readRows(t), readTree(t), readPending(t)
	runs := runTests(t, tr)
	counts := explore(t)
	for _, r := range rows {
		for _, c := range r.Checks {
			if _, waits := todo[pending{r.ID, c}]; waits {
				continue
			}
			switch kind, name, _ := strings.Cut(c, ":"); kind {
			case "inv", "live", "some":
				if counts[name] == 0 {
					t.Errorf("%s: %s had nothing to say in any world", r.ID, c)
				}
			case "golden":
				for _, p := range tr.Scripts(name) {
					if !runs.held(catalog.Site{Dir: catalog.ScriptDir, Test: catalog.ScriptTest}, c) {
						t.Errorf("%s: %s prints nothing", r.ID, p)
					}
				}
			case "kit":
				kit, rule, _ := strings.Cut(name, "/")
				for _, s := range tr.Kits[kit] {
					if runs.applied(s, rule) == 0 && rule == "" {
						t.Errorf("%s: %s did not run", r.ID, s)
					}
				}
				if n := tr.Kits[kit]; len(n) > 0 && !slices.ContainsFunc(n, func(s catalog.Site) bool { return runs.applied(s, rule) > 0 }) {
					t.Errorf("%s: %s applied to none of ours", r.ID, c)
				}
			}
			for _, s := range tr.Sites[c] {
				if s.Holds(r) && !runs.held(s, c) {
					t.Errorf("%s: %s never came to where %s holds", r.ID, s, c)
				}
			}
		}
	}
}

// explore counts how often each property had something to say, over all worlds.
func explore(t *testing.T) map[string]uint64 {
	t.Helper()
	counts := map[string]uint64{}
	for _, s := range slices.Concat(model.Worlds(), model.MechanismWorlds()) {
		w, err := s.World(model.Quick, model.Tune{})
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range w.Check(model.Options{}).Outcomes {
			counts[o.Name] += o.Count
		}
	}
	return counts
}

// ran is what came of running tests.
type ran struct {
	records []requirement.Record // with the directory as in site
	passed  map[string][]string  // the tests and subtests that passed, by directory
	idle    map[[2]string]bool   // those that said that they did not apply
}

// held reports whether a site noted its check.
func (r *ran) held(s catalog.Site, check string) bool {
	return slices.ContainsFunc(r.records, func(rec requirement.Record) bool {
		test, _, _ := strings.Cut(rec.Test, "/")
		return rec.Dir == s.Dir && test == s.Test && rec.Check == check && slices.Equal(rec.Rows, s.Rows) && rec.Count > 0
	})
}

// applied counts how often a rule of a kit was put to the test, any rule if it is "".
func (r *ran) applied(s catalog.Site, rule string) (n int) {
	for _, test := range r.passed[s.Dir] {
		if strings.HasPrefix(test, s.Test+"/") && (rule == "" || strings.HasSuffix(test, "/"+rule)) && !r.idle[[2]string{s.Dir, test}] {
			n++
		}
	}
	return n
}

// runTests runs every site, each module on its own, with the records on, or reads what such a run left.
func runTests(t *testing.T, tr *catalog.Tree) *ran {
	t.Helper()
	r := &ran{passed: map[string][]string{}, idle: map[[2]string]bool{}}
	if *heldEvents != "" {
		out, err := os.ReadFile(*heldEvents)
		if err != nil {
			t.Fatal(err)
		}
		if failed := r.read(t, out); failed != "" {
			t.Fatalf("tests failed:\n%s", failed)
		}
		r.note(t, *heldRecords)
		return r
	}
	all := []catalog.Site{{Dir: catalog.ScriptDir, Test: catalog.ScriptTest}}
	for _, m := range []map[string][]catalog.Site{tr.Sites, tr.Kits} {
		for _, s := range m {
			all = append(all, s...)
		}
	}
	dirs, tests := map[string][]string{}, map[string][]string{}
	for _, s := range all {
		module, pkg := moduleOf(modules(t), s.Dir)
		dirs[module] = append(dirs[module], "./"+pkg)
		tests[module] = append(tests[module], s.Test)
	}
	file := filepath.Join(t.TempDir(), "held")
	for _, module := range slices.Sorted(maps.Keys(dirs)) {
		uniq := func(l []string) []string { return slices.Compact(slices.Sorted(slices.Values(l))) }
		// The soaks of the driver kit take long, and check no requirement by themselves.
		args := append([]string{"test", "-count=1", "-json", "-skip", "/_soak$", "-run", "^(" + strings.Join(uniq(tests[module]), "|") + ")$"}, uniq(dirs[module])...)
		cmd := exec.Command("go", args...)
		cmd.Dir = module
		cmd.Env = append(os.Environ(), requirement.File+"="+file)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if failed := r.read(t, out); err != nil {
			t.Fatalf("the checks of %s: %v: %s\n%s", module, err, errs.String(), failed)
		}
	}
	r.note(t, file)
	return r
}

// note takes the records of a run.
func (r *ran) note(t *testing.T, file string) {
	t.Helper()
	records, err := requirement.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range records {
		if rec.Dir, err = filepath.Rel(root, rec.Dir); err != nil {
			t.Fatal(err)
		}
		rec.Dir = filepath.ToSlash(rec.Dir)
		r.records = append(r.records, rec)
	}
}

// read takes the events of go test -json, and gives what was printed by what failed.
func (r *ran) read(t *testing.T, out []byte) string {
	t.Helper()
	printed, failed := map[string]string{}, ""
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct{ Action, Package, Test, Output string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // the build's own words
		}
		dir := strings.TrimPrefix(strings.TrimPrefix(e.Package, modulePath), "/")
		if dir == "" {
			dir = "."
		}
		key := dir + " " + e.Test
		switch e.Action {
		case "output":
			printed[key] += e.Output
			if strings.Contains(e.Output, "does not apply: ") {
				r.idle[[2]string{dir, e.Test}] = true
			}
		case "pass":
			r.passed[dir] = append(r.passed[dir], e.Test)
		case "fail":
			failed += printed[key]
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return failed
}

package countersign

import (
	"encoding/csv"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every requirement of docs/requirements.csv is held by something that exists, runs,
// and has something to say:
//
//   - TestRequirements reads sources. Each check that a row names stands in a test (it
//     says so by requirement.Held), is a property of package model, a script, a kit's
//     rule or a place in the documents.
//   - TestRequirementsHeld, with the tag held, looks at a run of these tests and explores
//     the worlds. Each place that says that it checks something did, and each property
//     had something to look at.
//   - TestRequirementsInCode finds the rows in the code that implements them.
//   - TestRequirementsPage writes docs/requirements.md, and fails where it is stale.
//     It names all places of a check, so that none goes away unnoticed.

const (
	csvFile     = "docs/requirements.csv"
	pendingFile = "docs/requirements-pending.txt"

	// pendingNow is how many checks are still to come. Lower it with each one that
	// leaves the list; nothing may raise it.
	pendingNow = 0
)

// uncited holds rows without an id in any line of code, by the reason. A row is removed
// when its id is added where it is implemented.
var uncited = reasons(map[string]string{
	"is about what nobody does":    "N2HT-1.7-1 NTHT-1.7-1",
	"is about what is left alone":  "N2HT-2.2.3-8 N2HT-3.2.5-13 N2HT-3.3.5-5 NTHT-2.2.2-4 NTHT-2.2.2-5 NTHT-2.2.4-4 NTHT-2.2.4-5 R9110-11.6.1-1 R7616-3.6-1",
	"is all of an exchange":        "N2HT-2.1-1 N2HT-2.2-1 NTHT-2.1-1 NTHT-3.1.5-3 R4559-4.1-9 R4559-5-1 R4559-5-2 MSDIG-1 MSDIG-2 MSDIG-3 MSDIG-13 HTA-7",
	"is all of a package":          "R4559-4-2 R4559-4-3 R4559-4.2-3 SPNG-3.2.5-2 NTHT-2.2.1-4 NTHT-2.2.2-3 NTHT-2.2.3-4 NTHT-2.2.4-3",
	"is about what no driver does": "R9266-4.1-1",
})

func reasons(by map[string]string) map[string]string {
	list := map[string]string{}
	for why, ids := range by {
		for _, id := range strings.Fields(ids) {
			list[id] = why
		}
	}
	return list
}

// row is one line of the CSV.
type row struct {
	id, level, role, text string
	checks                []string // "kind:Name", without remarks
}

func (r row) must() bool { return r.level == "MUST" || r.level == "MUST NOT" }

// remark is what stands in round brackets behind a check.
var remark = regexp.MustCompile(`\([^()]*\)`)

func readRows(t *testing.T) []row {
	t.Helper()
	f, err := os.Open(csvFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	seen := map[string]bool{}
	for _, l := range lines[1:] {
		r := row{id: l[0], level: l[1], role: l[3], text: l[4]}
		for c := range strings.SplitSeq(remark.ReplaceAllString(l[5], ""), ";") {
			r.checks = append(r.checks, strings.TrimSpace(c))
		}
		if seen[r.id] || !rowID.MatchString(r.id) {
			t.Errorf("%s: the id stands twice, or is none", r.id)
		}
		seen[r.id] = true
		rows = append(rows, r)
	}
	if len(rows) < 200 {
		t.Fatalf("only %d rows", len(rows))
	}
	return rows
}

// pending is a check of a row that is still to come.
type pending struct{ row, check string }

func readPending(t *testing.T) map[pending]string {
	t.Helper()
	text, err := os.ReadFile(pendingFile)
	if err != nil {
		t.Fatal(err)
	}
	list := map[pending]string{}
	for line := range strings.Lines(string(text)) {
		part := strings.Fields(line)
		if len(part) == 0 || part[0] == "#" {
			continue
		}
		if len(part) != 3 {
			t.Fatalf("%s: %q has not three parts", pendingFile, line)
		}
		list[pending{part[0], part[1]}] = part[2]
	}
	return list
}

// isCheck are the kinds that verify something; "import" says where else it belongs.
func isCheck(check string) bool { return !strings.HasPrefix(check, "import:") }

func TestRequirements(t *testing.T) {
	rows, tr, todo := readRows(t), readTree(t), readPending(t)
	byID := map[string]row{}
	named := map[string]bool{}
	for _, r := range rows {
		byID[r.id] = r
		for _, c := range r.checks {
			named[c] = true
		}
	}
	for _, odd := range tr.odd {
		t.Error(odd)
	}
	if len(todo) != pendingNow {
		t.Errorf("%d checks are pending, and pendingNow is %d: it may only be lowered", len(todo), pendingNow)
	}
	for _, r := range rows {
		checks := 0
		for _, c := range r.checks {
			key := pending{r.id, c}
			kind, name, ok := strings.Cut(c, ":")
			switch {
			case !ok || name == "":
				t.Errorf("%s: %q is no kind:Name", r.id, c)
				continue
			case kind == "import":
				continue
			case kind == "alias":
				if followed(byID, r, 0) {
					checks++
				} else {
					t.Errorf("%s: %s leads to no row with a check", r.id, c)
				}
				continue
			}
			checks++
			where, why := tr.places(r, c)
			switch _, waits := todo[key]; {
			case waits && len(where) > 0:
				t.Errorf("%s: %s exists (%s): take it off %s", r.id, c, strings.Join(where, ", "), pendingFile)
			case !waits && len(where) == 0:
				t.Errorf("%s: %s does not exist: %s", r.id, c, why)
			}
			delete(todo, key)
		}
		if checks == 0 && r.must() {
			t.Errorf("%s: a %s that names no check", r.id, r.level)
		}
	}
	for p := range todo {
		t.Errorf("%s: row %s does not name %s", pendingFile, p.row, p.check)
	}
	for check, sites := range tr.sites {
		for _, s := range sites {
			if !named[check] {
				t.Errorf("%s says that it checks %s, which no row names", s, check)
			}
			for _, id := range s.rows {
				if !slices.Contains(byID[id].checks, check) {
					t.Errorf("%s says that it checks %s for %s, which does not name it", s, check, id)
				}
			}
		}
	}
	for _, p := range properties {
		for _, id := range p.Rows {
			if byID[id].id == "" {
				t.Errorf("property %s is of row %s, which there is not", p.Name, id)
			}
		}
	}
}

// followed reports whether aliases lead to a row with a check of its own.
func followed(byID map[string]row, r row, depth int) bool {
	for _, c := range r.checks {
		to, alias := strings.CutPrefix(c, "alias:")
		if !alias && isCheck(c) || alias && depth < 5 && followed(byID, byID[to], depth+1) {
			return true
		}
	}
	return false
}

// TestRequirementsInCode: the rows that stand in sources exist, and each MUST stands in
// one that is no test.
func TestRequirementsInCode(t *testing.T) {
	rows, tr, todo := readRows(t), readTree(t), readPending(t)
	waiting := map[string]bool{}
	for p := range todo {
		waiting[p.row] = true
	}
	known := map[string]bool{}
	total, cited := 0, 0
	for _, r := range rows {
		known[r.id] = true
		code := len(tr.implemented(r.id)) > 0
		if _, listed := uncited[r.id]; listed && code {
			t.Errorf("%s stands in the code: take it off uncited", r.id)
		}
		if !r.must() || waiting[r.id] || slices.ContainsFunc(r.checks, func(c string) bool { return strings.HasPrefix(c, "alias:") }) {
			continue
		}
		total++
		if code {
			cited++
		} else if uncited[r.id] == "" {
			t.Errorf("%s stands in no line of code: write it where it is implemented", r.id)
		}
	}
	for id, files := range tr.code {
		if !known[id] {
			t.Errorf("%s stands in %s, and is no row of %s", id, strings.Join(files, ", "), csvFile)
		}
	}
	for id := range uncited {
		if !known[id] {
			t.Errorf("uncited has %s, which is no row", id)
		}
	}
	t.Logf("%d of %d rows stand in the code", cited, total)
}

// TestRequirementHelper: only tests may import what writes files or seeds faults.
func TestRequirementHelper(t *testing.T) {
	for _, dir := range append(coreDirs(t), driverDirs(t)...) {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !isSource(file) {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range f.Imports {
				for _, helper := range testHelpers {
					if strings.Contains(i.Path.Value, helper) {
						t.Errorf("%s imports %s, which is for tests", file, i.Path.Value)
					}
				}
			}
		}
	}
}

// driverDirs returns the directories of all modules but the core.
func driverDirs(t *testing.T) (dirs []string) {
	t.Helper()
	for _, m := range modules(t) {
		if m == "." {
			continue
		}
		err := filepath.WalkDir(m, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && !slices.Contains(dirs, p) {
				dirs = append(dirs, p)
			}
			return err
		})
		if err != nil || len(dirs) < 3 {
			t.Fatalf("%d directories, %v", len(dirs), err)
		}
	}
	return dirs
}

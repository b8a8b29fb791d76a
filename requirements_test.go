package countersign

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement/catalog"
	"github.com/countersign-auth/countersign/model"
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
//   - TestRowsBite finds for each MUST a seeded fault that breaks it and that one of its
//     checks notices. The command in internal/seeded/prove sees each of them do so.
//   - TestRequirementsPage writes docs/requirements.md, and fails where it is stale.
//     It names all places of a check, so that none goes away unnoticed.

const (
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

func readRows(t *testing.T) []catalog.Row {
	t.Helper()
	rows, err := catalog.Rows(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 200 {
		t.Fatalf("only %d rows", len(rows))
	}
	return rows
}

// readTree reads all Go files of all modules.
func readTree(t *testing.T) *catalog.Tree {
	t.Helper()
	if len(modules(t)) == 1 {
		t.Skip("the drivers, which hold some of the checks, are not here: this is the core module alone")
	}
	tr, err := catalog.ReadTree(".")
	if err != nil {
		t.Fatal(err)
	}
	return tr
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

func TestRequirements(t *testing.T) {
	rows, tr, todo := readRows(t), readTree(t), readPending(t)
	byID := catalog.ByID(rows)
	named := map[string]bool{}
	for _, r := range rows {
		for _, c := range r.Checks {
			named[c] = true
		}
	}
	for _, odd := range tr.Odd {
		t.Error(odd)
	}
	if len(todo) != pendingNow {
		t.Errorf("%d checks are pending, and pendingNow is %d: it may only be lowered", len(todo), pendingNow)
	}
	for _, r := range rows {
		checks := 0
		for _, c := range r.Checks {
			key := pending{r.ID, c}
			kind, name, ok := strings.Cut(c, ":")
			switch {
			case !ok || name == "":
				t.Errorf("%s: %q is no kind:Name", r.ID, c)
				continue
			case kind == "import":
				continue
			case kind == "alias":
				if len(catalog.Followed(byID, r)) > 0 {
					checks++
				} else {
					t.Errorf("%s: %s leads to no row with a check", r.ID, c)
				}
				continue
			}
			checks++
			where, why := tr.Places(r, c)
			switch _, waits := todo[key]; {
			case waits && len(where) > 0:
				t.Errorf("%s: %s exists (%s): take it off %s", r.ID, c, strings.Join(where, ", "), pendingFile)
			case !waits && len(where) == 0:
				t.Errorf("%s: %s does not exist: %s", r.ID, c, why)
			}
			delete(todo, key)
		}
		if checks == 0 && r.Must() {
			t.Errorf("%s: a %s that names no check", r.ID, r.Level)
		}
	}
	for p := range todo {
		t.Errorf("%s: row %s does not name %s", pendingFile, p.row, p.check)
	}
	for check, sites := range tr.Sites {
		for _, s := range sites {
			if !named[check] {
				t.Errorf("%s says that it checks %s, which no row names", s, check)
			}
			for _, id := range s.Rows {
				if !slices.Contains(byID[id].Checks, check) {
					t.Errorf("%s says that it checks %s for %s, which does not name it", s, check, id)
				}
			}
		}
	}
	for _, p := range model.Properties() {
		for _, id := range p.Rows {
			if byID[id].ID == "" {
				t.Errorf("property %s is of row %s, which there is not", p.Name, id)
			}
		}
	}
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
		known[r.ID] = true
		code := len(tr.Implemented(r.ID)) > 0
		if _, listed := uncited[r.ID]; listed && code {
			t.Errorf("%s stands in the code: take it off uncited", r.ID)
		}
		if !r.Must() || waiting[r.ID] || slices.ContainsFunc(r.Checks, func(c string) bool { return strings.HasPrefix(c, "alias:") }) {
			continue
		}
		total++
		if code {
			cited++
		} else if uncited[r.ID] == "" {
			t.Errorf("%s stands in no line of code: write it where it is implemented", r.ID)
		}
	}
	for id, files := range tr.Code {
		if !known[id] {
			t.Errorf("%s stands in %s, and is no row of %s", id, strings.Join(files, ", "), catalog.File)
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

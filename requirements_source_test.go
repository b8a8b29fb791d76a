package countersign

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/model"
)

// What the sources say of requirements: which test checks what, and which file stands
// for which row.

// site is a place that says that it checks something.
type site struct {
	dir, test string
	rows      []string // of those that name the check, all if there are none
}

func (s site) String() string { return strings.TrimPrefix(path.Join(s.dir, ".")+".", "..") + s.test }

// tree is what the sources have to say.
type tree struct {
	sites map[string][]site // by check
	kits  map[string][]site // by what runs it, "Mechanism"
	code  map[string][]string
	odd   []string
}

// rowID is the form of an id, whether or not there is such a row: a standard, its
// section and a number (an RFC is R and four digits), or a subject of this project's own and a number.
var rowID = regexp.MustCompile(`\b(?:(?:N2HT|NTHT|SPNG|NLMP|KILE|R[0-9]{4})-[0-9]+(?:\.[0-9]+)*|MSDIG|HTA|CONN|TARGET|EARLY|BIND|REPLAY|PROOF|RELAY|FRONT|SECRET|KRB)-[0-9]+\b`)

var kitCalls = map[string]string{
	"proptest.Mechanism": "Mechanism", "proptest.Scheme": "Scheme", "proptest.Machine": "Machine", "drivertest.Run": "Driver",
}

// checkers are the packages that name rows in their sources because they check them.
var checkers = []string{"model", "proptest", "drivers/drivertest"}

// implemented returns the files with lines that implement a row.
func (tr *tree) implemented(id string) (files []string) {
	for _, f := range tr.code[id] {
		if isSource(f) && !slices.Contains(checkers, path.Dir(f)) {
			files = append(files, f)
		}
	}
	return files
}

// readTree reads all Go files of all modules.
func readTree(t *testing.T) *tree {
	t.Helper()
	if len(modules(t)) == 1 {
		t.Skip("the drivers, which hold some of the checks, are not here: this is the core module alone")
	}
	tr := &tree{sites: map[string][]site{}, kits: map[string][]site{}, code: map[string][]string{}}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(p) != ".go" {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(p)
		for _, id := range slices.Compact(slices.Sorted(slices.Values(rowID.FindAllString(string(src), -1)))) {
			tr.code[id] = append(tr.code[id], name)
		}
		if slices.Contains(testHelpers, path.Dir(name)) || isSource(name) {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, src, 0)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				tr.readTest(path.Dir(name), fn)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// readTest notes what one function of a test file says that it checks.
func (tr *tree) readTest(dir string, fn *ast.FuncDecl) {
	test := fn.Name.Name
	isTest := strings.HasPrefix(test, "Test") || strings.HasPrefix(test, "Fuzz")
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		in, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		s := site{dir: dir, test: test}
		if kit := kitCalls[in.Name+"."+sel.Sel.Name]; kit != "" && isTest && dir != "proptest" && !slices.ContainsFunc(tr.kits[kit], s.same) {
			tr.kits[kit] = append(tr.kits[kit], s)
		}
		if in.Name != "requirement" || sel.Sel.Name != "Held" || len(call.Args) < 2 {
			return true
		}
		var words []string
		for _, a := range call.Args[1:] {
			if lit, ok := a.(*ast.BasicLit); ok {
				w, _ := strconv.Unquote(lit.Value)
				words = append(words, w)
			}
		}
		switch {
		case len(words) != len(call.Args)-1:
			if test != scriptRunner {
				tr.odd = append(tr.odd, s.String()+" does not name its check by literals")
			}
			return true
		case !isTest:
			tr.odd = append(tr.odd, s.String()+" is no test: say what is held where it is tested")
		case strings.HasPrefix(words[0], "fuzz:") && test != "Fuzz"+words[0][len("fuzz:"):]:
			tr.odd = append(tr.odd, s.String()+" is not the target "+words[0])
		}
		s.rows = words[1:]
		if !slices.ContainsFunc(tr.sites[words[0]], s.same) {
			tr.sites[words[0]] = append(tr.sites[words[0]], s)
		}
		return true
	})
}

func (s site) same(o site) bool {
	return s.dir == o.dir && s.test == o.test && slices.Equal(s.rows, o.rows)
}

// Scripts of package machine are checks of kind "golden:", by their names.
const (
	scriptDir    = "machine"
	scriptRunner = "runScript"
	scriptTest   = "TestScripts"
)

func scripts(name string) []string {
	list, _ := filepath.Glob(filepath.Join(scriptDir, "testdata", "*", name+".txt"))
	return list
}

// places are where a check of a row is: what is printed for people. None means that
// it does not exist; why is then the reason, if there is a better one.
func (tr *tree) places(r row, check string) (list []string, why string) {
	kind, name, _ := strings.Cut(check, ":")
	switch kind {
	case "inv", "live", "some":
		i := slices.IndexFunc(properties, func(p model.Property) bool { return p.Name == name })
		switch {
		case i < 0:
			return nil, "no property of package model has this name"
		case properties[i].Kind != map[string]model.Kind{"inv": model.Always, "live": model.Eventually, "some": model.Sometimes}[kind]:
			return nil, "the property is of another kind"
		case !slices.Contains(properties[i].Rows, r.id):
			return nil, "the property does not say that it checks this row"
		}
		return []string{"model: " + name}, ""
	case "doc":
		if !anchored(name) {
			return nil, "there is no such place in the documents"
		}
		return []string{name}, ""
	case "kit":
		kit, rule, _ := strings.Cut(name, "/")
		for _, s := range tr.kits[kit] {
			list = append(list, path.Join(s.String(), rule))
		}
		if len(list) > 0 && rule != "" && !hasRule(rule) {
			return nil, "no kit has this rule"
		}
	case "golden":
		for _, p := range scripts(name) {
			list = append(list, filepath.ToSlash(p))
		}
	}
	for _, s := range tr.sites[check] {
		if s.holds(r) {
			list = append(list, s.String())
		}
	}
	return list, "no test says that it checks this"
}

func (s site) holds(r row) bool { return len(s.rows) == 0 || slices.Contains(s.rows, r.id) }

var properties = model.Properties()

// hasRule reports whether a kit of package proptest, or the kit for drivers, has a rule of this name.
func hasRule(name string) bool {
	files, _ := filepath.Glob("drivers/drivertest/*_checks.go")
	for _, file := range append(files, "proptest/rules.go") {
		src, err := os.ReadFile(file)
		if err == nil && (strings.Contains(string(src), `name: "`+name+`"`) || strings.Contains(string(src), `	{"`+name+`", "`)) {
			return true
		}
	}
	return false
}

// anchored reports whether "file#heading" is there. A row of a table counts by its
// first cell, a file without "#" as a whole.
func anchored(name string) bool {
	file, anchor, _ := strings.Cut(name, "#")
	text, err := os.ReadFile(file)
	if err != nil || len(text) == 0 {
		return false
	}
	if anchor == "" {
		return true
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "//"))
		if cell, ok := strings.CutPrefix(line, "| "); ok {
			cell, _, _ = strings.Cut(cell, " |")
			if strings.ToLower(cell) == anchor {
				return true
			}
		}
		if strings.HasPrefix(line, "#") && strings.ReplaceAll(strings.ToLower(strings.TrimLeft(line, "# ")), " ", "-") == anchor {
			return true
		}
	}
	return false
}

// TestRequirementsCatch shows what is no check.
func TestRequirementsCatch(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "x_test.go", `package x
		func TestGood(t *testing.T) { requirement.Held(t, "unit:good"); requirement.Held(t, "unit:narrow", "R1") }
		func FuzzGood(f *testing.F) { f.Fuzz(func(t *testing.T, s string) { requirement.Held(t, "fuzz:Good") }) }
		func TestEmpty(t *testing.T) {}
		func FuzzOther(f *testing.F) { requirement.Held(f, "fuzz:Another") }
		func helper(t *testing.T) { requirement.Held(t, "unit:helper") }
		func TestVariable(t *testing.T) { requirement.Held(t, name) }
		func TestKit(t *testing.T) { proptest.Mechanism(t, pair); drivertest.Run(t, driver) }`, 0)
	if err != nil {
		t.Fatal(err)
	}
	tr := &tree{sites: map[string][]site{}, kits: map[string][]site{}}
	for _, d := range f.Decls {
		tr.readTest("x", d.(*ast.FuncDecl))
	}
	if len(tr.odd) != 3 {
		t.Errorf("found odd: %q, want a wrong target, a helper and a variable", tr.odd)
	}
	inRow := func(id string) row { return row{id: id} }
	persist := inRow("N2HT-3.2.5-12")
	for _, c := range []struct {
		row   row
		check string
		found bool
	}{
		{inRow("R1"), "unit:good", true},
		{inRow("R1"), "unit:narrow", true},
		{inRow("R2"), "unit:narrow", false},
		{inRow("R1"), "fuzz:Good", true},
		{inRow("R1"), "unit:empty", false},
		{inRow("R1"), "prop:good", false},
		{persist, "inv:401ResetsPersistence", true},
		{persist, "live:401ResetsPersistence", false},
		{persist, "inv:401Resets", false},
		{inRow("R1"), "inv:401ResetsPersistence", false},
		{inRow("R1"), "kit:Mechanism", true},
		{inRow("R1"), "kit:Mechanism/requests_mutual", true},
		{inRow("R1"), "kit:Mechanism/requests_nothing", false},
		{inRow("R1"), "kit:Driver/server_ends", true},
		{inRow("R1"), "kit:Driver/server_begins", false},
		{inRow("R1"), "kit:Scheme", false},
		{inRow("R1"), "golden:mutual_auth", true},
		{inRow("R1"), "golden:mutual_trust", false},
		{inRow("R1"), "doc:docs/decisions.md#c13", true},
		{inRow("R1"), "doc:docs/decisions.md#c10", false},
		{inRow("R1"), "doc:SECURITY.md#what-is-not-defended", true},
		{inRow("R1"), "doc:SECURITY.md#what-is-not", false},
		{inRow("R1"), "doc:gss/spnego/doc.go#not-implemented", true},
		{inRow("R1"), "doc:MISSING.md", false},
	} {
		if where, why := tr.places(c.row, c.check); (len(where) > 0) != c.found {
			t.Errorf("%s, %s: found %q (%s)", c.row.id, c.check, where, why)
		}
	}
	ids := map[string]row{
		"A": {id: "A", checks: []string{"alias:B"}}, "B": {id: "B", checks: []string{"alias:A"}},
		"C": {id: "C", checks: []string{"alias:D"}}, "D": {id: "D", checks: []string{"unit:x"}},
		"E": {id: "E", checks: []string{"alias:F"}}, "F": {id: "F", checks: []string{"import:x"}},
		"G": {id: "G", checks: []string{"alias:nowhere"}},
	}
	for id, want := range map[string]bool{"A": false, "C": true, "E": false, "G": false} {
		if followed(ids, ids[id], 0) != want {
			t.Errorf("alias of %s: %v", id, !want)
		}
	}
}

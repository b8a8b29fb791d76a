package catalog

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

	"github.com/countersign-auth/countersign/model"
)

// Site is a test that says that it checks something.
type Site struct {
	Dir, Test string
	Rows      []string // of those that name the check, all if there are none
}

// String returns the test's name behind its directory's.
func (s Site) String() string { return strings.TrimPrefix(path.Join(s.Dir, ".")+".", "..") + s.Test }

// Tree is what the sources say of requirements: which test checks what, and which file stands for which row.
type Tree struct {
	Sites map[string][]Site   // by check
	Kits  map[string][]Site   // by the kit that a test runs, "Mechanism"
	Code  map[string][]string // the files that name a row, by its id
	Odd   []string            // tests that do not say what they check as they should

	root string
}

// RowID is the form of an id, whether or not there is such a row: a standard, its
// section and a number (an RFC is R and four digits), or a subject of this project's own and a number.
var RowID = regexp.MustCompile(`\b(?:(?:N2HT|NTHT|SPNG|NLMP|KILE|R[0-9]{4})-[0-9]+(?:\.[0-9]+)*|MSDIG|HTA|CONN|TARGET|EARLY|BIND|REPLAY|PROOF|RELAY|FRONT|SECRET|KRB|LEG|NAMES|SESS)-[0-9]+\b`)

var kitCalls = map[string]string{
	"proptest.Mechanism": "Mechanism", "proptest.Scheme": "Scheme", "proptest.Machine": "Machine", "drivertest.Run": "Driver",
}

// checkers are the packages that name rows in their sources because they check them.
var checkers = []string{"model", "proptest", "drivers/drivertest"}

// Implemented returns the files with lines that implement a row.
func (tr *Tree) Implemented(id string) (files []string) {
	for _, f := range tr.Code[id] {
		if IsSource(f) && !slices.Contains(checkers, path.Dir(f)) {
			files = append(files, f)
		}
	}
	return files
}

// ownTests is the directory of the tests of requirement.Held, which check no row.
const ownTests = "internal/requirement"

// ReadTree reads all Go files of all modules below root.
func ReadTree(root string) (*Tree, error) {
	tr := &Tree{Sites: map[string][]Site{}, Kits: map[string][]Site{}, Code: map[string][]string{}, root: root}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(p) != ".go" {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		return tr.read(filepath.ToSlash(name), src)
	})
	return tr, err
}

// read notes what one file says.
func (tr *Tree) read(name string, src []byte) error {
	for _, id := range slices.Compact(slices.Sorted(slices.Values(RowID.FindAllString(string(src), -1)))) {
		tr.Code[id] = append(tr.Code[id], name)
	}
	if IsSource(name) || path.Dir(name) == ownTests {
		return nil
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
	if err != nil {
		return err
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			tr.readTest(path.Dir(name), fn)
		}
	}
	return nil
}

// IsSource reports whether a file is of Go and no test.
func IsSource(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

// readTest notes what one function of a test file says that it checks.
func (tr *Tree) readTest(dir string, fn *ast.FuncDecl) {
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
		s := Site{Dir: dir, Test: test}
		if kit := kitCalls[in.Name+"."+sel.Sel.Name]; kit != "" && isTest && dir != "proptest" && !slices.ContainsFunc(tr.Kits[kit], s.same) {
			tr.Kits[kit] = append(tr.Kits[kit], s)
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
				tr.Odd = append(tr.Odd, s.String()+" does not name its check by literals")
			}
			return true
		case !isTest:
			tr.Odd = append(tr.Odd, s.String()+" is no test: say what is held where it is tested")
		case strings.HasPrefix(words[0], "fuzz:") && test != "Fuzz"+words[0][len("fuzz:"):]:
			tr.Odd = append(tr.Odd, s.String()+" is not the target "+words[0])
		}
		s.Rows = words[1:]
		if !slices.ContainsFunc(tr.Sites[words[0]], s.same) {
			tr.Sites[words[0]] = append(tr.Sites[words[0]], s)
		}
		return true
	})
}

func (s Site) same(o Site) bool {
	return s.Dir == o.Dir && s.Test == o.Test && slices.Equal(s.Rows, o.Rows)
}

// Scripts of package machine are checks of kind "golden:", by their names.
const (
	ScriptDir    = "machine"
	ScriptTest   = "TestScripts"
	scriptRunner = "runScript"
)

// Scripts returns the scripts of a name, below the root.
func (tr *Tree) Scripts(name string) []string {
	list, _ := filepath.Glob(filepath.Join(tr.root, ScriptDir, "testdata", "*", name+".txt"))
	for i, p := range list {
		if rel, err := filepath.Rel(tr.root, p); err == nil {
			list[i] = filepath.ToSlash(rel)
		}
	}
	return list
}

// Places returns where a check of a row is, to be printed for people. None means that it does not
// exist; why is then the reason.
func (tr *Tree) Places(r Row, check string) (list []string, why string) {
	kind, name, _ := strings.Cut(check, ":")
	switch kind {
	case "inv", "live", "some":
		i := slices.IndexFunc(properties, func(p model.Property) bool { return p.Name == name })
		switch {
		case i < 0:
			return nil, "no property of package model has this name"
		case properties[i].Kind != map[string]model.Kind{"inv": model.Always, "live": model.Eventually, "some": model.Sometimes}[kind]:
			return nil, "the property is of another kind"
		case !slices.Contains(properties[i].Rows, r.ID):
			return nil, "the property does not say that it checks this row"
		}
		return []string{"model: " + name}, ""
	case "doc":
		if !tr.anchored(name) {
			return nil, "there is no such place in the documents"
		}
		return []string{name}, ""
	case "kit":
		kit, rule, _ := strings.Cut(name, "/")
		for _, s := range tr.Kits[kit] {
			list = append(list, path.Join(s.String(), rule))
		}
		if len(list) > 0 && rule != "" && !tr.hasRule(rule) {
			return nil, "no kit has this rule"
		}
	case "golden":
		list = tr.Scripts(name)
	}
	for _, s := range tr.Sites[check] {
		if s.Holds(r) {
			list = append(list, s.String())
		}
	}
	return list, "no test says that it checks this"
}

// Holds reports whether the site's check is for this row among those that name it.
func (s Site) Holds(r Row) bool { return len(s.Rows) == 0 || slices.Contains(s.Rows, r.ID) }

var properties = model.Properties()

// hasRule reports whether a kit of package proptest, or the kit for drivers, has a rule of this name.
func (tr *Tree) hasRule(name string) bool {
	files, _ := filepath.Glob(filepath.Join(tr.root, "drivers/drivertest/*_checks.go"))
	for _, file := range append(files, filepath.Join(tr.root, "proptest/rules.go")) {
		src, err := os.ReadFile(file)
		if err == nil && (strings.Contains(string(src), `name: "`+name+`"`) || strings.Contains(string(src), `	{"`+name+`", "`)) {
			return true
		}
	}
	return false
}

// anchored reports whether "file#heading" is there. A row of a table counts by its
// first cell, a file without "#" as a whole.
func (tr *Tree) anchored(name string) bool {
	file, anchor, _ := strings.Cut(name, "#")
	text, err := os.ReadFile(filepath.Join(tr.root, file))
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

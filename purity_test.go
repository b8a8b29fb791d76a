package countersign

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement"
)

// Purity is law L4: no package of the core module does I/O, reads a clock or a
// random source, starts a goroutine, takes a lock or keeps a global that
// changes. These tests read the sources of all packages and hold them to it.

const modulePath = "github.com/countersign-auth/countersign"

// banned imports, each with the reason. A name that ends in "*" is a prefix.
var banned = map[string]string{
	"net":           "I/O belongs to drivers",
	"net/*":         "I/O belongs to drivers",
	"os":            "I/O belongs to drivers",
	"os/*":          "I/O belongs to drivers",
	"io/ioutil":     "I/O belongs to drivers",
	"syscall":       "I/O belongs to drivers",
	"crypto/tls":    "brings net along; a driver hands in what it needs",
	"crypto/x509":   "brings net and os along; see gss.EndPoint",
	"crypto/rand":   "entropy comes in as gss.Env.Seed",
	"math/rand*":    "entropy comes in as gss.Env.Seed",
	"sync*":         "states are values, nothing is shared",
	"context":       "nothing here can be cancelled, because nothing blocks",
	"log*":          "what happened is in actions and faults",
	"unsafe":        "no",
	"C":             "no",
	"runtime/*":     "no",
	"pgregory.net*": "tests and proptest only: importing it registers flags",

	"github.com/jcmturner*": "tests only: the second opinion on our DER",
}

// allowedRapid is the one package that may import rapid outside tests.
const allowedRapid = modulePath + "/proptest"

// testHelpers are for tests alone: one writes down what they checked, the other seeds
// faults that they must notice. Nothing else may import them, see
// TestRequirementHelper.
var testHelpers = []string{"internal/broken", "internal/long", "internal/misuse/misusetest", "internal/mutation", "internal/prose", "internal/requirement", "internal/seeded", "internal/surface"}

// clock are the functions of package time that read it or wait.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Sleep"}

// mapRangers may range over maps: the explorer orders what it finds.
var mapRangers = []string{modulePath + "/model"}

func TestPurity(t *testing.T) {
	c := newChecker(t)
	for _, dir := range coreDirs(t) {
		pkg, files, err := c.load(path.Join(modulePath, filepath.ToSlash(dir)))
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		for _, v := range c.violations(pkg, files) {
			t.Error(v)
		}
		requirement.Held(t, "lint:purity")
	}
}

// TestPurityCatches shows each rule a source that breaks it.
func TestPurityCatches(t *testing.T) {
	for _, row := range []struct{ rule, source, want string }{
		{"reads the clock", `import "time"; func f() int64 { return time.Now().UnixNano() }`, "time.Now"},
		{"waits", `import "time"; func f() { time.Sleep(1) }`, "time.Sleep"},
		{"imports net", `import _ "net"`, `"net"`},
		{"imports net/http", `import _ "net/http"`, `"net/http"`},
		{"imports os", `import _ "os"`, `"os"`},
		{"imports crypto/tls", `import _ "crypto/tls"`, `"crypto/tls"`},
		{"imports crypto/x509", `import _ "crypto/x509"`, `"crypto/x509"`},
		{"imports crypto/rand", `import _ "crypto/rand"`, `"crypto/rand"`},
		{"imports math/rand/v2", `import _ "math/rand/v2"`, `"math/rand/v2"`},
		{"imports sync/atomic", `import _ "sync/atomic"`, `"sync/atomic"`},
		{"imports log/slog", `import _ "log/slog"`, `"log/slog"`},
		{"imports unsafe", `import _ "unsafe"`, `"unsafe"`},
		{"starts a goroutine", `func f() { go f() }`, "go statement"},
		{"has a channel", `var c chan int`, "channel"},
		{"selects", `func f() { select {} }`, "select"},
		{"assigns a package variable", `var x int; func f() { x = 1 }`, "package variable x"},
		{"increments a package variable", `var x int; func f() { x++ }`, "package variable x"},
		{"assigns an element of one", `var x [2]int; func f() { x[1] = 1 }`, "package variable x"},
		{"assigns a field of one", `var x struct{ y int }; func f() { x.y = 1 }`, "package variable x"},
		{"takes its address", `var x int; func f() *int { return &x }`, "package variable x"},
		{"ranges into one", `var x int; func f() { for x = range 3 {} }`, "package variable x"},
		{"ranges over a map", `func f(m map[int]int) { for range m {} }`, "ranges over a map"},
		{"has an init function", `func init() {}`, "init"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			c := newChecker(t)
			pkg, files, err := c.check("example.org/p", map[string]string{"p.go": "package p\n" + row.source})
			if err != nil {
				t.Fatal(err)
			}
			found := c.violations(pkg, files)
			if !slices.ContainsFunc(found, func(v string) bool { return strings.Contains(v, row.want) }) {
				t.Errorf("a source that %s was found guilty of %q, want something about %s", row.rule, found, row.want)
			}
		})
	}
	t.Run("pure code passes", func(t *testing.T) {
		c := newChecker(t)
		pkg, files, err := c.check("example.org/p", map[string]string{"p.go": `package p
			import "time"
			var table = [...]int{1, 2}
			func f(d time.Duration) (n int) { x := table; x[0] = 2; for i := range x { n += x[i] }; p := &n; *p++; return n + int(d) }`})
		if err != nil {
			t.Fatal(err)
		}
		if found := c.violations(pkg, files); len(found) != 0 {
			t.Errorf("pure code was found guilty of %q", found)
		}
	})
}

// TestMachineKnowsNoScheme is law L8: schemes and mechanisms are handed in, so
// that what the model explores is what ships.
func TestMachineKnowsNoScheme(t *testing.T) {
	allowed := map[string][]string{
		"header":        {"internal/ascii", "internal/bound"},
		"gss":           {"internal/der", "internal/hmac"},
		"scheme":        {"internal/ascii", "internal/bound", "header", "gss", "internal/misuse"},
		"internal/side": {"header", "gss", "scheme", "internal/choice"},
		"machine":       {"internal/ascii", "internal/reqtarget", "header", "gss", "scheme", "internal/misuse", "internal/choice", "internal/side"},
		"machine/trace": {"internal/ascii", "internal/bound", "internal/choice", "header", "gss", "scheme", "machine"},
		"hop":           {"header", "gss", "machine"},
	}
	c := newChecker(t)
	for dir, may := range allowed {
		_, files, err := c.load(path.Join(modulePath, dir))
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		for _, f := range files {
			for _, imp := range f.Imports {
				name, _ := strconv.Unquote(imp.Path.Value)
				if own, ok := strings.CutPrefix(name, modulePath+"/"); ok && !slices.Contains(may, own) {
					t.Errorf("%s imports %s; it may import %q of this module", dir, own, may)
				}
			}
		}
	}
}

// coreDirs are the folders of the core module that hold Go packages.
func coreDirs(t *testing.T) []string {
	var dirs []string
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || slices.Contains(modules(t), filepath.ToSlash(p)) || slices.Contains(testHelpers, filepath.ToSlash(p))) {
			return filepath.SkipDir
		}
		if !d.IsDir() && isSource(p) && !slices.Contains(dirs, filepath.Dir(p)) {
			dirs = append(dirs, filepath.Dir(p))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) < 5 {
		t.Fatalf("found only %q: the walk is broken", dirs)
	}
	return dirs
}

func isSource(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

// checker loads packages with their types: this module's from source, the rest
// from what the go command has compiled of them.
type checker struct {
	fset   *token.FileSet
	std    types.Importer
	loaded map[string]*types.Package
	files  map[string][]*ast.File
	info   *types.Info
}

func newChecker(t *testing.T) *checker {
	t.Helper()
	fset := token.NewFileSet()
	compiled := exports(t)
	return &checker{
		fset: fset, std: importer.ForCompiler(fset, "gc", func(name string) (io.ReadCloser, error) {
			return os.Open(compiled[name])
		}),
		loaded: map[string]*types.Package{}, files: map[string][]*ast.File{},
		info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}},
	}
}

// exports tells where the compiled form of each package lies that this module
// depends on, or that a source of TestPurityCatches imports.
var exports = func() func(*testing.T) map[string]string {
	list := sync.OnceValues(func() (map[string]string, error) {
		out, err := exec.Command("go", "list", "-deps", "-export", "-f", "{{.ImportPath}} {{.Export}}",
			"./...", "net/http", "crypto/tls", "math/rand/v2", "log/slog", "time").Output()
		files := map[string]string{}
		for line := range strings.Lines(string(out)) {
			name, file, _ := strings.Cut(strings.TrimSpace(line), " ")
			files[name] = file
		}
		return files, err
	})
	return func(t *testing.T) map[string]string {
		t.Helper()
		files, err := list()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		return files
	}
}()

// Import implements types.Importer.
func (c *checker) Import(name string) (*types.Package, error) {
	if name == modulePath || strings.HasPrefix(name, modulePath+"/") {
		pkg, _, err := c.load(name)
		return pkg, err
	}
	return c.std.Import(name)
}

func (c *checker) load(name string) (*types.Package, []*ast.File, error) {
	if pkg := c.loaded[name]; pkg != nil {
		return pkg, c.files[name], nil
	}
	dir := filepath.FromSlash("./" + strings.TrimPrefix(strings.TrimPrefix(name, modulePath), "/"))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	sources := map[string]string{}
	for _, e := range entries {
		if isSource(e.Name()) {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, nil, err
			}
			sources[filepath.Join(dir, e.Name())] = string(b)
		}
	}
	return c.check(name, sources)
}

func (c *checker) check(name string, sources map[string]string) (*types.Package, []*ast.File, error) {
	var files []*ast.File
	for _, file := range slices.Sorted(maps.Keys(sources)) {
		f, err := parser.ParseFile(c.fset, file, sources[file], 0)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, f)
	}
	conf := types.Config{Importer: c, Error: func(error) {}} // unused imports do not matter here
	pkg, err := conf.Check(name, c.fset, files, c.info)
	if pkg == nil {
		return nil, nil, err
	}
	c.loaded[name], c.files[name] = pkg, files
	return pkg, files, nil
}

// violations are the places where the package breaks a rule.
func (c *checker) violations(pkg *types.Package, files []*ast.File) (found []string) {
	report := func(n ast.Node, format string, args ...any) {
		found = append(found, fmt.Sprintf("%v: ", c.fset.Position(n.Pos()))+fmt.Sprintf(format, args...))
	}
	for _, f := range files {
		for _, imp := range f.Imports {
			name, _ := strconv.Unquote(imp.Path.Value)
			if why, bad := bans(name); bad && !(strings.HasPrefix(name, "pgregory.net") && pkg.Path() == allowedRapid) {
				report(imp, "imports %q: %s", name, why)
			}
		}
		written := func(e ast.Expr) {
			if v := c.packageVar(pkg, e); v != "" {
				report(e, "package variable %s is written, or its address taken", v)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				report(n, "go statement")
			case *ast.ChanType:
				report(n, "channel")
			case *ast.SelectStmt:
				report(n, "select")
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					report(n, "init function: package state is declared, not made")
				}
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, e := range n.Lhs {
						written(e)
					}
				}
			case *ast.IncDecStmt:
				written(n.X)
			case *ast.UnaryExpr:
				if n.Op == token.AND {
					written(n.X)
				}
			case *ast.RangeStmt:
				if n.Tok == token.ASSIGN {
					written(n.Key)
					if n.Value != nil {
						written(n.Value)
					}
				}
				if t := c.info.TypeOf(n.X); t != nil && !slices.Contains(mapRangers, pkg.Path()) {
					if _, isMap := t.Underlying().(*types.Map); isMap {
						report(n, "ranges over a map, in no fixed order")
					}
				}
			case *ast.SelectorExpr:
				if fn, ok := c.info.Uses[n.Sel].(*types.Func); ok && fn.Pkg() != nil && fn.Pkg().Path() == "time" &&
					fn.Signature().Recv() == nil && slices.Contains(clock, fn.Name()) {
					report(n, "time.%s: time comes in as gss.Env.Now", fn.Name())
				}
			}
			return true
		})
	}
	return found
}

func bans(name string) (string, bool) {
	for pattern, why := range banned {
		prefix, wild := strings.CutSuffix(pattern, "*")
		if name == pattern || wild && strings.HasPrefix(name, prefix) {
			return why, true
		}
	}
	return "", false
}

// packageVar names the package-level variable that e is, or is a part of.
func (c *checker) packageVar(pkg *types.Package, e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.SelectorExpr:
			if v, ok := c.info.Uses[x.Sel].(*types.Var); ok && !v.IsField() && v.Parent() == v.Pkg().Scope() {
				return x.Sel.Name // another package's
			}
			e = x.X
		case *ast.Ident:
			if v, ok := c.info.Uses[x].(*types.Var); ok && v.Parent() == pkg.Scope() {
				return x.Name
			}
			return ""
		default:
			return ""
		}
	}
}

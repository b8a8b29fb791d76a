package countersign

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
)

// symbols are the names that the Go code of the repository declares, by the directory of their package: "Client",
// "Client.Step", "Send.Pinned", "TestKit".
type symbols struct {
	declared map[string]map[string]bool // by directory
	dirs     map[string][]string        // by the name of the package
	tests    map[string]bool            // tests, examples and fuzz targets of all packages
	files    map[string][]source        // by directory
}

// source is a parsed file.
type source struct {
	name string
	test bool
	ast  *ast.File
}

var readSymbols = sync.OnceValues(func() (*symbols, error) {
	s := &symbols{map[string]map[string]bool{}, map[string][]string{}, map[string]bool{}, map[string][]source{}}
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(p))
		test := strings.HasSuffix(p, "_test.go")
		s.files[dir] = append(s.files[dir], source{filepath.ToSlash(p), test, f})
		if name := strings.TrimSuffix(f.Name.Name, "_test"); !slices.Contains(s.dirs[name], dir) {
			s.dirs[name] = append(s.dirs[name], dir)
		}
		if s.declared[dir] == nil {
			s.declared[dir] = map[string]bool{}
		}
		for _, d := range f.Decls {
			s.declare(dir, d, test)
		}
		return nil
	})
	return s, err
})

func symbolsOf(t *testing.T) *symbols {
	t.Helper()
	s, err := readSymbols()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *symbols) declare(dir string, d ast.Decl, test bool) {
	add := func(names ...string) { s.declared[dir][strings.Join(names, ".")] = true }
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			add(d.Name.Name)
			s.tests[d.Name.Name] = s.tests[d.Name.Name] || test && regexp.MustCompile(`^(Test|Example|Fuzz|Benchmark)`).MatchString(d.Name.Name)
			return
		}
		add(receiver(d), d.Name.Name)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					add(n.Name)
				}
			case *ast.TypeSpec:
				add(spec.Name.Name)
				var members *ast.FieldList
				switch t := spec.Type.(type) {
				case *ast.StructType:
					members = t.Fields
				case *ast.InterfaceType:
					members = t.Methods
				default:
					continue
				}
				for _, m := range members.List {
					for _, n := range m.Names {
						add(spec.Name.Name, n.Name)
					}
				}
			}
		}
	}
}

// receiver returns the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// find returns the directories of the packages of that name, or path, that declare the symbol.
func (s *symbols) find(pkg, symbol string) (in []string) {
	for _, dir := range append(s.dirs[pkg], pkg) {
		if s.declared[dir][symbol] && !slices.Contains(in, dir) {
			in = append(in, dir)
		}
	}
	return in
}

var (
	qualified = regexp.MustCompile(`^([\w/]+)\.(\w+(?:\.\w+)?)$`)
	local     = regexp.MustCompile(`(?:^|[ =])\.(/[\w./…-]+)`) // the directories and files of a command
)

// check reports what is wrong with a span of code of a page: it has to be a file, a directory, a package, a symbol with its
// package before it, a test, or a command with files that exist.
func (s *symbols) check(span string) error {
	if m := qualified.FindStringSubmatch(span); m != nil && len(s.find(m[1], m[2])) > 0 {
		return nil
	}
	if s.tests[span] {
		return nil
	}
	if _, err := os.Stat(strings.TrimSuffix(span, "…")); err == nil {
		return nil
	}
	if command, _, ok := strings.Cut(span, " "); ok && slices.Contains([]string{"go", "git"}, command) {
		for _, m := range local.FindAllStringSubmatch(span, -1) {
			if _, err := os.Stat("." + strings.TrimSuffix(m[1], "...")); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.New("no file, package, symbol of a package, test or command")
}

// pageText is a page of documentation, without its blocks of code, and these.
type pageText struct {
	name, text string
	lines      []string // of text
	blocks     []block
}

// block is code of a page. link is the last file that was linked to before it.
type block struct{ language, code, link string }

var (
	linked = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	coded  = regexp.MustCompile("`([^`]+)`")
)

func readPage(t *testing.T, name string) (p pageText) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	p.name = name
	link, open := "", (*block)(nil)
	indent := ""
	for line := range strings.Lines(strings.ReplaceAll(string(raw), "\r\n", "\n")) {
		trimmed := strings.TrimSpace(line)
		switch {
		case open == nil && strings.HasPrefix(trimmed, "```"):
			indent = line[:strings.Index(line, "`")]
			open = &block{language: strings.TrimPrefix(trimmed, "```"), link: link}
		case open != nil && trimmed == "```":
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.code += strings.TrimPrefix(line, indent)
		default:
			for _, m := range linked.FindAllStringSubmatch(line, -1) {
				link = m[1]
			}
			p.lines = append(p.lines, strings.TrimSuffix(line, "\n"))
			p.text += line
		}
	}
	if open != nil {
		t.Errorf("%s: a block of code does not end", name)
	}
	return p
}

// checkNames checks that the links of a page resolve, and that what it names in code exists.
func (p pageText) checkNames(t *testing.T) {
	t.Helper()
	s := symbolsOf(t)
	for _, m := range coded.FindAllStringSubmatch(p.text, -1) {
		if err := s.check(m[1]); err != nil {
			t.Errorf("%s names %s: %v", p.name, m[1], err)
		}
	}
	for _, m := range linked.FindAllStringSubmatch(p.text, -1) {
		if err := p.resolve(m[1]); err != nil {
			t.Errorf("%s links to %s: %v", p.name, m[1], err)
		}
	}
}

// resolve reports whether a link's file exists, and has the heading that it names. Links to other sites are not looked at.
func (p pageText) resolve(link string) error {
	if strings.Contains(link, "://") {
		return nil
	}
	file, anchor, _ := strings.Cut(link, "#")
	at := p.name
	if file != "" {
		at = path.Join(path.Dir(p.name), file)
	}
	raw, err := os.ReadFile(at)
	if info, statErr := os.Stat(at); statErr == nil && info.IsDir() {
		err = nil
	}
	if err != nil || anchor == "" {
		return err
	}
	for line := range strings.Lines(string(raw)) {
		if title, ok := strings.CutPrefix(line, "#"); ok && anchorOf(strings.TrimLeft(title, "#")) == anchor {
			return nil
		}
	}
	return fmt.Errorf("%s has no such heading", at)
}

// anchorOf returns the anchor that GitHub makes of a heading.
func anchorOf(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(title))
}

// TestNamesChecked checks that the tests of pages find what does not exist.
func TestNamesChecked(t *testing.T) {
	s := symbolsOf(t)
	for span, ok := range map[string]bool{
		"machine.Client": true, "machine.Client.Step": true, "machine.Send.Pinned": true, "scheme.Client.Initiate": true, "gss.Waiting": true,
		"kerberos/ticket.Exchange": true, "header": true, "kerberos/…": true, "gss/gsstoy": true, "docs/machines.md": true, "TestNamesChecked": true,
		"go run ./internal/prose": true, "go generate .": true,

		"machine.Nothing": false, "machine.Client.Nothing": false, "machine.Send.Nothing": false, "nothing.Client": false, "gss/nothing": false,
		"docs/nothing.md": false, "TestNothing": false, "go run ./internal/nothing": false, "Client": false,
	} {
		if err := s.check(span); (err == nil) != ok {
			t.Errorf("%s: %v, want an error: %v", span, err, !ok)
		}
	}
	p := pageText{name: "docs/questions.md"}
	for link, ok := range map[string]bool{
		"transport.md": true, "../README.md": true, "../README.md#a-client": true, "../internal": true, "https://example.org/": true,
		"nothing.md": false, "../README.md#nothing": false,
	} {
		if err := p.resolve(link); (err == nil) != ok {
			t.Errorf("%s: %v, want an error: %v", link, err, !ok)
		}
	}
}

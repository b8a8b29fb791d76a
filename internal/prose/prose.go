// Prose measures the English of a tree's Go code, package by package:
//
//	go run ./internal/prose            the table
//	go run ./internal/prose -check     and fail where a package is beyond a limit
//	go run ./internal/prose -v         with the place of everything that counts against it
//
// It counts in comments the words for persons that stand for peers and callers, the
// function docs that say what a function "is" in place of what it returns, requirement
// ids in text that go doc prints, and lines of comment for each line of code. The style
// guide in CONTRIBUTING.md says why.
package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The limits of a package.
const (
	maxPersons  = 0.5  // words for persons for each 1,000 words of comment
	maxNominal  = 0.07 // of the docs of functions and methods
	minComments = 0.25 // lines for each line of code, in the packages of dense
)

// dense are the packages with the hardest code.
var dense = []string{"machine", "digest"}

var (
	words   = regexp.MustCompile(`[A-Za-z][A-Za-z'’]*`)
	persons = regexp.MustCompile(`(?i)\b(who|whom|whose|whoever|nobody|somebody|anybody|everybody)\b`)
	// nominal is how the doc of a function begins that says what the function is.
	nominal = regexp.MustCompile(`^\w+ (is|are)\b`)
	// ids are requirement ids, as docs/requirements.csv has them.
	ids = regexp.MustCompile(`\b(R\d{4}|N2HT|NTHT|SPNG|NLMP|KILE|MSDIG)-\d[\w.]*-?\d*\b|\b(HTA|CONN|TARGET|EARLY|BIND|REPLAY|PROOF|RELAY|FRONT|SECRET|KRB)-\d+\b`)
)

// A count is what was found in one package.
type count struct {
	words, persons int
	funcs, nominal int
	ids            int
	comments, code int
	faults         []string // with their places
}

func main() {
	check := flag.Bool("check", false, "fail where a package is beyond a limit")
	verbose := flag.Bool("v", false, "print the place of everything that counts against a package")
	flag.Parse()
	root := "."
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	counts, err := measure(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "prose:", err)
		os.Exit(2)
	}
	if beyond := report(counts, *verbose); beyond > 0 && *check {
		fmt.Fprintf(os.Stderr, "prose: %d packages are beyond a limit\n", beyond)
		os.Exit(1)
	}
}

// measure reads all Go files below root but those of testdata.
func measure(root string) (map[string]*count, error) {
	counts := map[string]*count{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		if counts[dir] == nil {
			counts[dir] = new(count)
		}
		return counts[dir].file(path)
	})
	return counts, err
}

// file adds a file. Of tests only the words for persons count.
func (c *count) file(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	test := strings.HasSuffix(path, "_test.go")
	for _, g := range f.Comments {
		for _, line := range g.List {
			said := strings.TrimSpace(strings.Trim(line.Text, "/*"))
			c.words += len(words.FindAllString(said, -1))
			for _, word := range persons.FindAllString(said, -1) {
				c.persons++
				c.fault(set, line.Pos(), "%q", word)
			}
		}
	}
	if test || ast.IsGenerated(f) {
		return nil
	}
	c.lines(set, f, string(text))
	c.docs(set, f)
	return nil
}

func (c *count) fault(set *token.FileSet, at token.Pos, format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf("%v: %s", set.Position(at), fmt.Sprintf(format, args...)))
}

// lines counts the lines that hold code, and those that hold nothing but comment.
func (c *count) lines(set *token.FileSet, f *ast.File, text string) {
	comment := map[int]bool{}
	for _, g := range f.Comments {
		for n := set.Position(g.Pos()).Line; n <= set.Position(g.End()).Line; n++ {
			comment[n] = true
		}
	}
	for n, line := range strings.Split(text, "\n") {
		switch line = strings.TrimSpace(line); {
		case line == "":
		case comment[n+1] && (strings.HasPrefix(line, "//") || strings.HasPrefix(line, "/*")):
			c.comments++
		default:
			c.code++
		}
	}
}

// docs looks at what go doc prints.
func (c *count) docs(set *token.FileSet, f *ast.File) {
	printed := func(doc *ast.CommentGroup, exported bool) {
		if doc == nil || !exported {
			return
		}
		for _, id := range ids.FindAllString(doc.Text(), -1) {
			c.ids++
			c.fault(set, doc.Pos(), "%s stands in text that go doc prints", id)
		}
	}
	printed(f.Doc, true)
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			printed(d.Doc, d.Name.IsExported() && (d.Recv == nil || exportedRecv(d.Recv)))
			if d.Doc == nil {
				continue
			}
			c.funcs++
			if nominal.MatchString(d.Doc.Text()) {
				c.nominal++
				c.fault(set, d.Doc.Pos(), "%s: say what it returns or reports", d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					printed(s.Doc, s.Name.IsExported())
					printed(d.Doc, s.Name.IsExported())
					if s.Name.IsExported() {
						ast.Inspect(s.Type, func(n ast.Node) bool {
							if field, ok := n.(*ast.Field); ok {
								exported := len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported)
								printed(field.Doc, exported)
								printed(field.Comment, exported)
							}
							return true
						})
					}
				case *ast.ValueSpec:
					exported := slices.ContainsFunc(s.Names, (*ast.Ident).IsExported)
					printed(s.Doc, exported)
					printed(s.Comment, exported)
				}
			}
		}
	}
}

func exportedRecv(fields *ast.FieldList) bool {
	t := fields.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// report prints the table, and returns how many packages are beyond a limit.
func report(counts map[string]*count, verbose bool) (beyond int) {
	fmt.Printf("%-44s %7s %9s %9s %5s %9s\n", "package", "words", "persons/k", "X is/are", "ids", "comments")
	total := new(count)
	for _, dir := range sorted(counts) {
		c := counts[dir]
		over := c.beyond(slices.Contains(dense, dir))
		if over != "" {
			beyond++
		}
		c.print(dir, over)
		if verbose {
			for _, fault := range c.faults {
				fmt.Println("   ", fault)
			}
		}
		total.words += c.words
		total.persons += c.persons
		total.funcs += c.funcs
		total.nominal += c.nominal
		total.ids += c.ids
		total.comments += c.comments
		total.code += c.code
	}
	total.print("all", "")
	return beyond
}

func (c *count) print(name, over string) {
	fmt.Printf("%-44s %7d %9.1f %8.0f%% %5d %9.2f  %s\n", name, c.words, c.perThousand(), 100*part(c.nominal, c.funcs), c.ids, part(c.comments, c.code), over)
}

func (c *count) perThousand() float64 { return 1000 * part(c.persons, c.words) }

// beyond says which limits a package is beyond. One word among few is none too many.
func (c *count) beyond(dense bool) string {
	var over []string
	if c.perThousand() > maxPersons && c.persons > 1 {
		over = append(over, "persons")
	}
	if part(c.nominal, c.funcs) > maxNominal && c.nominal > 1 {
		over = append(over, "is/are")
	}
	if c.ids > 0 {
		over = append(over, "ids")
	}
	if dense && part(c.comments, c.code) < minComments {
		over = append(over, "comments")
	}
	return strings.Join(over, ", ")
}

func part(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

func sorted(counts map[string]*count) (dirs []string) {
	for dir := range counts {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	return dirs
}

// Command prose measures the English of a tree, package by package and document by document:
//
//	go run ./internal/prose            prints the table
//	go run ./internal/prose -check     and fails if a package or document exceeds a limit
//	go run ./internal/prose -v         with the place of every finding
//
// The table rules says what it counts and where. The style guide in CONTRIBUTING.md says
// why.
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

// A rule is something that is counted, and how much of it is allowed.
type rule struct {
	column  string
	format  string
	pattern *regexp.Regexp
	scale   float64  // the value is scale*found/of, or found if scale is 0
	max     float64  // the highest allowed value
	min     float64  // the lowest allowed value, if not 0
	only    []string // the packages to which min applies
	few     int      // so many findings are allowed whatever the value
}

const (
	persons  = iota // words for persons in comments and Markdown
	texts           // the same words in the texts of errors and help
	nominal         // docs of functions that say what the function is
	ids             // requirement ids in text that go doc prints
	comments        // lines of comment for each line of code
)

// rules are all rules. Words for persons stand for peers and callers where these should be
// named. Requirement ids are those of docs/requirements.csv. Of tests only words for persons
// in comments count; of Markdown, only in text that is not generated. The density of comments
// matters where the code is hardest.
var rules = [...]rule{
	persons:  {column: "persons/k", format: "%.1f", pattern: personsPattern, scale: 1000, max: 0.5, few: 1},
	texts:    {column: "texts", format: "%.0f", pattern: personsPattern},
	nominal:  {column: "X is/are", format: "%.0f%%", pattern: regexp.MustCompile(`^\w+ (is|are)\b`), scale: 100, max: 7, few: 1},
	ids:      {column: "ids", format: "%.0f", pattern: regexp.MustCompile(`\b(R\d{4}|N2HT|NTHT|SPNG|NLMP|KILE|MSDIG)-\d[\w.]*-?\d*\b|\b(HTA|CONN|TARGET|EARLY|BIND|REPLAY|PROOF|RELAY|FRONT|SECRET|KRB|LEG)-\d+\b`)},
	comments: {column: "comments", format: "%.2f", scale: 1, max: 1e9, min: 0.25, only: []string{"machine", "digest"}},
}

var (
	personsPattern = regexp.MustCompile(`(?i)\b(who|whom|whose|whoever|nobody|somebody|anybody|everybody)\b`)
	words          = regexp.MustCompile(`[A-Za-z][A-Za-z'’]*`)
	// speaking are the functions and conversions with texts of errors and help as arguments:
	// of package errors, fmt and gss, and those of cobra's flags. spoken are such fields.
	speaking = regexp.MustCompile(`^(errors\.New|fmt\.Errorf|(gss\.)?Misuse|\w+\.\w+Var(P|PF|F)?)$`)
	spoken   = regexp.MustCompile(`^(Detail|Short|Long)$`)
	// quoted is what Markdown does not say itself: code, and words in emphasis such as *who*.
	quoted = regexp.MustCompile("(?s)```.*?```|`[^`\\n]*`|\\*\\w+\\*")
)

// A count is what was found in one package or document.
type count struct {
	found, of [len(rules)]int
	words     int
	doc       bool     // it is a document, not a package
	faults    []string // with their places
}

func main() {
	check := flag.Bool("check", false, "fail if a package or document exceeds a limit")
	verbose := flag.Bool("v", false, "print the place of every finding")
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
		fmt.Fprintf(os.Stderr, "prose: %d packages and documents exceed a limit\n", beyond)
		os.Exit(1)
	}
}

// measure reads the Go files below root except those of testdata, and the Markdown files in
// root and docs.
func measure(root string) (map[string]*count, error) {
	counts := map[string]*count{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		switch ext := filepath.Ext(path); {
		case ext == ".go":
			if counts[dir] == nil {
				counts[dir] = new(count)
			}
			return counts[dir].file(path)
		case ext == ".md" && (dir == "." || dir == "docs"):
			text, err := os.ReadFile(path)
			if err == nil && !generated(string(text)) {
				c := &count{doc: true}
				c.markdown(path, string(text))
				counts[filepath.Join(dir, d.Name())] = c
			}
			return err
		}
		return nil
	})
	return counts, err
}

// generated reports whether a document says in its first lines that go generate writes it.
func generated(text string) bool { return strings.Contains(text[:min(len(text), 1000)], "go generate") }

// markdown adds a document.
func (c *count) markdown(path, text string) {
	text = quoted.ReplaceAllStringFunc(text, func(code string) string { return strings.Repeat("\n", strings.Count(code, "\n")) })
	for n, line := range strings.Split(text, "\n") {
		c.say(line, func(word string) string { return fmt.Sprintf("%s:%d: %q", path, n+1, word) })
	}
}

// say counts the words of a text and those for persons among them.
func (c *count) say(text string, fault func(word string) string) {
	n := len(words.FindAllString(text, -1))
	c.words += n
	c.of[persons] += n
	for _, word := range rules[persons].pattern.FindAllString(text, -1) {
		c.found[persons]++
		c.faults = append(c.faults, fault(word))
	}
}

// file adds a Go file.
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
	for _, g := range f.Comments {
		for _, line := range g.List {
			c.say(strings.TrimSpace(strings.Trim(line.Text, "/*")), func(word string) string {
				return fmt.Sprintf("%v: %q", set.Position(line.Pos()), word)
			})
		}
	}
	if strings.HasSuffix(path, "_test.go") || ast.IsGenerated(f) {
		return nil
	}
	c.lines(set, f, string(text))
	c.docs(set, f)
	c.texts(set, f)
	return nil
}

// texts looks at the texts of errors and help.
func (c *count) texts(set *token.FileSet, f *ast.File) {
	look := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				for _, word := range rules[texts].pattern.FindAllString(lit.Value, -1) {
					c.found[texts]++
					c.fault(set, lit.Pos(), "%q in the text of an error or help", word)
				}
			}
			return true
		})
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if speaking.MatchString(name(n.Fun)) {
				for _, arg := range n.Args {
					look(arg)
				}
				return false // not again for a call within
			}
		case *ast.KeyValueExpr:
			if spoken.MatchString(name(n.Key)) {
				look(n.Value)
				return false
			}
		}
		return true
	})
}

// name returns the name that an expression consists of, with the one before the dot, "" if it
// is something else.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x := name(e.X); x != "" {
			return x + "." + e.Sel.Name
		}
	}
	return ""
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
			c.found[comments]++
		default:
			c.of[comments]++
		}
	}
}

// docs looks at what go doc prints.
func (c *count) docs(set *token.FileSet, f *ast.File) {
	printed := func(doc *ast.CommentGroup, exported bool) {
		if doc == nil || !exported {
			return
		}
		for _, id := range rules[ids].pattern.FindAllString(doc.Text(), -1) {
			c.found[ids]++
			c.fault(set, doc.Pos(), "%s in text that go doc prints", id)
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
			c.of[nominal]++
			if rules[nominal].pattern.MatchString(d.Doc.Text()) {
				c.found[nominal]++
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

// report prints the table, and returns how many packages and documents exceed a limit.
func report(counts map[string]*count, verbose bool) (beyond int) {
	fmt.Printf("%-44s %7s", "package", "words")
	for _, r := range rules {
		fmt.Printf(" %9s", r.column)
	}
	fmt.Println()
	total := new(count)
	for _, dir := range sorted(counts) {
		c := counts[dir]
		over := c.beyond(dir)
		if len(over) > 0 {
			beyond++
		}
		c.print(dir, over)
		if verbose {
			for _, fault := range c.faults {
				fmt.Println("   ", fault)
			}
		}
		total.words += c.words
		for i := range rules {
			total.found[i] += c.found[i]
			total.of[i] += c.of[i]
		}
	}
	total.print("all", nil)
	return beyond
}

func (c *count) print(name string, over []string) {
	fmt.Printf("%-44s %7d", name, c.words)
	for i, r := range rules {
		value := fmt.Sprintf(r.format, c.value(i))
		if c.doc && i != persons {
			value = ""
		}
		fmt.Printf(" %9s", value)
	}
	fmt.Println(" ", strings.Join(over, ", "))
}

// value returns what was counted for a rule, in the rule's scale.
func (c *count) value(i int) float64 {
	switch {
	case rules[i].scale == 0:
		return float64(c.found[i])
	case c.of[i] == 0:
		return 0
	}
	return rules[i].scale * float64(c.found[i]) / float64(c.of[i])
}

// beyond returns the columns of the rules that a package or document breaks.
func (c *count) beyond(dir string) (over []string) {
	for i, r := range rules {
		v := c.value(i)
		if v > r.max && c.found[i] > r.few || v < r.min && slices.Contains(r.only, dir) {
			over = append(over, r.column)
		}
	}
	return over
}

func sorted(counts map[string]*count) (dirs []string) {
	for dir := range counts {
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	return dirs
}

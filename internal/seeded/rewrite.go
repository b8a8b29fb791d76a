package seeded

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Overlay is what the go command is to see in place of the repository's files.
type Overlay struct {
	// Files are the contents by path below the root, with slashes.
	Files map[string]string
	// spans tell which edit's text stands on which lines of a file.
	spans map[string][]span
}

type span struct {
	from, to int // lines, both included
	edit     string
}

// EditAt returns the edit with text on a line of a file, "" if there is none.
func (o *Overlay) EditAt(file string, line int) string {
	for _, s := range o.spans[file] {
		if s.from <= line && line <= s.to {
			return s.edit
		}
	}
	return ""
}

// Apply makes the changes of one edit to the files that they name, as they stand in
// the repository at root. It is an error if an old text does not occur exactly once, or
// if what comes of it is no Go.
func Apply(root string, e *Edit) (map[string]string, error) {
	files := map[string]string{}
	for i, c := range e.Changes {
		text, known := files[c.File]
		if !known {
			var err error
			if text, err = source(root, c.File); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", e.At, e.Name, err)
			}
		}
		switch n := strings.Count(text, c.Old); {
		case strings.TrimSpace(c.Old) == "":
			return nil, fmt.Errorf("%s: %s: the old text is empty", e.At, e.Name)
		case n != 1:
			return nil, fmt.Errorf("%s: %s: the old text of change %d occurs %d times in %s, want once:\n%s", e.At, e.Name, i+1, n, c.File, c.Old)
		case c.Old == c.New:
			return nil, fmt.Errorf("%s: %s: the new text of change %d is the old one", e.At, e.Name, i+1)
		}
		files[c.File] = strings.Replace(text, c.Old, c.New, 1)
	}
	for file, text := range files {
		if _, err := parser.ParseFile(token.NewFileSet(), file, text, 0); err != nil {
			return nil, fmt.Errorf("%s: %s: with the new text it is no Go: %w", e.At, e.Name, err)
		}
	}
	return files, nil
}

// source reads a file that edits may change.
func source(root, file string) (string, error) {
	if path.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") || !filepath.IsLocal(filepath.FromSlash(file)) {
		return "", fmt.Errorf("%s is no Go file of the repository that ships", file)
	}
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	return string(b), err
}

// Rewrite makes one overlay for all edits that can share it, and returns the others,
// which need a build of their own: edits of what is not within the body of a function,
// and those that ask for it.
//
// In the overlay a function that has edits begins, for each of them, with
//
//	if seededFault("name") {
//		return func(its parameters) (its results) { its body, edited }(its arguments)
//	}
//
// and then goes on as it ships. So each body is compiled by itself, with its own
// scope, labels and returns, whatever the others do.
func Rewrite(root string, edits []Edit) (*Overlay, []Edit, error) {
	var alone []Edit
	sites := map[string][]site{} // by file
	for _, e := range edits {
		own, ok, err := place(root, &e)
		switch {
		case err != nil:
			return nil, nil, err
		case !ok:
			alone = append(alone, e)
		}
		for file, s := range own {
			sites[file] = append(sites[file], s...)
		}
	}
	o := &Overlay{Files: map[string]string{}, spans: map[string][]span{}}
	for file, list := range sites {
		text, err := source(root, file)
		if err != nil {
			return nil, nil, err
		}
		slices.SortStableFunc(list, func(a, b site) int { return a.body - b.body })
		var out strings.Builder
		done, line := 0, 1
		write := func(s string) {
			out.WriteString(s)
			line += strings.Count(s, "\n")
		}
		for _, s := range list {
			write(text[done:s.body])
			done = s.body
			from := line
			write(s.text)
			o.spans[file] = append(o.spans[file], span{from, line, s.edit})
		}
		write(text[done:])
		o.Files[file] = out.String()
		dir := path.Dir(file)
		o.Files[path.Join(dir, switchFile)] = switchSource(list[0].pkg)
	}
	return o, alone, nil
}

// switchFile is the file that the overlay adds to each package with edits.
const switchFile = "seeded_fault_switch.go"

func switchSource(pkg string) string {
	return fmt.Sprintf(`package %s

import seededOS "os"

var seededFaultOn = seededOS.Getenv(%q)

func seededFault(name string) bool { return seededFaultOn == name }
`, pkg, Variable)
}

// site is text to be put at the beginning of a function's body.
type site struct {
	edit, pkg string
	body      int // where the body begins in the file, behind its brace
	text      string
}

// place finds the functions that an edit changes, by file. It reports false if a
// change is not within the body of one.
func place(root string, e *Edit) (map[string][]site, bool, error) {
	if _, err := Apply(root, e); err != nil {
		return nil, false, err
	}
	if e.Alone {
		return nil, false, nil
	}
	type body struct {
		text string
		f    function
		pkg  string
	}
	bodies := map[string]map[int]*body{} // by file and where they begin
	for _, c := range e.Changes {
		text, err := source(root, c.File)
		if err != nil {
			return nil, false, err
		}
		from := strings.Index(text, c.Old)
		if from < 0 {
			return nil, false, nil // one change builds upon another
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, c.File, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, false, err
		}
		f, ok := enclosing(fset, tree, text, from, from+len(c.Old))
		if !ok {
			return nil, false, nil
		}
		if bodies[c.File] == nil {
			bodies[c.File] = map[int]*body{}
		}
		b := bodies[c.File][f.open]
		if b == nil {
			b = &body{text[f.open:f.close], f, tree.Name.Name}
			bodies[c.File][f.open] = b
		}
		if strings.Count(b.text, c.Old) != 1 {
			return nil, false, nil
		}
		b.text = strings.Replace(b.text, c.Old, c.New, 1)
	}
	out := map[string][]site{}
	for file, of := range bodies {
		for open, b := range of {
			f := b.f
			call := fmt.Sprintf("func(%s) %s {%s\n}(%s)", f.params, f.results, b.text, f.args)
			if f.results == "" {
				call += "\nreturn"
			} else {
				call = "return " + call
			}
			out[file] = append(out[file], site{e.Name, b.pkg, open, fmt.Sprintf("\nif seededFault(%q) {\n%s\n}\n", e.Name, call)})
		}
	}
	return out, true, nil
}

// function is a function with a body that can be doubled.
type function struct {
	open, close           int    // the body, within its braces
	params, results, args string // of a literal in its place
}

// enclosing finds the outermost function around a piece of a file. It reports false
// if there is none, or if its body cannot run within another function because it
// recovers.
func enclosing(fset *token.FileSet, tree *ast.File, text string, from, to int) (f function, ok bool) {
	at := func(p token.Pos) int { return fset.Position(p).Offset }
	ast.Inspect(tree, func(n ast.Node) bool {
		if n == nil || ok || at(n.Pos()) > from || at(n.End()) < to {
			return false
		}
		var recv *ast.FieldList
		var sig *ast.FuncType
		var body *ast.BlockStmt
		switch n := n.(type) {
		case *ast.FuncDecl:
			recv, sig, body = n.Recv, n.Type, n.Body
		case *ast.FuncLit:
			sig, body = n.Type, n.Body
		}
		if body == nil || at(body.Lbrace)+1 > from || at(body.Rbrace) < to {
			return true
		}
		f = function{open: at(body.Lbrace) + 1, close: at(body.Rbrace)}
		var params, args []string
		for _, list := range []*ast.FieldList{recv, sig.Params} {
			if list == nil {
				continue
			}
			for _, field := range list.List {
				kind := text[at(field.Type.Pos()):at(field.Type.End())]
				for _, name := range field.Names {
					if name.Name == "_" {
						continue
					}
					params = append(params, name.Name+" "+kind)
					arg := name.Name
					if _, variadic := field.Type.(*ast.Ellipsis); variadic {
						arg += "..."
					}
					args = append(args, arg)
				}
			}
		}
		f.params, f.args = strings.Join(params, ", "), strings.Join(args, ", ")
		if sig.Results != nil {
			f.results = text[at(sig.Results.Pos()):at(sig.Results.End())]
		}
		ok = !recovers(body)
		return false
	})
	return f, ok
}

// recovers reports whether a body calls recover itself, which works only in the
// function that was deferred.
func recovers(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "recover" {
				found = true
			}
		}
		return !found
	})
	return found
}

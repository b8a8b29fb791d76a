package countersign_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// The longest that a file and a function may be, in lines. A file of tests has the tests of
// one topic, so that its name tells what is in it.
const (
	maxFile     = 500
	maxTestFile = 700
	maxFunction = 120
)

// All files of all modules keep to it.
func TestFilesAndFunctionsAreShort(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") {
			return err
		}
		files++
		lines := maxFile
		if strings.HasSuffix(path, "_test.go") {
			lines = maxTestFile
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, wrong := range tooLong(set, f, lines, maxFunction) {
			t.Error(wrong)
		}
		return nil
	})
	if err != nil || files < 500 {
		t.Errorf("%d files, %v", files, err)
	}
}

// tooLong returns the file and the functions of it that have more lines than they may have.
// A function that is a variable's value counts as well: a property of the model is one.
func tooLong(set *token.FileSet, f *ast.File, lines, functions int) (wrong []string) {
	if n := set.File(f.Pos()).LineCount(); n > lines {
		wrong = append(wrong, fmt.Sprintf("%s has %d lines, want %d at most", set.Position(f.Pos()).Filename, n, lines))
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			if long := set.Position(n.End()).Line - set.Position(n.Pos()).Line + 1; long > functions {
				wrong = append(wrong, fmt.Sprintf("%s: a function of %d lines, want %d at most", set.Position(n.Pos()), long, functions))
			}
		}
		return true
	})
	return wrong
}

// A line too many is told, in a function that is a variable's value as well.
func TestTooLong(t *testing.T) {
	const source = "package p\n\nfunc f() {\n}\n\nvar v = struct{ f func() }{func() {\n\t_ = 1\n}}\n"
	for _, c := range []struct{ lines, functions, want int }{{8, 3, 0}, {7, 3, 1}, {8, 2, 1}, {8, 1, 2}} {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, "p.go", source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if wrong := tooLong(set, f, c.lines, c.functions); len(wrong) != c.want {
			t.Errorf("at most %d lines, %d of a function: %q, want %d", c.lines, c.functions, wrong, c.want)
		}
	}
}

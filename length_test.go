package countersign_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// The longest that a file and a function of these packages may be, in lines.
const (
	maxFile     = 500
	maxFunction = 120
)

// short are the packages that keep to it.
var short = []string{"model", "proptest"}

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, dir := range short {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if n := set.File(f.Pos()).LineCount(); n > maxFile {
				t.Errorf("%s has %d lines, want %d at most", file, n, maxFile)
			}
			// A property is a variable, with a function in it.
			for _, d := range f.Decls {
				if g, ok := d.(*ast.GenDecl); ok && g.Tok != token.VAR {
					continue
				}
				if n := set.Position(d.End()).Line - set.Position(d.Pos()).Line + 1; n > maxFunction {
					t.Errorf("%s: a declaration of %d lines, want %d at most", set.Position(d.Pos()), n, maxFunction)
				}
			}
		}
	}
}

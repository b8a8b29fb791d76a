package model

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// Each property is found by its name: it is a variable with that name, whose doc begins
// with it.
func TestEachPropertyIsAVariable(t *testing.T) {
	files, err := filepath.Glob("property_*.go")
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{} // by the variable's name, in lower case
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR && len(g.Specs) == 1 {
				name := g.Specs[0].(*ast.ValueSpec).Names[0].Name
				docs[strings.ToLower(name)] = g.Doc.Text()
			}
		}
	}
	for _, p := range all {
		name := strings.ToLower(p.Name)
		if '0' <= name[0] && name[0] <= '9' { // which no variable's name can begin with
			name = "status" + name
		}
		if doc := docs[name]; !strings.HasPrefix(strings.ToLower(doc), name+" ") {
			t.Errorf("%s has the doc %q, want a variable of that name with a doc that begins with it", p.Name, doc)
		}
	}
}

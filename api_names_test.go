package countersign

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestAPIHasNames: what an exported name is made of has a name outside of this module. A
// type of an internal package in a signature, or in an exported field, is one that programs
// cannot declare a variable or write a function of, unless a package that they can import
// has an alias for it.
func TestAPIHasNames(t *testing.T) {
	s := symbolsOf(t)
	named := map[string]bool{}
	type use struct{ file, where, of string }
	var uses []use
	for _, dir := range slices.Sorted(maps.Keys(s.files)) {
		if dir == "internal" || strings.HasPrefix(dir+"/", "internal/") || strings.Contains(dir+"/", "/internal/") {
			continue
		}
		for _, f := range s.files[dir] {
			if f.test || f.ast.Name.Name == "main" {
				continue
			}
			inside := internalImports(f.ast)
			for _, d := range f.ast.Decls {
				if alias, of := aliasOf(d, inside); alias {
					named[of] = true
					continue
				}
				exported(d, func(where string, n ast.Node) {
					for of := range internalTypes(n, inside) {
						uses = append(uses, use{f.name, where, of})
					}
				})
			}
		}
	}
	for _, u := range uses {
		if !named[u.of] {
			t.Errorf("%s: %s has a %s, which programs outside of the module cannot name", u.file, u.where, u.of)
		}
	}
	if len(named) == 0 {
		t.Error("no internal type has a name at all, not even ccache.Addresses")
	}
}

// TestInternalTypesAreFound: the types of internal packages are found wherever a declaration exports them, and only there.
func TestInternalTypesAreFound(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", `package p

import "x.test/internal/q"

type T struct {
	q.Embedded[T]
	own
	Field map[string][]*q.Field
	field q.None
}

type t struct{ Field q.None }

func F(f func(q.Param)) error { return q.None{} }
func (T) M() (r q.Result)    { return }
func (t) M() q.None          { return q.None{} }

var V q.Var
`, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, d := range f.Decls {
		exported(d, func(_ string, n ast.Node) { maps.Copy(found, internalTypes(n, internalImports(f))) })
	}
	got := slices.Sorted(maps.Keys(found))
	if want := []string{"x.test/internal/q.Embedded", "x.test/internal/q.Field", "x.test/internal/q.Param", "x.test/internal/q.Result", "x.test/internal/q.Var"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// internalImports returns the internal packages that a file imports, by their names in it.
func internalImports(f *ast.File) map[string]string {
	inside := map[string]string{}
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil || !strings.Contains(p, "/internal/") {
			continue
		}
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		inside[name] = strings.TrimPrefix(p, "github.com/countersign-auth/countersign/")
	}
	return inside
}

// aliasOf reports whether a declaration is an exported alias of an internal type, and of
// which.
func aliasOf(d ast.Decl, inside map[string]string) (alias bool, of string) {
	g, ok := d.(*ast.GenDecl)
	if !ok || len(g.Specs) != 1 {
		return false, ""
	}
	spec, ok := g.Specs[0].(*ast.TypeSpec)
	if !ok || !spec.Assign.IsValid() || !spec.Name.IsExported() {
		return false, ""
	}
	for of := range internalTypes(spec.Type, inside) {
		return true, of
	}
	return false, ""
}

// exported calls look for the types of what a declaration exports.
func exported(d ast.Decl, look func(where string, n ast.Node)) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		where := d.Name.Name
		if d.Recv != nil {
			of := receiver(d)
			if !ast.IsExported(of) {
				return
			}
			where = of + "." + where
		}
		if d.Name.IsExported() {
			look(where, d.Type)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() {
					look(spec.Name.Name, spec.Type)
				}
			case *ast.ValueSpec:
				if spec.Type != nil && slices.ContainsFunc(spec.Names, (*ast.Ident).IsExported) {
					look(spec.Names[0].Name, spec.Type)
				}
			}
		}
	}
}

// internalTypes returns the internal types in a type, without those in fields that are not
// exported.
func internalTypes(n ast.Node, inside map[string]string) map[string]bool {
	found := map[string]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StructType:
			for _, field := range n.Fields.List {
				if len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
					maps.Copy(found, internalTypes(field.Type, inside))
				}
			}
			return false
		case *ast.SelectorExpr:
			if id, ok := n.X.(*ast.Ident); ok && inside[id.Name] != "" {
				found[inside[id.Name]+"."+n.Sel.Name] = true
			}
		}
		return true
	})
	return found
}

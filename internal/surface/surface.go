// Package surface reads what packages export: a line for each constant, variable, function, type, method and field that a program can name.
package surface

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An Entry is one line of a package's surface.
type Entry struct {
	Package string // the directory below the root, with slashes; "." is the root's own package
	Text    string // as it is declared, without its body, its comments and what is unexported
	Named   bool   // it is a name of its own: not a field, nor a method of an interface, which belong to their type
}

// String returns the entry as a line of api.txt.
func (e Entry) String() string { return "pkg " + e.Package + ", " + e.Text }

// Of returns the surface of all packages below root that a program outside of the repository can import, in the order of their lines. Commands, tests,
// testdata, internal packages and the modules of the directories in without are passed over.
func Of(root string, without ...string) ([]Entry, error) {
	var entries []Entry
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		name := d.Name()
		dir, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		if name == "internal" || name == "testdata" || slices.Contains(without, dir) || path != root && strings.HasPrefix(name, ".") {
			return filepath.SkipDir
		}
		found, err := ofPackage(path, dir)
		entries = append(entries, found...)
		return err
	})
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.String(), b.String()) })
	return slices.CompactFunc(entries, func(a, b Entry) bool { return a.String() == b.String() }), err
}

// ofPackage returns the surface of the package in path, which is none for a command and for a directory without one.
func ofPackage(path, dir string) ([]Entry, error) {
	files, err := filepath.Glob(filepath.Join(path, "*.go"))
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, file := range files {
		if match, err := build.Default.MatchFile(path, filepath.Base(file)); err != nil || !match || strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, file, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		if parsed.Name.Name == "main" {
			return nil, nil
		}
		for _, decl := range parsed.Decls {
			entries = append(entries, ofDecl(fset, dir, decl)...)
		}
	}
	return entries, nil
}

// ofDecl returns the exported part of one declaration.
func ofDecl(fset *token.FileSet, dir string, decl ast.Decl) []Entry {
	var entries []Entry
	add := func(named bool, format string, args ...any) {
		entries = append(entries, Entry{dir, fmt.Sprintf(format, args...), named})
	}
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if !decl.Name.IsExported() {
			break
		}
		signature := strings.TrimPrefix(source(fset, decl.Type), "func")
		if decl.Recv == nil {
			add(true, "func %s%s", decl.Name, signature)
		} else if receiver := source(fset, decl.Recv.List[0].Type); ast.IsExported(strings.TrimPrefix(receiver, "*")) {
			add(true, "method (%s) %s%s", receiver, decl.Name, signature)
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					if name.IsExported() {
						add(true, "%s %s", decl.Tok, name)
					}
				}
			case *ast.TypeSpec:
				if spec.Name.IsExported() {
					entries = append(entries, ofType(fset, dir, spec)...)
				}
			}
		}
	}
	return entries
}

// ofType returns a type, and its exported fields or methods.
func ofType(fset *token.FileSet, dir string, spec *ast.TypeSpec) []Entry {
	name := spec.Name.Name
	var fields *ast.FieldList
	kind := ""
	switch t := spec.Type.(type) {
	case *ast.StructType:
		kind, fields = "struct", t.Fields
	case *ast.InterfaceType:
		kind, fields = "interface", t.Methods
	default:
		kind = source(fset, t)
	}
	if spec.TypeParams != nil {
		var params []string
		for _, field := range spec.TypeParams.List {
			for _, param := range field.Names {
				params = append(params, param.Name+" "+source(fset, field.Type))
			}
		}
		name += "[" + strings.Join(params, ", ") + "]"
	}
	if spec.Assign.IsValid() {
		name += " ="
	}
	entries := []Entry{{dir, fmt.Sprintf("type %s %s", name, kind), true}}
	if fields == nil {
		return entries
	}
	for _, field := range fields.List {
		text := source(fset, field.Type)
		if len(field.Names) == 0 {
			base := strings.TrimPrefix(text, "*")
			if base = base[strings.LastIndex(base, ".")+1:]; ast.IsExported(base) || kind == "interface" {
				entries = append(entries, Entry{dir, fmt.Sprintf("type %s %s, %s", spec.Name, kind, text), false})
			}
		}
		for _, each := range field.Names {
			if each.IsExported() {
				member := each.Name + " " + text
				if kind == "interface" {
					member = each.Name + strings.TrimPrefix(text, "func")
				}
				entries = append(entries, Entry{dir, fmt.Sprintf("type %s %s, %s", spec.Name, kind, member), false})
			}
		}
	}
	return entries
}

// source returns an expression in one line.
func source(fset *token.FileSet, node ast.Node) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, fset, node); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// Package equalwork checks in the source that a refusal costs the same whether the user
// is known. Time is not measured, and work that was left out shows in no result, so the
// test looks at where the work stands: in every run of the function, and before
// everything that depends on what the user store said.
//
// The source comes by go:embed, so that a test built with an overlay looks at what was
// built.
//
// It is for tests only: what is not a test must not import it.
package equalwork

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// Before fails the test unless the function of the source calls work exactly once, in a
// statement of its own body and not of a branch or loop, and names none of the outcomes
// before that. Names may have a package before them: "gss.UnknownUser".
func Before(t testing.TB, source, function, work string, outcomes ...string) {
	t.Helper()
	for _, fault := range faults(t, source, function, work, outcomes) {
		t.Errorf("%s: %s", function, fault)
	}
}

func faults(t testing.TB, source, function, work string, outcomes []string) (list []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var body *ast.BlockStmt
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == function {
			body = fn.Body
		}
	}
	if body == nil {
		return []string{"there is no such function"}
	}
	done := -1
	for n, s := range body.List {
		calls := count(s, work, true)
		if calls == 0 {
			continue
		}
		switch s.(type) {
		case *ast.AssignStmt, *ast.ExprStmt, *ast.ReturnStmt:
		default:
			list = append(list, work+" is called in a branch or a loop")
		}
		if calls > 1 || done >= 0 {
			list = append(list, work+" is called more than once")
		}
		done = n
	}
	if done < 0 {
		return append(list, work+" is not called")
	}
	named := 0
	for n, s := range body.List {
		for _, o := range outcomes {
			c := count(s, o, false)
			if named += c; c > 0 && n < done {
				list = append(list, o+" stands before the work")
			}
		}
	}
	if named < len(outcomes) {
		list = append(list, "an outcome is not named at all")
	}
	return list
}

// count returns how often a name occurs in a node, as the function of a call or anywhere.
func count(n ast.Node, name string, called bool) (times int) {
	ast.Inspect(n, func(n ast.Node) bool {
		e, _ := n.(ast.Expr)
		if called {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			e = call.Fun
		}
		if e != nil && text(e) == name {
			times++
		}
		return true
	})
	return times
}

func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x := text(e.X); x != "" {
			return x + "." + e.Sel.Name
		}
	}
	return ""
}

package countersign

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"
)

// withoutExamples are the packages that programs can import and that need no Example, each with the reason.
var withoutExamples = map[string]string{
	"drivers/interop/attack": "has tests alone",
}

// TestPackagesHaveExamples checks that each package that programs can import has an Example which runs: one with an Output
// comment, since the others are compiled alone. That each has a comment is checked by TestPackageComments.
func TestPackagesHaveExamples(t *testing.T) {
	s := symbolsOf(t)
	n := 0
	for _, dir := range slices.Sorted(maps.Keys(s.files)) {
		if strings.Contains("/"+dir+"/", "/internal/") || strings.HasPrefix(dir, examples+"/") {
			continue
		}
		var tests []*ast.File
		program := false // one that programs can import
		for _, f := range s.files[dir] {
			switch {
			case f.test:
				tests = append(tests, f.ast)
			case f.ast.Name.Name != "main":
				program = true
			}
		}
		if !program {
			continue
		}
		n++
		has, why := runs(tests), withoutExamples[dir]
		switch {
		case has && why != "":
			t.Errorf("package %s has an Example that runs: it is no exception", dir)
		case !has && why == "":
			t.Errorf("package %s has no Example with an Output comment", dir)
		}
	}
	if n < 25 {
		t.Errorf("only %d packages were found: the search is broken", n)
	}
	for dir := range withoutExamples {
		if s.files[dir] == nil {
			t.Errorf("the exception %s is no package", dir)
		}
	}
}

// runs reports whether one of the tests' files has an Example that go test runs and that prints something.
func runs(tests []*ast.File) bool {
	return slices.ContainsFunc(doc.Examples(tests...), func(e *doc.Example) bool { return e.Output != "" })
}

// TestExamplesRun shows the search Examples that do not run.
func TestExamplesRun(t *testing.T) {
	for text, want := range map[string]bool{
		"func Example() {\n\tf()\n\t// Output: 1\n}":                  true,
		"func ExampleF() {\n\tf()\n\t// Unordered output:\n\t// 1\n}": true,
		"func ExampleF() {\n\tf()\n\t// Output:\n}":                   false, // it shows nothing
		"func ExampleF() {\n\tf()\n}":                                 false,
		"func Examples() {\n\tf()\n\t// Output: 1\n}":                 false,
		"func TestF(t *testing.T) {\n\tf()\n\t// Output: 1\n}":        false,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "p_test.go", "package p\n\n"+text+"\n", parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if got := runs([]*ast.File{f}); got != want {
			t.Errorf("%t for\n%s", got, text)
		}
	}
}

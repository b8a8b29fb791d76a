package catalog

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

const root = "../../.."

// TestTreeCatches shows what is no check.
func TestTreeCatches(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "x_test.go", `package x
		func TestGood(t *testing.T) { requirement.Held(t, "unit:good"); requirement.Held(t, "unit:narrow", "R1") }
		func FuzzGood(f *testing.F) { f.Fuzz(func(t *testing.T, s string) { requirement.Held(t, "fuzz:Good") }) }
		func TestEmpty(t *testing.T) {}
		func FuzzOther(f *testing.F) { requirement.Held(f, "fuzz:Another") }
		func helper(t *testing.T) { requirement.Held(t, "unit:helper") }
		func TestVariable(t *testing.T) { requirement.Held(t, name) }
		func TestKit(t *testing.T) { proptest.Mechanism(t, pair); drivertest.Run(t, driver) }`, 0)
	if err != nil {
		t.Fatal(err)
	}
	tr := &Tree{Sites: map[string][]Site{}, Kits: map[string][]Site{}, root: root}
	for _, d := range f.Decls {
		tr.readTest("x", d.(*ast.FuncDecl))
	}
	if len(tr.Odd) != 3 {
		t.Errorf("found odd: %q, want a wrong target, a helper and a variable", tr.Odd)
	}
	inRow := func(id string) Row { return Row{ID: id} }
	persist := inRow("N2HT-3.2.5-12")
	for _, c := range []struct {
		row   Row
		check string
		found bool
	}{
		{inRow("R1"), "unit:good", true},
		{inRow("R1"), "unit:narrow", true},
		{inRow("R2"), "unit:narrow", false},
		{inRow("R1"), "fuzz:Good", true},
		{inRow("R1"), "unit:empty", false},
		{inRow("R1"), "prop:good", false},
		{persist, "inv:401ResetsPersistence", true},
		{persist, "live:401ResetsPersistence", false},
		{persist, "inv:401Resets", false},
		{inRow("R1"), "inv:401ResetsPersistence", false},
		{inRow("R1"), "kit:Mechanism", true},
		{inRow("R1"), "kit:Mechanism/requests_mutual", true},
		{inRow("R1"), "kit:Mechanism/requests_nothing", false},
		{inRow("R1"), "kit:Driver/server_ends", true},
		{inRow("R1"), "kit:Driver/server_begins", false},
		{inRow("R1"), "kit:Scheme", false},
		{inRow("R1"), "golden:mutual_auth", true},
		{inRow("R1"), "golden:mutual_trust", false},
		{inRow("R1"), "doc:docs/decisions.md#c13", true},
		{inRow("R1"), "doc:docs/decisions.md#c10", false},
		{inRow("R1"), "doc:SECURITY.md#what-is-not-defended", true},
		{inRow("R1"), "doc:SECURITY.md#what-is-not", false},
		{inRow("R1"), "doc:gss/spnego/doc.go#not-implemented", true},
		{inRow("R1"), "doc:MISSING.md", false},
	} {
		if where, why := tr.Places(c.row, c.check); (len(where) > 0) != c.found {
			t.Errorf("%s, %s: found %q (%s)", c.row.ID, c.check, where, why)
		}
	}
}

package main

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement/catalog"
	"github.com/countersign-auth/countersign/internal/seeded"
)

// TestRows: of several faults that break a row the one of a test is run, once for all rows that share it, and a row is sound where one was noticed.
func TestRows(t *testing.T) {
	slow := seeded.Fall{Package: "./model", Property: "LegsBounded"}
	quick, other := seeded.Fall{Package: "./scheme", Test: "TestNames"}, seeded.Fall{Package: "./header", Test: "TestNames"}
	a := &seeded.Edit{Name: "a", Falls: []seeded.Fall{slow, other}}
	b := &seeded.Edit{Name: "b", Falls: []seeded.Fall{quick, other}}
	rows := []broken{
		{"R1", []catalog.Bite{{Edit: a, Fall: slow, Check: "inv:LegsBounded"}, {Edit: b, Fall: quick, Check: "unit:names"}}},
		{"R2", []catalog.Bite{{Edit: b, Fall: quick, Check: "unit:names"}}},
		{"R3", nil},
	}
	edits := needed(rows)
	if len(edits) != 1 || edits[0].Name != "b" || len(edits[0].Falls) != 1 || edits[0].Falls[0] != quick || len(b.Falls) != 2 {
		t.Fatalf("needs %v", edits)
	}
	var out strings.Builder
	o := &options{out: &out}
	if o.printRows(rows, []result{{edit: edits[0], noticed: edits[0].Falls}}) || !strings.Contains(out.String(), "2 of 3 MUST rows") || !strings.Contains(out.String(), "FAIL row R3") {
		t.Errorf("with a row that nothing breaks: %s", out.String())
	}
	if !o.printRows(rows[:2], []result{{edit: edits[0], noticed: edits[0].Falls}}) {
		t.Error("two sound rows are not")
	}
	if o.printRows(rows[:2], []result{{edit: *b, noticed: []seeded.Fall{other}}}) {
		t.Error("a check that the rows do not name is enough")
	}
}

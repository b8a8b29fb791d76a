package catalog

import (
	"testing"

	"github.com/countersign-auth/countersign/internal/seeded"
)

// TestBites: a fault counts for a row where it names the row and one of its falls is a run of a check that the row names.
func TestBites(t *testing.T) {
	tr := &Tree{
		Sites: map[string][]Site{
			"unit:names":  {{Dir: "scheme", Test: "TestNames"}},
			"unit:narrow": {{Dir: "scheme", Test: "TestNarrow", Rows: []string{"R4559-4-2"}}},
			"golden:page": {{Dir: "digest", Test: "TestPage"}},
		},
		Kits: map[string][]Site{"Mechanism": {{Dir: "ntlm", Test: "TestKit"}}},
		root: root,
	}
	test := func(pkg, name string) seeded.Fall { return seeded.Fall{Package: pkg, Test: name} }
	for _, c := range []struct {
		check string
		fall  seeded.Fall
		bites bool
	}{
		{"unit:names", test("./scheme", "TestNames"), true},
		{"unit:names", test("./scheme", "TestNames/a_case"), true},
		{"unit:names", test("./scheme", "TestOthers"), false},
		{"unit:names", test("./digest", "TestNames"), false},
		{"unit:narrow", test("./scheme", "TestNarrow"), false}, // it is for another row
		{"inv:IdentityNeverCrosses", seeded.Fall{Package: "./model", Property: "IdentityNeverCrosses"}, true},
		{"inv:IdentityNeverCrosses", seeded.Fall{Package: "./model", Property: "IdentityNeverCrosses", World: "origin-ntlm"}, true},
		{"inv:IdentityNeverCrosses", seeded.Fall{Package: "./model", Property: "LegsBounded"}, false},
		{"golden:mutual_auth", test("./machine", "TestScripts/golden/mutual_auth"), true},
		{"golden:mutual_auth", test("./machine", "TestScripts"), false}, // any script could have failed
		{"golden:page", test("./digest", "TestPage"), true},
		{"kit:Mechanism", test("./ntlm", "TestKit"), true},
		{"kit:Mechanism/requests_mutual", test("./ntlm", "TestKit/requests_mutual"), true},
		{"kit:Mechanism/requests_mutual", test("./ntlm", "TestKit"), false},
		{"kit:Mechanism/requests_mutual", test("./digest", "TestKit/requests_mutual"), false},
		{"doc:SECURITY.md", test("./scheme", "TestNames"), false},
	} {
		rows := []Row{{ID: "R4559-4-1", Level: "MUST", Checks: []string{c.check}}, {ID: "N2HT-1.8-1", Level: "MUST", Checks: []string{"alias:R4559-4-1"}}}
		edits := []seeded.Edit{{Name: "other"}, {Name: "this", Rows: []string{"R4559-4-1"}, Falls: []seeded.Fall{c.fall}}}
		bites := tr.Bites(rows, edits)
		if got := len(bites["R4559-4-1"]) == 1 && bites["R4559-4-1"][0].Edit.Name == "this"; got != c.bites {
			t.Errorf("%s by %v: %v", c.check, c.fall, got)
		}
		if len(bites["N2HT-1.8-1"]) != len(bites["R4559-4-1"]) {
			t.Errorf("%s: the alias has %d", c.check, len(bites["N2HT-1.8-1"]))
		}
	}
}

package gss

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement"
)

// Two clients never have one owner, unless their names differ in case alone, and then
// they always have.
func TestOwnerOf(t *testing.T) {
	seen := map[string][2]string{}
	for _, c := range [][2]string{
		{"alice", "r"}, {"bob", "r"}, {"alice", "s"}, {"alice@r", ""}, {"", "alice@r"}, {"a", "b@c"}, {"a@b", "c"}, {`a\`, "@b"}, {`a\@`, "b"}, {`a\`, `\@b`},
		{"http/alice", "r"}, {"ａlice", "r"}, {"\xff", "r"},
	} {
		o := OwnerOf(c[0], c[1])
		if other, ok := seen[o]; ok {
			t.Errorf("%q and %q have the owner %q", c, other, o)
		}
		seen[o] = c
	}
	for _, same := range [][]string{{"alice", "Alice", "ALICE"}, {"k", "K", "\u212a"}, {"s", "S", "ſ"}, {"σ", "ς", "Σ"}, {"öl", "ÖL"}} {
		for _, name := range same {
			if got := OwnerOf(name, strings.ToUpper("r")); got != OwnerOf(same[0], "r") {
				t.Errorf("%q has the owner %q, and %q another", name, got, same[0])
			}
		}
	}
	if OwnerOf("alice", "example.org") != "alice@example.org" {
		t.Error(OwnerOf("alice", "example.org"))
	}
	requirement.Held(t, "unit:replay_owner_is_one")
}

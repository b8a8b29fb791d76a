package header

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/bound"
)

// A scheme longer than its length can be kept for is not cut.
func TestBuildLongScheme(t *testing.T) {
	for _, n := range []int{1<<15 + 1, 1 << 16, 1<<16 + 1} {
		if got := Build(nil, strings.Repeat("x", n)).Token("a", "1").Challenge(); got.Form() != Malformed || got.Text() != "" {
			t.Errorf("a scheme of %d bytes: %v", n, got.Form())
		}
	}
}

// That lines were cut off is remembered in either half of what is appended.
func TestAppendRemembersTheCut(t *testing.T) {
	short, long := ParseChallenges("Basic"), ParseChallenges("NTLM "+strings.Repeat("a", bound.Text))
	for name, c := range map[string]Challenges{"the second": short.Append(long), "the first": long.Append(short), "both": long.Append(long)} {
		if _, cut := c.Written(); !cut {
			t.Errorf("%s was cut, and the whole says nothing of it", name)
		}
	}
	if _, cut := short.Append(short).Written(); cut {
		t.Error("nothing was cut")
	}
}

// A list holds bound.Challenges, and what came after them is not kept at all.
func TestListOfStops(t *testing.T) {
	many := make([]Challenge, 0, bound.Challenges+1)
	for range bound.Challenges {
		many = append(many, TokenChallenge("NTLM", ""))
	}
	many = append(many, ParseChallenges("Late").first(t))
	list := ListOf(many...)
	if list.Len() != bound.Challenges || list.Beyond("Late") {
		t.Errorf("%d challenges, beyond them one more: %t", list.Len(), list.Beyond("Late"))
	}
}

func (c Challenges) first(t *testing.T) Challenge {
	t.Helper()
	for one := range c.All() {
		return one
	}
	t.Fatal("no challenge")
	return Challenge{}
}

// Control characters are no text of a quoted-string, whatever follows them (RFC 9110 section 5.6.4).
func TestControlsInParameters(t *testing.T) {
	for _, text := range []string{"Digest realm=\"a\x01b\"", "Digest realm=\"\x01b\"", "Digest realm=\"\x7Fb\""} {
		for c := range ParseChallenges(text).All() {
			if c.Form() != Malformed {
				t.Errorf("%q is %v", text, c.Form())
			}
		}
	}
}

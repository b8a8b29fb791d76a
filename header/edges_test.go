package header

import (
	"strings"
	"testing"
)

// The grammar of a host and its port has these edges.
func TestAuthorityEdges(t *testing.T) {
	for text, want := range map[string]struct {
		host string
		port uint16
		ok   bool
	}{
		"[::]":                {"::", 0, true},
		"[::]:443":            {"::", 443, true},
		"a:65535":             {"a", 65535, true},
		"a:65536":             {},
		"a:655350":            {},
		"[::1.2.3.4]":         {"::1.2.3.4", 0, true},
		"[::1.2.3]":           {},
		"[::1.2.3:4]":         {},
		"[::1.2-3.4]":         {},
		"[::1.2.3.4.5]":       {},
		"[1:2:3:4:5:6:7:8]":   {"1:2:3:4:5:6:7:8", 0, true},
		"[1:2:3:4:5:6:7:8:9]": {},
		"[1:2:3:4:5:6:7:8::]": {},
	} {
		host, port, ok := ParseAuthority(text)
		if host != want.host || port != want.port || ok != want.ok {
			t.Errorf("%s is %q, %d, %t, want %q, %d, %t", text, host, port, ok, want.host, want.port, want.ok)
		}
	}
}

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
	short, long := ParseChallenges("Basic"), ParseChallenges("NTLM "+strings.Repeat("a", MaxText))
	for name, c := range map[string]Challenges{"the second": short.Append(long), "the first": long.Append(short), "both": long.Append(long)} {
		if _, cut := c.Written(); !cut {
			t.Errorf("%s was cut, and the whole says nothing of it", name)
		}
	}
	if _, cut := short.Append(short).Written(); cut {
		t.Error("nothing was cut")
	}
}

// A list holds MaxChallenges, and what came after them is not kept at all.
func TestListOfStops(t *testing.T) {
	many := make([]Challenge, 0, MaxChallenges+1)
	for range MaxChallenges {
		many = append(many, TokenChallenge("NTLM", ""))
	}
	many = append(many, ParseChallenges("Late").first(t))
	list := ListOf(many...)
	if list.Len() != MaxChallenges || list.Beyond("Late") {
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

// Control characters are no text of a quoted-string, whatever follows them (RFC 9110 section 5.6.4),
// and what is written has no line break, not even as its first byte.
func TestControlsInParameters(t *testing.T) {
	for _, text := range []string{"Digest realm=\"a\x01b\"", "Digest realm=\"\x01b\"", "Digest realm=\"\x7Fb\""} {
		for c := range ParseChallenges(text).All() {
			if c.Form() != Malformed {
				t.Errorf("%q is %v", text, c.Form())
			}
		}
	}
	for _, text := range []string{"\ra=1", "\na=1", "a=1\r"} {
		if !NewInfo(text).Malformed() {
			t.Errorf("%q is an info", text)
		}
	}
}

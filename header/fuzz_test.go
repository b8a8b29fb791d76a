package header

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// Each target checks what must hold for any text at all; the parsers are total,
// so that they return is half of it.

func FuzzParseChallenges(f *testing.F) {
	for _, s := range []string{"", "Negotiate, NTLM", benchDigest, benchFour, "Digest realm=\"a\nNTLM", `Digest username="`, "Digest ,,,", "Digest =", "Negotiate YWI=, YWI=", "a,a,a", "Basic\r\n realm=\"x\"\r\nNTLM", "a=\r\n\"b\\\r\n\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cs := ParseChallenges(s)
		checkList(t, cs)
		if got := ParseChallenges(strings.Split(s, "\n")...); show(got) != show(cs) {
			t.Fatalf("lines apart give %s, together %s", show(got), show(cs))
		}
		// A line end is LF, CR LF, or the end of a line of its own.
		for _, ended := range []string{strings.ReplaceAll(s, "\n", "\r\n"), strings.ReplaceAll(s, "\r\n", "\n")} {
			if len(ended) > bound.Text || len(s) > bound.Text {
				continue
			}
			if got := ParseChallenges(ended); show(got) != show(cs) {
				t.Fatalf("with other line ends %s, want %s", show(got), show(cs))
			}
			if got := ParseChallenges(strings.Split(ended, "\r\n")...); show(got) != show(cs) {
				t.Fatalf("lines apart give %s, together %s", show(got), show(cs))
			}
		}
		var sound []string // what survives a broken neighbour, before it or behind it
		for c := range cs.All() {
			if c.Form() != Malformed {
				sound = append(sound, show(ListOf(c)))
			}
		}
		if got := show(ListOf(slices.Collect(cs.All())...)); got != strings.Join(sound, " | ") {
			t.Fatalf("%s, want %q", got, sound)
		}
		// The line behind it is read as the grammars have it: a list of a scheme with parameters, or with a token68.
		if n := cs.Len(); n < bound.Challenges && len(s) < bound.Text-20 {
			for line, want := range map[string]string{"Basic realm=x": "Basic {realm=x;}", "Negotiate YWI=": `Negotiate <"ab" true>`, "NTLM": "NTLM"} {
				if got := show(cs.Append(ParseChallenges(line))); !strings.HasSuffix(got, want) {
					t.Fatalf("behind it %q is read as %s, want %s", line, got, want)
				}
			}
		}
		requirement.Held(t, "fuzz:ParseChallenges")
	})
}

func FuzzParseCredentials(f *testing.F) {
	for _, s := range []string{"", "Negotiate YWJj", benchCreds, `Digest username="`, "Digest", "Digest ,,,", "Digest =", "Basic YWI=, x", "Basic =YWI"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := ParseCredentials(s)
		checkValue(t, c.v)
		if !c.Present() {
			t.Fatal("absent")
		}
		if c.Form() != Malformed {
			again := ParseCredentials(c.Text())
			if again.Text() != c.Text() || again.Form() != c.Form() || again.Scheme() != c.Scheme() || !slices.Equal(slices.Collect(again.Params()), slices.Collect(c.Params())) {
				t.Fatalf("%q gives %q", c.Text(), again.Text())
			}
			if c.Text() == s && again != c {
				t.Fatalf("%q differs from itself", s)
			}
			// Read as a list, it is that one value.
			if cs := slices.Collect(ParseChallenges(s).All()); len(cs) != 1 || cs[0].v != c.v {
				t.Fatalf("as a list: %d", len(cs))
			}
		}
		// Whatever a token holds, it is one token68 on the wire and comes back.
		if made := TokenCredentials("NTLM", s); made.Form() != Malformed {
			if got, ok := ParseCredentials(made.Text()).Token(); got != s || ok != (s != "") {
				t.Fatalf("%q comes back as %q", s, got)
			}
		}
		if two := ParseCredentials(s, s); !two.Present() || two.Form() != Malformed {
			t.Fatal("two lines")
		}
		requirement.Held(t, "fuzz:ParseCredentials")
	})
}

func FuzzParseInfo(f *testing.F) {
	for _, s := range []string{"", `rspauth="00ff", qop=auth`, "a=b,A=b", `a="`, "a=b\nc=d", "a=b\r\nc=d\r", "a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		i := ParseInfo(s)
		if !i.Present() || strings.ContainsAny(i.Text(), "\r\n\x00") || i.Malformed() && i.Text() != "" {
			t.Fatalf("%q", i.Text())
		}
		if got := ParseInfo(strings.ReplaceAll(s, "\n", "\r\n")); len(s) < bound.Text/2 && got != i && show1(got) != show1(i) {
			t.Fatalf("with CR LF %q, want %q", got.Text(), i.Text())
		}
		if i.Malformed() {
			return
		}
		if ParseInfo(i.Text()) != i {
			t.Fatalf("%q does not round-trip", i.Text())
		}
		// The same rules hold behind a scheme.
		c := ParamChallenge("X", i.Text())
		if c.Form() == Malformed || !slices.Equal(slices.Collect(c.Params()), slices.Collect(i.Params())) {
			t.Fatalf("%q differs behind a scheme", i.Text())
		}
	})
}

// show1 are the parameters of an Info.
func show1(i Info) string { return fmt.Sprint(i.Malformed(), slices.Collect(i.Params())) }

func FuzzParsePersistentAuth(f *testing.F) {
	for _, s := range []string{"", "true", "FALSE", "true, false", "true,,true", "tru", "true\nfalse", "true\r\ntrue\r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// A slow reading of the rule.
		seen := map[string]bool{}
		for _, e := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '\n' }) {
			e = strings.Trim(e, " \t\r")
			if e != "" {
				if isToken(e) {
					e = strings.ToLower(e)
				}
				seen[e] = true
			}
		}
		want := PersistInvalid
		if len(seen) == 1 && len(s) <= bound.Text {
			if seen["true"] {
				want = PersistTrue
			} else if seen["false"] {
				want = PersistFalse
			}
		}
		if got := parsePersistentAuth(s); got != want {
			t.Fatalf("%d, want %d", got, want)
		}
		requirement.Held(t, "fuzz:ParsePersistentAuth")
	})
}

func FuzzParseToken68(f *testing.F) {
	for _, s := range []string{"", "YWJj", "YWI=", "YQ==", "YQ", "YWJj=", "=YWJj", "Y Q", "a.b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := ParseCredentials("NTLM " + s)
		token, ok := c.Token()
		if len(s) > bound.Text-5 {
			return
		}
		// The library's own decoder agrees; what it skips (line ends) is not base64.
		digits := strings.TrimRight(strings.Trim(s, " \t,"), "=")
		want, err := base64.RawStdEncoding.DecodeString(digits)
		padding := len(strings.Trim(s, " \t,")) - len(digits)
		sound := err == nil && digits != "" && !strings.ContainsAny(s, "\r\n") && padding >= (4-len(digits)%4)%4 &&
			!strings.HasPrefix(strings.TrimLeft(s, " \t"), ",")
		if ok != sound || ok && token != string(want) {
			t.Fatalf("%q gives %q %v, want %q %v", s, token, ok, want, sound)
		}
		if raw := TokenCredentials("NTLM", s); s != "" {
			if got, ok := raw.Token(); ok && got != s || !ok && len(s) <= bound.Text/2 || ok && ParseCredentials(raw.Text()) != raw {
				t.Fatalf("%q comes back as %q", s, got)
			}
		}
		requirement.Held(t, "fuzz:ParseToken68")
	})
}

func FuzzDecodeExt(f *testing.F) {
	for _, s := range []string{"", "UTF-8''", "UTF-8''J%C3%A4s%C3%B8n", "utf-8'en'a", "UTF-8''%", "iso-8859-1''a", "UTF-8''%ff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, ok := DecodeExt(s); ok {
			if !utf8.ValidString(v) || len(v) > len(s) {
				t.Fatalf("%q", v)
			}
		}
		ext, found := strings.CutPrefix(string(AppendExt(nil, "n", s)), "n*=")
		if got, ok := DecodeExt(ext); !found || !ok || utf8.ValidString(s) && got != s {
			t.Fatalf("%q comes back as %q, %v", s, got, ok)
		}
	})
}

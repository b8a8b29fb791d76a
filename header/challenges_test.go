package header

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// show writes challenges compactly: scheme, form, and what was parsed.
func show(cs Challenges) string {
	var out []string
	for c := range cs.All() {
		s := c.Scheme()
		switch c.Form() {
		case Malformed:
			s += "!"
		case Token68:
			t, ok := c.Token()
			s += fmt.Sprintf(" <%q %v>", t, ok)
		case Params:
			s += " {"
			for p := range c.Params() {
				s += fmt.Sprintf("%s=%s;", p.Name, p.Value)
			}
			s += "}"
		}
		out = append(out, s)
	}
	return strings.Join(out, " | ")
}

func TestParseChallenges(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		lines    []string
		want     string
	}{
		{"no line is no challenge", nil, ``},
		{"an empty line is no challenge", []string{"", " \t"}, ``},
		{"a list of empty elements is no challenge", []string{", ,", ","}, ``},
		{"a scheme may stand alone", []string{"Negotiate"}, `Negotiate`},
		{"schemes are separated by commas", []string{"Negotiate, NTLM"}, `Negotiate | NTLM`},
		{"schemes are separated by lines", []string{"Negotiate", "NTLM"}, `Negotiate | NTLM`},
		{"a scheme with parameters may stand next to ones without", []string{`Negotiate, NTLM, Digest realm="d", nonce="n", Basic realm="a, b = c"`},
			`Negotiate | NTLM | Digest {realm=d;nonce=n;} | Basic {realm=a, b = c;}`},
		{"the last scheme may be bare", []string{`Basic realm="b", Digest realm="d", nonce=n, Negotiate`},
			`Basic {realm=b;} | Digest {realm=d;nonce=n;} | Negotiate`},
		{"a scheme must end: Negotiate2 is another one", []string{"Negotiate2"}, `Negotiate2`},
		{"a token68 may have neighbours", []string{"NTLM YWJj, Negotiate YWI=,Basic realm=x"},
			`NTLM <"abc" true> | Negotiate <"ab" true> | Basic {realm=x;}`},
		{"white space around = is accepted", []string{"Digest realm \t=  \"a\" ,\tnonce= b"}, `Digest {realm=a;nonce=b;}`},
		{"no space after commas is needed", []string{`Digest realm="a",nonce="x"`}, `Digest {realm=a;nonce=x;}`},
		{"an unquoted value is a token", []string{`Digest realm=a, charset=UTF-8`}, `Digest {realm=a;charset=UTF-8;}`},
		{"quoted values of any parameter are fine", []string{`Digest stale="true", algorithm="MD5", qop=auth`}, `Digest {stale=true;algorithm=MD5;qop=auth;}`},
		{"escapes are resolved", []string{`Basic realm="a \"b\" \\ \c"`}, `Basic {realm=a "b" \ c;}`},
		{"an empty quoted value is fine", []string{`Basic realm=""`}, `Basic {realm=;}`},
		{"bytes from 0x80 pass in quotes", []string{"Basic realm=\"\xfc\xc3\xbc\""}, "Basic {realm=\xfc\xc3\xbc;}"},
		{"HTAB passes in quotes", []string{"Basic realm=\"a\tb\\\t\""}, "Basic {realm=a\tb\t;}"},
		{"empty elements among parameters are fine", []string{`Digest realm="a",, ,nonce=b,`}, `Digest {realm=a;nonce=b;}`},
		{"a scheme, a comma and a parameter belong together", []string{`Digest ,realm="a"`, `nonce=b`}, `Digest {realm=a;nonce=b;}`},
		{"a parameter on the next line belongs to the challenge before", []string{`Digest realm="a"`, `nonce=b, NTLM`}, `Digest {realm=a;nonce=b;} | NTLM`},
		{"a scheme and a word is a token68 by grammar", []string{`Digest nonce`, `NTLM`}, `Digest <"" false> | NTLM`},
		{"a scheme with only empty elements is bare", []string{`Digest ,,,`}, `Digest`},
		{"a scheme and = is malformed", []string{`Digest =`, `NTLM`}, `Digest! | NTLM`},
		{"a broken quoted-string hides its commas, behind an escaped quote too", []string{`Digest x="a", ="\", NTLM b`}, `Digest!`},
		{"an escape at the end of a line hides no other line", []string{`Digest x="a\`, `NTLM`}, `Digest! | NTLM`},
		{"an escape at the end of the text", []string{`Digest ="a\`}, `Digest!`},
		{"a lone quote is malformed", []string{`Digest username="`}, `Digest!`},
		{"a broken line cannot swallow the next", []string{`Digest realm="a`, `NTLM`}, `Digest! | NTLM`},
		{"an escape cannot hide the end of a line", []string{`Digest realm="a\`, `NTLM`}, `Digest! | NTLM`},
		{"an escape cannot hide the end of a broken line", []string{`Digest @"a\`, `NTLM`}, `Digest! | NTLM`},
		{"one malformed challenge leaves the others", []string{`Basic realm="a"x, Digest realm="b", NTLM`}, `Basic! | Digest {realm=b;} | NTLM`},
		{"quotes hide commas in a malformed part too", []string{`Basic @="a, NTLM", Negotiate`}, `Basic! | Negotiate`},
		{"a repeated name is malformed", []string{`Digest realm="a", nonce=b, REALM="c", Basic realm="d"`}, `Digest! | Basic {realm=d;}`},
		{"names repeat freely across challenges", []string{`Digest realm="a", Digest realm="b"`}, `Digest {realm=a;} | Digest {realm=b;}`},
		{"a missing comma is malformed", []string{`Digest realm="a" nonce="b", NTLM`}, `Digest! | NTLM`},
		{"a missing value is malformed", []string{`Digest realm="a", nonce=, NTLM`}, `Digest! | NTLM`},
		{"an unquoted value that is no token is malformed", []string{`Digest realm=a, uri=/x, NTLM`}, `Digest! | NTLM`},
		{"a control character is malformed", []string{"Digest realm=\"a\x01\", NTLM"}, `Digest! | NTLM`},
		{"CR in a quoted-string is malformed", []string{"Digest realm=\"a\r\"", "Basic realm=b"}, `Digest! | Basic {realm=b;}`},
		{"CR ends a token, as a space does", []string{"Digest realm=a\rb", "NT\rLM, Basic realm=b"}, `Digest! | NT <"" false> | Basic {realm=b;}`},
		{"CR LF inside a line is a line end", []string{"Basic realm=\"x\"\r\nDigest realm=\"y\", nonce=\"z\"\r\nNTLM"}, `Basic {realm=x;} | Digest {realm=y;nonce=z;} | NTLM`},
		{"a fold is a line end", []string{"Basic\r\n realm=\"x\"", "Digest realm=y,\r\n\tnonce=z"}, `Basic {realm=x;} | Digest {realm=y;nonce=z;}`},
		{"CR at the end of a line belongs to its end", []string{"NTLM\r", "Basic realm=\"b\"\r", "Negotiate YWJj\r\r"}, `NTLM | Basic {realm=b;} | Negotiate <"abc" true>`},
		{"CR elsewhere is white space", []string{"Digest realm\r=\r\"a\"\r,\rnonce=b\r,NTLM\rYWJj"}, `Digest {realm=a;nonce=b;} | NTLM <"abc" true>`},
		{"a quoted-string ends at CR LF", []string{"Basic realm=\"a\r\nNTLM"}, `Basic! | NTLM`},
		{"an escape hides no CR LF", []string{"Basic realm=\"a\\\r\nNTLM", "Basic @\"a\\\r\nNTLM"}, `Basic! | NTLM | Basic! | NTLM`},
		{"NUL is malformed", []string{"NTLM\x00, Negotiate"}, `! | Negotiate`},
		{"LF inside a line is a line end", []string{"Basic realm=\"a\nNTLM"}, `Basic! | NTLM`},
		{"junk after a bare scheme stands alone", []string{`NTLM, @@, Negotiate`}, `NTLM | ! | Negotiate`},
		{"junk among parameters spoils their challenge", []string{`Digest realm="a", q@p="b", nonce="c", NTLM`}, `Digest! | NTLM`},
		{"parameters of nothing are malformed", []string{`realm="a", b=c, NTLM`}, `! | NTLM`},
		{"a second token68 is malformed, by padding", []string{`Negotiate YWJj, YWI=, NTLM`}, `Negotiate! | NTLM`},
		{"a second token68 is malformed, by a slash", []string{`Negotiate YWJj, YW/j, NTLM`}, `Negotiate! | NTLM`},
		{"a second token68 is malformed, without a comma", []string{`Negotiate YWJj YWJj, NTLM`}, `Negotiate! | NTLM`},
		{"what could be a second token68 is a scheme by grammar", []string{`Negotiate AAAA, BBBB`}, `Negotiate <"\x00\x00\x00" true> | BBBB`},
		{"token68 and parameters are malformed", []string{`Negotiate YWJj, realm="a", NTLM`}, `Negotiate! | NTLM`},
		{"surplus padding is tolerated", []string{`Negotiate YWJj==, NTLM YWI====`}, `Negotiate <"abc" true> | NTLM <"ab" true>`},
		{"missing padding is no base64", []string{`Negotiate YWI, NTLM YQ=, Basic realm=a`}, `Negotiate <"" false> | NTLM <"" false> | Basic {realm=a;}`},
		{"leading padding is malformed", []string{`Negotiate =YWI`}, `Negotiate!`},
		{"only padding is malformed", []string{`Negotiate ====`}, `Negotiate!`},
		{"padding in the middle is malformed", []string{`Negotiate YQ==YQ==`}, `Negotiate!`},
		{"one digit too many is no base64", []string{`Negotiate AAAAA===`}, `Negotiate <"" false>`},
		{"other token68 characters are no base64", []string{`Bearer a.b-c_d~`, `NTLM`}, `Bearer <"" false> | NTLM`},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			cs := ParseChallenges(tt.lines...)
			if got := show(cs); got != tt.want {
				t.Errorf("%q\n got %s\nwant %s", tt.lines, got, tt.want)
			}
			if n := len(slices.Collect(cs.All())); n != cs.Len() || cs.Empty() != (n == 0) {
				t.Errorf("Len %d, Empty %v, challenges %d", cs.Len(), cs.Empty(), n)
			}
			requirement.Held(t, "unit:abnf_table")
		})
	}
}

func TestOfFindsMalformedOnesWithoutCase(t *testing.T) {
	cs := ParseChallenges(`Digest realm="a", digest realm=", NTLM`, `DIGEST nonce=b`, `NTLM`)
	var forms []Form
	for c := range cs.Of("dIGEST") {
		if !c.Is("digest") {
			t.Error("Is", c.Scheme())
		}
		forms = append(forms, c.Form())
	}
	if !slices.Equal(forms, []Form{Params, Malformed, Params}) {
		t.Error(forms)
	}
	for range cs.Of("digest2") {
		t.Error("another scheme")
	}
	for range cs.All() {
		break // an iterator stops when asked to
	}
	for range cs.Of("Digest") {
		break
	}
}

func TestListBounds(t *testing.T) {
	count := func(n int) Challenges { return ParseChallenges(strings.Repeat("NTLM,", n)) }
	if n := count(bound.Challenges).Len(); n != bound.Challenges {
		t.Error("at the bound:", n)
	}
	if n := count(bound.Challenges + 1).Len(); n != bound.Challenges {
		t.Error("beyond the bound:", n)
	}
	params := func(n int) string {
		var b []byte
		for i := range n {
			b = AppendToken(b, fmt.Sprintf("p%d", i), "v")
		}
		return string(b)
	}
	for _, tt := range []struct {
		n    int
		form Form
	}{{bound.Params, Params}, {bound.Params + 1, Malformed}} {
		cs := ParseChallenges("Digest "+params(tt.n), "NTLM")
		for c := range cs.Of("Digest") {
			if c.Form() != tt.form {
				t.Errorf("%d parameters: %v", tt.n, c.Form())
			}
		}
		if cs.Len() != 2 || ParseInfo(params(tt.n)).Malformed() != (tt.form == Malformed) ||
			ParseCredentials("Digest "+params(tt.n)).Form() != tt.form || ParamChallenge("Digest", params(tt.n)).Form() != tt.form {
			t.Errorf("%d parameters", tt.n)
		}
	}
}

func TestTextBound(t *testing.T) {
	token := func(n int) string { return "Negotiate " + strings.Repeat("A", n-len("Negotiate ")-2) + "==" }
	fits := bound.Text/4*4 - 2 // so that the digits come out in fours
	for (fits-len("Negotiate ")-2)%4 != 2 {
		fits--
	}
	if got := ParseChallenges(token(fits)); got.Len() != 1 || strings.Contains(show(got), "!") {
		t.Error("below the bound")
	}
	pad := strings.Repeat(",", bound.Text-fits)
	if got := ParseChallenges(token(fits) + pad); strings.Contains(show(got), "!") {
		t.Error("at the bound")
	}
	if got := show(ParseChallenges(token(fits) + pad + ",")); got != "!" {
		t.Errorf("beyond the bound: %.60s", got)
	}
	if got := show(ParseChallenges("NTLM", token(fits)+pad, "Basic realm=a")); got != "NTLM | !" {
		t.Errorf("several lines beyond the bound: %.60s", got)
	}
	rest := "NTLM" + strings.Repeat(",", bound.Text-4-1-5)
	if got := show(ParseChallenges(rest, "Basic")); got != "NTLM | Basic" {
		t.Errorf("several lines at the bound: %.60s", got)
	}
	if got := ParseChallenges(rest, "Basicx"); show(got) != "NTLM | !" || got.Append(ParseChallenges("NTLM")) != got || got.Empty() {
		t.Errorf("several lines one byte beyond: %.60s", show(got))
	}
	if ParseCredentials(token(fits)+pad).Form() != Token68 || ParseCredentials(token(fits)+pad+",").Form() != Malformed {
		t.Error("credentials")
	}
	if ParseInfo("a=b"+strings.Repeat(",", bound.Text-3)).Malformed() || !ParseInfo("a=b"+strings.Repeat(",", bound.Text-2)).Malformed() {
		t.Error("info")
	}
	if parsePersistentAuth("true"+strings.Repeat(",", bound.Text-4)) != PersistTrue || parsePersistentAuth("true"+strings.Repeat(",", bound.Text-3)) != PersistInvalid {
		t.Error("persistent-auth")
	}
	if !parseProxySupport(SessionBased+strings.Repeat(",", bound.Text-len(SessionBased))) || parseProxySupport(SessionBased+strings.Repeat(",", bound.Text)) {
		t.Error("proxy-support")
	}
	big := strings.Repeat("x", bound.Text)
	for _, c := range []Challenge{TokenChallenge(big+"x", ""), TokenChallenge("NTLM", big), ParamChallenge("Digest", "a="+big), ParamChallenge("Digest", "a="+big[9:]+",")} {
		if c.Form() == Malformed != (c.Scheme() != "Digest" || len(c.Text()) == 0) {
			t.Errorf("constructor: %v %d", c.Form(), len(c.Text()))
		}
	}
}

// The parts of lists that the properties below draw from: sound and broken.
func genSound(t *rapid.T) Challenge {
	scheme := rapid.StringMatching(`[A-Za-z][A-Za-z0-9!#$%&'*+.^_|~-]{0,8}`).Draw(t, "scheme")
	switch rapid.IntRange(0, 2).Draw(t, "form") {
	case 0:
		return TokenChallenge(scheme, "")
	case 1:
		return TokenChallenge(scheme, string(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "token")))
	}
	return ParamChallenge(scheme, string(genParams(t)))
}

func genParams(t *rapid.T) (b []byte) {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-z0-9*_-]{1,8}`), 1, 6, strings.ToLower).Draw(t, "names")
	for _, n := range names {
		v := string(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "value"))
		if rapid.Bool().Draw(t, "quoted") {
			b = AppendQuoted(b, n, v)
		} else {
			b = AppendToken(b, n, v)
		}
	}
	return b
}

func genLine(t *rapid.T) string {
	part := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string { return genSound(t).Text() }),
		rapid.SampledFrom([]string{"Negotiate", "NTLM YWJj", `Digest realm="a, b"`, `nonce="x"`, `a=`, `="`, `"`, `\`, "@", "YWI=", " ", ",", "\n", "\r", "\x00", "=", `Basic realm="\"`}),
		rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 6).Draw(t, "junk")) }),
	)
	glue := rapid.SampledFrom([]string{", ", ",", " ", ""}).Draw(t, "glue")
	return strings.Join(rapid.SliceOfN(part, 0, 8).Draw(t, "parts"), glue)
}

// Header values round-trip: what is emitted parses to the same values.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cs := rapid.SliceOfN(rapid.Custom(genSound), 0, 6).Draw(t, "challenges")
		if got := slices.Collect(ListOf(cs...).All()); !slices.Equal(got, cs) {
			t.Fatalf("list of %v gives %v", cs, got)
		}
		var line []byte
		for i, c := range cs {
			if i > 0 {
				line = append(line, ", "...)
			}
			line = c.v.appendTo(line)
		}
		if got := slices.Collect(ParseChallenges(string(line)).All()); !slices.Equal(got, cs) {
			t.Fatalf("line %q gives %v", line, got)
		}
		for _, c := range cs {
			if got := ParseCredentials(c.Text()); !got.Present() || got.v != c.v {
				t.Fatalf("credentials %q: %#v", c.Text(), got.v)
			}
		}
		requirement.Held(t, "prop:header_roundtrip")
	})
}

// The result is independent of how challenges are split over lines or joined.
func TestSplitJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cs := rapid.SliceOfN(rapid.Custom(genSound), 0, 8).Draw(t, "challenges")
		var lines []string
		var appended Challenges
		for _, c := range cs {
			if s := c.Text(); len(lines) > 0 && rapid.Bool().Draw(t, "join") {
				lines[len(lines)-1] += rapid.SampledFrom([]string{",", ", ", " ,\t,, "}).Draw(t, "comma") + s
			} else {
				lines = append(lines, s)
			}
		}
		for _, l := range lines {
			appended = appended.Append(ParseChallenges(l))
		}
		if got := slices.Collect(ParseChallenges(lines...).All()); !slices.Equal(got, cs) {
			t.Fatalf("lines %q give %v", lines, got)
		}
		if appended != ParseChallenges(lines...) {
			t.Fatal("Append differs from parsing together")
		}
		requirement.Held(t, "prop:challenge_split_join")
	})
}

// A parameter list may be cut at any comma too.
func TestSplitJoinInsideParameters(t *testing.T) {
	one := ParseChallenges(`Negotiate, Digest realm="a, b", nonce="c", qop="auth,auth-int", Basic realm="d"`)
	many := ParseChallenges(`Negotiate`, `Digest realm="a, b"`, `nonce="c"`, `qop="auth,auth-int"`, `Basic realm="d"`)
	if show(one) != show(many) || one.Len() != 3 {
		t.Errorf("\n%s\n%s", show(one), show(many))
	}
	for c := range many.All() {
		if strings.Contains(c.Text(), "\n") || strings.Contains(string(c.v.appendTo(nil)), "\n") {
			t.Errorf("%q", c.Text())
		}
		if again := ParseChallenges(c.Text()); show(again) != show(ListOf(c)) {
			t.Errorf("%q parses to %s", c.Text(), show(again))
		}
	}
}

func TestCaseDoesNotMatter(t *testing.T) {
	flip := func(t *rapid.T, s string) string {
		b := []byte(s)
		for i, c := range b {
			if l := c | 0x20; l >= 'a' && l <= 'z' && rapid.Bool().Draw(t, "flip") {
				b[i] ^= 0x20
			}
		}
		return string(b)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Za-z0-9*_-]{1,8}`).Draw(t, "name")
		cs := ParseChallenges(flip(t, "Digest") + " " + flip(t, name) + `="Value"`)
		for c := range cs.Of(flip(t, "Digest")) {
			if v, ok := c.Param(flip(t, name)); !ok || v != "Value" {
				t.Fatalf("%q %v", v, ok)
			}
			requirement.Held(t, "prop:scheme_case_insensitive")
			return
		}
		t.Fatal("scheme not found")
	})
}

// A name that stands twice makes its challenge Malformed, wherever it stands.
func TestDuplicates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		params := string(genParams(t))
		var names []string
		for p := range ParamChallenge("X", params).Params() {
			names = append(names, p.Name)
		}
		dup := strings.ToUpper(rapid.SampledFrom(names).Draw(t, "dup")) + "=x"
		if rapid.Bool().Draw(t, "front") {
			params = dup + "," + params
		} else {
			params += "," + dup
		}
		if ParamChallenge("X", params).Form() != Malformed || ParseCredentials("X "+params).Form() != Malformed || !ParseInfo(params).Malformed() {
			t.Fatalf("accepted %q", params)
		}
		if got := show(ParseChallenges("NTLM, X "+params, "Basic")); got != "NTLM | X! | Basic" {
			t.Fatal(got)
		}
		requirement.Held(t, "prop:duplicate_param_malformed")
	})
}

// checkList holds for every text that ever comes in.
func checkList(t interface {
	Helper()
	Fatalf(string, ...any)
}, cs Challenges) {
	t.Helper()
	n := 0
	for c := range cs.All() {
		n++
		checkValue(t, c.v)
		if c.Form() != Malformed {
			if got := show(ParseChallenges(c.Text())); got != show(ListOf(c)) {
				t.Fatalf("%q does not round-trip: %s", c.Text(), got)
			}
		}
		found := false
		for o := range cs.Of(strings.ToUpper(c.Scheme())) {
			found = found || o == c
		}
		if !found {
			t.Fatalf("Of misses %q", c.Scheme())
		}
	}
	if n > bound.Challenges || n != cs.Len() || cs.Empty() != (n == 0) {
		t.Fatalf("%d challenges, Len %d", n, cs.Len())
	}
}

func checkValue(t interface {
	Helper()
	Fatalf(string, ...any)
}, v value) {
	t.Helper()
	text := v.wire()
	if strings.ContainsAny(text, "\r\n\x00") || text != string(v.appendTo(nil)) {
		t.Fatalf("text %q", text)
	}
	if (v.form == Malformed) != (text == "") || v.form != Malformed && !isToken(v.scheme()) || v.scheme() != "" && !isToken(v.scheme()) {
		t.Fatalf("form %v, scheme %q, text %q", v.form, v.scheme(), text)
	}
	if _, ok := v.token(); ok && v.form != Token68 || (v.token68() != "") != (v.form == Token68) {
		t.Fatalf("form %v but token %v", v.form, ok)
	}
	seen := map[string]bool{}
	eachParam(v.params(), "", func(p Param) bool {
		name := strings.ToLower(p.Name)
		if got, ok := v.param(strings.ToUpper(p.Name)); !ok || got != p.Value || seen[name] || !isToken(p.Name) || !p.Quoted && !isToken(p.Value) {
			t.Fatalf("parameter %v of %q", p, text)
		}
		seen[name] = true
		return true
	})
	if len(seen) > bound.Params || (len(seen) > 0) != (v.form == Params) {
		t.Fatalf("%d parameters, form %v", len(seen), v.form)
	}
}

func TestAnyLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.Custom(genLine), 0, 4).Draw(t, "lines")
		checkList(t, ParseChallenges(lines...))
		checkValue(t, ParseCredentials(lines...).v)
	})
}

// A line end is a comma for everything but quoted-strings: where no quote is, the
// two are the same.
func TestLineEndIsAComma(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.Custom(genLine), 0, 4).Draw(t, "lines")
		for i := range lines {
			lines[i] = strings.ReplaceAll(lines[i], `"`, "")
		}
		if a, b := show(ParseChallenges(lines...)), show(ParseChallenges(strings.Join(lines, ","))); a != b {
			t.Fatalf("%q\n%s\n%s", lines, a, b)
		}
	})
}

// Whatever a caller hands to the constructors, nothing forbidden comes out.
func TestConstructorsEmitNothingForbidden(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "text")) })
	rapid.Check(t, func(t *rapid.T) {
		scheme, name, val := text.Draw(t, "scheme"), text.Draw(t, "name"), text.Draw(t, "value")
		if rapid.Bool().Draw(t, "sound") {
			scheme, name = "Digest", "realm"
		}
		for _, b := range [][]byte{AppendToken(nil, name, val), AppendQuoted(nil, name, val), AppendExt(nil, name, val)} {
			checkValue(t, ParamChallenge(scheme, string(b)).v)
			if strings.ContainsAny(string(b), "\r\n\x00") || isToken(name) == (len(b) == 0) {
				t.Fatalf("appended %q", b)
			}
		}
		for _, v := range []value{bareValue(scheme), tokenValue(scheme, val), paramValue(scheme, val), paramValue(scheme, genLine(t))} {
			checkValue(t, v)
			if (v.form != Malformed) && !isToken(scheme) {
				t.Fatalf("scheme %q", scheme)
			}
		}
		if i := ParseInfo(val); strings.ContainsAny(i.Text(), "\r\n\x00") {
			t.Fatalf("info %q", i.Text())
		}
	})
}

func TestListOf(t *testing.T) {
	cs := slices.Repeat([]Challenge{TokenChallenge("NTLM", ""), {}}, bound.Challenges+1)
	if n := ListOf(cs...).Len(); n != bound.Challenges {
		t.Error(n)
	}
	if ListOf() != (Challenges{}) || ListOf(Challenge{}) != (Challenges{}) || ParseChallenges() != (Challenges{}) {
		t.Error("no challenges are the zero value")
	}
}

func TestAllocations(t *testing.T) {
	lines := []string{benchDigest, "Negotiate"}
	text := []byte(nil)
	digest := ParseCredentials(benchCreds)
	token := ParseCredentials(benchToken)
	for _, tt := range []struct {
		what string
		max  float64
		f    func()
	}{
		{"one line, no escapes", 0, func() { sink += walk(benchDigest) }},
		{"one line, one value with escapes", 1, func() { sink += walk(benchFour) }},
		{"a long token", 0, func() { sink += walk(benchToken) }},
		{"credentials", 0, func() { sink += walkCredentials(benchCreds) }},
		{"two lines are joined", 2, func() { sink += ParseChallenges(lines...).Len() }},
		{"one scheme", 0, func() {
			for c := range ParseChallenges(benchFour).Of("Digest") {
				v, _ := c.Param("nonce")
				sink += len(v)
			}
		}},
		{"information", 0, func() {
			v, _ := ParseInfo(benchDigest[len("Digest "):]).Param("opaque")
			sink += len(v)
		}},
		{"decoding a token", 1, func() { s, _ := token.Token(); sink += len(s) }},
		{"writing", 0, func() { text = digest.v.appendTo(text[:0]) }},
		{"the text of what was parsed", 0, func() { sink += len(digest.Text()) }},
		{"a token of our own, to the wire", 1, func() { sink += len(TokenCredentials("Negotiate", benchToken).Text()) }},
		{"persistent-auth", 0, func() { sink += int(parsePersistentAuth("true")) }},
	} {
		tt.f()
		if n := testing.AllocsPerRun(100, tt.f); n > tt.max {
			t.Errorf("%s: %v allocations, want at most %v", tt.what, n, tt.max)
		}
	}
}

// Work is bounded by the text: a hostile one is parsed like any other.
func TestHostile(t *testing.T) {
	for _, h := range hostile {
		for _, n := range []int{16 << 10, bound.Text, bound.Text + 1} {
			text := hostileText(h.head, h.unit, n)
			checkList(t, ParseChallenges(text))
			checkList(t, ParseChallenges(strings.Split(text, ",")...))
			checkValue(t, ParseCredentials(text).v)
			ParseInfo(text)
			parsePersistentAuth(text)
			parseProxySupport(text)
			DecodeExt("UTF-8''" + text)
		}
	}
}

// A line end is one whatever it is made of, in each field that is a list; credentials
// have none.
func TestLineEnds(t *testing.T) {
	lines := []string{`Basic realm="x"`, `Digest realm="y"`, ` nonce="z", NTLM`, `Negotiate YWJj`}
	const want = `Basic {realm=x;} | Digest {realm=y;nonce=z;} | NTLM | Negotiate <"abc" true>`
	if got := show(ParseChallenges(lines...)); got != want {
		t.Fatal(got)
	}
	for _, end := range []string{"\n", "\r\n", "\r\r\n", " \r\n\t", "\r\n\r\n", ",\r\n"} {
		if got := show(ParseChallenges(strings.Join(lines, end) + end)); got != want {
			t.Errorf("challenges, ended by %q: %s", end, got)
		}
		cs := ParseChallenges(strings.Join(lines, end))
		for c := range cs.All() {
			if strings.ContainsAny(c.Text()+string(c.v.appendTo(nil)), "\r\n") {
				t.Errorf("%q is written with its line end", c.Text())
			}
		}
		i := ParseInfo(`rspauth="00"` + end + `nc=1` + end)
		if nc, _ := i.Param("nc"); nc != "1" || strings.ContainsAny(i.Text(), "\r\n") {
			t.Errorf("Authentication-Info, ended by %q: %q", end, i.Text())
		}
		if p := parsePersistentAuth("true" + end + "TRUE" + end); p != PersistTrue {
			t.Errorf("Persistent-Auth, ended by %q: %d", end, p)
		}
		if !parseProxySupport("other"+end+SessionBased+end) || parseProxySupport("other"+end+SessionBased+end[:0]+"x") {
			t.Errorf("Proxy-Support, ended by %q", end)
		}
		for _, creds := range []string{"NTLM YWJj" + end, "Digest a=b," + end + "c=d", "NTLM" + end + "YWJj", "NTLM YWJj\r", "NTLM\rYWJj"} {
			if c := ParseCredentials(creds); c.Form() != Malformed || !c.Present() || c.Text() != "" {
				t.Errorf("credentials %q: %v", creds, c.Form())
			}
		}
		if ParamChallenge("Digest", "a=b,"+end+"c=d").Text() != "" {
			t.Errorf("%q can be written", end)
		}
	}
	requirement.Held(t, "unit:line_ends", "R9110-5.5-1")
}

func TestChallengesBeyondTheBound(t *testing.T) {
	full := strings.Repeat("Bearer x=y, ", bound.Challenges)
	for _, test := range []struct {
		text string
		want bool
	}{
		{"", false}, {"Digest a=b", false}, {full, false}, {full + "Basic a=b", false},
		{full + "Digest a=b", true}, {full + "Basic a=b, DIGEST", true}, {full + `Digest a="`, true}, {full + full + "Digest", true},
		{"Digest, " + full, false}, {"Digest, " + full + "Digest", true},
	} {
		if got := ParseChallenges(test.text).Beyond("digest"); got != test.want {
			t.Errorf("%.40q… %v", test.text, got)
		}
	}
}

// TestChallengesFlaw: what is wrong with a challenge is said with its place, and without a byte of it.
func TestChallengesFlaw(t *testing.T) {
	for _, test := range []struct{ scheme, field, want string }{
		{"Digest", `Digest realm="r", nonce="n"`, ""},
		{"Basic", `Digest realm="r" nonce="n"`, ""},
		{"digest", `Digest realm="r" nonce="n" qop="auth"`, "byte 18: want a comma"},
		{"Digest", "Basic realm=x\nDigest realm=a, realm=b", "byte 31: a parameter comes twice"},
		{"Digest", "Digest a=b, @", "byte 13: want a parameter, name=value"},
		{"Digest", "Digest @", "byte 8: want a token, or a parameter, name=value"},
		{"Digest", `Digest realm="r`, "byte 14: a quoted string does not end, or has a byte that it may not have"},
		{"Digest", "Digest realm=, nonce=n", "byte 16: nothing may follow a token"},
		{"Digest", "Digest a=b, c=@", "byte 15: want the value of a parameter"},
		{"Digest", "Digest a=b c", "byte 12: want a comma"},
		{"NTLM", "NTLM YWJj, a=b", "byte 12: nothing may follow a token"},
		{"Digest", "Digest " + strings.Join(many("p%d=x", bound.Params+1), ", "), "byte 222: more than 32 parameters"},
		{"", "=x, Basic realm=x", "byte 1: want the name of a scheme"},
		{"", `Digest"x"`, "byte 7: want a space behind the name of a scheme"},
		{"Digest", strings.Repeat("Basic, ", bound.Challenges) + "Digest @", ""},
	} {
		if got := ParseChallenges(strings.Split(test.field, "\n")...).Flaw(test.scheme); got != test.want {
			t.Errorf("%s in %q: %q, want %q", test.scheme, test.field, got, test.want)
		}
	}
	requirement.Held(t, "unit:challenge_flaws", "LEG-1")
}

// many returns n texts of a format with their numbers.
func many(format string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return all
}

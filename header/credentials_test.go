package header

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/internal/requirement"
)

func TestParseCredentials(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		lines    []string
		present  bool
		scheme   string
		form     Form
		text     string
	}{
		{"no line is absent", nil, false, "", Malformed, ""},
		{"an empty line is there, and malformed", []string{""}, true, "", Malformed, ""},
		{"white space alone is malformed", []string{" \t"}, true, "", Malformed, ""},
		{"a token68", []string{"Negotiate YWJj"}, true, "Negotiate", Token68, "Negotiate YWJj"},
		{"a scheme of any case, and surrounding white space", []string{" nTLM \t YWI= "}, true, "nTLM", Token68, "nTLM YWI="},
		{"parameters", []string{`Digest username="a",uri="/", nc=00000001`}, true, "Digest", Params, `Digest username="a",uri="/", nc=00000001`},
		{"a scheme alone", []string{"Digest"}, true, "Digest", Bare, "Digest"},
		{"empty elements do no harm", []string{"Digest ,,,"}, true, "Digest", Bare, "Digest"},
		{"a lone quote", []string{`Digest username="`}, true, "Digest", Malformed, ""},
		{"a lone =", []string{`Digest =`}, true, "Digest", Malformed, ""},
		{"a repeated name", []string{`Digest nc=1, NC=1`}, true, "Digest", Malformed, ""},
		{"two lines", []string{"Negotiate YWJj", "Negotiate YWJj"}, true, "", Malformed, ""},
		{"two lines in one", []string{"Digest a=b\nc=d"}, true, "Digest", Malformed, ""},
		{"two lines in one, by CR LF", []string{"Digest a=b\r\nc=d"}, true, "Digest", Malformed, ""},
		{"CR between", []string{"Digest a=b,\rc=d"}, true, "Digest", Malformed, ""},
		{"CR at the end", []string{"Digest a=b\r"}, true, "Digest", Malformed, ""},
		{"two values on one line", []string{"Negotiate YWJj, NTLM YWJj"}, true, "Negotiate", Malformed, ""},
		{"a value and a scheme", []string{"Basic YWJj, NTLM"}, true, "Basic", Malformed, ""},
		{"a value and junk", []string{"NTLM, @"}, true, "NTLM", Malformed, ""},
		{"two tokens", []string{"Negotiate YWJj YWJj"}, true, "Negotiate", Malformed, ""},
		{"a comma before", []string{", Basic YWJj"}, true, "", Malformed, ""},
		{"missing padding", []string{"Basic YWI"}, true, "Basic", Token68, "Basic YWI"},
		{"surplus padding", []string{"Basic YWI=="}, true, "Basic", Token68, "Basic YWI=="},
		{"parameters without a scheme", []string{`username="a"`}, true, "", Malformed, ""},
		{"a control character", []string{"Basic YWJj\x00"}, true, "Basic", Malformed, ""},
	} {
		t.Run(tt.sentence, func(t *testing.T) {
			c := ParseCredentials(tt.lines...)
			if c.Present() != tt.present || c.Scheme() != tt.scheme || c.Form() != tt.form || c.Text() != tt.text || string(c.v.appendTo(nil)) != tt.text {
				t.Errorf("%q: present %v, scheme %q, form %v, text %q", tt.lines, c.Present(), c.Scheme(), c.Form(), c.Text())
			}
		})
	}
}

func TestCredentialsConstructors(t *testing.T) {
	for _, tt := range []struct {
		c    Credentials
		text string
	}{
		{TokenCredentials("NTLM", "abc"), "NTLM YWJj"},
		{TokenCredentials("Negotiate", ""), "Negotiate"},
		{TokenCredentials("no token", "abc"), ""},
		{paramCredentials("Digest", ` a=b, `), "Digest a=b"},
		{paramCredentials("Digest", ""), "Digest"},
		{paramCredentials("Digest", "a=b\nc=d"), ""},
		{paramCredentials("Digest", "a=b\r\nX: y"), ""},
		{paramCredentials("Digest", "YWJj"), ""},
		{paramCredentials("", "a=b"), ""},
		{paramCredentials("Digest\n", "a=b"), ""},
	} {
		if tt.c.Text() != tt.text || !tt.c.Present() || (tt.c.Form() == Malformed) != (tt.text == "") {
			t.Errorf("%q, want %q", tt.c.Text(), tt.text)
		}
		if tt.text != "" && ParseCredentials(tt.text) != tt.c {
			t.Errorf("%q does not round-trip", tt.text)
		}
	}
}

const canary = "c4n4ry"

// No verb, nor any encoding, shows what stands behind the scheme.
func TestCredentialsRedact(t *testing.T) {
	secrets := []string{canary}
	for _, enc := range []string{"%x", "%X", "% x", "%q"} {
		secrets = append(secrets, strings.Trim(fmt.Sprintf(enc, canary), `"`))
	}
	type exported struct{ Authorization Credentials }
	for _, tt := range []struct {
		c    Credentials
		want string
	}{
		{Credentials{}, "none"},
		{ParseCredentials(`Digest username="` + canary + `"`), "Digest ***"},
		{ParseCredentials("Negotiate " + canary + "AA"), "Negotiate ***"},
		{ParseCredentials(`Digest username="` + canary), "Digest ***"},
		{ParseCredentials("Basic " + canary + "!"), "Basic ***"},
		{ParseCredentials(canary), "***"},
		{ParseCredentials(canary + "=x"), "***"},
		{ParseCredentials("Basic YQ==", canary), "***"},
		{TokenCredentials("NTLM", canary), "NTLM ***"},
		{paramCredentials("Digest", "response="+canary), "Digest ***"},
	} {
		shown := []string{fmt.Sprint(tt.c), fmt.Sprintf("%s", tt.c), fmt.Sprintln(tt.c)}
		for verb := rune(1); verb < 0x80; verb++ {
			if strings.ContainsRune("%pw", verb) {
				continue // fmt refuses p and w for such operands before it asks them; so does vet
			}
			for _, flags := range []string{"", "+", "#", " ", "-", "0", "30", ".3"} {
				f := "%" + flags + string(verb)
				shown = append(shown, fmt.Sprintf(f, tt.c), fmt.Sprintf(f, exported{tt.c}), fmt.Sprintf(f, []any{tt.c}),
					fmt.Sprintf(f, map[string]Credentials{"a": tt.c}))
			}
		}
		for _, v := range []any{tt.c, &tt.c, exported{tt.c}, Request{Authorization: tt.c}} {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			shown = append(shown, string(b), fmt.Sprintf("%#v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%x", v))
		}
		shown = append(shown, fmt.Errorf("wrapped: %v", tt.c).Error())
		if shown[0] != tt.want || shown[1] != tt.want {
			t.Errorf("shows %q and %q, want %q", shown[0], shown[1], tt.want)
		}
		for _, s := range shown {
			for _, secret := range secrets {
				if strings.Contains(s, secret) {
					t.Errorf("shows %q", s)
				}
			}
			if text := tt.c.Text(); text != "" && text != tt.want && strings.Contains(s, strings.TrimPrefix(text, tt.c.Scheme()+" ")) {
				t.Errorf("shows %q", s)
			}
		}
	}
}

func TestToken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		token := string(rapid.SliceOfN(rapid.Byte(), 1, 3000).Draw(t, "token"))
		surplus := strings.Repeat("=", rapid.IntRange(0, 4).Draw(t, "surplus"))
		c := TokenCredentials("NTLM", token)
		if got, ok := c.Token(); !ok || got != token {
			t.Fatalf("%q, %v", got, ok)
		}
		if got, ok := ParseCredentials(c.Text() + surplus).Token(); !ok || got != token {
			t.Fatalf("with %q: %q, %v", surplus, got, ok)
		}
		if short, found := strings.CutSuffix(c.Text(), "="); found {
			if got, ok := ParseCredentials(short).Token(); ok {
				t.Fatalf("%q is accepted as %q", short, got)
			}
		}
		requirement.Held(t, "prop:token_roundtrip")
	})
}

// Tokens of other schemes go out and come in as they are.
func TestToken68Credentials(t *testing.T) {
	for token, want := range map[string]string{"a.b-c_d~+/==": "Bearer a.b-c_d~+/==", "": "", "a b": "", "a,b": "", "=": "", "a=b": "", "a\nb": ""} {
		c := Token68Credentials("Bearer", token)
		if c.Text() != want || (want != "") != (c.Form() == Token68) {
			t.Errorf("%q: form %v, text %q; want %q", token, c.Form(), c.Text(), want)
		}
		if want != "" && (c != ParseCredentials(want) || c.Token68() != token) {
			t.Errorf("%q does not come back", token)
		}
	}
}

// What is made is what could be read: up to MaxText, and not a byte more.
func TestMadeAtTheBound(t *testing.T) {
	fill := func(taken int) string { return strings.Repeat("a", bound.Text-taken) }
	digits := (bound.Text - len("B ")) / 4 * 4 // base64 comes in fours
	for _, row := range []struct {
		made          string
		fits, exceeds Credentials
	}{
		{"a bare scheme", TokenCredentials(fill(0), ""), TokenCredentials(fill(-1), "")},
		{"a token68", Token68Credentials("B", fill(2)), Token68Credentials("B", fill(1))},
		{"a token", TokenCredentials(fill(digits+1), fill(bound.Text-digits/4*3)), TokenCredentials(fill(digits), fill(bound.Text-digits/4*3))},
		{"parameters", paramCredentials("B", "a="+fill(4)), paramCredentials("B", "a="+fill(3))},
		{"parameters that are built", Build(nil, "B").Token("a", fill(4)).Credentials(), Build(nil, "B").Token("a", fill(3)).Credentials()},
	} {
		if row.fits.Form() == Malformed || len(row.fits.Text()) != bound.Text || ParseCredentials(row.fits.Text()) != row.fits {
			t.Errorf("%s of MaxText bytes: form %v, %d bytes", row.made, row.fits.Form(), len(row.fits.Text()))
		}
		if row.exceeds.Form() != Malformed {
			t.Errorf("%s of more than MaxText bytes: form %v", row.made, row.exceeds.Form())
		}
	}
	if i := Build(nil, "").Token("a", fill(2)).Info(); i.Malformed() || len(i.Text()) != bound.Text {
		t.Error("an Info of MaxText bytes is refused")
	}
	if i := Build(nil, "").Token("a", fill(1)).Info(); !i.Malformed() {
		t.Error("an Info of more than MaxText bytes is taken")
	}
}

// paramCredentials returns credentials with auth-params in wire form.
func paramCredentials(scheme, params string) Credentials {
	return Credentials{paramValue(scheme, params), true}
}

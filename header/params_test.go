package header

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAppend(t *testing.T) {
	for _, tt := range []struct {
		sentence  string
		got, want string
	}{
		{"a token", string(AppendToken(nil, "algorithm", "MD5")), `algorithm=MD5`},
		{"a separator goes between", string(AppendToken([]byte("a=b"), "qop", "auth")), `a=b, qop=auth`},
		{"no token, so quoted", string(AppendToken(nil, "uri", "/x")), `uri="/x"`},
		{"an empty value is no token", string(AppendToken(nil, "opaque", "")), `opaque=""`},
		{"quotes and backslashes are escaped", string(AppendQuoted(nil, "username", `DOM\us"er`)), `username="DOM\\us\"er"`},
		{"a separator before quoted ones too", string(AppendQuoted([]byte("a=b"), "realm", "c")), `a=b, realm="c"`},
		{"control characters become spaces", string(AppendQuoted(nil, "realm", "a\r\nb\x00c\td\x7F")), "realm=\"a  b c\td \""},
		{"bytes from 0x80 stay", string(AppendQuoted(nil, "realm", "\xe4ü")), "realm=\"\xe4ü\""},
		{"no name, no parameter", string(AppendQuoted([]byte("a=b"), "", "c")), `a=b`},
		{"a name that is no token, no parameter", string(AppendToken(nil, "a\r\nb", "c")), ``},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", tt.sentence, tt.got, tt.want)
		}
	}
}

func TestParamsRoundTrip(t *testing.T) {
	text := rapid.Map(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) byte {
		return rapid.SampledFrom([]byte("ab1\t \"\\,=\n\x00\x80\xff")).Draw(t, "byte")
	}), 0, 300), func(b []byte) string { return string(b) })
	rapid.Check(t, func(t *rapid.T) {
		var wire []byte
		var want []Param
		for i, v := range rapid.SliceOfN(text, 1, 6).Draw(t, "values") {
			p := Param{Name: "n" + string(rune('a'+i)), Value: v, Quoted: rapid.Bool().Draw(t, "quoted") || !isToken(v)}
			if p.Quoted {
				wire = AppendQuoted(wire, p.Name, p.Value)
				p.Value = strings.NewReplacer("\n", " ", "\x00", " ").Replace(p.Value)
			} else {
				wire = AppendToken(wire, p.Name, p.Value)
			}
			want = append(want, p)
		}
		c := ParamChallenge("Digest", string(wire))
		if got := slices.Collect(c.Params()); !slices.Equal(got, want) || !slices.Equal(slices.Collect(ParseInfo(string(wire)).Params()), want) {
			t.Fatalf("%s\n got %v\nwant %v", wire, got, want)
		}
		for _, p := range want {
			if v, ok := c.Param(strings.ToUpper(p.Name)); !ok || v != p.Value {
				t.Fatalf("%s: %q, %v", p.Name, v, ok)
			}
		}
		if _, ok := c.Param("absent"); ok {
			t.Fatal("found what is not there")
		}
		if _, ok := c.Param(""); ok {
			t.Fatal("found a name that cannot be")
		}
	})
}

// Unquoting has room of its own for short values, and none is cut short.
func TestUnquoteLengths(t *testing.T) {
	for _, n := range []int{0, 1, 126, 127, 128, 129, 130, 1000} {
		want := `"` + strings.Repeat("x", n)
		value, ok := findParam(`a="\"`+strings.Repeat("x", n)+`"`, "a")
		if !ok || value != want {
			t.Errorf("%d bytes come out as %d", len(want), len(value))
		}
	}
}

// A parameter has a name (RFC 9110 section 11.2), wherever it stands.
func TestNamelessParameters(t *testing.T) {
	for _, params := range []string{`=x`, `="x"`, `a=b, =x`, `a=b, ="x"`, `a=b,=`, ` =x`, `=x, a=b`, `a="b" , = x`} {
		if c := ParamChallenge("Digest", params); c.Form() != Malformed {
			t.Errorf("%q: made a challenge %v", params, c.Form())
		}
		if c := paramCredentials("Digest", params); c.Form() != Malformed {
			t.Errorf("%q: made credentials %v", params, c.Form())
		}
		if i := ParseInfo(params); i.Present() && !i.Malformed() {
			t.Errorf("%q: made an Info %q", params, i.Text())
		}
		if c := ParseCredentials("Digest " + params); c.Form() != Malformed {
			t.Errorf("Digest %s: read as credentials %v", params, c.Form())
		}
		if i := ParseInfo(params); !i.Malformed() {
			t.Errorf("%q: read as an Info %q", params, i.Text())
		}
		for c := range ParseChallenges("Digest " + params).All() {
			if c.Form() == Params {
				for p := range c.Params() {
					t.Errorf("Digest %s: read with the parameter %q", params, p.Name)
				}
			}
		}
	}
}

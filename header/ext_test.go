package header

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestDecodeExt(t *testing.T) {
	for _, tt := range []struct {
		sentence, in, want string
		ok                 bool
	}{
		{"the example of RFC 8187", "UTF-8''%c2%a3%20and%20%e2%82%ac%20rates", "£ and € rates", true},
		{"the example of RFC 7616", "UTF-8''J%C3%A4s%C3%B8n%20Doe", "Jäsøn Doe", true},
		{"a language is dropped", "utf-8'en-GB'a", "a", true},
		{"the first and the last of a language's letters and digits", "UTF-8'azAZ09-'a", "a", true},
		{"before the letters", "UTF-8'`'a", "", false},
		{"behind the letters", "UTF-8'{'a", "", false},
		{"before the digits", "UTF-8'/'a", "", false},
		{"behind the digits", "UTF-8':'a", "", false},
		{"an empty value", "UTF-8''", "", true},
		{"another charset", "iso-8859-1''a", "", false},
		{"no quotes", "abc", "", false},
		{"one quote", "UTF-8'abc", "", false},
		{"three quotes", "UTF-8'''", "", false},
		{"no language tag", "UTF-8'e n'a", "", false},
		{"a byte that needs escaping", "UTF-8''a b", "", false},
		{"two digits behind another mark", "UTF-8'';41b", "", false},
		{"a cut escape", "UTF-8''%c", "", false},
		{"half an escape", "UTF-8''a%", "", false},
		{"no hexadecimal", "UTF-8''%zz", "", false},
		{"broken UTF-8", "UTF-8''%c2", "", false},
	} {
		got, ok := DecodeExt(tt.in)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s: %q gives %q, %v", tt.sentence, tt.in, got, ok)
		}
	}
}

func TestAppendExt(t *testing.T) {
	if got := string(AppendExt([]byte("a=b"), "username", "Jäsøn Doe's 100%")); got != "a=b, username*=UTF-8''J%C3%A4s%C3%B8n%20Doe%27s%20100%25" {
		t.Error(got)
	}
	if got := AppendExt(nil, "no name", "a"); got != nil {
		t.Errorf("%q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		want := string(rapid.SliceOf(rapid.Byte()).Draw(t, "value"))
		c := ParamChallenge("Digest", string(AppendExt(nil, "username", want)))
		ext, _ := c.Param("username*")
		if got, ok := DecodeExt(ext); !ok || got != strings.ToValidUTF8(want, "\uFFFD") && utf8.ValidString(want) || !utf8.ValidString(got) {
			t.Fatalf("%q gives %q, %v", want, got, ok)
		}
	})
}

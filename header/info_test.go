package header

import "testing"

func TestParseInfo(t *testing.T) {
	for _, tt := range []struct {
		sentence           string
		lines              []string
		present, malformed bool
		text               string
	}{
		{"no line is absent", nil, false, false, ""},
		{"an empty field is there", []string{""}, true, false, ""},
		{"a bare list of parameters", []string{`rspauth="00ff", qop=auth, nc=00000001`}, true, false, `rspauth="00ff", qop=auth, nc=00000001`},
		{"several lines are one list", []string{`rspauth="00ff"`, `qop=auth`}, true, false, `rspauth="00ff",qop=auth`},
		{"empty elements are dropped at the ends", []string{`, qop=auth,,`}, true, false, `qop=auth`},
		{"a repeated name", []string{`qop=auth`, `QOP="auth"`}, true, true, ""},
		{"a scheme is no parameter", []string{`Digest qop=auth`}, true, true, ""},
		{"a token is no parameter", []string{`qop`}, true, true, ""},
		{"an open quote", []string{`rspauth="00`, `qop=auth`}, true, true, ""},
		{"a missing value", []string{`qop=`}, true, true, ""},
		{"a missing comma", []string{`qop=auth nc=1`}, true, true, ""},
		{"a control character", []string{"qop=\"a\x00\""}, true, true, ""},
	} {
		i := ParseInfo(tt.lines...)
		if i.Present() != tt.present || i.Malformed() != tt.malformed || i.Text() != tt.text {
			t.Errorf("%s: %+v", tt.sentence, i)
		}
		if i.Present() && !i.Malformed() && ParseInfo(i.Text()) != i {
			t.Errorf("%s: %q does not round-trip", tt.sentence, i.Text())
		}
	}
	i := ParseInfo(`rspauth="00ff", nextnonce="a\"b"`)
	if v, ok := i.Param("NextNonce"); !ok || v != `a"b` {
		t.Errorf("%q, %v", v, ok)
	}
	if _, ok := (Info{}).Param("nextnonce"); ok {
		t.Error("absent information has a parameter")
	}
}

package header

import "testing"

func TestParsePersistentAuth(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		lines    []string
		want     PersistentAuth
	}{
		{"no line is absent", nil, PersistAbsent},
		{"true", []string{"true"}, PersistTrue},
		{"false", []string{"false"}, PersistFalse},
		{"case does not matter", []string{"TrUe"}, PersistTrue},
		{"nor white space around it", []string{"\t false "}, PersistFalse},
		{"repeated equal values are one", []string{"true, TRUE", "true"}, PersistTrue},
		{"empty elements do not count", []string{", true,,"}, PersistTrue},
		{"an empty field says nothing", []string{""}, PersistInvalid},
		{"nor does an empty list", []string{" , ", ""}, PersistInvalid},
		{"unknown", []string{"yes"}, PersistInvalid},
		{"unknown beside a known one", []string{"true, yes"}, PersistInvalid},
		{"quoted is not a token", []string{`"true"`}, PersistInvalid},
		{"two words", []string{"true true"}, PersistInvalid},
		{"a prefix", []string{"tru"}, PersistInvalid},
		{"contradictory", []string{"true, false"}, PersistInvalid},
		{"contradictory over lines", []string{"false", "true"}, PersistInvalid},
		{"a control character", []string{"true\x00"}, PersistInvalid},
		{"only ASCII folds", []string{"ﬀalse"}, PersistInvalid},
	} {
		if got := parsePersistentAuth(tt.lines...); got != tt.want {
			t.Errorf("%s: %q gives %d, want %d", tt.sentence, tt.lines, got, tt.want)
		}
	}
	for p := PersistAbsent; p <= PersistInvalid; p++ {
		if s := p.Text(); s != "" && parsePersistentAuth(s) != p || (s == "") != (p == PersistAbsent || p == PersistInvalid) {
			t.Errorf("%d: %q", p, s)
		}
	}
}

func TestParseProxySupport(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		lines    []string
		want     bool
	}{
		{"no line", nil, false},
		{"the one defined value", []string{"Session-Based-Authentication"}, true},
		{"case does not matter", []string{"session-based-AUTHENTICATION"}, true},
		{"among others", []string{"x, Session-Based-Authentication ,y"}, true},
		{"on another line", []string{"x", "Session-Based-Authentication"}, true},
		{"others alone", []string{"x, y"}, false},
		{"a part of a word", []string{"Session-Based-Authentication-2"}, false},
		{"two words", []string{"x Session-Based-Authentication"}, false},
		{"empty", []string{""}, false},
	} {
		if got := parseProxySupport(tt.lines...); got != tt.want {
			t.Errorf("%s: %q gives %v", tt.sentence, tt.lines, got)
		}
	}
}

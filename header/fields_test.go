package header

import (
	"reflect"
	"testing"
)

func TestParseMessages(t *testing.T) {
	fields := map[string][]string{
		"WWW-Authenticate":          {"Negotiate", "NTLM"},
		"Proxy-Authenticate":        {"NTLM YWJj"},
		"Authentication-Info":       {"qop=auth"},
		"Proxy-Authentication-Info": {"nc=00000001"},
		"Persistent-Auth":           {"true"},
		"Proxy-Support":             {"Session-Based-Authentication"},
		"Authorization":             {"Basic YWJj"},
		"Proxy-Authorization":       {"NTLM YWJj"},
		"Via":                       {"1.1 a"},
	}
	lines := func(field string) []string { return fields[field] }
	if got, want := ParseResponse(lines), (Response{
		ParseChallenges("Negotiate", "NTLM"), ParseChallenges("NTLM YWJj"), ParseInfo("qop=auth"), ParseInfo("nc=00000001"), PersistTrue, true,
	}); got != want {
		t.Errorf("%+v", got)
	}
	if got, want := ParseRequest(lines), (Request{ParseCredentials("Basic YWJj"), ParseCredentials("NTLM YWJj"), true}); got != want {
		t.Errorf("%+v", got)
	}
	none := func(string) []string { return nil }
	if ParseResponse(none) != (Response{}) || ParseRequest(none) != (Request{}) {
		t.Error("a message without fields is the zero value")
	}
}

func TestComparable(t *testing.T) {
	for _, v := range []any{Challenge{}, Challenges{}, Credentials{}, Info{}, Param{}, Response{}, Request{}, PersistentAuth(0), Form(0)} {
		if !reflect.ValueOf(v).Comparable() {
			t.Errorf("%T cannot be compared", v)
		}
	}
}

func TestFormNames(t *testing.T) {
	for f, want := range map[Form]string{Malformed: "Malformed", Bare: "Bare", Token68: "Token68", Params: "Params", 77: "Malformed"} {
		if f.String() != want {
			t.Errorf("%d is %s", uint8(f), f)
		}
	}
}

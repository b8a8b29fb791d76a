package header

import (
	"reflect"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement"
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
		"Early-Data":                {"1"},
	}
	lines := func(field string) []string { return fields[field] }
	if got, want := ParseResponse(lines), (Response{
		ParseChallenges("Negotiate", "NTLM"), ParseChallenges("NTLM YWJj"), ParseInfo("qop=auth"), ParseInfo("nc=00000001"), PersistTrue, true,
	}); got != want {
		t.Errorf("%+v", got)
	}
	if got, want := ParseRequest(lines), (Request{ParseCredentials("Basic YWJj"), ParseCredentials("NTLM YWJj"), true, true}); got != want {
		t.Errorf("%+v", got)
	}
	none := func(string) []string { return nil }
	if ParseResponse(none) != (Response{}) || ParseRequest(none) != (Request{}) {
		t.Error("a message without fields is the zero value")
	}
}

// An Early-Data field counts, whatever it says and how often it is there.
func TestEarlyData(t *testing.T) {
	for _, lines := range [][]string{{"1"}, {"0"}, {""}, {"true"}, {"1", "1"}, {"0", "1"}, {"1, 1"}, {" "}} {
		got := ParseRequest(func(field string) []string {
			if field == earlyData {
				return lines
			}
			return nil
		})
		if !got.EarlyData {
			t.Errorf("%q does not count", lines)
		}
		requirement.Held(t, "unit:early_data_field", "R8470-5.1-1")
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

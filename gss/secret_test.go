package gss

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/internal/requirement"
)

const canary = "cAnary-7c0de"

var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%t", "%c", "%U", "%e", "%10.3v", "%+q", "% x", "%#x"}

// shows reports where the canary can be read in s: as text, in hexadecimal, or
// as the list of numbers that fmt makes of bytes, in either case.
func shows(s string) bool {
	s = strings.ToLower(s)
	numbers := strings.Trim(fmt.Sprint([]byte(canary)), "[]")
	hexNumbers := ""
	for i, b := range []byte(canary) {
		if i > 0 {
			hexNumbers += ", "
		}
		hexNumbers += fmt.Sprintf("0x%x", b)
	}
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("% x", canary), fmt.Sprintf("%x", canary)[:12],
		numbers, hexNumbers, canary[:6]} {
		if strings.Contains(s, strings.ToLower(form)) {
			return true
		}
	}
	return false
}

// hiding are values of every type here that holds a secret, by itself and where
// fmt and encoders must look for it.
func hiding() map[string]any {
	secret := NewSecret(canary)
	var seed Seed
	copy(seed[:], canary)
	env := Env{Now: 1, Seed: seed}
	password := Password{User: "alice", Domain: "EXAMPLE", Password: secret}
	verdict := NeedVerdict{Scheme: "Basic", User: "alice", Proof: secret}
	token := TokenOf(canary)
	type nested struct {
		Secret  Secret
		Seed    Seed
		Env     Env
		Token   Token
		Answer  Answer
		Ask     Question
		Pointer *Secret
		Input   Input
		Output  Output
	}
	whole := nested{secret, seed, env, token, password, verdict, &secret,
		Input{Token: token, Answer: password}, Output{Token: token, Ask: verdict}}
	return map[string]any{
		"Secret": secret, "*Secret": &secret, "Seed": seed, "*Seed": &seed, "Env": env, "Token": token,
		"Password": password, "NeedVerdict": verdict, "Reply": Reply{canary}, "NeedExchange": NeedExchange{"kdc", "EXAMPLE", canary},
		"Input": Input{Token: token, Answer: password}, "Output": Output{Token: token, Ask: verdict},
		"Info": Info{Delegated: password}, "Binding": BindingOf(canary), "Target": Target{Binding: BindingOf(canary)},
		"struct": whole, "pointer": &whole, "slice": []any{secret, seed, token, password, Reply{canary}},
		"array": [2]Secret{secret, secret}, "map": map[string]Answer{"a": password, "b": Reply{canary}},
	}
}

// prop:no_secret_in_any_format (HTA-12, L10).
func TestNothingShowsSecrets(t *testing.T) {
	for name, v := range hiding() {
		for _, verb := range verbs {
			if s := fmt.Sprintf(verb, v); shows(s) {
				t.Errorf("%s of %s: %s", verb, name, s)
			}
		}
		extra := strings.Repeat("no verb", 1) // the operand is shown as surplus; no constant, since vet would find it
		if s := fmt.Sprint(v) + fmt.Sprintln(v) + fmt.Sprintf(extra, v); shows(s) {
			t.Errorf("print of %s: %s", name, s)
		}
		if s, err := json.Marshal(v); err != nil || shows(string(s)) {
			t.Errorf("JSON of %s: %s, %v", name, s, err)
		}
		if s, _ := xml.Marshal(v); shows(string(s)) {
			t.Errorf("XML of %s: %s", name, s)
		}
		for _, handler := range []func(*strings.Builder) slog.Handler{
			func(b *strings.Builder) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *strings.Builder) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b strings.Builder
			slog.New(handler(&b)).Info("message", "value", v)
			if shows(b.String()) {
				t.Errorf("slog of %s: %s", name, b.String())
			}
		}
		requirement.Held(t, "prop:no_secret_in_any_format")
	}
	for _, key := range []any{map[Secret]int{NewSecret(canary): 1}, map[Token]int{TokenOf(canary): 1}} {
		s, err := json.Marshal(key)
		if err != nil || shows(string(s)) || shows(fmt.Sprint(key)) {
			t.Errorf("as a key: %s, %v", s, err)
		}
	}
}

// The boundary that the documentation of Secret draws, so that it is noticed
// when fmt moves it.
func TestWhereFmtCannotHide(t *testing.T) {
	type careless struct{ secret Secret }
	if !shows(fmt.Sprintf("%v", careless{NewSecret(canary)})) {
		t.Error("fmt now formats fields that are not exported: say so in Secret")
	}
	verb := "%p" // not a constant, since vet would find it
	if !shows(fmt.Sprintf(verb, NewSecret(canary))) {
		t.Error("fmt now asks a Formatter for the verb p: say so in Secret")
	}
	if verb = "%w"; !shows(fmt.Errorf(verb, NewSecret(canary)).Error()) {
		t.Error("fmt now asks a Formatter for the verb w: say so in Secret")
	}
}

func TestFormatsAsDocumented(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{NewSecret("x"), "secret(***)"},
		{Secret{}, "secret(none)"},
		{Seed{1}, "seed(***)"},
		{Seed{}, "seed(none)"},
		{Env{Now: 7, Seed: Seed{1}}, "env(now=7, seed(***))"},
		{Token{}, "token(absent)"},
		{TokenOf(""), "token(0 bytes)"},
		{TokenOf("abc"), "token(3 bytes)"},
		{Binding{}, "binding(unavailable)"},
		{NoBinding(), "binding(none)"},
		{BindingOf("abc"), "binding(3 bytes)"},
		{Reply{"abc"}, "reply(3 bytes)"},
		{NeedExchange{"kdc", "EXAMPLE", "abc"}, `exchange(kdc of "EXAMPLE", 3 bytes)`},
	} {
		for _, verb := range verbs {
			if got := fmt.Sprintf(verb, test.value); got != test.want {
				t.Errorf("%s of %T: %s, expected %s", verb, test.value, got, test.want)
			}
		}
	}
}

func TestSecretAndToken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		if rapid.Bool().Draw(t, "same") {
			b = a
		}
		s := NewSecret(a)
		if s.Reveal() != a || s.IsEmpty() != (a == "") || (s == NewSecret(b)) != (a == b) {
			t.Fatal("a Secret is not its string")
		}
		if Equal(a, b) != (a == b) || s.Equal(NewSecret(b)) != (a == b) {
			t.Fatal("Equal is not ==")
		}
		token := TokenOf(a)
		if !token.Present() || token.Bytes() != a || token == (Token{}) || (token == TokenOf(b)) != (a == b) {
			t.Fatal("a Token is not its bytes")
		}
	})
}

// The comparison looks at every byte of both, wherever they differ: one pass
// without a way out. Timing itself is not for a test; its shape is.
func TestEqualAtEveryPosition(t *testing.T) {
	a := strings.Repeat("\x00", 64)
	for i := range a {
		for bit := range 8 {
			b := []byte(a)
			b[i] ^= 1 << bit
			if Equal(a, string(b)) {
				t.Fatalf("bit %d of byte %d is not looked at", bit, i)
			}
		}
	}
	if Equal(a, a[1:]) || Equal(a[1:], a) || !Equal("", "") {
		t.Error("lengths")
	}
	if n := testing.AllocsPerRun(10, func() { Equal(a, a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Zero values are dead, never open.
func TestZeroValues(t *testing.T) {
	if out := (Output{}); out.State != Failed || out.Token.Present() {
		t.Error("the zero Output opens something")
	}
	if (Token{}).Present() || (Token{}).Bytes() != "" {
		t.Error("the zero Token is there")
	}
	if (Binding{}).IsNone() || (Binding{}) == NoBinding() || BindingOf("") != (Binding{}) {
		t.Error("the zero Binding is not unavailable (HTA-19)")
	}
	if _, aware := (Binding{}).Hash(false); aware {
		t.Error("the zero Binding is aware (HTA-19)")
	}
	if !(Fault{}).IsZero() || (Fault{Code: Refused}).IsZero() || Fail(Refused, "x").State != Failed {
		t.Error("the zero Fault")
	}
	if (Verdict{}).Accepted || (ReplayVerdict{}).First {
		t.Error("a zero answer accepts")
	}
	if (Info{}).Peer != "" || (Info{}).Anonymous || (Info{}).Flags != 0 {
		t.Error("the zero Info names somebody")
	}
	if _, ok := (Window{}).Admit(0); ok {
		t.Error("the zero Window admits 0")
	}
}

// Every value type of the package can be compared (L2).
func TestComparable(t *testing.T) {
	for _, v := range []any{Env{}, Token{}, Secret{}, Seed{}, Binding{}, Target{}, Input{}, Output{}, Info{}, Traits{}, Fault{}, Window{},
		NeedCredential{}, NeedVerifier{}, NeedVerdict{}, NeedReplayCheck{}, NeedExchange{},
		Declined{}, Unreachable{}, Unknown{}, Unverifiable{}, Password{}, Verdict{}, ReplayVerdict{}, Reply{}} {
		if !reflect.TypeOf(v).Comparable() {
			t.Errorf("%T is not comparable", v)
		}
	}
}

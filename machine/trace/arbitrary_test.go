package trace

import (
	"encoding/base64"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/machine"
)

// own questions and answers, as a scheme of a user's own has them.
type (
	needHash struct {
		Algorithm uint8
		Response  bool
	}
	hash   struct{ Sum string }
	hashes struct {
		User string
		Two  [2]gss.Secret
	}
	// prepared keeps what it has to itself, and writes it down itself.
	prepared struct{ secret string }
	// silent does not.
	silent struct{ secret string }
)

func (needHash) Question() {}
func (hash) Answer()       {}
func (hashes) Answer()     {}
func (prepared) Answer()   {}
func (silent) Answer()     {}

func (p prepared) MarshalBinary() ([]byte, error) { return []byte("prepared:" + p.secret), nil }

func (p *prepared) UnmarshalBinary(b []byte) error {
	s, ok := strings.CutPrefix(string(b), "prepared:")
	if !ok {
		return errEncoding()
	}
	p.secret = s
	return nil
}

// all is a vocabulary with the types above.
func all(t testing.TB) Vocabulary {
	t.Helper()
	v, err := Vocab(needHash{}, hash{}, hashes{}, prepared{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// text is drawn for every string: it holds the canary, and what might upset a
// parser.
func text(t *rapid.T, label string) string {
	return rapid.SampledFrom([]string{
		"", canary, canary + " ", "Basic", "digest", "GET", canary + `", x="`, "a\x00\xff" + canary, canary + "\r\n", "äöü" + canary,
		`{"sealed":"` + canary, `,"sealed":"`, "Negotiate, Basic", strings.Repeat(canary, 40),
	}).Draw(t, label)
}

// lines are lines of a header field with all that can go wrong in them.
func lines(t *rapid.T, label string) []string {
	part := rapid.SampledFrom([]string{
		"Basic", "Negotiate", "nTlM", "Digest", canary, "Bearer", " ", "  ", "\t", ",", ", ", "=", "==", `"`, `\`, "\n", "\r\n", "\x00", "\xff",
		`realm="` + canary + `"`, "nonce=" + canary, "a=b", "a = b", `a="\"b"`, "a*=UTF-8''x",
		base64.StdEncoding.EncodeToString([]byte(canary)), base64.StdEncoding.EncodeToString([]byte("alice:" + canary)), "Zm9v", "!!",
	})
	return rapid.SliceOfN(rapid.Map(rapid.SliceOfN(part, 0, 8), func(s []string) string { return strings.Join(s, "") }), 0, 3).Draw(t, label)
}

// fill sets x to an arbitrary value.
func fill(t *rapid.T, x reflect.Value, label string) {
	var v any
	switch x.Type() {
	case reflect.TypeFor[header.Challenges]():
		cs := header.ParseChallenges(lines(t, label)...)
		if rapid.IntRange(0, 9).Draw(t, label+" over") == 0 {
			cs = cs.Append(header.ParseChallenges(strings.Repeat("x", bound.Text+1)))
		}
		v = cs
	case reflect.TypeFor[header.Challenge]():
		c := header.Challenge{}
		for c = range header.ParseChallenges(lines(t, label)...).All() {
			break
		}
		v = c
	case reflect.TypeFor[header.Credentials]():
		v = header.ParseCredentials(lines(t, label)...)
	case reflect.TypeFor[header.Info]():
		v = header.ParseInfo(lines(t, label)...)
	case reflect.TypeFor[gss.Secret]():
		v = gss.NewSecret(text(t, label))
	case reflect.TypeFor[gss.Token]():
		v = gss.TokenOf(text(t, label))
	case reflect.TypeFor[gss.Binding]():
		v = rapid.SampledFrom([]gss.Binding{{}, gss.NoBinding(), gss.BindingOf(canary), gss.Undefined(), several}).Draw(t, label)
	case reflect.TypeFor[gss.Seed]():
		v = gss.Seed([]byte((canary + strings.Repeat("s", 32))[:32]))
	case reflect.TypeFor[machine.Resume]():
		v = resume(t, label)
	case reflect.TypeFor[prepared]():
		v = prepared{text(t, label)}
	case contextType:
		var c gss.Context
		if rapid.Bool().Draw(t, label+" there") {
			var i gss.Info
			fill(t, reflect.ValueOf(&i).Elem(), label)
			c = recorded{i}
		}
		x.Set(reflect.ValueOf(&c).Elem())
		return
	case reflect.TypeFor[machine.Actions]():
		var list []machine.Action
		for range rapid.IntRange(0, maxActions).Draw(t, label+" actions") {
			var a machine.Action
			fill(t, reflect.ValueOf(&a).Elem(), label)
			list = append(list, a)
		}
		v = machine.Do(list...)
	}
	if v != nil {
		x.Set(reflect.ValueOf(v))
		return
	}
	switch x.Kind() {
	case reflect.Bool:
		x.SetBool(rapid.Bool().Draw(t, label))
	case reflect.String:
		x.SetString(text(t, label))
	case reflect.Uint8:
		x.SetUint(uint64(rapid.Uint8().Draw(t, label)))
	case reflect.Uint16, reflect.Uint32:
		x.SetUint(uint64(rapid.Uint16().Draw(t, label)))
	case reflect.Uint64:
		x.SetUint(rapid.Uint64().Draw(t, label))
	case reflect.Int, reflect.Int64:
		x.SetInt(int64(rapid.IntRange(-1, 1<<30).Draw(t, label)))
	case reflect.Array:
		for i := range x.Len() {
			fill(t, x.Index(i), label)
		}
	case reflect.Struct:
		for i := range x.NumField() {
			if f := x.Type().Field(i); f.Name != "_" {
				fill(t, x.Field(i), label+"."+f.Name)
			}
		}
	case reflect.Interface:
		var fit []reflect.Type
		for _, list := range [][]reflect.Type{types[:], {reflect.TypeFor[needHash](), reflect.TypeFor[hash](), reflect.TypeFor[hashes](), reflect.TypeFor[prepared]()}} {
			for _, typ := range list {
				if typ.Implements(x.Type()) {
					fit = append(fit, typ)
				}
			}
		}
		n := rapid.IntRange(-1, len(fit)-1).Draw(t, label+" type")
		if n < 0 {
			return
		}
		value := reflect.New(fit[n]).Elem()
		fill(t, value, label+"."+fit[n].Name())
		x.Set(value)
	default:
		t.Fatalf("%s: nothing fills a %v: the events and actions have got a kind of field that this test does not know", label, x.Type())
	}
}

// resume is one that a machine gave.
func resume(t *rapid.T, label string) machine.Resume {
	all := resumes()
	return all[rapid.IntRange(0, len(all)-1).Draw(t, label)]
}

// record draws a record.
func record(t *rapid.T) Record {
	r := Record{
		Role: rapid.SampledFrom([]Role{Client, Server, Proxy}).Draw(t, "role"), Name: rapid.SampledFrom([]string{"", "conn-1", `a "name"`}).Draw(t, "name"),
		Seq: rapid.Uint64().Draw(t, "seq"), Err: text(t, "error"),
	}
	fill(t, reflect.ValueOf(&r.Env).Elem(), "env")
	fill(t, reflect.ValueOf(&r.Event).Elem(), "event")
	fill(t, reflect.ValueOf(&r.Actions).Elem(), "actions")
	return r
}

// several is the binding of an acceptor that does not know which certificate it showed.
var several, _ = gss.BindingAmong(gss.BindingOf(canary), gss.BindingOf(canary+"2"))

package trace

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// marked are the types of a directory's sources that have a method of one of
// the names.
func marked(t *testing.T, dir string, methods ...string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || !slices.Contains(methods, fn.Name.Name) {
				continue
			}
			if marked, ok := fn.Recv.List[0].Type.(*ast.Ident); ok { // marks stand on values
				names = append(names, f.Name.Name+"."+marked.Name)
			}
		}
	}
	return names
}

// No event, action, question or answer is forgotten: the sources have the whole
// list, and ours is the same.
func TestEveryTypeIsKnown(t *testing.T) {
	want := append(marked(t, "..", "event", "action"), marked(t, "../../gss", "Question", "Answer")...)
	var got []string
	for _, typ := range types {
		got = append(got, typ.String())
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the sources define %v, this package knows %v", want, got)
	}
	if len(want) < 29 {
		t.Errorf("only %d types were found in the sources", len(want))
	}
	for _, typ := range types {
		if !encodable(typ, 0) {
			t.Errorf("%v cannot be encoded", typ)
		}
	}
	if !encodable(reflect.TypeFor[gss.Env](), 0) {
		t.Error("an Env cannot be encoded")
	}
}

func TestRoundTrip(t *testing.T) {
	v := all(t)
	rapid.Check(t, func(t *rapid.T) {
		r := record(t)
		b, err := v.encode(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := v.decode(b)
		if err != nil || again != r {
			t.Fatalf("%+v reads back as %+v, %v", r, again, err)
		}
	})
}

// Every field of every type is kept: set alone, it is still set when it comes
// back.
func TestEveryFieldIsKept(t *testing.T) {
	v := all(t)
	n := 0
	for _, typ := range append(types[:], reflect.TypeFor[Record](), reflect.TypeFor[gss.Env]()) {
		if typ.Kind() != reflect.Struct {
			continue
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			if f.Name == "_" {
				continue
			}
			n++
			x := reflect.New(typ).Elem()
			for seed := 0; x.IsZero() && seed < 200; seed++ {
				x.Field(i).Set(rapid.Custom(func(t *rapid.T) any {
					rapid.Bool().Draw(t, "any") // an example has to draw something
					y := reflect.New(f.Type)
					fill(t, y.Elem(), f.Name)
					return y
				}).Example(seed).(reflect.Value).Elem())
			}
			if x.IsZero() {
				t.Errorf("%v.%s was never set", typ, f.Name)
				continue
			}
			b, err := v.put(nil, x, 0)
			if err != nil {
				t.Errorf("%v.%s: %v", typ, f.Name, err)
				continue
			}
			y := reflect.New(typ).Elem()
			in := reader{b}
			if err := v.get(&in, y, 0); err != nil || len(in.b) > 0 || y.Interface() != x.Interface() {
				t.Errorf("%v.%s: %+v reads back as %+v, %v", typ, f.Name, x, y, err)
			}
		}
	}
	if n < 80 {
		t.Errorf("only %d fields were looked at", n)
	}
}

// The texts of header values read back as the same values, whatever a peer
// sent.
func TestLeaves(t *testing.T) {
	for _, row := range [][]string{
		nil, {""}, {" "}, {"Basic"}, {"Basic realm=\"x\" , , Digest"}, {"Digest username=\""}, {"Negotiate !!"}, {"=", "Basic"}, {"Negotiate", "="},
		{"Digest realm=a", "nonce=b"}, {"Digest realm=\"a", "nonce=b"}, {"a\nb"}, {"Basic\nBasic"}, {"Basic\n"}, {"hunter2"}, {"hunter2 x"},
		{strings.Repeat("x", bound.Text)}, {strings.Repeat("x", bound.Text-1) + "\n"}, {strings.Repeat("x", bound.Text+1)},
		{"Basic", strings.Repeat("x", bound.Text+1)}, {"a=1, b=2"}, {"a=1", "b=2"}, {"a=1,,"}, {"a"}, {`a="\"\\"`},
	} {
		for _, x := range []any{header.ParseChallenges(row...), header.ParseCredentials(row...), header.ParseInfo(row...)} {
			l, _ := leafOf(reflect.TypeOf(x))
			if y := l.parse(l.text(x)); y != x {
				if c, ok := x.(header.Credentials); ok && len(c.Scheme()) >= bound.Text-1 {
					continue // too long to be followed by anything; put refuses it
				}
				t.Errorf("%.40q: the %T reads back as another", row, x)
			}
		}
		for c := range header.ParseChallenges(row...).All() {
			l, _ := leafOf(reflect.TypeOf(c))
			if l.parse(l.text(c)) != c {
				t.Errorf("%.40q: a challenge reads back as another", row)
			}
		}
	}
}

// A record that cannot be written exactly is not written at all.
func TestFailsClosed(t *testing.T) {
	long := header.ParseCredentials(strings.Repeat("x", bound.Text-1) + "\n")
	for name, e := range map[string]machine.Event{
		"an answer that nobody knows":       machine.Answered{Answer: hash{"x"}},
		"one that keeps its fields":         machine.Answered{Answer: silent{"x"}},
		"one behind a pointer":              machine.Answered{Answer: &hash{"x"}},
		"a value that does not read back":   machine.Received{Header: header.Request{Authorization: long}},
		"an answer in what was established": nil,
	} {
		r := Record{Role: Client, Event: e}
		if e == nil {
			r.Actions = machine.Do(machine.Deliver{Info: gss.Info{Delegated: hash{"x"}}})
		}
		b, err := Vocabulary{}.encode(r)
		if problemOf(t, err) != gss.Misuse("") || b != nil {
			t.Errorf("%s: %v, %d bytes", name, err, len(b))
		}
	}
	b, err := all(t).encode(Record{Role: Client, Event: machine.Answered{Answer: hash{"x"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Vocabulary{}).decode(b); problemOf(t, err) != gss.Misuse("") {
		t.Errorf("reading what the vocabulary lacks: %v", err)
	}
}

func TestVocabRefuses(t *testing.T) {
	for name, p := range map[string]any{"nil": nil, "no question": 7, "hidden fields": silent{}, "pointer": &hash{}} {
		if _, err := Vocab(p); problemOf(t, err) != gss.Misuse("") {
			t.Errorf("%s: %v", name, err)
		}
	}
	type hash struct{ needHash } // another hash of the same name, and a question by its embedded field
	if _, err := Vocab(hashOf(), hash{}); problemOf(t, err) != gss.Misuse("") {
		t.Errorf("two types of one name: %v", err)
	}
	if v, err := Vocab(gss.Password{}, hashOf(), hashOf()); err != nil || len(v.more) != 1 {
		t.Errorf("known types again: %v, %v", v, err)
	}
}

func hashOf() any { return hash{} }

// Bytes that are no encoding give an error, and those that are give a record of
// which they are the only encoding.
func TestDecodeHostile(t *testing.T) {
	v := all(t)
	rapid.Check(t, func(t *rapid.T) {
		b, err := v.encode(record(t))
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			switch rapid.IntRange(0, 2).Draw(t, "how") {
			case 0:
				b[i] = rapid.Byte().Draw(t, "byte")
			case 1:
				b = b[:i+1]
			case 2:
				b = slices.Insert(b, i, rapid.Byte().Draw(t, "byte"))
			}
		}
		r, err := v.decode(b)
		if err != nil {
			return
		}
		if again, err := v.encode(r); err != nil || string(again) != string(b) {
			t.Fatalf("%x was read, and is written as %x, %v", b, again, err)
		}
	})
}

// resumes are what machines give to go on with, and the zero one.
func resumes() []machine.Resume {
	out := []machine.Resume{{}}
	for _, multiplexed := range []bool{false, true} {
		for _, identity := range []string{"", canary, "a\x00b"} {
			c, err := machine.NewClient(machine.ClientConfig{Schemes: []scheme.Client{scheme.NTLMClient(toy)}})
			if err != nil {
				panic(err)
			}
			q := machine.Request{Method: "GET", URI: "/", Scheme: "http", Host: "h", Port: 80, Multiplexed: multiplexed}
			for _, e := range []machine.Event{
				machine.Begin{Request: q, Identity: identity, Body: machine.Once},
				machine.Response{Status: 401, Header: header.Response{WWWAuthenticate: header.ParseChallenges("NTLM")}},
				machine.Closed{},
			} {
				var as machine.Actions
				if c, as, err = c.Step(gss.Env{Now: 1, Seed: gss.Seed{1}}, e); err != nil {
					break
				}
				for a := range as.All() {
					if r, ok := a.(machine.Reopen); ok {
						out = append(out, r.Resume)
					}
				}
			}
		}
	}
	return out
}

func TestResumes(t *testing.T) {
	all := resumes()
	if len(all) < 5 {
		t.Fatalf("only %d resumes", len(all))
	}
	for _, r := range all {
		b, err := r.MarshalBinary()
		var again machine.Resume
		if err != nil || again.UnmarshalBinary(b) != nil || again != r {
			t.Errorf("a resume reads back as another: %x", b)
		}
		for i := range b {
			other := machine.Resume{}
			if err := other.UnmarshalBinary(b[:i]); i > 0 && err == nil || other != (machine.Resume{}) {
				t.Errorf("%d bytes of a resume were read: %v", i, err)
			}
		}
		if err := again.UnmarshalBinary(append(b, 0)); err == nil {
			t.Error("a resume with something behind it was read")
		}
	}
}

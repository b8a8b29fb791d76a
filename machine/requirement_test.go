package machine

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"reflect"
	"regexp"
	"runtime"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// Checks of single requirements that are no other test's matter.

// The directions of the header fields are in the types of the actions: an action that
// speaks to a client has no room for credentials, one that speaks to a server none for
// challenges (N2HT-3.2.5-1, -2, N2HT-3.3.5-1, NTHT-3.1.5-1, -2).
func TestActionTypes(t *testing.T) {
	credentials, challenges, hint := reflect.TypeFor[header.Credentials](), reflect.TypeFor[header.Challenges](), reflect.TypeFor[header.PersistentAuth]()
	if !has(reflect.TypeFor[Send](), credentials) || !has(reflect.TypeFor[Reply](), challenges) || !has(reflect.TypeFor[Finish](), hint) {
		t.Fatal("the test does not see what is there")
	}
	for _, a := range []Action{Reply{}, Accept{}, Finish{}, Relay{}} {
		if has(reflect.TypeOf(a), credentials) {
			t.Errorf("%T has room for credentials", a)
		}
		requirement.Held(t, "type:server_actions_have_no_credentials")
	}
	for _, a := range []Action{Send{}, Reopen{}, Deliver{}, Fail{}} {
		if has(reflect.TypeOf(a), challenges) {
			t.Errorf("%T has room for challenges", a)
		}
		if has(reflect.TypeOf(a), hint) { // N2HT-3.2.5-2
			t.Errorf("%T has room for Persistent-Auth", a)
		}
		requirement.Held(t, "type:client_actions_have_no_challenge")
	}
}

// The lines of testdata/types that name one of these rows do not compile, and all others do.
func TestTypesRefuse(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		t.Skip("reading the packages' sources runs the go command, which wasm cannot")
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "testdata/types/directions.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	refused := map[int]string{}
	config := types.Config{Importer: importer.ForCompiler(fset, "source", nil), Error: func(err error) {
		if e, ok := err.(types.Error); ok {
			refused[fset.Position(e.Pos).Line] = e.Msg
		} else {
			t.Error(err)
		}
	}}
	config.Check("types", fset, []*ast.File{file}, nil) // what it reports is each of the errors above
	rows := regexp.MustCompile(`^// [NH2T]+-[0-9.]+-[0-9]+$`)
	wrong := 0
	for _, group := range file.Comments {
		for _, c := range group.List {
			line := fset.Position(c.Pos()).Line
			if !rows.MatchString(c.Text) {
				continue
			}
			wrong++
			if refused[line] == "" {
				t.Errorf("line %d compiles, against %s", line, c.Text[3:])
			}
			delete(refused, line)
			requirement.Held(t, "type:server_actions_have_no_credentials")
			requirement.Held(t, "type:client_actions_have_no_challenge")
		}
	}
	for line, why := range refused {
		t.Errorf("line %d: %s", line, why)
	}
	if wrong < 10 {
		t.Errorf("only %d lines name a row", wrong)
	}
}

// has reports whether a struct has an exported field of a type, however deep: a driver
// sees no others.
func has(in, what reflect.Type) bool {
	if in == what {
		return true
	}
	if in.Kind() != reflect.Struct {
		return false
	}
	for i := range in.NumField() {
		if f := in.Field(i); f.IsExported() && has(f.Type, what) {
			return true
		}
	}
	return false
}

// One client is one connection (N2HT-3.2.1-1): what is learnt on one is not known to
// another that began from the same value.
func TestClientIsPerConnection(t *testing.T) {
	r := newRig(t)
	fresh := clientOf(r, "NTLM")
	one, _ := must(r, fresh, begin(r, "GET http://a.example/ lease=NTLM"))
	one, _ = must(r, one, response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>"))
	one, _ = must(r, one, response(200, "Persistent-Auth: true"))
	if !one.sides[gss.Origin].Persistent {
		t.Fatal("the connection is not persistent")
	}
	other, acts := must(r, fresh, begin(r, "GET http://a.example/"))
	if s := first[Send](t, acts); other.sides[gss.Origin].Persistent || s.Pinned {
		t.Errorf("another connection is: %v", other)
	}
	requirement.Held(t, "unit:client_is_per_connection")
}

// An invalid Persistent-Auth says nothing, or by configuration it is as good as absent, which only NTLM takes for more (N2HT-3.2.5-7, C7).
func TestInvalidPersistence(t *testing.T) {
	r := newRig(t)
	for _, letter := range []bool{false, true} {
		for _, leaf := range []string{"NTLM", "Kerberos"} {
			for _, text := range []string{"Persistent-Auth: maybe", "Persistent-Auth: true, false", "Persistent-Auth: tru"} {
				conf := clientOf(r, "Negotiate:as="+leaf).conf.ClientConfig
				conf.InvalidPersistence = letter
				c, err := NewClient(conf)
				if err != nil {
					t.Fatal(err)
				}
				c, _ = must(r, c, begin(r, "GET http://a.example/ lease=Negotiate"))
				c, acts := must(r, c, response(200, text))
				if d := first[Deliver](t, acts); !d.Authenticated {
					t.Errorf("%s, %s: not authenticated", leaf, text)
				}
				if got, want := c.sides[gss.Origin].Persistent, letter && leaf == "NTLM"; got != want {
					t.Errorf("InvalidPersistence %t, %s, %s: persistent %t, expected %t", letter, leaf, text, got, want)
				}
			}
		}
		requirement.Held(t, "unit:invalid_persistence", "N2HT-3.2.5-7")
	}
}

// Package secrets holds tests alone: that no exported type of any driver shows what is secret.
package secrets

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/drivertest"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/preset"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// types are the exported types of drivers that hold something, by package and name.
// Each is filled with canaries, in all its fields, and none may show.
var types = map[string]reflect.Type{
	"answer.Htdigest":        reflect.TypeFor[answer.Htdigest](),
	"answer.ReplayCache":     reflect.TypeFor[answer.ReplayCache](),
	"answer.NTHashes":        reflect.TypeFor[answer.NTHashes](),
	"answer.Users":           reflect.TypeFor[answer.Users](),
	"connect.Config":         reflect.TypeFor[connect.Config](),
	"connect.Dialer":         reflect.TypeFor[connect.Dialer](),
	"drive.Certificates":     reflect.TypeFor[drive.Certificates](),
	"drive.Destination":      reflect.TypeFor[drive.Destination](),
	"drive.Server":           reflect.TypeFor[drive.Server](),
	"drive.Client":           reflect.TypeFor[drive.Client[drive.Conn]](),
	"drive.Exchange":         reflect.TypeFor[drive.Exchange[drive.Conn]](),
	"drive.Held":             reflect.TypeFor[drive.Held[drive.Conn]](),
	"drive.Keys":             reflect.TypeFor[drive.Keys](),
	"drive.SpaceKey":         reflect.TypeFor[drive.SpaceKey](),
	"drive.ServerConn":       reflect.TypeFor[drive.ServerConn](),
	"drivertest.Client":      reflect.TypeFor[drivertest.Client](),
	"drivertest.ClientSetup": reflect.TypeFor[drivertest.ClientSetup](),
	"drivertest.Driver":      reflect.TypeFor[drivertest.Driver](),
	"drivertest.ServerSetup": reflect.TypeFor[drivertest.ServerSetup](),
	"fasthttp.Authenticator": reflect.TypeFor[fasthttp.Authenticator](),
	"fasthttp.ClientConfig":  reflect.TypeFor[fasthttp.ClientConfig](),
	"fasthttp.ServerConfig":  reflect.TypeFor[fasthttp.ServerConfig](),
	"fasthttp.Transport":     reflect.TypeFor[fasthttp.Transport](),
	"http3.Dialer":           reflect.TypeFor[http3.Dialer](),
	"krb5.Keytab":            reflect.TypeFor[krb5.Keytab](),
	"krb5.ReplayCache":       reflect.TypeFor[krb5.ReplayCache](),
	"krb5.Tickets":           reflect.TypeFor[krb5.Tickets](),
	"nethttp.Authenticator":  reflect.TypeFor[nethttp.Authenticator](),
	"nethttp.ClientConfig":   reflect.TypeFor[nethttp.ClientConfig](),
	"nethttp.Proxy":          reflect.TypeFor[nethttp.Proxy](),
	"nethttp.ProxyConfig":    reflect.TypeFor[nethttp.ProxyConfig](),
	"nethttp.ServerConfig":   reflect.TypeFor[nethttp.ServerConfig](),
	"preset.Client":          reflect.TypeFor[preset.Client](),
	"preset.Server":          reflect.TypeFor[preset.Server](),
	"nethttp.Transport":      reflect.TypeFor[nethttp.Transport](),
	"session.Config":         reflect.TypeFor[session.Config](),
	"session.Key":            reflect.TypeFor[session.Key](),
	"session.Memory":         reflect.TypeFor[session.Memory](),
	"session.Request":        reflect.TypeFor[session.Request](),
	"session.Ring":           reflect.TypeFor[session.Ring](),
	"session.Session":        reflect.TypeFor[session.Session](),
	"session.Sessions":       reflect.TypeFor[session.Sessions](),
	"session.Visit":          reflect.TypeFor[session.Visit](),
	"nethttp.Visit":          reflect.TypeFor[nethttp.Visit](),
}

// named are types with text fields that may be printed; their other fields are filled
// with the canary.
var named = map[string]reflect.Type{
	"drive.Channel":  reflect.TypeFor[drive.Channel](),
	"drive.Identity": reflect.TypeFor[drive.Identity](), // the client of a request
	"drive.Result":   reflect.TypeFor[drive.Result](),   // for logs
	"krb5.Client":    reflect.TypeFor[krb5.Client](),    // krb5.conf, which has no secrets
	"krb5.Cache":     reflect.TypeFor[krb5.Cache](),     // a name
	"drive.Error":    reflect.TypeFor[drive.Error](),    // see TestErrorsShowNoSecrets
	"drive.Loss":     reflect.TypeFor[drive.Loss](),
}

// harmless are types of which no value can show anything of its own.
var harmless = map[string]string{
	"answer.Func":            "a function",
	"answer.Source":          "an interface",
	"drive.Conn":             "an interface",
	"drive.Streams":          "an interface",
	"drive.Limits":           "numbers",
	"drive.Observer":         "a function",
	"drivertest.HTTP3":       "an interface",
	"drivertest.HTTP3Conn":   "an interface",
	"drivertest.HTTP3Stream": "an interface",
	"krb5.CacheKind":         "functions",
	"nethttp.Handshaker":     "an interface",
	"nethttp.Multiplexed":    "an interface",
	"session.ID":             "random bytes that name a session, and open none",
	"session.Store":          "an interface",
}

// drivers is the directory of all drivers.
const drivers = "../.."

// TestTypesAreKnown: every exported type of every package there is one of those above, so
// that a new one is thought about.
func TestTypesAreKnown(t *testing.T) {
	known := map[string]bool{}
	for _, names := range []map[string]bool{keys(types), keys(named), keys(harmless)} {
		for name := range names {
			if known[name] {
				t.Errorf("%s is listed twice", name)
			}
			known[name] = true
		}
	}
	found := map[string]bool{}
	err := filepath.WalkDir(drivers, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "internal" || d.Name() == "cmd" || d.Name() == "testdata" || d.Name() == "interop"): // cmd has a test of its own
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range f.Decls {
			g, ok := decl.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				if s := s.(*ast.TypeSpec); s.Name.IsExported() {
					found[f.Name.Name+"."+s.Name.Name] = true
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range found {
		if !known[name] {
			t.Errorf("%s is new: list it in types, so that it is filled with canaries, or say why it is harmless", name)
		}
	}
	for name := range known {
		if !found[name] {
			t.Errorf("%s is gone", name)
		}
	}
	requirement.Held(t, "unit:drivers_show_no_secrets", "SECRET-1")
}

func keys[V any](m map[string]V) map[string]bool {
	list := map[string]bool{}
	for k := range m {
		list[k] = true
	}
	return list
}

const canary = "kanarienvogel"

// careless is a source as a user may write it: nothing keeps its password out of output.
type careless struct{ Name, password string }

func (careless) Answer(context.Context, gss.Question) gss.Answer { return gss.Declined{} }

// filler fills values with canaries.
type filler struct {
	texts  bool // strings and bytes too, and not only what is secret by its type
	placed int
}

// fill fills v, exported or not, down to a depth.
func (x *filler) fill(v reflect.Value, depth int) {
	if !v.CanSet() && v.CanAddr() { // not exported
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	if depth > 9 || !v.CanSet() {
		return
	}
	put := func(a any) {
		if value := reflect.ValueOf(a); value.Type().AssignableTo(v.Type()) {
			x.placed++
			v.Set(value)
		}
	}
	switch v.Type() {
	case reflect.TypeFor[gss.Secret]():
		put(gss.NewSecret(canary))
		return
	case reflect.TypeFor[gss.Token]():
		put(gss.TokenOf(canary))
		return
	case reflect.TypeFor[*url.URL]():
		put(&url.URL{Scheme: "http", Host: "proxy.test", User: url.UserPassword("user", canary)})
		return
	case reflect.TypeFor[answer.Source]():
		put(careless{"user", canary})
		return
	case reflect.TypeFor[error]():
		put(&url.Error{Op: "Get", URL: "http://user:" + canary + "@proxy.test/", Err: http.ErrNotSupported})
		return
	case reflect.TypeFor[gss.Context]():
		put(leakyContext{canary})
		return
	}
	switch v.Kind() {
	case reflect.String:
		if x.texts {
			x.placed++
			v.SetString(canary)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			x.fill(v.Field(i), depth+1)
		}
	case reflect.Array:
		for i := range min(v.Len(), 4) {
			x.fill(v.Index(i), depth+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		x.fill(v.Index(0), depth+1)
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		x.fill(key, depth+1)
		x.fill(elem, depth+1)
		if !key.Comparable() {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, elem)
	case reflect.Pointer:
		if v.Type().Elem().Kind() == reflect.Struct && strings.Contains(v.Type().Elem().PkgPath(), "countersign") {
			v.Set(reflect.New(v.Type().Elem()))
			x.fill(v.Elem(), depth+1)
		}
	}
}

// leakyContext is a context that hides what it has, as all of ours do, where fmt asks it.
type leakyContext struct{ secret string }

func (c leakyContext) Step(gss.Env, gss.Input) (gss.Context, gss.Output, error) {
	return c, gss.Output{}, nil
}
func (leakyContext) Info() gss.Info               { return gss.Info{} }
func (leakyContext) Session() (gss.Session, bool) { return nil, false }
func (leakyContext) Format(f fmt.State, _ rune)   { fmt.Fprint(f, "context(***)") }

var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%+q"}

// shows looks for canaries in what is written of a value.
func shows(v any) (found []string) {
	look := func(how, text string) {
		low := strings.ToLower(text)
		if strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("user:"+canary))) {
			found = append(found, how+" shows the credentials of Basic")
		}
		for _, secret := range []string{canary, hex.EncodeToString([]byte(canary)), fmt.Sprintf("% x", canary), fmt.Sprint([]byte(canary))} {
			if strings.Contains(low, secret) {
				found = append(found, how+" shows "+text[:min(len(text), 300)])
			}
		}
	}
	for _, verb := range verbs {
		look(verb, fmt.Sprintf(verb, v))
	}
	if b, err := json.Marshal(v); err == nil {
		look("JSON", string(b))
	} else {
		look("JSON's error", err.Error())
	}
	return found
}

// TestTypesShowNoSecrets: no verb of package fmt and no JSON shows what is in a value of an
// exported type: by value, by pointer, or within another value (L10, V24).
func TestTypesShowNoSecrets(t *testing.T) {
	for _, list := range []map[string]reflect.Type{types, named} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			x := filler{texts: reflect.ValueOf(list).Pointer() == reflect.ValueOf(types).Pointer()}
			p := reflect.New(list[name])
			x.fill(p.Elem(), 0)
			if x.texts && x.placed == 0 && !only[name] {
				t.Errorf("%s: there was no place for a canary", name)
			}
			value := p.Elem().Interface()
			for how, v := range map[string]any{
				"value": value, "pointer": p.Interface(), "in a slice": []any{value}, "in a map": map[string]any{"k": p.Interface()},
				"in a struct": struct{ V any }{value}, "pointer in a struct": struct{ V any }{p.Interface()},
			} {
				for _, f := range shows(v) {
					t.Errorf("%s, %s: %s", name, how, f)
				}
			}
			requirement.Held(t, "unit:drivers_show_no_secrets", "SECRET-1")
		}
	}
}

// only are types that hold functions alone, or numbers.
var only = map[string]bool{"drivertest.Client": true, "drivertest.Driver": true, "answer.ReplayCache": true, "krb5.ReplayCache": true, "http3.Dialer": true, "session.Memory": true, "session.Ring": true}

// TestClientsShowNoSecrets: what is made by constructors, and a http.Client around it.
func TestClientsShowNoSecrets(t *testing.T) {
	login, err := answer.For("http://origin.test", "user", canary)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &url.URL{Scheme: "http", Host: "proxy.test:3128", User: url.UserPassword("user", canary)}
	var made []any
	for _, source := range []answer.Source{login, answer.Chain(login, careless{"user", canary}), careless{"user", canary}, answer.As("x", login), answer.Allow(login, "*")} {
		conf := nethttp.ClientConfig{Source: source, Machine: clientMachine(t), Proxy: http.ProxyURL(proxy)}
		if tr, err := nethttp.NewTransport(conf); err == nil {
			made = append(made, tr, reflect.ValueOf(tr).Elem().Interface(), &http.Client{Transport: tr}, http.Client{Transport: tr})
		}
		if tr, err := fasthttp.NewTransport(fasthttp.ClientConfig{Machine: clientMachine(t), Source: source}); err == nil {
			made = append(made, tr)
		}
		if d, err := connect.New(connect.Config{Machine: clientMachine(t), Proxy: proxy, Source: source}); err == nil {
			made = append(made, d)
		}
		made = append(made, conf, connect.Config{Proxy: proxy, Source: source}, nethttp.ServerConfig{Source: source}, drivertest.ClientSetup{Source: source})
	}
	toy := gsstoy.Toy{Legs: 2, Identity: "user", Secret: gss.NewSecret(canary)}
	ctx, _, err := toy.Initiate(gss.Target{Service: "HTTP", Host: "origin.test"}).Step(gss.Env{Now: 1}, gss.Input{})
	if err != nil {
		t.Fatal(err)
	}
	identity := drive.Identity{Scheme: "Negotiate", Context: ctx}
	made = append(made, map[string]any{"k": &identity}, map[string]any{"k": &drive.Result{Identity: identity}}, map[string]any{"k": loggedIn(t)})
	made = append(made, login, answer.Chain(login), struct{ s answer.Source }{login}, struct{ s answer.Source }{answer.Chain(careless{"user", canary})})
	if users := answer.NewUsers(map[string]string{"user": canary}); users != nil {
		made = append(made, users, *users)
	}
	if len(made) < 40 {
		t.Errorf("only %d values were made", len(made))
	}
	for _, v := range made {
		for _, f := range shows(v) {
			t.Errorf("%T: %s", v, f)
		}
	}
	requirement.Held(t, "unit:drivers_show_no_secrets", "SECRET-1")
}

// TestErrorsShowNoSecrets: what a Proxy function and a dialer say of a proxy's URL.
func TestErrorsShowNoSecrets(t *testing.T) {
	raw := "http://user:" + canary + "@proxy.test:80:80"
	//lint:ignore SA1007 it is to be no URL
	_, parse := url.Parse(raw)
	for _, inner := range []error{parse, fmt.Errorf("invalid proxy address %q: %v", raw, parse), &url.Error{Op: "proxyconnect", URL: "http://user:" + canary + "@proxy.test", Err: http.ErrNotSupported}} {
		tr, err := nethttp.NewTransport(nethttp.ClientConfig{Machine: clientMachine(t), Proxy: func(*http.Request) (*url.URL, error) { return nil, inner }})
		if err != nil {
			t.Fatal(err)
		}
		_, err = (&http.Client{Transport: tr}).Get("http://origin.test/")
		for _, v := range []any{err, &drive.Error{Err: inner, Fault: gss.Fault{Code: gss.QuestionFailed}}, drive.Error{Err: inner}, &drive.Error{Err: inner, Fault: gss.Fault{Code: gss.QuestionFailed}}, drive.Error{Err: inner}} {
			for _, f := range shows(v) {
				t.Errorf("%T: %s", v, f)
			}
		}
		requirement.Held(t, "unit:errors_show_no_secrets", "SECRET-2")
	}
}

// loggedIn returns a client with a machine that has an answer to Basic.
func loggedIn(t *testing.T) *drive.Client[drive.Conn] {
	t.Helper()
	c, err := machine.NewClient(machine.ClientConfig{Schemes: []scheme.Client{scheme.BasicClient()}, Policy: scheme.Policy{Cleartext: true}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []machine.Event{
		machine.Begin{Request: machine.Request{Method: "GET", URI: "/", Scheme: "http", Host: "origin.test", Port: 80, Binding: gss.NoBinding()}},
		machine.Response{Status: 401, Header: header.ParseResponse(http.Header{"Www-Authenticate": {`Basic realm="r"`}}.Values)},
		nil,
	} {
		if e == nil {
			e = machine.Answered{ID: 1, Answer: gss.Password{User: "user", Password: gss.NewSecret(canary)}}
		}
		next, _, err := c.Step(entropy.Env(), e)
		if err != nil {
			t.Fatal(err)
		}
		c = next
	}
	return &drive.Client[drive.Conn]{Machine: c}
}

func clientMachine(t *testing.T) machine.ClientConfig {
	t.Helper()
	return machine.ClientConfig{Schemes: []scheme.Client{scheme.BasicClient()}}
}

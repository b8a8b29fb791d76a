package machine

import (
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// The machines know no scheme and no mechanism by package (L8), so that the
// model runs the ones that ship.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{"gss": true, "header": true, "scheme": true, "internal/ascii": true, "internal/choice": true, "internal/misuse": true, "internal/reqtarget": true, "internal/side": true}
	const module = "github.com/countersign-auth/countersign/"
	n := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		n++
		f, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if in, ours := strings.CutPrefix(path, module); ours && !allowed[in] || !ours && strings.Contains(path, ".") {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
	if n == 0 {
		t.Fatal("no files were looked at")
	}
	if _, err := os.Stat("trace"); err != nil {
		t.Fatal(err)
	}
}

// The zero machines are dead: they take nothing, whatever comes.
func TestZeroMachines(t *testing.T) {
	r := newRig(t)
	for _, e := range []Event{
		Begin{Request: Request{Method: "GET", Host: "h"}}, Response{Status: 200}, Received{}, Responding{200},
		Answered{0, gss.Password{}}, Answered{0, gss.Verdict{Accepted: true}}, Closed{}, Closed{Upstream}, Lost{}, Lost{Idle: true, Silent: true}, nil,
	} {
		if _, _, err := step(r, Client{}, e); err == nil {
			t.Errorf("the zero client took %T", e)
		}
		if _, _, err := step(r, Server{}, e); err == nil {
			t.Errorf("the zero server took %T", e)
		}
		if _, _, err := step(r, Proxy{}, e); err == nil {
			t.Errorf("the zero proxy took %T", e)
		}
	}
}

// Zero values of configurations and answers open nothing.
func TestZeroValues(t *testing.T) {
	if _, err := NewServer(ServerConfig{}); err == nil {
		t.Error("a server without schemes was made: nobody could ever get in, and nobody would say why")
	}
	if _, err := NewServer(ServerConfig{Schemes: []scheme.Server{nil}}); err == nil {
		t.Error("a server with a nil scheme was made")
	}
	requirement.Held(t, "unit:NewServer_requires_mechanism")
	if _, err := NewClient(ClientConfig{Schemes: []scheme.Client{nil}}); err == nil {
		t.Error("a client with a nil scheme was made")
	}
	if _, err := NewClient(ClientConfig{Schemes: []scheme.Client{bad{[]int{1}}}}); err == nil {
		t.Error("a client with a scheme that == panics on was made")
	}
	if _, err := NewClient(ClientConfig{Schemes: make([]scheme.Client, choice.MaxSchemes+1)}); err == nil {
		t.Error("a client with too many schemes was made")
	}
	// A server with schemes that are not configured, which NewServer refuses, accepts no
	// client either.
	list := []scheme.Server{scheme.MechanismServer(traitsOf(t, scheme.NTLM), gsstoy.Toy{}), scheme.BasicServer("", 0)}
	for _, one := range list {
		if _, err := NewServer(ServerConfig{Schemes: []scheme.Server{one}}); err == nil {
			t.Errorf("a server with %v was made", one)
		}
	}
	s := Server{conf: &serverConf{ServerConfig: ServerConfig{Schemes: list, MaxLegs: defaultMaxLegs}}}
	r := newRig(t)
	for _, text := range []string{"NTLM <toy:i1:u=alice>", `Digest username="a", realm="", nonce="", uri="/", response=""`, "Basic <alice:>", "Basic <:>"} {
		s2, acts := must(r, s, Received{Request: Request{Method: "GET", Host: "h", URI: "/"}, Header: header.ParseRequest(fieldsOf([]string{"Authorization: " + text}))})
		for range 3 {
			if a, ok := acts.At(0).(Ask); ok {
				s2, acts = must(r, s2, Answered{a.ID, gss.Password{}})
			}
		}
		if a, ok := acts.At(0).(Reply); !ok || a.Status != 401 {
			t.Errorf("%s: %v", text, acts)
		}
	}
}

// bad is comparable as a type and panics when compared.
type bad struct{ inside any }

func (bad) Traits() scheme.Traits                     { return scheme.Traits{Name: "Bad"} }
func (bad) Initiate(scheme.Exchange) scheme.Initiator { return nil }

func traitsOf(t testing.TB, name string) scheme.Traits {
	t.Helper()
	tr, ok := scheme.TraitsOf(name)
	if !ok {
		t.Fatal(name)
	}
	return tr
}

// prop:error_implies_unchanged (HTA-2): an event that cannot come now is misuse,
// and leaves the machine as it was. rig's step checks the second half.
func TestErrorImpliesUnchanged(t *testing.T) {
	r := newRig(t)
	client, server, proxy := anyClient(r), anyServer(r), anyProxy(r)
	begin := Begin{Request: Request{Method: "GET", Scheme: "http", Host: "h", Port: 80, URI: "/"}}
	sent, _ := must(r, client, begin)
	handling, _ := must(r, server, Received{Request: begin.Request})
	if _, acts := must(r, server, Received{Request: begin.Request}); acts.At(0).(Reply).Status != 401 {
		t.Fatal(acts)
	}
	for _, test := range []struct {
		name string
		err  func() error
	}{
		{"client: response before begin", func() error { _, _, err := step(r, client, Response{Status: 200}); return err }},
		{"client: begin twice", func() error { _, _, err := step(r, sent, begin); return err }},
		{"client: an answer to nothing", func() error { _, _, err := step(r, sent, Answered{0, gss.Declined{}}); return err }},
		{"client: a server's event", func() error { _, _, err := step(r, client, Received{}); return err }},
		{"client: begin without a host", func() error { _, _, err := step(r, client, Begin{Request: Request{Method: "GET"}}); return err }},
		{"client: begin without a method", func() error { _, _, err := step(r, client, Begin{Request: Request{Host: "h"}}); return err }},
		{"client: resumed under another identity", func() error {
			b := begin
			b.Identity, b.Resume = "b", Resume{valid: true, carried: carried{identity: "a"}}
			_, _, err := step(r, client, b)
			return err
		}},
		{"client: nil", func() error { _, _, err := step(r, client, nil); return err }},
		{"server: responding before a request", func() error { _, _, err := step(r, server, Responding{200}); return err }},
		{"server: responding to a refusal", func() error { _, _, err := step(r, handling, Responding{200}); return err }},
		{"server: a client's event", func() error { _, _, err := step(r, server, begin); return err }},
		{"proxy: response before a request", func() error { _, _, err := step(r, proxy, Response{Status: 200}); return err }},
		{"proxy: an answer to nothing", func() error { _, _, err := step(r, proxy, Answered{0, gss.Declined{}}); return err }},
	} {
		if test.err() == nil {
			t.Errorf("%s: no misuse", test.name)
		}
		requirement.Held(t, "prop:error_implies_unchanged")
	}
	// Pipelining is the driver's to queue.
	s, err := NewServer(ServerConfig{Optional: true, Schemes: []scheme.Server{scheme.BasicServer("r", 0)}})
	if err != nil {
		t.Fatal(err)
	}
	s, _ = must(r, s, Received{Request: begin.Request})
	if _, _, err := step(r, s, Received{Request: begin.Request}); err == nil {
		t.Error("server: a request before Finish is no misuse")
	}
	if _, _, err := step(r, s, Responding{102}); err == nil {
		t.Error("server: a 1xx is no response that is about to leave for good")
	}
	// An answer with a wrong ID, or of a wrong kind.
	c, acts := must(r, asks(r), Begin{Request: begin.Request, Lease: Lease{Scheme: scheme.NTLM}})
	ask, ok := acts.At(0).(Ask)
	if !ok {
		t.Fatal(acts)
	}
	for _, e := range []Answered{{ask.ID + 1, gss.Declined{}}, {ask.ID, nil}, {ask.ID, gss.Verdict{Accepted: true}}} {
		if _, _, err := step(r, c, e); err == nil {
			t.Errorf("%+v is no misuse", e)
		}
	}
}

func asks(r *rig) Client {
	c, _ := r.schemeOf("NTLM:asks")
	m, err := NewClient(ClientConfig{Schemes: []scheme.Client{c}})
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

var everything = []string{"Negotiate:legs=2,final,mutual,as=Kerberos,asks", "Nego2:legs=2,final,asks", "NTLM:asks", "Digest", "Basic"}

func anyClient(r *rig, more ...func(*ClientConfig)) Client {
	var cc ClientConfig
	for _, s := range everything {
		c, _ := r.schemeOf(s)
		cc.Schemes = append(cc.Schemes, c)
	}
	for _, m := range more {
		m(&cc)
	}
	c, err := NewClient(cc)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func anyServer(r *rig) Server {
	var sc ServerConfig
	for _, s := range everything {
		_, srv := r.schemeOf(s)
		sc.Schemes = append(sc.Schemes, srv)
	}
	s, err := NewServer(sc)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func anyProxy(r *rig) Proxy {
	var pc ProxyConfig
	for _, s := range []string{"NTLM:asks", "Digest", "Basic"} {
		_, srv := r.schemeOf(s)
		pc.Auth.Schemes = append(pc.Auth.Schemes, srv)
	}
	p, err := NewProxy(pc)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// prop:replay (L1, L2, HTA-1), over every state that random peers lead to. The rig
// checks each step; this drives it there.
func TestPurity(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		play(r, anyClient(r, func(c *ClientConfig) { c.Policy.Cleartext, c.Policy.Fallback = true, true }), clientEvent(rt, r))
		play(r, anyServer(r), serverEvent(rt, r))
		play(r, anyProxy(r), proxyEvent(rt, r))
		requirement.Held(t, "prop:replay")
	})
}

// play drives m through events. They are such as a driver may give, so that misuse
// could only be a peer's doing (HTA-2), but for answers of the wrong kind and for a
// machine that has lost its connection.
func play[M Machine[M]](r *rig, fresh M, next func(Actions) Event) {
	r.t.Helper()
	m, acts := fresh, Actions{}
	for range 12 {
		e := next(acts)
		n, a, err := step(r, m, e)
		if err != nil {
			if _, answered := e.(Answered); !answered && !strings.HasSuffix(err.Error(), "phase dead") {
				r.t.Fatalf("%v, of %T after %v", err, e, acts)
			}
			m, acts = fresh, Actions{}
			continue
		}
		m = n
		if a.Len() > 0 {
			acts = a
		}
	}
}

var challengeTexts = []string{
	"Negotiate", "Negotiate <toy/Kerberos:c1>", "Negotiate <toy/Kerberos:f:u=alice:p=secret>", "Negotiate <toy/Kerberos:x>", "Nego2 <toy:h>", "Nego2 <toy:c1>",
	"Nego2", "NTLM", "NTLM <toy/NTLM:c1>", "NTLM <toy/NTLM:x>", `Digest realm="r", nonce="n", qop="auth"`, `Digest realm="r", nonce="m", qop="auth", stale=true`,
	`Basic realm="r"`, "NTLM @", `Digest nonce`, "Basic", "Unknown x=y", "",
}

func answers(rt *rapid.T) gss.Answer {
	return rapid.SampledFrom([]gss.Answer{
		gss.Password{User: "alice", Password: gss.NewSecret("secret")}, gss.Password{User: "alice", Password: gss.NewSecret("secret")},
		gss.Declined{}, gss.Unreachable{}, gss.Unknown{}, gss.ReplayVerdict{First: true}, gss.Verdict{Accepted: true},
	}).Draw(rt, "answer")
}

func clientEvent(rt *rapid.T, r *rig) func(Actions) Event {
	return func(last Actions) Event {
		on := func(label string) bool { return rapid.Bool().Draw(rt, label) }
		if a, ok := last.At(0).(Ask); ok {
			return Answered{a.ID, answers(rt)}
		}
		if _, ok := last.At(0).(Send); !ok {
			o := r.orderOf([]string{"GET", rapid.SampledFrom([]string{"http://a.example/x", "https://b.example/"}).Draw(rt, "url")})
			o.begin.Body = Body(rapid.IntRange(0, 2).Draw(rt, "body"))
			o.begin.Route.Kind = RouteKind(rapid.IntRange(0, 2).Draw(rt, "route"))
			o.begin.Route.Explicit = true
			o.begin.Request.Multiplexed = on("multiplexed")
			o.begin.Lease = Lease{Scheme: rapid.SampledFrom([]string{"", "Negotiate", "NTLM", "Basic", "Nego2"}).Draw(rt, "lease"), SessionBased: on("session")}
			if a, ok := last.At(0).(Reopen); ok {
				o.begin.Resume = a.Resume
			}
			return o.begin
		}
		switch rapid.IntRange(0, 9).Draw(rt, "closed") {
		case 0:
			return Closed{}
		case 1:
			return Lost{Idle: on("idle"), Silent: on("silent"), Unsent: on("unsent")}
		}
		return Response{
			Status: rapid.SampledFrom([]int{401, 401, 401, 407, 200, 100, 500, 302}).Draw(rt, "status"),
			Header: header.ParseResponse(fieldsOf([]string{
				"WWW-Authenticate:" + rapid.SampledFrom(challengeTexts).Draw(rt, "www"),
				"WWW-Authenticate:" + rapid.SampledFrom(challengeTexts).Draw(rt, "www"),
				"Proxy-Authenticate:" + rapid.SampledFrom(challengeTexts).Draw(rt, "proxy"),
				"Persistent-Auth: " + rapid.SampledFrom([]string{"true", "false", "x"}).Draw(rt, "persistent"),
				rapid.SampledFrom([]string{"Proxy-Support: Session-Based-Authentication", "X: y"}).Draw(rt, "support"),
			})),
			Close: on("close"), BodySent: Sent(rapid.IntRange(0, 2).Draw(rt, "sent")),
		}
	}
}

var credentialTexts = []string{
	"", "", "NTLM <toy/NTLM:i1:u=alice>", "NTLM <toy/NTLM:i2:u=alice:p=secret>", "NTLM <toy/NTLM:i2:u=alice:p=wrong>", "Negotiate <toy/Kerberos:i1:u=alice>",
	"Negotiate <toy/Kerberos:i2:u=alice:p=secret>", "Nego2 <toy:i1:u=bob>", "Nego2 <toy:i2:u=bob:p=secret>", "Negotiate", "Basic <alice:secret>", "Basic <alice>", "Basic @",
	`Digest username="alice", realm="r", nonce="n", uri="/", response="00000000000000000000000000000000", qop=auth, nc=00000001, cnonce="c", opaque="o"`, "Bearer x",
}

func received(rt *rapid.T, r *rig, field string) Received {
	o := r.orderOf([]string{rapid.SampledFrom([]string{"GET", "CONNECT"}).Draw(rt, "method"), rapid.SampledFrom([]string{"a.example:80", "b.example:80"}).Draw(rt, "host")})
	h := header.ParseRequest(fieldsOf([]string{
		field + ": " + rapid.SampledFrom(credentialTexts).Draw(rt, "credentials"),
		"Authorization: " + rapid.SampledFrom(credentialTexts).Draw(rt, "authorization"),
	}[:rapid.IntRange(0, 2).Draw(rt, "fields")]))
	h.Via = rapid.IntRange(0, 4).Draw(rt, "via") == 0
	e := Received{Request: o.begin.Request, Header: h, SharedFront: rapid.IntRange(0, 4).Draw(rt, "shared") == 0}
	if rapid.IntRange(0, 4).Draw(rt, "session") == 0 {
		e.Session = Session{Scheme: rapid.SampledFrom([]string{"NTLM", "Basic", "Other"}).Draw(rt, "scheme"), Info: gss.Info{Peer: "alice", Expires: rapid.Int64Range(0, 2e9).Draw(rt, "expires")}}
	}
	return e
}

func serverEvent(rt *rapid.T, r *rig) func(Actions) Event {
	return func(last Actions) Event {
		switch a := last.At(0).(type) {
		case Ask:
			return Answered{a.ID, answers(rt)}
		case Accept:
			return Responding{rapid.SampledFrom([]int{200, 401, 500}).Draw(rt, "status")}
		}
		return received(rt, r, "Authorization")
	}
}

func proxyEvent(rt *rapid.T, r *rig) func(Actions) Event {
	return func(last Actions) Event {
		switch a := last.At(last.Len() - 1).(type) {
		case Retire:
			return Closed{}
		case Ask:
			return Answered{a.ID, answers(rt)}
		case Forward:
			if rapid.IntRange(0, 5).Draw(rt, "closed") == 0 {
				return Closed{Upstream}
			}
			return Response{
				Status: rapid.SampledFrom([]int{401, 407, 200, 100}).Draw(rt, "status"),
				Header: header.ParseResponse(fieldsOf([]string{"WWW-Authenticate: " + rapid.SampledFrom(challengeTexts).Draw(rt, "www")})),
				Close:  rapid.IntRange(0, 4).Draw(rt, "close") == 0,
			}
		}
		return received(rt, r, "Proxy-Authorization")
	}
}

package machine

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

func serverOf(r *rig, specs string, more ...func(*ServerConfig)) Server {
	r.t.Helper()
	var sc ServerConfig
	for s := range strings.FieldsSeq(specs) {
		_, srv := r.schemeOf(s)
		sc.Schemes = append(sc.Schemes, srv)
	}
	for _, m := range more {
		m(&sc)
	}
	s, err := NewServer(sc)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// receivedText is a GET with these credentials, "" for none.
func receivedText(credentials string) Received {
	e := Received{Request: Request{Method: "GET", Scheme: "http", Host: "a.example", Port: 80, URI: "/"}}
	if credentials != "" {
		e.Header = header.ParseRequest(fieldsOf([]string{"Authorization: " + credentials}))
	}
	return e
}

// bound is a server on a connection that belongs to alice.
func bound(r *rig, more ...func(*ServerConfig)) Server {
	s := serverOf(r, "NTLM", more...)
	s, _ = must(r, s, receivedText("NTLM <toy/NTLM:i1:u=alice>"))
	s, _ = must(r, s, receivedText("NTLM <toy/NTLM:i2:u=alice:p=secret>"))
	s, _ = must(r, s, Responding{200})
	return s
}

// prop:unrelated_request_untouched (N2HT-3.3.5-5): on an authenticated connection a
// request without credentials, and its response, change nothing and get no field.
func TestUnrelatedRequestUntouched(t *testing.T) {
	r := newRig(t)
	s := bound(r)
	rapid.Check(t, func(rt *rapid.T) {
		e := receivedText("")
		e.Request.Method = rapid.SampledFrom([]string{"GET", "POST", "OPTIONS", "X"}).Draw(rt, "method")
		e.Request.URI = rapid.StringMatching(`/[a-z]{0,9}`).Draw(rt, "uri")
		next, acts := must(r, s, e)
		if a := first[Accept](t, acts); a.Info.Peer != "alice" || a.Anonymous {
			rt.Fatalf("%+v", a)
		}
		status := rapid.IntRange(200, 599).Filter(func(s int) bool { return s != 401 }).Draw(rt, "status")
		next, acts = must(r, next, Responding{status})
		if next != s || acts.At(0) != (Finish{}) {
			rt.Fatalf("%v became %v, with %v", s, next, acts)
		}
		requirement.Held(t, "prop:unrelated_request_untouched")
	})
}

// HTA-18: what ends an identity that was kept.
func TestKeptIdentityEnds(t *testing.T) {
	r := newRig(t)
	for _, test := range []struct {
		name string
		e    func(*Received)
	}{
		{"Via", func(e *Received) { e.Header.Via = true }},
		{"a shared front", func(e *Received) { e.SharedFront = true }},
		{"a multiplexed transport", func(e *Received) { e.Request.Multiplexed = true }},
	} {
		s, e := bound(r), receivedText("")
		test.e(&e)
		s, acts := must(r, s, e)
		if a := first[Reply](t, acts); a.Status != 401 || s.kept != (kept{}) {
			t.Errorf("%s: %v %v", test.name, s, acts)
		}
	}
	// A front that pins may; a multiplexed transport never.
	s, e := bound(r, func(c *ServerConfig) { c.PinnedFront = true }), receivedText("")
	e.Header.Via = true
	if _, acts := must(r, s, e); first[Accept](t, acts).Info.Peer != "alice" {
		t.Error(acts)
	}
	requirement.Held(t, "unit:kept_identity_ends", "HTA-18")
}

// HTA-20: a request without credentials, and any that is refused, leaves nothing
// behind. HTA-14, HTA-8: no random talk is accepted but one that proves the secret.
func TestRefusalLeavesNoState(t *testing.T) {
	r := newRig(t)
	fresh := serverOf(r, "NTLM Nego2:legs=2 Negotiate:legs=2 Basic")
	rapid.Check(t, func(rt *rapid.T) {
		s, knows := fresh, ""
		for range 8 {
			text := rapid.SampledFrom(credentialTexts).Draw(rt, "credentials")
			next, acts := must(r, s, receivedText(text))
			for asked(acts) {
				a := answers(rt)
				n, as, err := step(r, next, Answered{acts.At(0).(Ask).ID, a})
				if err != nil {
					n, as = must(r, next, Answered{acts.At(0).(Ask).ID, gss.Declined{}})
				}
				next, acts = n, as
			}
			switch a := acts.At(0).(type) {
			case Reply:
				if a.Challenges.Empty() != (a.Status == 503) || a.Status != 401 && a.Status != 503 {
					rt.Fatalf("a 401 without a challenge: %v", acts) // N2HT-2.2.1-2
				}
				if !a.Fault.IsZero() {
					if next.half != (handshake{}) || next.kept != (kept{}) || next.now != (current{}) {
						rt.Fatalf("a refusal left %v", next)
					}
					knows = ""
				}
			case Accept:
				// The toys take "secret"; for Basic the store's answer is alice's too.
				if text != "" && !strings.Contains(text, ":p=secret") && text != "Basic <alice:secret>" || text == "" && knows == "" {
					rt.Fatalf("%q was accepted", text)
				}
				knows = a.Info.Peer
				next, _ = must(r, next, Responding{200})
				if next.kept == (kept{}) {
					knows = ""
				}
			}
			s = next
		}
	})
}

// Identity and anonymity are told apart, also if a scheme omits the client's name.
func TestAnonymousOptional(t *testing.T) {
	r := newRig(t)
	s := serverOf(r, "Basic", func(c *ServerConfig) { c.Optional = true })
	_, acts := must(r, s, receivedText(""))
	if a := first[Accept](t, acts); !a.Anonymous || a.Scheme != "" || a.Info != (gss.Info{}) {
		t.Errorf("%+v", a)
	}
	// Credentials that are wrong are not the same as none (HTA-14).
	s, acts = must(r, s, receivedText("Basic <:secret>"))
	s, acts = must(r, s, Answered{first[Ask](t, acts).ID, gss.Password{Password: gss.NewSecret("secret")}})
	if a := first[Reply](t, acts); a.Fault.Code != gss.BadCredentials {
		t.Errorf("a user without a name got in: %v", acts)
	}
	_, acts = must(r, s, receivedText("Basic <alice:wrong>"))
	_, acts = must(r, Server(mustStep(r, s, receivedText("Basic <alice:wrong>"))), Answered{first[Ask](t, acts).ID, gss.Unknown{}})
	first[Reply](t, acts)
}

// nameless is a scheme in which clients authenticate anonymously, as with NTLM.
type nameless struct{}

func (nameless) Traits() scheme.Traits {
	return scheme.Traits{Name: "Nobody", Form: header.Token68, Opening: scheme.OpeningBare, Strength: 1}
}
func (nameless) Offer(gss.Env, scheme.Exchange) (header.Challenges, gss.Fault) {
	return header.ListOf(header.TokenChallenge("Nobody", "")), gss.Fault{}
}
func (n nameless) Accept(scheme.Exchange) scheme.Acceptor { return n }
func (nameless) Info() gss.Info                           { return gss.Info{Anonymous: true} }
func (nameless) Context() gss.Context                     { return nil }
func (n nameless) Step(gss.Env, scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	return n, scheme.AcceptorOutput{State: gss.Complete}, nil
}

// An anonymous context is accepted only if anonymous requests are, and is marked as such.
func TestAnonymousContext(t *testing.T) {
	r := newRig(t)
	for _, optional := range []bool{false, true} {
		s, err := NewServer(ServerConfig{Schemes: []scheme.Server{nameless{}}, Optional: optional})
		if err != nil {
			t.Fatal(err)
		}
		_, acts := must(r, s, receivedText("Nobody <x>"))
		if optional {
			if a := first[Accept](t, acts); !a.Anonymous || a.Scheme != "Nobody" {
				t.Errorf("%+v does not say that it is anonymous", a)
			}
		} else if a := first[Reply](t, acts); a.Fault.Code != gss.NotPermitted {
			t.Errorf("%+v, want it refused by policy", a)
		}
	}
}

func mustStep[M Machine[M]](r *rig, m M, e Event) M {
	m, _ = must(r, m, e)
	return m
}

// A context that had ended before it was complete opens nothing.
func TestExpired(t *testing.T) {
	r := newRig(t)
	s := serverOf(r, "Negotiate:lasts=5", func(c *ServerConfig) { c.Keep = KeepAlways })
	s, acts := must(r, s, receivedText("Negotiate <toy:i1:u=alice:p=secret>"))
	expires := first[Accept](t, acts).Info.Expires
	s, _ = must(r, s, Responding{200})
	r.now = expires - 2e9
	if _, acts := must(r, s, receivedText("")); first[Accept](t, acts).Info.Peer != "alice" {
		t.Error("ended too early")
	}
	r.now = expires - 1e9 // the step adds a second
	if _, acts := must(r, s, receivedText("")); first[Reply](t, acts).Status != 401 {
		t.Error("outlived its end")
	}
}

// Another identity closes the connection even if it comes in a detour over another
// scheme's first leg.
func TestFormerIdentityIsNotForgotten(t *testing.T) {
	r := newRig(t)
	s := serverOf(r, "NTLM Negotiate:legs=2")
	for _, text := range []string{"NTLM <toy/NTLM:i1:u=alice>", "NTLM <toy/NTLM:i2:u=alice:p=secret>"} {
		s, _ = must(r, s, receivedText(text))
	}
	s, _ = must(r, s, Responding{200})
	var acts Actions
	for _, text := range []string{"Negotiate <toy:i1:u=bob>", "NTLM <toy/NTLM:i1:u=bob>", "NTLM <toy/NTLM:i2:u=bob:p=secret>"} {
		s, acts = must(r, s, receivedText(text))
	}
	if a := first[Reply](t, acts); !a.Close || a.Fault.Code != gss.NotPermitted {
		t.Errorf("bob got alice's connection: %v", acts)
	}
}

// The question of a mechanism says for which scheme it is.
func TestQuestionsNameTheirScheme(t *testing.T) {
	r := newRig(t)
	s := serverOf(r, "Negotiate:asks")
	_, acts := must(r, s, receivedText("Negotiate <toy:i1:u=alice:p=secret>"))
	if q := first[Ask](t, acts).Question.(gss.NeedVerifier); q.Scheme != scheme.Negotiate || q.User != "alice" {
		t.Errorf("%+v", q)
	}
	c, acts := must(r, clientOf(r, "Negotiate:asks"), begin(r, "GET http://a.example/ lease=Negotiate identity=me"))
	if q := first[Ask](t, acts).Question.(gss.NeedCredential); q.Scheme != scheme.Negotiate || q.Target.Identity != "me" {
		t.Errorf("%+v of %v", q, c)
	}
}

// elsewhere is a mechanism with tokens that are all for another service.
type elsewhere struct{ gsstoy.Toy }

func (m elsewhere) Accept(gss.Target) gss.Context { return elsewhereContext{} }

type elsewhereContext struct{}

func (c elsewhereContext) Step(gss.Env, gss.Input) (gss.Context, gss.Output, error) {
	return c, gss.Output{State: gss.Failed, Fault: gss.Fault{Code: gss.WrongTarget, Detail: "another service"}}, nil
}
func (elsewhereContext) Info() gss.Info               { return gss.Info{} }
func (elsewhereContext) Session() (gss.Session, bool) { return nil, false }

// A Digest for another resource is a bad request (RFC 7616 section 3.4.6), while a ticket for
// another service is an authentication that failed: with a challenge.
func TestWrongTarget(t *testing.T) {
	r := newRig(t)
	s, err := NewServer(ServerConfig{Schemes: []scheme.Server{scheme.MechanismServer(traitsOf(t, scheme.Negotiate), elsewhere{gsstoy.Toy{Legs: 1}})}})
	if err != nil {
		t.Fatal(err)
	}
	_, acts := must(r, s, receivedText("Negotiate <YQ>"))
	if a := first[Reply](t, acts); a.Status != 401 || a.Challenges.Empty() || a.Fault.Code != gss.WrongTarget {
		t.Errorf("%+v", a)
	}
}

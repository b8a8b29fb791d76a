package machine

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// passing is a scheme of one leg that accepts all credentials.
type passing struct {
	traits scheme.Traits
	info   gss.Info
}

func (p passing) Traits() scheme.Traits { return p.traits }

func (p passing) Offer(gss.Env, scheme.Exchange) (header.Challenges, gss.Fault) {
	return header.ListOf(header.TokenChallenge(p.traits.Name, "")), gss.Fault{}
}

func (p passing) Accept(scheme.Exchange) scheme.Acceptor { return p }
func (p passing) Info() gss.Info                         { return p.info }
func (passing) Context() gss.Context                     { return nil }

func (p passing) Step(gss.Env, scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	return p, scheme.AcceptorOutput{State: gss.Complete}, nil
}

// passes is a server that offers one scheme of that kind, "Mine".
func passes(t testing.TB, bound scheme.Affinity, info gss.Info, more ...func(*ServerConfig)) Server {
	t.Helper()
	sc := ServerConfig{Schemes: []scheme.Server{passing{scheme.Traits{Name: "Mine", Affinity: bound}, info}}, Keep: KeepAlways}
	for _, m := range more {
		m(&sc)
	}
	s, err := NewServer(sc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An identity ends with its context, on the nanosecond: it is not accepted from then on,
// and what was kept of it serves no further request. A context without an end has none.
func TestIdentityEndsWithItsContext(t *testing.T) {
	const login, later = 1000, 5000 // when the client logs in, and when it comes back
	for _, test := range []struct {
		name            string
		expires         int64
		accepted, keeps bool
	}{
		{"no end", 0, true, true},
		{"ended long before", 1, false, false},
		{"ended when it was complete", login, false, false},
		{"ends a nanosecond later", login + 1, true, false},
		{"ends when the client comes back", later, true, false},
		{"ends a nanosecond after that", later + 1, true, true},
		{"ends much later", 1 << 62, true, true},
	} {
		s := passes(t, scheme.ByMechanism, gss.Info{Peer: "alice", Expires: test.expires})
		at := func(now int64, e Event) Actions {
			t.Helper()
			next, acts, err := s.Step(gss.Env{Now: now}, e)
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			s = next
			return acts
		}
		acts := at(login, receivedText("Mine x"))
		if r, refused := acts.At(0).(Reply); refused == test.accepted || refused && (r.Status != 401 || r.Fault.Code != gss.Expired || s.kept != (kept{})) {
			t.Errorf("%s: accepted %t expected, %v came, and %v is left", test.name, test.accepted, acts, s)
		}
		if test.accepted {
			at(login, Responding{200})
			acts := at(later, receivedText(""))
			if a, ok := acts.At(0).(Accept); ok != test.keeps || ok && a.Info.Peer != "alice" || !ok && s.kept != (kept{}) {
				t.Errorf("%s: an identity for the next request %t expected, %v came, and %v is left", test.name, test.keeps, acts, s)
			}
		}
		requirement.Held(t, "unit:identity_ends_with_its_context")
	}
}

// Nothing outlives its request that proves one request alone, whatever the server keeps.
func TestProofOfOneRequestIsNotKept(t *testing.T) {
	r := newRig(t)
	for bound, want := range map[scheme.Affinity]int{scheme.PerRequest: 401, scheme.ByMechanism: 200, scheme.PerConnection: 200} {
		s, acts := must(r, passes(t, bound, gss.Info{Peer: "alice"}), receivedText("Mine x"))
		first[Accept](t, acts)
		s, _ = must(r, s, Responding{200})
		status := 200
		if _, acts = must(r, s, receivedText("")); acts.Len() > 0 {
			if reply, ok := acts.At(0).(Reply); ok {
				status = reply.Status
			}
		}
		if status != want {
			t.Errorf("a scheme bound %d: the next request, without credentials, gets %d, want %d", bound, status, want)
		}
	}
}

// What may not run on a multiplexed connection is refused there, whatever its legs: a
// scheme that belongs to its connection, and a handshake that wants one more leg (HTA-4).
func TestMultiplexedHandshakes(t *testing.T) {
	r := newRig(t)
	for _, test := range []struct {
		spec, credentials string
		accepted          bool
	}{
		{"NTLM:legs=1", "NTLM <toy/NTLM:i1:u=alice:p=secret>", false},
		{"NTLM", "NTLM <toy/NTLM:i1:u=alice>", false},
		{"Negotiate:legs=2", "Negotiate <toy:i1:u=alice>", false},
		{"Negotiate", "Negotiate <toy:i1:u=alice:p=secret>", true},
		{"Basic", "Basic <alice:secret>", true},
	} {
		for _, multiplexed := range []bool{false, true} {
			e := receivedText(test.credentials)
			e.Request.Multiplexed = multiplexed
			s, acts := settle(r, "S", serverOf(r, test.spec), e)
			reply, refused := acts.At(0).(Reply)
			switch {
			case !multiplexed:
				if refused && !reply.Fault.IsZero() {
					t.Errorf("%s: refused on a connection of its own: %v", test.spec, acts)
				}
			case refused == test.accepted, refused && (reply.Status != 401 || reply.Fault.Code != gss.Unsupported || reply.Challenges.Empty()),
				refused && s.half != (handshake{}):
				t.Errorf("%s, multiplexed: accepted %t expected, %v came, and %v is left", test.spec, test.accepted, acts, s)
			}
		}
	}
}

// A request without credentials in the middle of a handshake is unexpected (NTHT-3.1.5.1-2),
// also where such requests are let in otherwise, and where the connection had an identity
// before the handshake began.
func TestBareRequestInTheMiddle(t *testing.T) {
	r := newRig(t)
	for _, optional := range []bool{false, true} {
		for _, owned := range []bool{false, true} {
			s := serverOf(r, "NTLM", func(c *ServerConfig) { c.Optional = optional })
			if owned {
				s = bound(r, func(c *ServerConfig) { c.Optional = optional })
			}
			s, _ = must(r, s, receivedText("NTLM <toy/NTLM:i1:u=alice>"))
			s, acts := must(r, s, receivedText(""))
			if reply, ok := acts.At(0).(Reply); !ok || reply.Status != 401 || reply.Fault.Code != gss.Unexpected {
				t.Errorf("optional %t, owned before %t: a 401 for an unexpected request expected, %v came", optional, owned, acts)
			}
			if s.kept != (kept{}) || s.half != (handshake{}) {
				t.Errorf("optional %t, owned before %t: %v is left", optional, owned, s)
			}
		}
	}
}

// A server takes the answer to the question that it asked last, and to no other; none is
// no answer. One that has lost its connection takes nothing.
func TestServerTakesItsOwnAnswers(t *testing.T) {
	r := newRig(t)
	// It takes any answer for a yes, and so shows what reaches a scheme.
	s, err := NewServer(ServerConfig{Schemes: []scheme.Server{erring{at: 9}}})
	if err != nil {
		t.Fatal(err)
	}
	s, acts := must(r, s, receivedText("Mine x"))
	ask := first[Ask](t, acts)
	for _, e := range []Answered{{ask.ID + 1, gss.Verdict{Accepted: true}}, {ask.ID - 1, gss.Verdict{Accepted: true}}, {ask.ID, nil}} {
		if _, acts, err := step(r, s, e); err == nil {
			t.Errorf("%+v to question %d: misuse expected, %v came", e, ask.ID, acts)
		}
	}
	_, acts = must(r, s, Answered{ask.ID, gss.Verdict{Accepted: true}})
	first[Accept](t, acts)
	s, _ = must(r, s, Closed{})
	for _, e := range []Event{receivedText(""), receivedText("Mine x"), Answered{ask.ID, gss.Verdict{Accepted: true}}, Responding{200}} {
		if _, acts, err := step(r, s, e); err == nil {
			t.Errorf("%T after the connection was closed: misuse expected, %v came", e, acts)
		}
	}
}

// A question that nothing answers, and without which no client can be judged, is an
// outage (REPLAY-3): 503 with the time to try again, and no challenge.
func TestUnansweredForAll(t *testing.T) {
	r := newRig(t)
	client, server := r.schemeOf("Digest")
	c, err := NewClient(ClientConfig{Schemes: []scheme.Client{client}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(ServerConfig{Schemes: []scheme.Server{server}})
	if err != nil {
		t.Fatal(err)
	}
	s, acts := must(r, s, receivedText(""))
	var lines []string
	for ch := range first[Reply](t, acts).Challenges.All() {
		lines = append(lines, "WWW-Authenticate: "+ch.Text())
	}
	c, _ = must(r, c, begin(r, "GET http://a.example/"))
	_, acts = settle(r, "C", c, response(401, lines...))
	s, acts = must(r, s, receivedText(first[Send](t, acts).Authorization.Text()))
	s, acts = must(r, s, Answered{first[Ask](t, acts).ID, gss.Password{Password: gss.NewSecret("secret")}})
	ask := first[Ask](t, acts)
	if _, ok := ask.Question.(gss.NeedReplayCheck); !ok {
		t.Fatalf("a question about used counts expected, %T came", ask.Question)
	}
	s, acts = must(r, s, Answered{ask.ID, gss.Declined{}})
	if reply := first[Reply](t, acts); reply.Status != 503 || reply.RetryAfter != gss.DefaultRetryAfter || !reply.Challenges.Empty() || s.half != (handshake{}) {
		t.Errorf("a 503 without a challenge expected, %v came, and %v is left", acts, s)
	}
}

// An anonymous context is no named client's, though the names be spelled alike.
func TestAnonymousIsNoNamedClient(t *testing.T) {
	named, anonymous := gss.Info{Peer: "ANONYMOUS LOGON"}, gss.Info{Peer: "anonymous logon", Anonymous: true}
	if same(named, anonymous) || same(anonymous, named) {
		t.Error("an anonymous client is the same as one of that name")
	}
	if !same(anonymous, anonymous) {
		t.Error("an anonymous client is not the same as itself")
	}
}

// silent is a scheme that has nothing to offer, and refuses with a last word.
type silent struct{ passing }

func (silent) Offer(gss.Env, scheme.Exchange) (header.Challenges, gss.Fault) {
	return header.Challenges{}, gss.Fault{Code: gss.Unsupported, Detail: "mine: there is nothing to open with"}
}

// A 401 has a challenge, or is none (N2HT-2.2.1-2, R4559-4.1-2).
func TestNoChallengeIsNo401(t *testing.T) {
	r := newRig(t)
	mine := silent{passing{traits: scheme.Traits{Name: "Mine"}}}
	_, basic := r.schemeOf("Basic")
	for status, schemes := range map[int][]scheme.Server{500: {mine}, 401: {mine, basic}} {
		s, err := NewServer(ServerConfig{Schemes: schemes})
		if err != nil {
			t.Fatal(err)
		}
		_, acts := must(r, s, receivedText(""))
		if reply := first[Reply](t, acts); reply.Status != status || reply.Challenges.Empty() != (status == 500) {
			t.Errorf("%d schemes, of which one offers nothing: %d expected, %v came", len(schemes), status, acts)
		}
	}
}

// The last word of a scheme that refuses stands in place of its own first challenge, and of
// no other's.
func TestLastWordIsItsSchemes(t *testing.T) {
	r := newRig(t)
	s := serverOf(r, "Negotiate:final,mutual NTLM:final")
	for name, credentials := range map[string]string{"Negotiate": "Negotiate <toy:i1:u=alice:p=wrong>", "NTLM": "NTLM <toy/NTLM:i2:u=alice:p=wrong>"} {
		at := s
		if name == "NTLM" {
			at, _ = must(r, at, receivedText("NTLM <toy/NTLM:i1:u=alice>"))
		}
		_, acts := must(r, at, receivedText(credentials))
		reply := first[Reply](t, acts)
		if reply.Challenges.Len() != 2 {
			t.Errorf("%s: two challenges expected, %v came", name, acts)
		}
		for c := range reply.Challenges.All() {
			if _, token := c.Token(); token != c.Is(name) {
				t.Errorf("%s was refused with a last token, and the challenge of %s has one: %t", name, c.Scheme(), token)
			}
		}
	}
}

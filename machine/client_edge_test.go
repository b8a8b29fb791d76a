package machine

import (
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/internal/side"
	"github.com/countersign-auth/countersign/scheme"
)

// resumed is a Resume in which everything is set to a value of its own.
func resumed() Resume {
	return Resume{
		valid: true, carried: carried{identity: "me", spent: true, late: true, repeated: true, reopened: 1},
		history: [2]side.History{
			{Refused: "\"r\"\n", Retried: true, Rounds: 1, Tries: 3, Tried: 1, Declined: 3, Seen: 5, Forgotten: 7, Fault: gss.Fault{Code: gss.Refused, Detail: "one"}, Reasons: "this"},
			{Refused: "\"s\"\n", Rounds: 2, Tries: 4, Tried: 2, Declined: 4, Seen: 6, Forgotten: 8, Fault: gss.Fault{Code: gss.Expired, Detail: "other"}, Reasons: "that"},
		},
	}
}

// An exchange takes all along that was tried and used up, over any number of connections
// (HTA-6, HTA-22): where the next one is lost before anything was written, the same goes on,
// and one more connection counts.
func TestResumeLosesNothing(t *testing.T) {
	r := newRig(t)
	want := resumed()
	b := begin(r, "GET http://a.example/ identity=me")
	b.Resume = want
	c, acts := must(r, clientOf(r, "NTLM", func(c *ClientConfig) { c.MaxReconnects = 5 }), b)
	first[Send](t, acts)
	c, acts = must(r, c, Lost{Unsent: true})
	want.reopened++
	if got := first[Reopen](t, acts).Resume; got != want {
		t.Errorf("the exchange went on with\n%+v, and takes along\n%+v, want\n%+v", b.Resume, got, want)
	}
	if c.phase != dead {
		t.Errorf("a connection that is gone left %v", c)
	}
	requirement.Held(t, "unit:resume_loses_nothing", "HTA-6", "HTA-22")
}

// A client that gave its exchange to another connection is done: it takes no other.
func TestReopenEndsTheClient(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]struct {
		spec, words string
		event       Event
	}{
		"over HTTP/1.1":  {"NTLM", "GET http://a.example/ h2", response(401, "WWW-Authenticate: NTLM")},
		"a closed offer": {"Nego2:legs=2", "GET http://a.example/", Response{Status: 401, Close: true, Header: response(401, "WWW-Authenticate: Nego2 <toy:h>").Header}},
		"a lost request": {"NTLM", "GET http://a.example/", Lost{Unsent: true}},
	} {
		c, _ := must(r, clientOf(r, test.spec), begin(r, test.words))
		c, acts := must(r, c, test.event)
		first[Reopen](t, acts)
		if _, acts, err := step(r, c, begin(r, test.words)); err == nil || c.phase != dead {
			t.Errorf("%s: the client begins again: %v", name, acts)
		}
	}
	// One that belongs to another identity gives the exchange back before anything is sent.
	mine := halfways(r)["persistent"]
	mine, _ = must(r, mine, response(200))
	mine, acts := must(r, mine, begin(r, "GET http://a.example/ identity=another"))
	first[Reopen](t, acts)
	if _, acts, err := step(r, mine, begin(r, "GET http://a.example/")); err == nil {
		t.Errorf("another identity's: the client begins again: %v", acts)
	}
}

// What no server carries out is sent again when its connection is lost, over another one;
// a proof of one request is made anew on the spot, with the next count.
func TestWhatIsSentAgain(t *testing.T) {
	const digest = `WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"`
	for _, test := range []struct {
		name, spec, words string
		bodies            BodyPolicy
		responses         []Response
		reopens           bool // over another connection
		sends             bool // at once
	}{
		{"a probe", "NTLM", "POST http://a.example/ body=once", Strict, nil, true, false},
		{"an empty leg", "NTLM", "POST http://a.example/ body=once lease=NTLM", WhenReady, nil, true, false},
		{"an empty leg to a proxy", "NTLM", "POST http://a.example/ forwarded body=once", WhenReady, []Response{response(407, "Proxy-Authenticate: NTLM")}, true, false},
		{"a first leg after a challenge", "NTLM", "GET http://a.example/", WhenReady, []Response{response(401, "WWW-Authenticate: NTLM")}, true, false},
		{"a proof of one request", "Digest", "GET http://a.example/", WhenReady, []Response{response(401, digest)}, false, true},
		{"a body", "Digest", "POST http://a.example/ body=replayable", WhenReady, []Response{response(401, digest)}, false, false},
	} {
		r := newRig(t)
		c := clientOf(r, test.spec, func(c *ClientConfig) { c.Bodies = test.bodies })
		c, acts := settle(r, "C", c, begin(r, test.words))
		for _, e := range test.responses {
			c, acts = settle(r, "C", c, e)
		}
		sent := first[Send](t, acts)
		_, acts = settle(r, "C", c, Lost{Silent: true})
		_, reopens := acts.At(0).(Reopen)
		again, sends := acts.At(0).(Send)
		if reopens != test.reopens || sends != test.sends {
			t.Errorf("%s: goes on over another connection %t, at once %t expected; %v came", test.name, test.reopens, test.sends, acts)
		}
		if sends {
			before, _ := sent.Authorization.Param("nc")
			after, _ := again.Authorization.Param("nc")
			if before != "00000001" || after != "00000002" {
				t.Errorf("%s: the counts %s and %s were sent", test.name, before, after)
			}
		}
	}
}

// A body that was never written is there for the next connection, one that may have been
// is not, and no later leg brings it back (HTA-22).
func TestUnsentBody(t *testing.T) {
	r := newRig(t)
	c, acts := must(r, clientOf(r, "NTLM"), begin(r, "PUT http://a.example/ body=once"))
	if s := first[Send](t, acts); s.Body != Expect {
		t.Fatal(acts)
	}
	_, acts = must(r, c, Lost{Unsent: true})
	if first[Reopen](t, acts).Resume.spent {
		t.Error("a body of which nothing was written counts as spent")
	}

	b := begin(r, "PUT http://a.example/ body=once lease=NTLM")
	b.Resume = Resume{valid: true, carried: carried{spent: true}}
	c, acts = must(r, clientOf(r, "NTLM"), b)
	if s := first[Send](t, acts); s.Body != Omit {
		t.Fatal(acts)
	}
	_, acts = must(r, c, Lost{Unsent: true})
	if !first[Reopen](t, acts).Resume.spent {
		t.Error("an empty leg that was lost gives back what an earlier one sent")
	}
	b.Resume = Resume{}
	fresh, _ := must(r, clientOf(r, "NTLM"), b)
	if _, acts := must(r, fresh, Lost{Unsent: true}); first[Reopen](t, acts).Resume.spent {
		t.Error("an empty leg that was lost spends the body that it is for")
	}
	_, acts = must(r, c, response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>"))
	if f := first[Fail](t, acts); f.Fault.Code != gss.BodySpent {
		t.Errorf("the body is spent, and the answer to an empty leg gives it back: %v", acts)
	}
}

// A peer may hold an identity for a connection from the last leg on, whatever it answers,
// and goes on to where the mechanism is bound to it by nature (HTA-9).
func TestBoundTellsWhatMayBe(t *testing.T) {
	r := newRig(t)
	for name, want := range map[string]bool{"bare": false, "leg 1": false, "leg 2": true, "persistent": true, "proxy leg 1": false, "proxy leg 2": true} {
		if got := halfways(r)[name].ConnectionBased(); got != want {
			t.Errorf("%s: bound %t, want %t", name, got, want)
		}
	}
	c, _ := must(r, halfways(r)["leg 2"], response(200, "Persistent-Auth: false"))
	if !c.ConnectionBased() {
		t.Error("a connection of NTLM is free after Persistent-Auth: false")
	}
}

// A 401 from inside a tunnel's setup is the proxy's refusal, and no challenge.
func Test401OfATunnel(t *testing.T) {
	r := newRig(t)
	c, _ := must(r, clientOf(r, "NTLM"), begin(r, "CONNECT a.example:443 tunneling"))
	_, acts := must(r, c, response(401, "WWW-Authenticate: NTLM"))
	if d := first[Deliver](t, acts); d.Authenticated {
		t.Error(acts)
	}
}

// Under Strict a request that is challenged although an empty one was not begins with an
// empty one again: what was answered then did not ask for what is asked for now. What
// answers an empty one with an error answers that one alone.
func TestStrictProbesAgain(t *testing.T) {
	r := newRig(t)
	c := clientOf(r, "Negotiate:final", func(c *ClientConfig) { c.Bodies = Strict })
	c, acts := must(r, c, begin(r, "POST http://a.example/ body=replayable"))
	for n, want := range []struct {
		probe    bool
		response Response
	}{
		{true, response(200)},
		{false, response(401, "WWW-Authenticate: Negotiate")},
		{true, response(404, "WWW-Authenticate: Negotiate <toy:f>", "Persistent-Auth: true")},
		{false, response(201)},
	} {
		if s := first[Send](t, acts); s.Probe != want.probe || (s.Body == Omit) != want.probe {
			t.Fatalf("request %d: probe %t expected, %v came", n+1, want.probe, acts)
		}
		c, acts = must(r, c, want.response)
	}
	if d := first[Deliver](t, acts); !d.Authenticated {
		t.Error(acts)
	}
}

// Under Strict a body follows only what the connection keeps, or what proves it by itself.
func TestStrictNeedsAConnection(t *testing.T) {
	final := "WWW-Authenticate: Negotiate <toy:f>"
	for _, test := range []struct {
		name, spec string
		responses  []Response
		delivered  bool
	}{
		{"a context that is not kept", "Negotiate:final", []Response{response(401, "WWW-Authenticate: Negotiate"), response(200, final)}, false},
		{"one that is", "Negotiate:final", []Response{response(401, "WWW-Authenticate: Negotiate"), response(200, final, "Persistent-Auth: true"), response(200)}, true},
		{"NTLM, which is by nature", "NTLM", []Response{response(401, "WWW-Authenticate: NTLM"), response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>"), response(200)}, true},
		{"Digest", "Digest", []Response{response(401, `WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"`), response(200)}, true},
	} {
		r := newRig(t)
		c := clientOf(r, test.spec, func(c *ClientConfig) { c.Bodies = Strict })
		c, acts := settle(r, "C", c, begin(r, "POST http://a.example/ body=once"))
		for n, e := range test.responses {
			if s := first[Send](t, acts); (s.Body != Omit) != (n == len(test.responses)-1 && test.delivered) {
				t.Errorf("%s: request %d goes with body %d", test.name, n+1, s.Body)
			}
			c, acts = settle(r, "C", c, e)
		}
		switch a := acts.At(0).(type) {
		case Deliver:
			if !test.delivered || !a.Authenticated {
				t.Errorf("%s: %v", test.name, acts)
			}
		case Fail:
			if test.delivered || a.Fault.Code != gss.NotPermitted {
				t.Errorf("%s: %v", test.name, acts)
			}
		default:
			t.Errorf("%s: the exchange goes on: %v", test.name, acts)
		}
	}
}

// Strict waits for a proxy's handshake, too, where the origin's proof is ready.
func TestStrictWaitsForTheProxy(t *testing.T) {
	r := newRig(t)
	c := clientOf(r, "NTLM Basic", func(c *ClientConfig) { c.Bodies, c.Policy.Cleartext = Strict, true })
	c, acts := settle(r, "C", c, begin(r, "POST http://a.example/ forwarded body=once"))
	for n, want := range []struct {
		probe    bool
		response Response
	}{
		{true, response(401, `WWW-Authenticate: Basic realm="r"`)},
		{false, response(407, "Proxy-Authenticate: NTLM")}, // which came before any of the body went
		{true, response(407, "Proxy-Authenticate: NTLM <toy/NTLM:c1>")},
		{false, response(200)},
	} {
		if s := first[Send](t, acts); s.Probe != want.probe || (s.Body == Omit) != want.probe {
			t.Fatalf("request %d: probe %t expected, %v came", n+1, want.probe, acts)
		}
		c, acts = settle(r, "C", c, want.response)
	}
	if d := first[Deliver](t, acts); !d.Authenticated {
		t.Error(acts)
	}
}

// Optimistic sends what can be sent again with each leg, and nothing else.
func TestOptimisticBodies(t *testing.T) {
	r := newRig(t)
	for body, use := range map[string]BodyUse{"replayable": Whole, "once": Omit, "none": Omit} {
		c := clientOf(r, "NTLM", func(c *ClientConfig) { c.Bodies = Optimistic })
		_, acts := must(r, c, begin(r, "PUT http://a.example/ lease=NTLM body="+body))
		if s := first[Send](t, acts); s.Body != use {
			t.Errorf("body %s: the first leg goes with %d, want %d", body, s.Body, use)
		}
	}
}

// The connection closes with the answer to an empty leg: the body goes over another one,
// and proves both sides anew.
func TestBodyAfterAClosedLeg(t *testing.T) {
	r := newRig(t)
	c := clientOf(r, "NTLM", func(c *ClientConfig) { c.Policy.AnyProxy = true })
	c, _ = must(r, c, begin(r, "POST http://a.example/ forwarded session body=replayable lease=NTLM proxy-lease=NTLM"))
	c, _ = must(r, c, response(407, "Proxy-Authenticate: NTLM <toy/NTLM:c1>"))
	closing := response(200) // the proxy's side passed, and the origin let the empty leg through
	closing.Close = true
	_, acts := must(r, c, closing)
	s := first[Send](t, acts)
	if !s.ProxyAuthorization.Present() {
		t.Errorf("the proxy's credentials are missing: %v", acts)
	}
	if s.Pinned {
		t.Errorf("it is tied to a connection that closes: %v", acts)
	}
}

// What passed is done: it is no handshake that dies with its connection.
func TestPassedSideIsNotHalfway(t *testing.T) {
	r := newRig(t)
	c := clientOf(r, "NTLM Basic", func(c *ClientConfig) { c.Policy.Cleartext = true })
	c, _ = settle(r, "C", c, begin(r, "GET http://a.example/ forwarded"))
	c, _ = settle(r, "C", c, response(407, "Proxy-Authenticate: NTLM"))
	c, _ = settle(r, "C", c, response(407, "Proxy-Authenticate: NTLM <toy/NTLM:c1>"))
	closing := response(401, `WWW-Authenticate: Basic realm="r"`)
	closing.Close = true
	_, acts := settle(r, "C", c, closing)
	if s := first[Send](t, acts); !s.Authorization.Present() || !s.ProxyAuthorization.Present() || s.Pinned {
		t.Errorf("credentials for both, over any connection, expected; %v came", acts)
	}
}

// A lease that turns out to be of no use costs nothing: the request goes out bare.
func TestUselessLeases(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]struct {
		spec  string
		begin func(*Begin)
	}{
		"Digest without a challenge to answer": {"Digest", func(b *Begin) { b.Lease.Scheme = scheme.Digest }},
		"NTLM on a multiplexed connection":     {"NTLM", func(b *Begin) { b.Lease.Scheme, b.Request.Multiplexed = scheme.NTLM, true }},
		"a scheme that failed before": {"NTLM", func(b *Begin) {
			b.Lease.Scheme, b.Resume = scheme.NTLM, Resume{valid: true, history: [2]side.History{{Tried: 1}, {Tried: 1}}}
		}},
		"Nego2":              {"Nego2:legs=2", func(b *Begin) { b.Lease.Scheme = scheme.Nego2 }},
		"an unknown scheme":  {"NTLM", func(b *Begin) { b.Lease.Scheme = "Other" }},
		"Basic without TLS":  {"Basic", func(b *Begin) { b.Lease.Scheme = scheme.Basic }},
		"a proxy's own word": {"NTLM", func(b *Begin) { b.Lease.Scheme, b.ProxyLease.SessionBased, b.Route.Kind = scheme.NTLM, true, Forwarded }},
	} {
		b := begin(r, "GET http://a.example/")
		test.begin(&b)
		_, acts := settle(r, "C", clientOf(r, test.spec), b)
		if s, ok := acts.At(0).(Send); !ok || s.Authorization.Present() || s.Pinned {
			t.Errorf("%s: a request without credentials expected, %v came", name, acts)
		}
	}
}

// Credentials that the network can read go out where TLS reaches to the one that reads
// them, and nowhere else: not to an origin for the sake of the proxy's TLS, nor to a proxy
// for the sake of the origin's.
func TestCleartextNeedsItsOwnTLS(t *testing.T) {
	r := newRig(t)
	for _, test := range []struct {
		origin, proxy string // the schemes
		forwarded     bool
		toOrigin      bool
		toProxy       bool
	}{
		{"http", "", false, false, false},
		{"https", "", false, true, false},
		{"http", "http", true, false, false},
		{"https", "http", true, false, false}, // whatever is behind the proxy, it reads along
		{"http", "https", true, false, true},
		{"https", "https", true, false, true},
	} {
		words := "GET " + test.origin + "://a.example/"
		if test.forwarded {
			words += " forwarded"
		}
		b := begin(r, words)
		b.Route.Scheme = test.proxy
		fresh, _ := must(r, clientOf(r, "Basic"), b)
		_, acts := settle(r, "C", fresh, response(401, `WWW-Authenticate: Basic realm="r"`))
		if s, _ := acts.At(0).(Send); s.Authorization.Present() != test.toOrigin {
			t.Errorf("%+v: to the origin: %v", test, acts)
		}
		if test.forwarded {
			_, acts = settle(r, "C", fresh, response(407, `Proxy-Authenticate: Basic realm="r"`))
			if s, _ := acts.At(0).(Send); s.ProxyAuthorization.Present() != test.toProxy {
				t.Errorf("%+v: to the proxy: %v", test, acts)
			}
		}
	}
}

// A mechanism that turns out to be bound to its connection does not run on a multiplexed
// one, though one leg is all that it takes (HTA-4).
func TestBoundMechanismOnAStream(t *testing.T) {
	r := newRig(t)
	for spec, http11 := range map[string]bool{"Negotiate:bound": true, "Negotiate": false, "Negotiate:legs=2": true} {
		c, _ := must(r, clientOf(r, spec), begin(r, "GET http://a.example/ h2"))
		_, acts := must(r, c, response(401, "WWW-Authenticate: Negotiate"))
		reopen, ok := acts.At(0).(Reopen)
		if ok != http11 || reopen.HTTP11 != http11 {
			t.Errorf("%s: over HTTP/1.1 %t expected, %v came", spec, http11, acts)
		}
	}
}

// Nego2 counts where it is offered. The answer to an empty leg is no offer, so that the
// next request of the exchange goes without it (C4).
func TestNego2IsNotRenewed(t *testing.T) {
	r := newRig(t)
	c := clientOf(r, "Nego2:final", func(c *ClientConfig) { c.Bodies = Strict })
	c, _ = must(r, c, begin(r, "POST http://a.example/ body=replayable"))
	c, acts := must(r, c, response(401, "WWW-Authenticate: Nego2 <toy:h>"))
	if s := first[Send](t, acts); !s.Probe || !s.Authorization.Is(scheme.Nego2) {
		t.Fatal(acts)
	}
	_, acts = must(r, c, response(200)) // without the final token, which makes nothing complete
	if s := first[Send](t, acts); s.Authorization.Present() || s.Body != Whole {
		t.Errorf("a body without credentials expected, %v came", acts)
	}
}

// Each fault that shows a peer which breaks the protocol, or is another one than it says,
// ends the exchange: no weaker scheme makes it good (NTHT-3.1.5.1-1, NTHT-3.1.5.1-3).
func TestFinalFaults(t *testing.T) {
	ends := []gss.Code{gss.Unexpected, gss.Malformed, gss.Replayed, gss.NotAuthentic, gss.BadBinding, gss.WrongTarget}
	for code := gss.Malformed; code <= gss.Bug; code++ {
		r := newRig(t)
		basic, _ := r.schemeOf("Basic")
		c, err := NewClient(ClientConfig{Schemes: []scheme.Client{failing{code}, basic}, Policy: scheme.Policy{Fallback: true, Cleartext: true}})
		if err != nil {
			t.Fatal(err)
		}
		c, _ = settle(r, "C", c, begin(r, "GET http://a.example/"))
		_, acts := settle(r, "C", c, response(401, "WWW-Authenticate: Mine", `WWW-Authenticate: Basic realm="r"`))
		s, weaker := acts.At(0).(Send)
		if weaker != !slices.Contains(ends, code) || weaker && !s.Authorization.Is(scheme.Basic) {
			t.Errorf("%v: a weaker scheme follows %t expected, %v came", code, !slices.Contains(ends, code), acts)
		}
	}
	requirement.Held(t, "unit:final_faults", "NTHT-3.1.5.1-3")
}

// failing is a scheme that fails in its first step.
type failing struct{ code gss.Code }

func (failing) Traits() scheme.Traits                       { return scheme.Traits{Name: "Mine", Strength: 90} }
func (f failing) Initiate(scheme.Exchange) scheme.Initiator { return f }
func (failing) Info() gss.Info                              { return gss.Info{} }
func (failing) Context() gss.Context                        { return nil }
func (f failing) Step(gss.Env, scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	return f, scheme.InitiatorOutput{Fault: gss.Fault{Code: f.code, Detail: "mine"}}, nil
}

// A token that is asked for after a context was complete reaches no scheme, whatever that
// would make of it (NTHT-3.1.5.1-3).
func TestTokenAfterCompleteReachesNothing(t *testing.T) {
	r := newRig(t)
	c, err := NewClient(ClientConfig{Schemes: []scheme.Client{greedy{}}})
	if err != nil {
		t.Fatal(err)
	}
	c, _ = must(r, c, begin(r, "GET http://a.example/"))
	c, acts := must(r, c, response(401, "WWW-Authenticate: Mine"))
	first[Send](t, acts)
	_, acts = must(r, c, response(401, "WWW-Authenticate: Mine <more>"))
	if f := first[Fail](t, acts); f.Fault.Code != gss.Unexpected {
		t.Errorf("the context was complete, and goes on: %v", acts)
	}
}

// greedy is a scheme that is complete with its first leg, and takes any number of tokens.
type greedy struct{}

func (greedy) Traits() scheme.Traits {
	return scheme.Traits{Name: "Mine", Affinity: scheme.ByMechanism}
}
func (g greedy) Initiate(scheme.Exchange) scheme.Initiator { return g }
func (greedy) Info() gss.Info                              { return gss.Info{} }
func (greedy) Context() gss.Context                        { return nil }
func (g greedy) Step(gss.Env, scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	return g, scheme.InitiatorOutput{State: gss.Complete, Credentials: header.TokenCredentials("Mine", "leg")}, nil
}

// A count belongs to a nonce: a new one begins at the beginning.
func TestLeaseOfANewNonce(t *testing.T) {
	s := Space{}.Learn(Facts{At: 1, Scheme: scheme.Digest, Memory: scheme.Memory{Offer: digestOffer("old"), Count: 1}})
	for range 5 {
		s, _ = s.Lease("/")
	}
	s = s.Learn(Facts{At: 2, Scheme: scheme.Digest, Memory: scheme.Memory{Offer: digestOffer("new")}})
	for want := uint32(1); want <= 3; want++ {
		var l Lease
		if s, l = s.Lease("/"); l.Memory.Count != want || l.Memory.Offer != digestOffer("new") {
			t.Errorf("use %d of the new nonce has the count %d, of %q", want, l.Memory.Count, l.Memory.Offer.Text())
		}
	}
}

// The text of a Resume is canonical: what MarshalBinary does not write is not read.
func TestResumeTextIsCanonical(t *testing.T) {
	text, err := resumed().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var got Resume
	if err := got.UnmarshalBinary(text); err != nil || got != resumed() {
		t.Fatalf("%v: %+v came back", err, got)
	}
	zero, _ := Resume{valid: true}.MarshalBinary()
	zero[1] = 0 // not even valid: that is written as nothing
	for name, bad := range map[string][]byte{
		"another version":     append([]byte{resumeVersion + 1}, text[1:]...),
		"version 0":           append([]byte{0}, text[1:]...),
		"an unknown flag":     append([]byte{text[0], text[1] | 0x80}, text[2:]...),
		"one byte more":       append(slices.Clone(text), 0),
		"one byte less":       text[:len(text)-1],
		"the zero Resume":     zero,
		"a length beyond all": append(slices.Clone(text[:len(text)-6]), 0xff, 0xff, 0xff, 0xff, 'm', 'e'),
		"the version alone":   text[:1],
	} {
		got := Resume{carried: carried{identity: "as it was"}}
		if err := got.UnmarshalBinary(bad); err == nil {
			t.Errorf("%s is read as %+v", name, got)
		} else if got != (Resume{carried: carried{identity: "as it was"}}) || strings.Contains(err.Error(), "me\x00") {
			t.Errorf("%s changes what it is read into, or shows: %v, %v", name, got, err)
		}
	}
	if text, _ := (Resume{}).MarshalBinary(); len(text) != 0 {
		t.Errorf("the zero Resume is %x", text)
	}
}

// A client takes the answer to the question that it asked last, and no other; none is no
// answer, and reaches no scheme.
func TestClientTakesItsOwnAnswers(t *testing.T) {
	r := newRig(t)
	c, err := NewClient(ClientConfig{Schemes: []scheme.Client{erring{at: 9}}})
	if err != nil {
		t.Fatal(err)
	}
	c, _ = must(r, c, begin(r, "GET http://a.example/"))
	c, acts := must(r, c, response(401, "WWW-Authenticate: Mine"))
	ask := first[Ask](t, acts)
	for _, e := range []Answered{{ask.ID + 1, gss.Declined{}}, {ask.ID - 1, gss.Declined{}}, {ask.ID, nil}} {
		if _, acts, err := step(r, c, e); err == nil {
			t.Errorf("%+v to question %d: misuse expected, %v came", e, ask.ID, acts)
		}
	}
	_, acts = must(r, c, Answered{ask.ID, gss.Declined{}})
	first[Send](t, acts)
}

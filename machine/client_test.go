package machine

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/internal/side"
	"github.com/countersign-auth/countersign/scheme"
)

// clientOf is a client with the described schemes.
func clientOf(r *rig, specs string, more ...func(*ClientConfig)) Client {
	r.t.Helper()
	var cc ClientConfig
	for s := range strings.FieldsSeq(specs) {
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

func begin(r *rig, words string) Begin { return r.orderOf(strings.Fields(words)).begin }

func response(status int, lines ...string) Response {
	return Response{Status: status, Header: header.ParseResponse(fieldsOf(lines))}
}

func first[A Action](t testing.TB, acts Actions) A {
	t.Helper()
	a, ok := acts.At(0).(A)
	if !ok {
		t.Fatalf("expected %T, got %v", a, acts)
	}
	return a
}

// halfways are clients in the middle of something, after the given script.
func halfways(r *rig) map[string]Client {
	fresh, _ := must(r, clientOf(r, "NTLM"), begin(r, "GET http://a.example/"))
	leg1, _ := must(r, fresh, response(401, "WWW-Authenticate: NTLM"))
	leg2, _ := must(r, leg1, response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>"))
	done, _ := must(r, leg2, response(200))
	kept, _ := must(r, done, begin(r, "GET http://a.example/"))
	proxy, _ := must(r, clientOf(r, "NTLM"), begin(r, "GET http://a.example/ forwarded"))
	proxy, _ = must(r, proxy, response(407, "Proxy-Authenticate: NTLM"))
	proxy2, _ := must(r, proxy, response(407, "Proxy-Authenticate: NTLM <toy/NTLM:c1>"))
	return map[string]Client{"bare": fresh, "leg 1": leg1, "leg 2": leg2, "persistent": kept, "proxy leg 1": proxy, "proxy leg 2": proxy2}
}

// prop:informational_ignored (HTA-11).
func TestInformationalIgnored(t *testing.T) {
	r := newRig(t)
	for name, c := range halfways(r) {
		rapid.Check(t, func(rt *rapid.T) {
			status := rapid.SampledFrom([]int{100, 102, 103, 110, 199}).Draw(rt, "status")
			e := response(status, "WWW-Authenticate: "+rapid.SampledFrom(challengeTexts).Draw(rt, "www"),
				"Persistent-Auth: true", "Proxy-Support: Session-Based-Authentication")
			e.Close, e.BodySent = rapid.Bool().Draw(rt, "close"), Sent(rapid.IntRange(0, 2).Draw(rt, "sent"))
			next, acts := must(r, c, e)
			if next != c || acts.Len() > 0 {
				rt.Fatalf("%s: %d changed the client, or made it do %v", name, status, acts)
			}
			requirement.Held(t, "prop:informational_ignored")
		})
	}
}

// finals are all final statuses but the two challenges. Those from 600 on are no HTTP, and
// come all the same.
func finals(yield func(status int) bool) {
	for status := 200; status < 1000; status++ {
		if status != 401 && status != 407 && !yield(status) {
			return
		}
	}
}

// prop:non401_is_delivered (N2HT-2.2.3-8, NTHT-2.2.2-4, -5) and
// prop:non407_is_passed_on (NTHT-2.2.4-4, -5): every final status but the two
// challenges and 425 ends in Deliver, whatever its fields say of authentication, and is
// authenticated only where a context is complete. The proxy's side is done with any of
// them, too, where its last leg was on its way.
func TestOtherStatusIsDelivered(t *testing.T) {
	r := newRig(t)
	complete := map[string]bool{"leg 2": true, "persistent": true}
	fields := []string{"WWW-Authenticate: Negotiate", "WWW-Authenticate: NTLM", `WWW-Authenticate: Basic realm="r"`}
	for name, c := range halfways(r) {
		for status := range finals {
			if status == 425 { // it is sent once more (R8470-5.2-2)
				continue
			}
			next, acts := must(r, c, response(status, fields[status%len(fields)]))
			if d := first[Deliver](t, acts); d.Authenticated != complete[name] {
				t.Errorf("%s: %d delivered with authenticated=%t", name, status, d.Authenticated)
			}
			if proxy := &next.sides[gss.Proxy]; proxy.Persistent() != (name == "proxy leg 2") {
				t.Errorf("%s: after %d the proxy's side is authenticated: %t", name, status, proxy.Persistent())
			}
		}
		requirement.Held(t, "prop:non401_is_delivered")
		requirement.Held(t, "prop:non407_is_passed_on")
	}
}

// prop:unrelated_status_changes_nothing (N2HT-3.2.5-13): on an authenticated
// connection a response without a challenge status leaves the connection's state
// alone.
func TestUnrelatedStatusChangesNothing(t *testing.T) {
	r := newRig(t)
	c := halfways(r)["persistent"]
	for status := range finals {
		for _, said := range []string{"true", "false", "x"} {
			next, _ := must(r, c, response(status, "Persistent-Auth: "+said))
			if next.sides[gss.Origin] != c.sides[gss.Origin] || next.sides[gss.Proxy] != (side.Side{}) {
				t.Errorf("%d with Persistent-Auth: %s: %v became %v", status, said, c, next)
			}
		}
	}
	requirement.Held(t, "prop:unrelated_status_changes_nothing")
}

// prop:persist_table (N2HT-3.2.5-4 to -8, C7, C16, HTA-16): all values of the field ×
// the leaf mechanism × the side × the transport.
func TestPersistTable(t *testing.T) {
	r := newRig(t)
	for _, leaf := range []string{"NTLM", "Kerberos", "toy"} {
		for _, field := range []header.PersistentAuth{header.PersistAbsent, header.PersistTrue, header.PersistFalse, header.PersistInvalid} {
			for _, s := range []gss.Side{gss.Origin, gss.Proxy} {
				for _, multiplexed := range []bool{false, true} {
					want := field == header.PersistTrue || field == header.PersistAbsent && leaf == "NTLM"
					if s == gss.Proxy { // never its business
						want = leaf == "NTLM"
					}
					want = want && !multiplexed // C18
					spec := "Negotiate:as=" + leaf
					words, status, name := "GET http://a.example/ lease=Negotiate", 200, "origin"
					if s == gss.Proxy {
						words, name = "GET http://a.example/ forwarded proxy-lease=Negotiate", "proxy"
					}
					if multiplexed {
						words += " h2"
					}
					c, acts := must(r, clientOf(r, spec), begin(r, words))
					if send := first[Send](t, acts); !send.Authorization.Present() && !send.ProxyAuthorization.Present() {
						t.Fatal("nothing was sent")
					}
					e := response(status)
					e.Header.PersistentAuth = field
					c, _ = must(r, c, e)
					if got := c.sides[s].Persistent(); got != want {
						t.Errorf("%s, field %d, %s, multiplexed %t: flag %t, expected %t", leaf, field, name, multiplexed, got, want)
					}
					if c.sides[1-s] != (side.Side{}) {
						t.Errorf("%s, field %d: the other side moved", leaf, field)
					}
					switch field {
					case header.PersistTrue:
						requirement.Held(t, "prop:persist_table", "N2HT-3.2.5-5")
					case header.PersistFalse:
						requirement.Held(t, "prop:persist_table", "N2HT-3.2.5-6")
					case header.PersistAbsent:
						requirement.Held(t, "prop:persist_default_by_mech")
					}
				}
			}
		}
	}
}

// prop:persist_other_ignored (N2HT-3.2.5-7).
func TestPersistOtherIgnored(t *testing.T) {
	r := newRig(t)
	c := halfways(r)["leg 2"]
	rapid.Check(t, func(rt *rapid.T) {
		v := rapid.StringMatching(`[!-~ ]{0,12}`).Draw(rt, "value")
		switch strings.ToLower(strings.Trim(v, " ,")) {
		case "true", "false":
			rt.Skip()
		}
		next, acts := must(r, c, response(200, "Persistent-Auth: "+v))
		if next.sides[gss.Origin].Persistent() && header.ParsePersistentAuth(v) != header.PersistTrue {
			rt.Fatalf("%q set the flag", v)
		}
		first[Deliver](t, acts)
		requirement.Held(t, "prop:persist_other_ignored")
	})
}

// The field counts on the final response alone (N2HT-3.2.5-3): true in mid-handshake
// and on a 401 says nothing, and every 401 resets (N2HT-3.2.5-12).
func TestPersistMidway(t *testing.T) {
	r := newRig(t)
	c, _ := must(r, clientOf(r, "NTLM"), begin(r, "GET http://a.example/ lease=NTLM"))
	c, _ = must(r, c, response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>", "Persistent-Auth: true"))
	if c.sides[gss.Origin].Persistent() {
		t.Error("set in mid-handshake")
	}
	c, _ = must(r, c, response(200, "Persistent-Auth: true"))
	if !c.sides[gss.Origin].Persistent() {
		t.Error("not set at the end")
	}
	c, acts := must(r, c, begin(r, "GET http://a.example/"))
	if s := first[Send](t, acts); s.Authorization.Present() || !s.Pinned {
		t.Errorf("with the flag set: %+v", s)
	}
	c, _ = must(r, c, response(401, `WWW-Authenticate: Basic realm="r"`, "Persistent-Auth: true"))
	if c.sides[gss.Origin].Persistent() {
		t.Error("a 401 did not reset it")
	}
}

// prop:challenge_split_join (N2HT-2.2.1-5): what a client does does not depend on how
// the challenges are spread over lines.
func TestChallengeSplitJoin(t *testing.T) {
	r := newRig(t)
	sound := []string{"Negotiate", "Nego2 <toy:h>", "NTLM", `Digest realm="r", nonce="n", qop="auth"`, `Basic realm="r"`, "Unknown x=y", `Digest realm="s", nonce="m", qop="auth", algorithm=SHA-256`}
	rapid.Check(t, func(rt *rapid.T) {
		c, _ := must(r, anyClient(r), begin(r, "GET https://a.example/"))
		list := rapid.SliceOfN(rapid.SampledFrom(sound), 1, 6).Draw(rt, "challenges")
		var lines []string
		for i, text := range list {
			if i > 0 && rapid.Bool().Draw(rt, "join") {
				lines[len(lines)-1] += rapid.SampledFrom([]string{", ", ",", " ,, "}).Draw(rt, "comma") + text
			} else {
				lines = append(lines, text)
			}
		}
		field := func(lines []string) Response {
			for i := range lines {
				lines[i] = "WWW-Authenticate: " + lines[i]
			}
			return response(401, lines...)
		}
		r2 := *r
		_, one := must(r, c, field([]string{strings.Join(list, ", ")}))
		_, many := must(&r2, c, field(lines))
		if fmt.Sprint(one) != fmt.Sprint(many) || one.At(0) != many.At(0) && !asked(one) {
			rt.Fatalf("on one line %v, spread %v", one, many)
		}
		requirement.Held(t, "prop:challenge_split_join")
	})
}

func asked(acts Actions) bool { _, ok := acts.At(0).(Ask); return ok }

// prop:k_leg_mechanism (R4559-5-6): a handshake of k legs ends after k legs, with and
// without a final token, each leg on the same connection (HTA-5) and with the
// challenge's token in the mechanism (N2HT-2.2.3-3).
func TestMaxLegs(t *testing.T) {
	for k := 1; k <= 3; k++ {
		for _, final := range []string{"", ",final"} {
			for _, name := range []string{"Negotiate", "Nego2"} {
				r := newRig(t)
				spec := fmt.Sprintf("%s:legs=%d%s", name, k, final)
				for _, role := range []string{"client", "server"} {
					if err := r.configure(role, []string{spec}); err != nil {
						t.Fatal(err)
					}
				}
				r.run("c", r.orderOf([]string{"GET", "/"}))
				out := r.out.String()
				if n := strings.Count(out, "C> Authorization"); n != k {
					t.Errorf("%s: %d legs\n%s", spec, n, out)
				}
				if !strings.Contains(out, "C: deliver authenticated") || strings.Count(out, "S: accept") != 1 {
					t.Errorf("%s: not authenticated\n%s", spec, out)
				}
				requirement.Held(t, "prop:k_leg_mechanism")
			}
		}
	}
}

// many is a scheme that never fails, and has as many legs as it is asked for.
type many struct{ traits scheme.Traits }

func (m many) Traits() scheme.Traits                     { return m.traits }
func (m many) Initiate(scheme.Exchange) scheme.Initiator { return manyInitiator{0, m.traits.Name} }
func (m many) Accept(scheme.Exchange) scheme.Acceptor    { return manyAcceptor{m.traits.Name} }
func (manyInitiator) Info() gss.Info                     { return gss.Info{} }
func (manyInitiator) Context() gss.Context               { return nil }
func (manyAcceptor) Info() gss.Info                      { return gss.Info{} }
func (manyAcceptor) Context() gss.Context                { return nil }
func (m many) Offer(gss.Env, scheme.Exchange) (header.Challenges, gss.Fault) {
	return header.ListOf(header.BareChallenge(m.traits.Name)), gss.Fault{}
}

type manyInitiator struct {
	n    int
	name string
}

func (i manyInitiator) Step(gss.Env, scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	i.n++
	return i, scheme.InitiatorOutput{State: gss.Continue, Credentials: header.TokenCredentials(i.name, fmt.Sprint(i.n))}, nil
}

type manyAcceptor struct{ name string }

func (a manyAcceptor) Step(gss.Env, scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	return a, scheme.AcceptorOutput{State: gss.Continue, Challenges: header.ListOf(header.TokenChallenge(a.name, "more"))}, nil
}

// prop:bounds (HTA-6): at the bound it goes, one beyond is a typed failure.
func TestBounds(t *testing.T) {
	r := newRig(t)
	for _, bound := range []uint8{1, 2, 5, 0, 255} {
		limit := int(bound)
		if bound == 0 {
			limit = defaultMaxLegs
		}
		c, err := NewClient(ClientConfig{Schemes: []scheme.Client{many{traitsOf(t, scheme.Negotiate)}}, MaxLegs: bound})
		if err != nil {
			t.Fatal(err)
		}
		c, acts := must(r, c, begin(r, "GET http://a.example/"))
		answered := 0
		for answered <= 300 {
			text := "WWW-Authenticate: Negotiate <more>"
			if answered == 0 {
				text = "WWW-Authenticate: Negotiate"
			}
			c, acts = must(r, c, response(401, text))
			if _, ok := acts.At(0).(Send); !ok {
				break
			}
			answered++
		}
		if answered != limit {
			t.Errorf("MaxLegs %d: %d challenges were answered", bound, answered)
		}
		if f := first[Fail](t, acts); f.Fault.Code != gss.LimitExceeded {
			t.Errorf("MaxLegs %d: %v", bound, f.Fault)
		}

		s, err := NewServer(ServerConfig{Schemes: []scheme.Server{many{traitsOf(t, scheme.Negotiate)}}, MaxLegs: bound})
		if err != nil {
			t.Fatal(err)
		}
		legs := 0
		for legs <= 300 {
			s, acts = must(r, s, receivedText("Negotiate <x>"))
			legs++
			if !first[Reply](t, acts).Fault.IsZero() {
				break
			}
		}
		if legs != limit || first[Reply](t, acts).Fault.Code != gss.LimitExceeded {
			t.Errorf("MaxLegs %d: the server took %d legs, then %v", bound, legs, acts)
		}
		requirement.Held(t, "prop:bounds")
	}

	for _, bound := range []uint8{1, 2, 3, 0} {
		limit := int(bound)
		if bound == 0 {
			limit = defaultMaxAttempts
		}
		c := clientOf(r, "Basic", func(c *ClientConfig) { c.Policy.Cleartext, c.MaxAttempts = true, bound })
		c, _ = must(r, c, begin(r, "GET http://a.example/"))
		asked := 0
		for range 20 {
			var acts Actions
			c, acts = must(r, c, response(401, `WWW-Authenticate: Basic realm="r"`))
			ask, ok := acts.At(0).(Ask)
			if !ok {
				if f := first[Fail](t, acts); f.Fault.Code != gss.Refused {
					t.Errorf("MaxAttempts %d: %v", bound, f.Fault)
				}
				break
			}
			q := ask.Question.(gss.NeedCredential)
			if int(q.Attempt) != asked || q.Rejected != (asked > 0) {
				t.Errorf("question %d says attempt %d, rejected %t", asked, q.Attempt, q.Rejected)
			}
			asked++
			c, _ = must(r, c, Answered{ask.ID, gss.Password{User: "u", Password: gss.NewSecret("p")}})
		}
		if asked != limit {
			t.Errorf("MaxAttempts %d: asked %d times", bound, asked)
		}
	}

	for _, bound := range []uint8{1, 2, 0} {
		limit := int(bound)
		if bound == 0 {
			limit = defaultMaxReconnects
		}
		fresh := clientOf(r, "NTLM", func(c *ClientConfig) { c.MaxReconnects = bound })
		b, reopened := begin(r, "GET http://a.example/"), 0
		for range 20 {
			c, _ := must(r, fresh, b)
			c, _ = must(r, c, response(401, "WWW-Authenticate: NTLM"))
			broken := response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>")
			broken.Close = true // no handshake goes on over another connection
			c, acts := must(r, c, broken)
			re, ok := acts.At(0).(Reopen)
			if c.phase != dead {
				t.Errorf("a client lives on without its connection: %v", c)
			}
			if !ok {
				if f := first[Fail](t, acts); f.Fault.Code != gss.LimitExceeded {
					t.Errorf("MaxReconnects %d: %v", bound, f.Fault)
				}
				break
			}
			reopened++
			b.Resume = re.Resume
		}
		if reopened != limit {
			t.Errorf("MaxReconnects %d: %d", bound, reopened)
		}
	}
}

// A request that is not known to be repeatable is not sent again when its
// connection dies; a leg that no server carries out is, and nothing is kept.
func TestClosed(t *testing.T) {
	r := newRig(t)
	for _, test := range []struct {
		name, words string
		before      []Response
		reopens     bool
	}{
		{"GET", "GET http://a.example/", nil, true},
		{"POST", "POST http://a.example/ body=replayable", nil, false},
		{"PUT", "PUT http://a.example/ body=replayable", nil, true},
		{"POST, empty leg", "POST http://a.example/ body=replayable lease=NTLM", nil, true},
		{"POST without a body, first leg", "POST http://a.example/ lease=NTLM", nil, true},
		{"POST, last leg", "POST http://a.example/ body=replayable lease=NTLM", []Response{response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>")}, false},
	} {
		c, _ := must(r, clientOf(r, "NTLM"), begin(r, test.words))
		for _, e := range test.before {
			c, _ = must(r, c, e)
		}
		c, acts := must(r, c, Closed{})
		if _, ok := acts.At(0).(Reopen); ok != test.reopens {
			t.Errorf("%s: %v", test.name, acts)
		}
		if c.phase != dead || c.sides != ([2]side.Side{}) || c.ex != (exchange{}) {
			t.Errorf("%s: something outlives the connection", test.name)
		}
		if _, _, err := step(r, c, begin(r, "GET http://a.example/")); err == nil {
			t.Errorf("%s: a dead client begins", test.name)
		}
	}
	idle := halfways(r)["leg 2"]
	idle, _ = must(r, idle, response(200))
	c, acts := must(r, idle, Closed{})
	if acts.Len() > 0 || c.phase != dead || c.sides != ([2]side.Side{}) {
		t.Errorf("an idle client whose connection closed: %v %v", c, acts)
	}
	c, acts = must(r, c, Closed{})
	if acts.Len() > 0 || c.phase != dead {
		t.Error("twice")
	}
}

// A one-shot body is spent once it may be on the wire, over connections too, and an
// empty leg gives nothing back (HTA-22).
func TestOnceBodyAtMostOnce(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(rt *rapid.T) {
		fresh := clientOf(r, "Negotiate:legs=3,early,final NTLM Digest", func(c *ClientConfig) {
			c.Policy.Fallback = true
			c.Bodies = BodyPolicy(rapid.IntRange(0, 2).Draw(rt, "policy"))
		})
		b := begin(r, "PUT http://a.example/ body=once")
		b.Lease.Scheme = rapid.SampledFrom([]string{"", "Negotiate", "NTLM"}).Draw(rt, "lease")
		c, acts := must(r, fresh, b)
		gone := 0
		for range 20 {
			switch a := acts.At(0).(type) {
			case Send:
				e := response(rapid.SampledFrom([]int{401, 401, 401, 200}).Draw(rt, "status"), "WWW-Authenticate: "+rapid.SampledFrom([]string{
					"Negotiate", "Negotiate <toy:c1>", "Negotiate <toy:c2>", "Negotiate <toy:f>", "NTLM", "NTLM <toy/NTLM:c1>", `Digest realm="r", nonce="n", qop="auth"`}).Draw(rt, "www"))
				if a.Body != Omit {
					e.BodySent = Sent(rapid.IntRange(0, 2).Draw(rt, "sent"))
					if gone > 0 {
						rt.Fatalf("the body goes again: %+v", a)
					}
					if e.BodySent != SentNone {
						gone++
					}
				}
				if rapid.IntRange(0, 5).Draw(rt, "closed") == 0 {
					if a.Body != Omit && gone == 0 {
						gone++ // it may have gone
					}
					c, acts = must(r, c, Closed{})
				} else {
					e.Close = rapid.IntRange(0, 5).Draw(rt, "close") == 0
					c, acts = must(r, c, e)
				}
			case Ask:
				c, acts = must(r, c, Answered{a.ID, gss.Password{User: "alice", Password: gss.NewSecret("secret")}})
			case Reopen:
				b.Resume = a.Resume
				c, acts = must(r, fresh, b)
			default:
				return
			}
		}
	})
	requirement.Held(t, "prop:once_body_at_most_once", "HTA-22")
}

// prop:protection_space (R9110-11.5-1, HTA-9): no request carries what was made for
// another origin or another identity, whatever was authenticated before.
func TestProtectionSpace(t *testing.T) {
	r := newRig(t)
	rapid.Check(t, func(rt *rapid.T) {
		c := clientOf(r, "NTLM Negotiate:as=Kerberos", func(c *ClientConfig) { c.Policy.Fallback = true })
		var host, identity string // of the connection
		for range 6 {
			b := begin(r, "GET "+rapid.SampledFrom([]string{"http://a.example/", "http://b.example/", "https://a.example/", "http://a.example:81/"}).Draw(rt, "url")+" forwarded session")
			b.Identity = rapid.SampledFrom([]string{"", "x"}).Draw(rt, "identity")
			name := fmt.Sprint(b.Request.Scheme, b.Request.Host, b.Request.Port)
			next, acts := must(r, c, b)
			if _, ok := acts.At(0).(Reopen); ok {
				if host == "" || host == name && identity == b.Identity {
					rt.Fatalf("a connection of %q %q was not used for %q %q", host, identity, name, b.Identity)
				}
				requirement.Held(t, "prop:protection_space")
				c, host = clientOf(r, "NTLM Negotiate:as=Kerberos", func(c *ClientConfig) { c.Policy.Fallback = true }), ""
				continue
			}
			if s := first[Send](t, acts); s.Authorization.Present() || host != "" && (host != name || identity != b.Identity) {
				rt.Fatalf("a connection of %q %q is used for %q %q: %+v", host, identity, name, b.Identity, s)
			}
			which := rapid.SampledFrom([]string{"NTLM", "Negotiate", ""}).Draw(rt, "challenge")
			support := "Proxy-Support: Session-Based-Authentication"
			for leg := range 3 {
				text := which
				switch s, ok := acts.At(0).(Send); {
				case !ok:
				case which == "NTLM" && s.Authorization.Present() && leg == 1:
					text = "NTLM <toy/NTLM:c1>"
				case s.Authorization.Present() || which == "":
					text = "-"
				}
				if text == "-" || text == "" {
					next, acts = must(r, next, response(200, support))
					break
				}
				next, acts = must(r, next, response(401, "WWW-Authenticate: "+text, support))
			}
			d := first[Deliver](t, acts)
			if d.Authenticated { // and no Persistent-Auth: false came
				host, identity = name, b.Identity
			}
			if c = next; c.phase == dead {
				rt.Fatal("dead")
			}
		}
	})
}

// prop:zero_seed_fails_closed (HTA-3): without entropy a context that needs it ends in
// a typed failure, and nothing predictable is sent.
func TestZeroSeed(t *testing.T) {
	for _, spec := range []string{"Digest", "NTLM:fresh", "Negotiate:fresh,legs=2"} {
		r := newRig(t)
		r.dry = true
		name, _, _ := strings.Cut(spec, ":")
		c, _ := must(r, clientOf(r, spec), begin(r, "GET http://a.example/"))
		text := name
		if name == "Digest" {
			text = `Digest realm="r", nonce="n", qop="auth"`
		}
		_, acts := settle(r, "C", c, response(401, "WWW-Authenticate: "+text))
		if f := first[Fail](t, acts); f.Fault.Code != gss.NoEntropy {
			t.Errorf("%s: %v", spec, f.Fault)
		}
		requirement.Held(t, "prop:zero_seed_fails_closed", "HTA-3")
		_, srv := r.schemeOf(spec)
		s, err := NewServer(ServerConfig{Schemes: []scheme.Server{srv}})
		if err != nil {
			t.Fatal(err)
		}
		_, acts = must(r, s, receivedText(""))
		reply := first[Reply](t, acts)
		if name == "Digest" && (reply.Status != 503 || reply.RetryAfter == 0 || !reply.Challenges.Empty()) {
			t.Errorf("a Digest challenge without entropy: %v", acts)
		}
		if name == "NTLM" {
			_, acts = must(r, s, receivedText("NTLM <toy/NTLM:i1:u=alice:n=aa>"))
			if reply := first[Reply](t, acts); reply.Fault.Code != gss.NoEntropy || reply.Status != 503 || !reply.Challenges.Empty() {
				t.Errorf("the server: %v", acts)
			}
		}
	}
}

// Mutual authentication is requested in every context (N2HT-5.1-1), and a scheme gets the name
// of its peer.
func TestTargets(t *testing.T) {
	r := newRig(t)
	var got []scheme.Exchange
	spy := spyClient{traitsOf(t, scheme.Digest), func(x scheme.Exchange) { got = append(got, x) }}
	c, err := NewClient(ClientConfig{Schemes: []scheme.Client{&spy}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		words, uri, authority, spn string
		status                     int
		binding                    gss.Binding
	}{
		{"GET https://a.example/x?y", "/x?y", "a.example", "HTTP/a.example", 401, gss.BindingOf("tls-server-end-point:a.example")},
		{"GET http://a.example:81/x", "/x", "a.example:81", "HTTP/a.example", 401, gss.NoBinding()},
		{"GET http://a.example/x forwarded", "http://a.example/x", "a.example", "HTTP/proxy.example", 407, gss.NoBinding()},
		{"GET http://a.example/x forwarded", "/x", "a.example", "HTTP/a.example", 401, gss.NoBinding()},
		{"GET https://a.example/x forwarded", "/x", "a.example", "HTTP/a.example", 401, gss.Binding{}},
		{"CONNECT a.example:443 tunneling", "a.example:443", "a.example", "HTTP/proxy.example", 407, gss.NoBinding()},
	} {
		got = nil
		m, _ := c.step2(r, begin(r, test.words))
		field := "WWW-Authenticate"
		if test.status == 407 {
			field = "Proxy-Authenticate"
		}
		m.step2(r, response(test.status, field+`: Digest realm="r"`))
		if len(got) == 0 {
			t.Fatalf("%s: no context was made", test.words)
		}
		x := got[0]
		if x.URI != test.uri || x.Authority != test.authority || x.Target.SPN() != test.spn || x.Target.Binding != test.binding {
			t.Errorf("%s, %d: %+v", test.words, test.status, x)
		}
		requirement.Held(t, "unit:channel_binding_input")
		requirement.Held(t, "unit:spn_from_target")
	}
	if want := scheme.MechanismClient(traitsOf(t, scheme.Negotiate), spyMech{}).Initiate(scheme.Exchange{}).Info().Flags; !want.Has(gss.Mutual) {
		t.Error("mutual authentication is not requested")
	}
	requirement.Held(t, "unit:default_flags")
}

// step2 is a step without the rig's checks, for schemes that take notes.
func (c Client) step2(r *rig, e Event) (Client, Actions) {
	next, acts, err := c.Step(r.env(), e)
	if err != nil {
		r.t.Fatal(err)
	}
	return next, acts
}

type spyClient struct {
	traits scheme.Traits
	note   func(scheme.Exchange)
}

func (s *spyClient) Traits() scheme.Traits { return s.traits }
func (s *spyClient) Initiate(x scheme.Exchange) scheme.Initiator {
	s.note(x)
	return manyInitiator{0, s.traits.Name}
}

// spyMech shows the flags that it was asked for.
type spyMech struct{ want gss.Flags }

func (spyMech) Mech() gss.OID                     { return gsstoy.OID }
func (spyMech) Traits() gss.Traits                { return gss.Traits{} }
func (spyMech) Initiate(t gss.Target) gss.Context { return spyMech{t.Want} }
func (spyMech) Accept(t gss.Target) gss.Context   { return spyMech{t.Want} }
func (m spyMech) Info() gss.Info                  { return gss.Info{Flags: m.want} }
func (m spyMech) Session() (gss.Session, bool)    { return nil, false }
func (m spyMech) Step(gss.Env, gss.Input) (gss.Context, gss.Output, error) {
	return m, gss.Output{State: gss.Complete}, nil
}

// authority writes host and port as a URI does (RFC 9110 section 4.2).
func TestAuthority(t *testing.T) {
	for _, test := range []struct {
		scheme, host string
		port         uint16
		want         string
	}{
		{"http", "a.example", 80, "a.example"}, {"https", "a.example", 443, "a.example"}, {"http", "a.example", 443, "a.example:443"},
		{"https", "::1", 443, "[::1]"}, {"http", "::1", 8080, "[::1]:8080"}, {"http", "a.example", 0, "a.example"},
	} {
		if got := (&Request{Scheme: test.scheme, Host: test.host, Port: test.port}).authority(); got != test.want {
			t.Errorf("%v: %q", test, got)
		}
	}
}

// A question of the judge's, as a proof that covers the body asks, is answered though
// the connection has closed meanwhile: the response is here.
func TestClosedWhileJudging(t *testing.T) {
	r := newRig(t)
	c, err := NewClient(ClientConfig{Schemes: []scheme.Client{judge{traitsOf(t, scheme.Digest)}}})
	if err != nil {
		t.Fatal(err)
	}
	c, _ = must(r, c, begin(r, "POST http://a.example/"))
	c, _ = must(r, c, response(401, `WWW-Authenticate: Digest realm="r"`))
	c, acts := must(r, c, response(200))
	ask := first[Ask](t, acts)
	c, acts = must(r, c, Closed{})
	if acts.Len() > 0 {
		t.Fatalf("a response that is here is given up: %v", acts)
	}
	c, acts = must(r, c, Answered{ask.ID, gss.Declined{}})
	if d := first[Deliver](t, acts); !d.Authenticated || c.phase != dead {
		t.Errorf("%v %v", c, acts)
	}
}

// judge asks when the response is here.
type judge struct{ traits scheme.Traits }

func (j judge) Traits() scheme.Traits                     { return j.traits }
func (j judge) Initiate(scheme.Exchange) scheme.Initiator { return judging{} }

type judging struct{ asked bool }

func (judging) Info() gss.Info       { return gss.Info{} }
func (judging) Context() gss.Context { return nil }
func (j judging) Step(_ gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	switch in.Event {
	case scheme.Concluded:
		return judging{true}, scheme.InitiatorOutput{State: gss.Waiting, Ask: gss.NeedVerifier{}}, nil
	case scheme.Answered:
		return j, scheme.InitiatorOutput{State: gss.Complete}, nil
	}
	return j, scheme.InitiatorOutput{State: gss.Ready, Credentials: header.ParamCredentials(scheme.Digest, "x=y")}, nil
}

// The end of an exchange says why each scheme was given up, over connections too.
func TestReasons(t *testing.T) {
	r := newRig(t)
	fallback := func(c *ClientConfig) { c.Policy.Fallback, c.Policy.Cleartext = true, true }
	c := clientOf(r, "Negotiate:legs=1 NTLM Basic", fallback)
	c, _ = must(r, c, begin(r, "GET /"))
	offers := response(401, "WWW-Authenticate: Negotiate", "WWW-Authenticate: NTLM", `WWW-Authenticate: Basic realm="r"`)
	c, _ = must(r, c, offers)
	c, _ = must(r, c, offers)       // Negotiate is refused, NTLM begins
	_, acts := must(r, c, Closed{}) // and its connection is lost
	b := begin(r, "GET /")
	b.Resume = first[Reopen](t, acts).Resume
	c, _ = must(r, clientOf(r, "Negotiate:legs=1 NTLM Basic", fallback), b)
	c, _ = must(r, c, offers) // NTLM again
	c, _ = must(r, c, offers) // NTLM is refused, Basic asks
	_, acts = must(r, c, Answered{c.ex.id, gss.Declined{}})
	f := first[Fail](t, acts)
	if want := "Negotiate: refused by the peer: Negotiate: the peer refused the credentials; " +
		"NTLM: refused by the peer: NTLM: the peer refused the credentials; " +
		"Basic: no credentials: Basic: no user name and password for this realm"; f.Reasons != want {
		t.Errorf("reasons\n got %s\nwant %s", f.Reasons, want)
	}
}

package machine

import (
	"reflect"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// erring is a scheme that reports misuse at a step, beside a changed state.
type erring struct{ at, n uint8 }

func (erring) Traits() scheme.Traits { return scheme.Traits{Name: "Mine", Strength: 50} }

func (erring) Offer(gss.Env, scheme.Exchange) (header.Challenges, gss.Fault) {
	return header.ListOf(header.TokenChallenge("Mine", "")), gss.Fault{}
}

func (e erring) Initiate(scheme.Exchange) scheme.Initiator { return erringInitiator{e} }
func (e erring) Accept(scheme.Exchange) scheme.Acceptor    { return erringAcceptor{e} }

func (e erring) Info() gss.Info     { return gss.Info{Peer: "alice"} }
func (erring) Context() gss.Context { return nil }

// next counts a step, and reports whether it is the one that errs.
func (e *erring) next() error {
	if e.n++; e.n == e.at {
		return gss.Misuse("mine: not now")
	}
	return nil
}

type erringInitiator struct{ erring }

func (i erringInitiator) Step(gss.Env, scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	err := i.next()
	switch i.n {
	case 1:
		return i, scheme.InitiatorOutput{State: gss.Waiting, Ask: gss.NeedCredential{}}, err
	case 2:
		return i, scheme.InitiatorOutput{State: gss.Ready, Credentials: header.ParseCredentials("Mine x")}, err
	}
	return i, scheme.InitiatorOutput{State: gss.Complete}, err
}

type erringAcceptor struct{ erring }

func (a erringAcceptor) Step(gss.Env, scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	err := a.next()
	if a.n == 1 {
		return a, scheme.AcceptorOutput{State: gss.Waiting, Ask: gss.NeedVerdict{}}, err
	}
	return a, scheme.AcceptorOutput{State: gss.Complete}, err
}

// Law L3: a machine with a scheme that reports misuse is the one that it was before the event,
// whatever the scheme, and the machine until then, had changed.
func TestErrorChangesNothing(t *testing.T) {
	credentials := receivedText("Mine x")
	proxied := credentials
	proxied.Header.ProxyAuthorization, proxied.Header.Authorization = proxied.Header.Authorization, header.Credentials{}
	for at := uint8(1); at <= 3; at++ {
		r, mine := newRig(t), erring{at: at}
		client, err := NewClient(ClientConfig{Schemes: []scheme.Client{mine}})
		if err != nil {
			t.Fatal(err)
		}
		errsAt(r, client, begin(r, "GET /"), response(401, "WWW-Authenticate: Mine"), Answered{Answer: gss.Password{}}, response(200))
		server, err := NewServer(ServerConfig{Schemes: []scheme.Server{mine}})
		if err != nil {
			t.Fatal(err)
		}
		errsAt(r, server, credentials, Answered{Answer: gss.Verdict{Accepted: true}}, Responding{200})
		proxy, err := NewProxy(ProxyConfig{Auth: ServerConfig{Schemes: []scheme.Server{mine}}})
		if err != nil {
			t.Fatal(err)
		}
		errsAt(r, proxy, proxied, Answered{Answer: gss.Verdict{Accepted: true}}, response(200))
		requirement.Held(t, "unit:error_changes_nothing", "HTA-2")
	}
}

// errsAt steps a machine until it reports misuse.
func errsAt[M Machine[M]](r *rig, m M, events ...Event) {
	r.t.Helper()
	var acts Actions
	for _, e := range events {
		if answered, ok := e.(Answered); ok {
			answered.ID = first[Ask](r.t, acts).ID
			e = answered
		}
		next, out, err := m.Step(r.env(), e)
		if err != nil {
			if next != m || out != (Actions{}) {
				r.t.Errorf("%T, after %v: an error came with %v, and %v", e, m, next, out)
			}
			return
		}
		m, acts = next, out
	}
	r.t.Errorf("%v: no event was misuse", m)
}

// A connection that carries an identity is one origin's, and http and https of one host
// and port are two.
func TestBoundConnectionIsOneOrigins(t *testing.T) {
	r := newRig(t)
	c := clientOf(r, "NTLM")
	c, _ = settle(r, "C", c, begin(r, "GET http://www.example:8080/"))
	c, _ = settle(r, "C", c, response(401, "WWW-Authenticate: NTLM"))
	c, _ = settle(r, "C", c, response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>"))
	c, acts := settle(r, "C", c, response(200))
	if !first[Deliver](t, acts).Authenticated {
		t.Fatal(acts)
	}
	for target, same := range map[string]bool{
		"http://www.example:8080/other": true,
		"https://www.example:8080/":     false,
		"http://www.example/":           false,
		"http://example:8080/":          false,
	} {
		_, acts := settle(r, "C", c, begin(r, "GET "+target))
		if _, sent := acts.At(0).(Send); sent != same {
			t.Errorf("%s: %v", target, acts)
		}
		requirement.Held(t, "unit:bound_to_one_origin", "HTA-9")
	}
}

// One name in two domains is two users: the second one does not take over the connection
// of the first.
func TestSameNameInAnotherDomain(t *testing.T) {
	for _, test := range []struct {
		peer, domain string
		same         bool
	}{
		{"alice", "A", true}, {"ALICE", "a", true}, {"alice", "B", false}, {"alice", "", false}, {"bob", "A", false},
	} {
		if got := same(gss.Info{Peer: "alice", Domain: "A"}, gss.Info{Peer: test.peer, Domain: test.domain}); got != test.same {
			t.Errorf("alice of A and %s of %q: the same %v", test.peer, test.domain, got)
		}
		requirement.Held(t, "unit:one_user_of_one_domain", "NLMP-3.2.5.1.2-4")
	}
}

// What is known of a proxy is of no use without it: no origin gets Proxy-Authorization.
func TestProxyLeaseOnADirectRoute(t *testing.T) {
	r := newRig(t)
	for _, spec := range []string{"NTLM", "Negotiate:legs=2", "Negotiate:legs=1"} {
		c := clientOf(r, spec, func(cc *ClientConfig) { cc.ProxySchemes, cc.Policy.Cleartext = cc.Schemes, true })
		name := c.conf.sides[gss.Proxy].Schemes[0].Traits().Name
		_, acts := settle(r, "C", c, begin(r, "GET / proxy-lease="+name))
		if s := first[Send](t, acts); s.ProxyAuthorization.Present() || s.Authorization.Present() {
			t.Errorf("%s: %v", spec, acts)
		}
		_, acts = settle(r, "C", c, begin(r, "GET http://www.example/ forwarded proxy-lease="+name))
		if !first[Send](t, acts).ProxyAuthorization.Present() {
			t.Errorf("%s: the lease is of no use where there is a proxy: %v", spec, acts)
		}
		requirement.Held(t, "unit:proxy_lease_needs_a_proxy", "R9110-11.7.2-1")
	}
}

// A body that cannot be sent twice waits for both sides: where the proxy's
// authentication is complete with a leg and the origin's is not, it stays behind.
func TestBodyWaitsForBothSides(t *testing.T) {
	r := newRig(t)
	for _, body := range []string{"once", "replayable"} {
		proxy, _ := r.schemeOf("Negotiate:legs=1")
		c := clientOf(r, "NTLM", func(cc *ClientConfig) { cc.ProxySchemes, cc.Policy.AnyProxy = []scheme.Client{proxy}, true })
		c, acts := settle(r, "C", c, begin(r, "POST http://www.example/ forwarded session lease=NTLM proxy-lease=Negotiate body="+body))
		for range 4 {
			s, ok := acts.At(0).(Send)
			if !ok {
				t.Fatal(acts)
			}
			if origin := &c.sides[gss.Origin]; s.Body != Omit && origin.Pending() {
				t.Errorf("body %s: it goes with a leg that the origin will not carry out: %v", body, acts)
			}
			if s.Authorization.Text() == header.TokenCredentials(scheme.NTLM, "toy/NTLM:i2").Text() {
				break
			}
			c, acts = settle(r, "C", c, response(401, "WWW-Authenticate: NTLM <toy/NTLM:c1>", "Proxy-Support: Session-Based-Authentication"))
			if _, done := acts.At(0).(Send); !done {
				break
			}
		}
		requirement.Held(t, "unit:body_waits_for_both", "HTA-22", "R4559-6-8")
	}
}

// inquiring is a server's scheme that asks before it wants a second leg, and then accepts.
type inquiring struct {
	passing
	ask gss.Question
	n   int
}

func (s inquiring) Accept(scheme.Exchange) scheme.Acceptor { return s }

func (s inquiring) Step(_ gss.Env, in scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	s.n++
	switch {
	case s.n == 1:
		return s, scheme.AcceptorOutput{State: gss.Waiting, Ask: s.ask}, nil
	case in.Event == scheme.Answered:
		return s, scheme.AcceptorOutput{State: gss.Continue, Challenges: header.ListOf(header.TokenChallenge("Mine", "more"))}, nil
	}
	return s, scheme.AcceptorOutput{State: gss.Complete}, nil
}

// A scheme may ask before it wants one more leg: the server takes that leg then, as it does without a question. Which scheme a
// question is of, the scheme says, or the server where a mechanism does not know.
func TestNextLegAfterAQuestion(t *testing.T) {
	r := newRig(t)
	for asks, want := range map[gss.NeedVerifier]string{{User: "alice"}: "Mine", {User: "alice", Scheme: "Another"}: "Another"} {
		s, err := NewServer(ServerConfig{Schemes: []scheme.Server{inquiring{passing{scheme.Traits{Name: "Mine"}, gss.Info{Peer: "alice"}}, asks, 0}}})
		if err != nil {
			t.Fatal(err)
		}
		s, acts := must(r, s, receivedText("Mine x"))
		ask := first[Ask](t, acts)
		if q, ok := ask.Question.(gss.NeedVerifier); !ok || q.Scheme != want || q.User != "alice" {
			t.Errorf("%+v was asked, want a question of scheme %s: %+v", asks, want, ask.Question)
		}
		s, acts = must(r, s, Answered{ask.ID, gss.Password{}})
		if reply := first[Reply](t, acts); reply.Status != 401 || reply.Challenges.Empty() || s.now != (current{}) {
			t.Errorf("a challenge for the next leg expected, %v came, and %v is left", acts, s)
		}
		_, acts = must(r, s, receivedText("Mine y"))
		if a := first[Accept](t, acts); a.Info.Peer != "alice" {
			t.Errorf("the second leg: %v", acts)
		}
	}
}

// concluding is a client's scheme of one leg that says one thing of the response, or reports misuse.
type concluding struct {
	out    scheme.InitiatorOutput
	misuse bool
}

func (concluding) Traits() scheme.Traits                       { return scheme.Traits{Name: "Mine"} }
func (c concluding) Initiate(scheme.Exchange) scheme.Initiator { return c }
func (concluding) Info() gss.Info                              { return gss.Info{} }
func (concluding) Context() gss.Context                        { return nil }

func (c concluding) Step(_ gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	switch {
	case in.Event != scheme.Concluded:
		return c, scheme.InitiatorOutput{State: gss.Ready, Credentials: header.TokenCredentials("Mine", "x")}, nil
	case c.misuse:
		return nil, scheme.InitiatorOutput{}, gss.Misuse("mine: not now")
	}
	return c, c.out, nil
}

// What a scheme says of a response goes before what follows from its status, on either side: a proof that does not verify, a
// question about it, and misuse (C2).
func TestEachSideJudgesTheResponse(t *testing.T) {
	for _, on := range []gss.Side{gss.Origin, gss.Proxy} {
		challenge := map[gss.Side]Response{gss.Origin: response(401, "WWW-Authenticate: Mine"), gss.Proxy: response(407, "Proxy-Authenticate: Mine")}[on]
		for name, mine := range map[string]concluding{
			"a wrong proof": {out: scheme.InitiatorOutput{State: gss.Failed, Fault: gss.Fault{Code: gss.NotAuthentic}}},
			"a question":    {out: scheme.InitiatorOutput{State: gss.Waiting, Ask: gss.NeedVerdict{}}},
			"misuse":        {misuse: true},
			"nothing":       {out: scheme.InitiatorOutput{State: gss.Complete}},
		} {
			r := newRig(t)
			c, err := NewClient(ClientConfig{Schemes: []scheme.Client{mine}})
			if err != nil {
				t.Fatal(err)
			}
			c, _ = must(r, c, begin(r, "GET http://a.example/ forwarded"))
			c, _ = must(r, c, challenge)
			_, acts, err := step(r, c, response(200))
			switch a := acts.At(0).(type) {
			case Fail:
				if name != "a wrong proof" || a.Side != on || a.Fault.Code != gss.NotAuthentic {
					t.Errorf("%v: %s: %v", on, name, acts)
				}
			case Ask:
				if name != "a question" {
					t.Errorf("%v: %s: %v", on, name, acts)
				}
			case Deliver:
				if name != "nothing" || a.Authenticated != (on == gss.Origin) {
					t.Errorf("%v: %s: %v", on, name, acts)
				}
			default:
				if name != "misuse" || err == nil {
					t.Errorf("%v: %s: %v, %v", on, name, acts, err)
				}
			}
		}
	}
}

// A connection that is lost while the driver looks for credentials is replaced by one of the same kind: nothing of the request
// needs HTTP/1.1 (HTA-4).
func TestLostWhileAsking(t *testing.T) {
	r := newRig(t)
	c, _ := must(r, clientOf(r, "NTLM:asks Basic"), begin(r, "GET https://a.example/"))
	c, acts := must(r, c, response(401, `WWW-Authenticate: Basic realm="r"`))
	first[Ask](t, acts)
	_, acts = must(r, c, Closed{})
	if a := first[Reopen](t, acts); a.HTTP11 {
		t.Errorf("the next connection is to be one of HTTP/1.1: %v", acts)
	}
}

// No scheme gets credentials that do not parse, though they begin with its name.
func TestCredentialsThatDoNotParse(t *testing.T) {
	r := newRig(t)
	for _, credentials := range []string{"Mine x y", "Mine a=1, a=2", "Mine x, Mine y"} {
		_, acts := must(r, passes(t, scheme.PerRequest, gss.Info{Peer: "alice"}), receivedText(credentials))
		if reply, ok := acts.At(0).(Reply); !ok || reply.Status != 401 || reply.Fault.Code != gss.Malformed {
			t.Errorf("%s: a 401 for malformed credentials expected, %v came", credentials, acts)
		}
	}
}

// A zero Proxy, which accepts no event, has the configuration of one that was made with nothing.
func TestConfigOfTheZeroProxy(t *testing.T) {
	if c := (Proxy{}).Config(); !reflect.DeepEqual(c, ProxyConfig{}) {
		t.Errorf("%+v", c)
	}
}

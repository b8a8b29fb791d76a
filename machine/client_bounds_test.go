package machine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

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

func (m many) Traits() scheme.Traits { return m.traits }

func (m many) Initiate(scheme.Exchange) scheme.Initiator { return manyInitiator{0, m.traits.Name} }

func (m many) Accept(scheme.Exchange) scheme.Acceptor { return manyAcceptor{m.traits.Name} }

func (manyInitiator) Info() gss.Info { return gss.Info{} }

func (manyInitiator) Context() gss.Context { return nil }

func (manyAcceptor) Info() gss.Info { return gss.Info{} }

func (manyAcceptor) Context() gss.Context { return nil }

func (m many) Offer(gss.Env, scheme.Exchange) (header.Challenges, gss.Fault) {
	return header.ListOf(header.TokenChallenge(m.traits.Name, "")), gss.Fault{}
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

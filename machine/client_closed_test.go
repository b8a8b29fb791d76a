package machine

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/internal/side"
	"github.com/countersign-auth/countersign/scheme"
)

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

func (j judge) Traits() scheme.Traits { return j.traits }

func (j judge) Initiate(scheme.Exchange) scheme.Initiator { return judging{} }

type judging struct{ asked bool }

func (judging) Info() gss.Info { return gss.Info{} }

func (judging) Context() gss.Context { return nil }

func (j judging) Step(_ gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	switch in.Event {
	case scheme.Concluded:
		return judging{true}, scheme.InitiatorOutput{State: gss.Waiting, Ask: gss.NeedVerifier{}}, nil
	case scheme.Answered:
		return j, scheme.InitiatorOutput{State: gss.Complete}, nil
	}
	return j, scheme.InitiatorOutput{State: gss.Ready, Credentials: header.ParseCredentials(scheme.Digest + " " + "x=y")}, nil
}

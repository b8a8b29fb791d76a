package scheme

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// scripted is a mechanism with contexts that return one output after the other, as a
// string says: c Continue, r Ready, d Complete ("done"), w a question, each with a
// token but w and D; D is Complete without a token, and ! is misuse, beside a changed
// context.
type scripted struct{ script string }

func (scripted) Mech() gss.OID                       { return gsstoy.OID }
func (scripted) Traits() gss.Traits                  { return gss.Traits{} }
func (s scripted) Initiate(t gss.Target) gss.Context { return scriptedContext{s.script, 0, t.Want} }
func (s scripted) Accept(t gss.Target) gss.Context   { return scriptedContext{s.script, 0, t.Want} }

type scriptedContext struct {
	script string
	n      int
	want   gss.Flags
}

func (c scriptedContext) Info() gss.Info             { return gss.Info{Peer: "alice", Flags: c.want} }
func (scriptedContext) Session() (gss.Session, bool) { return nil, false }

func (c scriptedContext) Step(gss.Env, gss.Input) (gss.Context, gss.Output, error) {
	what := c.script[c.n]
	c.n++
	token := gss.TokenOf("token")
	switch what {
	case 'c':
		return c, gss.Output{State: gss.Continue, Token: token}, nil
	case 'r':
		return c, gss.Output{State: gss.Ready, Token: token}, nil
	case 'd':
		return c, gss.Output{State: gss.Complete, Token: token}, nil
	case 'D':
		return c, gss.Output{State: gss.Complete}, nil
	case 'w':
		return c, gss.Output{State: gss.Waiting, Ask: gss.NeedVerdict{}}, nil
	}
	return c, gss.Output{}, gss.Misuse("scripted: not now")
}

var negotiate, _ = TraitsOf(Negotiate)

// Law L3, inside of a scheme: where the mechanism reports misuse, whatever the event was,
// both halves are what they were before it.
func TestErrorChangesNothing(t *testing.T) {
	answered := InitiatorInput{Event: Answered, Answer: gss.Declined{}}
	challenged := InitiatorInput{Event: Challenged, Offer: offers(b64(Negotiate, "more"))}
	concluded := InitiatorInput{Event: Concluded, Offer: offers(b64(Negotiate, "final")), Status: 200}
	for script, events := range map[string][]InitiatorInput{
		"!":   {{Event: Start}},
		"w!":  {{Event: Start}, answered},
		"c!":  {{Event: Start}, challenged},
		"cr!": {{Event: Start}, challenged, concluded},
		"r!":  {{Event: Start}, concluded},
		"c! ": {{Event: Start}, concluded},
		"rw!": {{Event: Start}, concluded, answered},
	} {
		i := MechanismClient(negotiate, scripted{script}).Initiate(Exchange{})
		for n, in := range events {
			next, out, err := i.Step(env, in)
			if last := n == len(events)-1; (err != nil) != last {
				t.Fatalf("%s: step %d: %v, %v", script, n+1, out, err)
			} else if last && (next != i || out != (InitiatorOutput{})) {
				t.Errorf("%s: beside an error came %v, in place of %v, and %v", script, next, i, out)
			}
			i = next
		}
	}
	presented := AcceptorInput{Event: Presented, Credentials: header.TokenCredentials(Negotiate, "token")}
	replied := AcceptorInput{Event: Answered, Answer: gss.Declined{}}
	for script, events := range map[string][]AcceptorInput{
		"!": {presented}, "w!": {presented, replied}, "c!": {presented, presented}, "cw!": {presented, presented, replied},
	} {
		a := MechanismServer(negotiate, scripted{script}).Accept(Exchange{})
		for n, in := range events {
			next, out, err := a.Step(env, in)
			if last := n == len(events)-1; (err != nil) != last {
				t.Fatalf("%s: step %d: %v, %v", script, n+1, out, err)
			} else if last && (next != a || out != (AcceptorOutput{})) {
				t.Errorf("%s: beside an error came %v, in place of %v, and %v", script, next, a, out)
			}
			a = next
		}
	}
	requirement.Held(t, "unit:scheme_error_changes_nothing")
}

// Nothing of a final response reaches a context that is complete already, and a context
// that has more to send after it is not complete (R4559-5-9).
func TestFinalTokenOfACompleteContext(t *testing.T) {
	for script, want := range map[string]gss.Code{
		"dD": gss.Unexpected, // a token came, and the context was complete
		"r":  gss.Unexpected, // a token is left over that nothing can carry
		"rd": gss.Unexpected,
		"rD": gss.NoFault,
		"rc": gss.Unexpected,
		"cD": gss.NoFault,
	} {
		i, out, err := MechanismClient(negotiate, scripted{script + "d"}).Initiate(Exchange{}).Step(env, InitiatorInput{Event: Start})
		if err != nil || !out.Credentials.Present() {
			t.Fatal(out, err)
		}
		before := i
		i, out, err = i.Step(env, InitiatorInput{Event: Concluded, Offer: offers(b64(Negotiate, "final")), Status: 200})
		if err != nil || out.Fault.Code != want || (out.State == gss.Complete) != (want == gss.NoFault) {
			t.Errorf("%s: %v with a final token, want %v: %v", script, out, want, err)
		}
		if script == "dD" {
			if c, ok := before.Context().(scriptedContext); !ok || c.n != 1 {
				t.Errorf("the context took %d steps", c.n)
			}
		}
		if _, failed := i.(failedInitiator); failed != (want != gss.NoFault) {
			t.Errorf("%s: %v is left", script, i)
		}
	}
}

// A token of bound.Token bytes is taken from either side, and one byte more is not.
func TestMaxToken(t *testing.T) {
	for size, ok := range map[int]bool{1: true, bound.Token: true, bound.Token + 1: false} {
		text := strings.Repeat("a", size)
		_, out, err := MechanismClient(negotiate, scripted{"c"}).Initiate(Exchange{}).Step(env, InitiatorInput{Event: Challenged, Offer: offers(b64(Negotiate, text))})
		if err != nil || (out.State == gss.Continue) != ok || !ok && out.Fault.Code != gss.Malformed {
			t.Errorf("a challenge of %d bytes: %v %v", size, out, err)
		}
		_, ao, err := MechanismServer(negotiate, scripted{"c"}).Accept(Exchange{}).Step(env, AcceptorInput{Event: Presented, Credentials: header.TokenCredentials(Negotiate, text)})
		if err != nil || (ao.State == gss.Continue) != ok || !ok && ao.Fault.Code != gss.Malformed {
			t.Errorf("credentials of %d bytes: %v %v", size, ao, err)
		}
	}
}

// An acceptor responds once it is complete, and is asked for nothing before that.
func TestRespondingNeedsComplete(t *testing.T) {
	responding := AcceptorInput{Event: Responding, Status: 200}
	for script, complete := range map[string]bool{"": false, "c": false, "w": false, "d": true, "D": true} {
		a := MechanismServer(negotiate, scripted{script}).Accept(Exchange{})
		if script != "" {
			a, _, _ = a.Step(env, AcceptorInput{Event: Presented, Credentials: header.TokenCredentials(Negotiate, "token")})
		}
		if _, _, err := a.Step(env, responding); (err == nil) != complete {
			t.Errorf("%q: a response is readied: %v", script, err)
		}
	}
	b := BasicServer("r", AskVerifier).Accept(Exchange{})
	if _, _, err := b.Step(env, responding); err == nil {
		t.Error("Basic: a response is readied before any credentials")
	}
	reply := AcceptorInput{Event: Answered, Answer: gss.Password{Password: gss.NewSecret("secret")}}
	if _, _, err := b.Step(env, reply); err == nil {
		t.Error("Basic: an answer is taken that was not asked for")
	}
	b, _, _ = b.Step(env, AcceptorInput{Event: Presented, Credentials: header.TokenCredentials(Basic, "alice:secret")})
	if _, _, err := b.Step(env, responding); err == nil {
		t.Error("Basic: a response is readied before the answer")
	}
	b, out, err := b.Step(env, reply)
	if err != nil || out.State != gss.Complete {
		t.Fatal(out, err)
	}
	if _, _, err := b.Step(env, reply); err == nil {
		t.Error("Basic: an answer is taken twice")
	}
	if b, ok := b.(basicAcceptor); !ok || b.password.Reveal() != "" {
		t.Error("Basic: the password is kept after it was compared")
	}
	if _, _, err := b.Step(env, responding); err != nil {
		t.Error(err)
	}
}

// A client asks for mutual authentication, whatever else it is to ask for (N2HT-5.1-1,
// SPNG-3.3.3-1).
func TestWhatIsAskedFor(t *testing.T) {
	for _, test := range []struct {
		want []gss.Flags
		all  gss.Flags
	}{
		{nil, gss.Mutual},
		{[]gss.Flags{gss.Delegate}, gss.Mutual | gss.Delegate},
		{[]gss.Flags{gss.Delegate, gss.Confidential}, gss.Mutual | gss.Delegate | gss.Confidential},
	} {
		for _, target := range []gss.Flags{0, gss.Integrity} {
			i := MechanismClient(negotiate, scripted{"c"}, test.want...).Initiate(Exchange{Target: gss.Target{Want: target}})
			if got := i.Info().Flags; got != test.all|target {
				t.Errorf("want %v, and %v for the target: the mechanism is asked for %v", test.want, target, got)
			}
		}
	}
	requirement.Held(t, "unit:mutual_is_asked_for")
}

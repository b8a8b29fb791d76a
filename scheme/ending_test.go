package scheme

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
)

// ended is a context at the end of an exchange.
type ended struct {
	gss.Context
	unproven bool
	owed     gss.Code
}

func (e ended) Info() gss.Info  { return gss.Info{Unproven: e.unproven} }
func (e ended) Owed() gss.Fault { return gss.Fault{Code: e.owed} }

// What becomes of the last output of a context: a proof that was left out makes Ready of Complete, and nothing else.
func TestEnd(t *testing.T) {
	token := gss.TokenOf("token")
	for _, row := range []struct {
		unproven bool
		out      gss.Output
		state    gss.State
		code     gss.Code
	}{
		{false, gss.Output{State: gss.Complete}, gss.Complete, 0},
		{true, gss.Output{State: gss.Complete}, gss.Ready, 0},
		{true, gss.Output{State: gss.Complete, Token: token}, gss.Failed, gss.Unexpected},
		{true, gss.Output{State: gss.Waiting, Ask: gss.NeedVerdict{}}, gss.Waiting, 0},
		{true, gss.Output{State: gss.Failed, Fault: gss.Fault{Code: gss.NotAuthentic}}, gss.Failed, gss.NotAuthentic},
		{true, gss.Output{State: gss.Continue}, gss.Failed, gss.Unexpected},
		{true, gss.Output{State: gss.Ready}, gss.Failed, gss.Unexpected},
	} {
		got := mechanismInitiator{name: Negotiate, ctx: ended{unproven: row.unproven}}.end(row.out)
		if got.Fault.Code != row.code || row.code == 0 && got.State != row.state || (got.Ask != nil) != (row.out.Ask != nil) {
			t.Errorf("unproven %v, %+v: %+v", row.unproven, row.out, got)
		}
	}
}

// What a peer owes beside its proof is missed where the proof may be missing, of a response that is no error (PROOF-5).
func TestUnanswered(t *testing.T) {
	for _, row := range []struct {
		ifOffered bool
		state     gss.State
		status    int
		owed      gss.Code
		want      gss.Code
	}{
		{true, gss.Ready, 200, gss.NotAuthentic, gss.NotAuthentic},
		{true, gss.Ready, 399, gss.NotAuthentic, gss.NotAuthentic},
		{true, gss.Ready, 400, gss.NotAuthentic, 0},
		{true, gss.Ready, 503, gss.NotAuthentic, 0},
		{false, gss.Ready, 200, gss.NotAuthentic, 0},
		{true, gss.Complete, 200, gss.NotAuthentic, 0},
		{true, gss.Ready, 200, 0, 0},
	} {
		i := mechanismInitiator{name: Negotiate, ifOffered: row.ifOffered, state: row.state, ctx: ended{owed: row.owed}}
		if got := i.unanswered(row.status); got.Fault.Code != row.want || row.want == 0 && got.State != row.state {
			t.Errorf("%+v: %+v", row, got)
		}
	}
}

// A scheme carries a mechanism's tokens as one token, and does not open with parameters.
func TestMechanismsNeedTokens(t *testing.T) {
	mech := described{oid: gss.SPNEGO}
	for _, row := range []struct {
		form    header.Form
		opening Opening
		want    bool
	}{{header.Token68, OpeningBare, true}, {header.Token68, OpeningParams, false}, {header.Params, OpeningBare, false}, {header.Params, OpeningParams, false}} {
		traits := Traits{Name: "Own", Form: row.form, Opening: row.opening}
		if err := checked(MechanismClient(traits, mech)); (err == nil) != row.want {
			t.Errorf("%v, %v: %v", row.form, row.opening, err)
		}
	}
}

// The acceptor of Basic takes credentials once, and answers and responses in their turn alone.
func TestBasicAcceptorOrder(t *testing.T) {
	presented := AcceptorInput{Event: Presented, Credentials: header.TokenCredentials(Basic, "alice:secret")}
	answered := AcceptorInput{Event: Answered, Answer: password("alice", "secret")}
	responding := AcceptorInput{Event: Responding}
	stages := []Acceptor{BasicServer("r", AskVerifier).Accept(Exchange{})}
	for _, in := range []AcceptorInput{presented, answered} {
		next, _, err := stages[len(stages)-1].Step(env, in)
		if err != nil {
			t.Fatal(err)
		}
		stages = append(stages, next)
	}
	for stage, from := range stages {
		for i, in := range []AcceptorInput{presented, answered, responding} {
			if _, _, err := from.Step(env, in); (err == nil) != (i == stage) {
				t.Errorf("event %d at stage %d: %v", i, stage, err)
			}
		}
	}
}

// What drives a mechanism says so, and shows nothing of its context.
func TestMechanismFormat(t *testing.T) {
	for want, v := range map[string]any{
		"Negotiate acceptor": NegotiateServer(scripted{"d"}).Accept(Exchange{}), "Negotiate server": NegotiateServer(scripted{"d"}),
		"Negotiate client": NegotiateClient(scripted{"d"}), "Negotiate initiator(": NegotiateClient(scripted{"d"}).Initiate(Exchange{}),
	} {
		if got := fmt.Sprint(v); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

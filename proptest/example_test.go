package proptest_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/proptest"
	"github.com/countersign-auth/countersign/scheme"
)

// pair is a mechanism as both sides have it.
func pair() proptest.Pair {
	toy := gsstoy.Toy{Legs: 2, Final: true, Mutual: true, Fresh: true, Asks: true}
	return proptest.Pair{
		Initiator: toy, Acceptor: toy,
		Target:  gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443},
		Answers: proptest.Answers("alice", "correct horse", "correct horse"),
		Peer:    "alice", Secrets: []string{"correct horse"}, Binding: true,
	}
}

// In a test, each rule is a subtest.
func ExampleMechanism() {
	_ = func(t *testing.T) { proptest.Mechanism(t, pair) }
	_ = func(f *testing.F) { f.Fuzz(rapid.MakeFuzz(proptest.MechanismProperty(pair))) }
}

// lax is a mechanism whose acceptor takes tokens after its last one.
type lax struct{ gss.Mechanism }

func (l lax) Accept(t gss.Target) gss.Context { return laxContext{Context: l.Mechanism.Accept(t)} }

type laxContext struct {
	gss.Context
	complete bool
}

func (c laxContext) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if c.complete && in.Token.Present() && in.Answer == nil {
		return c, gss.Output{State: gss.Complete}, nil
	}
	next, out, err := c.Context.Step(env, in)
	if err != nil {
		return c, out, err
	}
	return laxContext{next, out.State == gss.Complete}, out, nil
}

// Outside a test, what was found is an error.
func ExampleCheckMechanism() {
	fmt.Println(proptest.CheckMechanism(pair))

	err := proptest.CheckMechanism(func() proptest.Pair {
		p := pair()
		p.Acceptor = lax{p.Acceptor}
		return p
	})
	fmt.Println(err)
	// Output:
	// <nil>
	// token_after_complete_fails: a token after Complete fails the context
	//   - acceptor: complete after one more token
}

func ExampleCheckScheme() {
	p := pair()
	err := proptest.CheckScheme(func() proptest.SchemePair {
		return proptest.SchemePair{
			Client: scheme.NegotiateClient(p.Initiator), Server: scheme.NegotiateServer(p.Acceptor),
			Exchange: scheme.Exchange{Method: "GET", URI: "/", Authority: "www.example", Target: p.Target},
			Answers:  p.Answers, Peer: p.Peer, Secrets: p.Secrets,
		}
	})
	fmt.Println(err)
	// Output: <nil>
}

// confused is a server that acts as a client where it should refuse.
type confused struct{ machine.Server }

func (c confused) Step(env gss.Env, e machine.Event) (confused, machine.Actions, error) {
	next, acts, err := c.Server.Step(env, e)
	if _, ok := acts.At(0).(machine.Reply); ok {
		acts = machine.Do(machine.Send{})
	}
	return confused{next}, acts, err
}

// The walks find the defect of a machine, and say which rule it breaks.
func ExampleCheckMachine() {
	negotiate, _ := scheme.TraitsOf(scheme.Negotiate)
	server, err := machine.NewServer(machine.ServerConfig{Schemes: []scheme.Server{scheme.MechanismServer(negotiate, pair().Acceptor)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := machine.NewClient(machine.ClientConfig{Schemes: []scheme.Client{scheme.MechanismClient(negotiate, pair().Initiator)}})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = proptest.CheckMachine(func() proptest.Subject[confused] {
		return proptest.Subject[confused]{
			Machine: confused{server}, Role: proptest.Server, Client: client,
			Answers: pair().Answers, Secrets: pair().Secrets,
		}
	})
	for line := range strings.Lines(err.Error()) {
		if rule, _, found := strings.Cut(line, ": a client's actions"); found {
			fmt.Println(rule)
		}
	}
	// Output: actions_by_role
}

// The answers of a user with a wrong password are those of a stranger.
func ExampleAnswers() {
	honest, wrong := proptest.Answers("alice", "correct horse", "correct horse"), proptest.Answers("alice", "guess", "correct horse")
	asks := gss.NeedVerdict{User: "alice", Proof: gss.NewSecret("correct horse")}
	fmt.Println(honest(asks).(gss.Verdict).Accepted)
	asks.Proof = wrong(gss.NeedCredential{}).(gss.Password).Password
	fmt.Println(honest(asks).(gss.Verdict).Accepted)
	_, unknown := honest(gss.NeedVerifier{User: "bob"}).(gss.Unknown)
	fmt.Println(unknown)
	// Output:
	// true
	// false
	// true
}

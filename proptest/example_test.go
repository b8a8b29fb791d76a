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

// Outside a test, what was found is an error.
func ExampleCheckMechanism() {
	fmt.Println(proptest.CheckMechanism(pair))

	err := proptest.CheckMechanism(func() proptest.Pair {
		p := pair()
		p.Acceptor = proptest.BreakMechanism(p.Acceptor, proptest.GoesOnAfterComplete)
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

// A machine with a defect: the walks find it, and say which rule it breaks.
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
	err = proptest.CheckMachine(func() proptest.Subject[proptest.BrokenMachine[machine.Server]] {
		return proptest.Subject[proptest.BrokenMachine[machine.Server]]{
			Machine: proptest.BreakMachine(server, proptest.ActsForOthers), Role: proptest.Server, Client: client,
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

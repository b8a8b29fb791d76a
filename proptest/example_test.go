package proptest_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/proptest"
	"github.com/countersign-auth/countersign/scheme"
)

// pair is a mechanism as both sides have it.
func pair() proptest.Pair {
	toy := gsstoy.Toy{Legs: 2, Final: true, Mutual: true, Fresh: true, Asks: true}
	return proptest.Pair{
		Initiator: toy, Acceptor: toy,
		Target: gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443},
		Answers: func(q gss.Question) gss.Answer {
			switch q := q.(type) {
			case gss.NeedCredential:
				return gss.Password{User: "alice", Password: gss.NewSecret("correct horse")}
			case gss.NeedVerifier:
				if q.User == "alice" {
					return gss.Password{Password: gss.NewSecret("correct horse")}
				}
				return gss.Unknown{}
			}
			return nil
		},
		Peer: "alice", Secrets: []string{"correct horse"}, Binding: true,
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
		p.Acceptor = proptest.Misbehave(p.Acceptor, proptest.GoesOnAfterComplete)
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

package scheme_test

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/proptest"
	"github.com/countersign-auth/countersign/scheme"
)

// kitSecret is what must not show.
const kitSecret = "c4nary-of-the-kit"

var kitExchange = scheme.Exchange{
	Method: "GET", URI: "/a/b?c", Authority: "www.example",
	Target: gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443},
}

func kitPair(client scheme.Client, server scheme.Server) func() proptest.SchemePair {
	return func() proptest.SchemePair {
		return proptest.SchemePair{
			Client: client, Server: server, Exchange: kitExchange, Peer: "alice", Secrets: []string{kitSecret},
			Answers: proptest.Answers("alice", kitSecret, kitSecret), StrangerAnswers: proptest.Answers("alice", "guess", kitSecret),
		}
	}
}

func TestKitBasic(t *testing.T) {
	for name, check := range map[string]scheme.BasicCheck{"verifier": scheme.AskVerifier, "verdict": scheme.AskVerdict} {
		t.Run(name, func(t *testing.T) {
			proptest.Scheme(t, kitPair(scheme.BasicClient(), scheme.BasicServer("a realm", check)))
		})
	}
}

func TestKitMechanism(t *testing.T) {
	for name, toy := range map[string]gsstoy.Toy{
		scheme.Negotiate: {Legs: 2, Final: true, Mutual: true, Fresh: true, Integrity: true},
		scheme.Nego2:     {Legs: 3, Final: true, Mutual: true, Fresh: true, OpensWithToken: true, Early: true},
		scheme.NTLM:      {Legs: 2, OID: gss.NTLM, Bound: true, Fresh: true},
	} {
		toy.Asks = true
		traits, _ := scheme.TraitsOf(name)
		t.Run(name, func(t *testing.T) {
			proptest.Scheme(t, kitPair(scheme.MechanismClient(traits, toy), scheme.MechanismServer(traits, toy)))
		})
	}
}

// TestKitOwnScheme holds the scheme of Example_ownScheme to the same rules, which is its step 5. What it sends can be sent again, by its design.
func TestKitOwnScheme(t *testing.T) {
	proptest.Scheme(t, func() proptest.SchemePair {
		pair := kitPair(proofClient{}, proofServer{"a realm"})()
		pair.NoReplayProtection = true
		return pair
	})
}

package spnego_test

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/proptest"
)

// kitSecret is what must not show.
const kitSecret = "c4nary-of-the-kit"

// kitPairs are negotiations that end in each way there is.
func kitPairs() map[string]func() proptest.Pair {
	pairs := map[string]func() proptest.Pair{}
	for name, toy := range map[string]gsstoy.Toy{
		"full, 1 leg":          {Legs: 1, Asks: true, Final: true, Mutual: true, Integrity: true, Fresh: true},
		"full, 3 legs":         {Legs: 3, Asks: true, Final: true, Mutual: true, Integrity: true, Fresh: true},
		"no final, 1 leg":      {Legs: 1, Asks: true, Integrity: true, Fresh: true},
		"no final, 2 legs":     {Legs: 2, Asks: true, Integrity: true, Fresh: true},
		"no integrity, 2 legs": {Legs: 2, Asks: true, Final: true, Mutual: true, Fresh: true},
		"nothing, 1 leg":       {Legs: 1, Asks: true, Fresh: true},
		"early, bound, 2 legs": {Legs: 2, Asks: true, Final: true, Integrity: true, Fresh: true, Early: true, Bound: true, OID: gss.NTLM, Lasts: 1000},
		"configured, 2 legs":   {Legs: 2, Final: true, Mutual: true, Integrity: true, Fresh: true},
	} {
		pairs["one mechanism, "+name] = func() proptest.Pair {
			return kitPair(toy, []gss.Mechanism{known(toy)}, []gss.Mechanism{known(toy)})
		}
		other := gsstoy.Toy{Legs: 1, OID: gss.Kerberos, Identity: "alice", Secret: gss.NewSecret(kitSecret), Final: true, Mutual: toy.Mutual, Integrity: true}
		pairs["reselection, "+name] = func() proptest.Pair {
			return kitPair(toy, []gss.Mechanism{other, known(toy)}, []gss.Mechanism{known(toy)})
		}
		pairs["not the acceptor's favourite, "+name] = func() proptest.Pair {
			return kitPair(toy, []gss.Mechanism{known(toy)}, []gss.Mechanism{other, known(toy)})
		}
	}
	return pairs
}

// known is a toy that has its secret in its configuration where it does not ask.
func known(t gsstoy.Toy) gsstoy.Toy {
	if !t.Asks {
		t.Identity, t.Secret = "alice", gss.NewSecret(kitSecret)
	}
	return t
}

func kitPair(toy gsstoy.Toy, ours, theirs []gss.Mechanism) proptest.Pair {
	wrong := known(toy)
	wrong.Secret = gss.NewSecret("guess")
	p := proptest.Pair{
		Initiator: must(spnego.New(spnego.Config{Mechanisms: ours, Fallback: true})),
		Acceptor:  must(spnego.New(spnego.Config{Mechanisms: theirs, OwnOrder: true})),
		Stranger:  must(spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{wrong}})),
		Peer:      "alice", Secrets: []string{kitSecret}, Framed: gss.SPNEGO,
		Target:          gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443},
		Answers:         proptest.Answers("alice", kitSecret, kitSecret),
		StrangerAnswers: proptest.Answers("alice", "guess", kitSecret),
		Binding:         true, Opens: true,
	}
	// With one leg nothing of the acceptor's is in the initiator's proof; without a
	// final token nothing of the initiator's is in what it hears.
	if toy.Legs == 1 || !toy.Final {
		p.NoReplayProtection = true
	}
	if !toy.Asks { // any name will do
		p.NoTamperProtection = true
	}
	return p
}

func must(m gss.Mechanism, err error) gss.Mechanism {
	if err != nil {
		panic(err)
	}
	return m
}

// kit:SPNEGO, N2HT-1.5-2: a negotiation keeps the contract of every mechanism.
func TestKit(t *testing.T) {
	for name, pair := range kitPairs() {
		t.Run(name, func(t *testing.T) { proptest.Mechanism(t, pair) })
	}
}

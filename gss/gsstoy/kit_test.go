package gsstoy_test

import (
	"fmt"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/proptest"
)

// kitSecret is what must not show.
const kitSecret = "c4nary-of-the-kit"

// kitPairs are the toys that the kit looks at: every option, alone and together.
func kitPairs() map[string]func() proptest.Pair {
	pairs := map[string]func() proptest.Pair{}
	for legs := uint8(1); legs <= 3; legs++ {
		for name, t := range map[string]gsstoy.Toy{
			"asking":       {Asks: true},
			"final":        {Asks: true, Final: true},
			"mutual":       {Asks: true, Final: true, Mutual: true, Integrity: true, Fresh: true, Early: true},
			"bound":        {Asks: true, Bound: true, OID: gss.NTLM, Lasts: 1000},
			"hinting":      {Asks: true, OpensWithToken: true, Final: true},
			"configured":   {Integrity: true, Fresh: true},
			"configured 2": {Final: true, Mutual: true, Fresh: true},
		} {
			t.Legs = legs
			pairs[fmt.Sprintf("%s, legs %d", name, legs)] = func() proptest.Pair { return kitPair(t) }
		}
	}
	return pairs
}

func kitPair(t gsstoy.Toy) proptest.Pair {
	wrong := t
	if !t.Asks {
		t.Identity, t.Secret = "alice", gss.NewSecret(kitSecret)
		wrong.Identity, wrong.Secret = "alice", gss.NewSecret("guess")
	}
	p := proptest.Pair{
		Initiator: t, Acceptor: t, Stranger: wrong, Peer: "alice", Secrets: []string{kitSecret},
		Target:          gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443},
		Answers:         proptest.Answers("alice", kitSecret, kitSecret),
		StrangerAnswers: proptest.Answers("alice", "guess", kitSecret),
		Binding:         true, Opens: t.OpensWithToken,
	}
	if !t.Fresh || t.Legs == 1 { // nothing of the acceptor's is in the initiator's proof
		p.NoReplayProtection = true
	}
	if !t.Asks { // any name will do
		p.NoTamperProtection = true
	}
	return p
}

func TestKit(t *testing.T) {
	for name, pair := range kitPairs() {
		t.Run(name, func(t *testing.T) { proptest.Mechanism(t, pair) })
	}
}

package model

import (
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// SPNEGOWorlds are worlds like [Worlds], in which the toys of Negotiate and Nego2 are
// inside the shipped contexts of gss/spnego.
func SPNEGOWorlds() []Scenario {
	lies := trickSet("strips all challenges", "drops the first challenge", "drops the last challenge", "reorders the challenges", "adds bare challenges",
		"adds an offer of Nego2", "takes the tokens out", "swaps the status for 200", "swaps the status for 401", "swaps the status for 500",
		"forges Persistent-Auth: true", "forges Persistent-Auth: false", "takes the credentials out")
	return []Scenario{
		{
			Name: "spnego", Says: "Nego2 and Negotiate of two legs and a final proof, and Basic besides.",
			quick: size{2, 1}, full: size{2, 3},
			setup: func() *setup {
				toys := negotiated(legs(scheme.Nego2, 2, proves), legs(scheme.Negotiate, 2, proves), toy{name: scheme.Basic})
				return &setup{
					canOrigin: toys, origin: toys, tricks: lies, closes: true, statuses: []int{200, 404}, wrong: true,
					orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.Nego2)), alice(as("bob"))}},
				}
			},
		},
		{
			Name: "spnego-ntlm", Says: "NTLM inside Nego2 and Negotiate, and bare: what persists.",
			quick: size{2, 1}, full: size{2, 3},
			setup: func() *setup {
				toys := negotiated(legs(scheme.Nego2, 2, isNTLM), legs(scheme.Negotiate, 2, isNTLM), legs(scheme.NTLM, 2))
				return &setup{
					canOrigin: toys, origin: toys, tricks: lies, closes: true, statuses: []int{200, 500}, wrong: true,
					orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.NTLM)), alice(posts(machine.Once))}},
				}
			},
		},
	}
}

package model

import (
	"slices"

	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// MechanismWorlds are worlds like [Worlds], in which the contexts are shipped ones,
// too: those of gss/spnego around the toys of Negotiate and Nego2, and those of
// ntlm in place of a toy. Their entropy is one and the same seed, so that states
// stay few: what a message of another run would do, they do not show.
func MechanismWorlds() []Scenario {
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
		{
			Name: "ntlm", Says: "Package ntlm itself: what persists, and for whom.",
			quick: size{2, 1}, full: size{3, 2},
			setup: func() *setup {
				toys := []toy{whole(legs(scheme.NTLM, 2))}
				return &setup{
					canOrigin: toys, origin: toys, tricks: lies, closes: true, statuses: []int{200, 401, 500}, wrong: true,
					orders: [][]order{{alice(), alice(knows(scheme.NTLM)), alice(as("bob")), alice(posts(machine.Once))}},
				}
			},
		},
		{
			Name: "ntlm-proxy", Says: "Package ntlm towards a proxy and through it towards the origin.",
			quick: size{2, 1}, full: size{2, 2},
			setup: func() *setup {
				toys := []toy{whole(legs(scheme.NTLM, 2))}
				return &setup{
					canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, closes: true, statuses: []int{200}, proxied: true, pinnedFront: true,
					tricks: append(slices.Clone(lies), trickSet("forges Proxy-Support", "removes Proxy-Support", "swaps the status for 407")...),
					orders: [][]order{{alice(), alice(knows(scheme.NTLM), knowsProxy(scheme.NTLM))}},
				}
			},
		},
		{
			Name: "spnego-ntlm-whole", Says: "Package ntlm inside gss/spnego, and Basic besides.",
			quick: size{2, 1}, full: size{2, 3},
			setup: func() *setup {
				toys := negotiated(whole(legs(scheme.Negotiate, 2, isNTLM)), toy{name: scheme.Basic})
				return &setup{
					canOrigin: toys, origin: toys, tricks: lies, closes: true, statuses: []int{200, 500}, wrong: true,
					orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(as("bob"))}},
				}
			},
		},
	}
}

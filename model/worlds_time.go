package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// lasts returns an option for a toy whose contexts are good for so many hours. A negative number
// means that they ended before they began.
func lasts(hours int64) func(*gsstoy.Toy) {
	return func(t *gsstoy.Toy) { t.Lasts = hours }
}

// timeWorlds returns worlds in which time passes: contexts, what a connection keeps of them and
// what a client remembers end.
func timeWorlds() []Scenario {
	return []Scenario{
		timeWorld(), timeEndedWorld(), timeProxyWorld(), timeCarelessWorld(), timeNoncesWorld(),
	}
}

func timeWorld() Scenario {
	return Scenario{
		Name: "time", Says: "Identities that a connection carries for an hour or two, while time passes.",
		quick: size{2, 1}, full: size{3, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 1, proves, lasts(1)), legs(scheme.NTLM, 2, lasts(2))}
			return &setup{
				canOrigin: toys, origin: toys, hours: 2, keep: machine.KeepAlways, closes: true, statuses: []int{200}, tricks: timeChanges(),
				orders: [][]order{{alice(), alice(knows(scheme.NTLM)), alice(as("bob"))}},
			}
		},
	}
}

func timeEndedWorld() Scenario {
	return Scenario{
		Name: "time-ended", Says: "Contexts that have ended when they are complete, as with a ticket that is too old, and a scheme besides whose have not.",
		quick: size{2, 2}, full: size{2, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 1, proves, lasts(-1)), legs(scheme.NTLM, 2, lasts(1))}
			return &setup{
				canOrigin: toys, origin: toys, hours: 1, closes: true, statuses: []int{200}, tricks: timeChanges(), policy: scheme.Policy{Fallback: true},
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate))}},
			}
		},
	}
}

func timeProxyWorld() Scenario {
	return Scenario{
		Name: "time-proxy", Says: "The same with a proxy that keeps identities for an hour, before an origin that keeps them for two.",
		quick: size{2, 1}, full: size{3, 1},
		setup: func() *setup {
			origin, proxy := []toy{legs(scheme.NTLM, 2, lasts(2))}, []toy{legs(scheme.NTLM, 2, lasts(1))}
			return &setup{
				canOrigin: origin, origin: origin, canProxy: proxy, proxy: proxy, hours: 2, proxied: true, pinnedFront: true, optional: true,
				closes: true, statuses: []int{200}, tricks: slices.Concat(timeChanges(), trickSet("swaps the status for 407")),
				orders: [][]order{{alice(), alice(knowsProxy(scheme.NTLM)), alice(knows(scheme.NTLM), knowsProxy(scheme.NTLM))}},
			}
		},
	}
}

func timeCarelessWorld() Scenario {
	return Scenario{
		Name: "time-careless", Says: "Users who always open with credentials on one connection, which belongs to none of them any more after an hour.",
		quick: size{3, 0}, full: size{6, 0},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2, lasts(1))}
			return &setup{
				canOrigin: toys, origin: toys, hours: 2, careless: true, statuses: []int{200},
				orders: [][]order{{alice(knows(scheme.NTLM)), alice(as("bob"), knows(scheme.NTLM))}},
			}
		},
	}
}

func timeNoncesWorld() Scenario {
	return Scenario{
		Name: "time-nonces", Says: "Nonces that are good for an hour, in the memory of a client.",
		quick: size{3, 1}, full: size{4, 2},
		setup: func() *setup {
			toys := []toy{{name: scheme.Digest}, {name: scheme.Basic}}
			return &setup{
				canOrigin: toys, origin: toys, hours: 2, remembers: true, closes: true, statuses: []int{200},
				tricks: trickSet("swaps the status for 401", "takes the credentials out"),
				orders: [][]order{{alice()}},
			}
		},
	}
}

// timeChanges returns what makes a client authenticate again, at another hour.
func timeChanges() []int {
	return trickSet("marks the connection as closing", "removes Persistent-Auth", "swaps the status for 401", "takes the credentials out")
}

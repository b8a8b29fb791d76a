package model

import (
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// bodyWorlds returns worlds about when a request's body goes, where more than one side decides it.
func bodyWorlds() []Scenario {
	return []Scenario{
		bothBodyWorld(), bothBodyProxyWorld(),
	}
}

func bothBodyWorld() Scenario {
	return Scenario{
		Name: "both-body", Says: "A body through a proxy with a handshake of one leg, to an origin with one of two.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			origin, proxy := []toy{legs(scheme.NTLM, 2)}, []toy{legs(scheme.Negotiate, 1, proves)}
			return &setup{
				canOrigin: origin, origin: origin, canProxy: proxy, proxy: proxy, proxied: true, pinnedFront: true, statuses: []int{200}, closes: true,
				tricks: trickSet("swaps the status for 407", "marks the connection as closing", "takes the proxy's final token out"),
				orders: [][]order{{alice(posts(machine.Once)), alice(posts(machine.Replayable)), alice(posts(machine.Once), knows(scheme.NTLM), knowsProxy(scheme.Negotiate))}},
			}
		},
	}
}

func bothBodyProxyWorld() Scenario {
	return Scenario{
		Name: "both-body-proxy", Says: "The same the other way round: two legs with the proxy, one with the origin.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			origin, proxy := []toy{legs(scheme.Negotiate, 1, proves)}, []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: origin, origin: origin, canProxy: proxy, proxy: proxy, proxied: true, pinnedFront: true, statuses: []int{200}, closes: true,
				tricks: trickSet("swaps the status for 407", "marks the connection as closing", "forges Proxy-Support"),
				orders: [][]order{{alice(posts(machine.Once)), alice(posts(machine.Replayable), put), alice(posts(machine.Once), knows(scheme.Negotiate), knowsProxy(scheme.NTLM))}},
			}
		},
	}
}

package model

import "github.com/countersign-auth/countersign/scheme"

// memoryWorlds returns worlds about what a client remembers of a peer between its requests.
func memoryWorlds() []Scenario {
	return []Scenario{
		streamsWorld(), scopesWorld(), unprovenWorld(),
	}
}

func streamsWorld() Scenario {
	return Scenario{
		Name: "streams", Says: "Two streams of one connection whose responses come in any order, and what both remember of the origin's nonce.",
		quick: size{2, 1}, full: size{3, 1},
		setup: func() *setup {
			toys := []toy{{name: scheme.Digest}}
			stream := []order{alice(overH2)}
			return &setup{
				canOrigin: toys, origin: toys, remembers: true, streams: true, cancels: true, statuses: []int{200},
				tricks: trickSet("swaps the status for 401"),
				orders: [][]order{stream, stream},
			}
		},
	}
}

func scopesWorld() Scenario {
	return Scenario{
		Name: "scopes", Says: "Two streams that want what lies in different parts of one origin.",
		quick: size{2, 0}, full: size{2, 1},
		setup: func() *setup {
			toys := []toy{{name: scheme.Digest}}
			stream := []order{alice(overH2, below("/a/1")), alice(overH2, below("/ab")), alice(overH2, below("/a"))}
			return &setup{
				canOrigin: toys, origin: toys, remembers: true, streams: true, statuses: []int{200}, tricks: trickSet("swaps the status for 401"),
				orders: [][]order{stream, stream},
			}
		},
	}
}

func unprovenWorld() Scenario {
	return Scenario{
		Name: "unproven", Says: "What is remembered of an origin that does not prove itself, and of a proxy that may do without.",
		quick: size{3, 1}, full: size{4, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 1, proves), {name: scheme.Digest}}
			return &setup{
				canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, proxied: true, pinnedFront: true, remembers: true, policy: scheme.Policy{Fallback: true},
				statuses: []int{404}, tricks: trickSet("takes the tokens out", "takes the proxy's final token out", "strips all challenges", "swaps the status for 401"),
				orders: [][]order{{alice()}},
			}
		},
	}
}

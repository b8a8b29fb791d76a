package model

import (
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// commonWorlds returns worlds of what is likely and of what is dangerous.
func commonWorlds() []Scenario {
	return []Scenario{
		originWorld(), originNTLMWorld(), originLegsWorld(), originRequestWorld(), originBodyWorld(),
		originStrictWorld(), multiplexedWorld(), forwardedWorld(), proxyWorld(), bothWorld(), connectWorld(),
		twoWorld(), reverseWorld(), reverseSharedWorld(), stalePoolWorld(), sharedFrontWorld(), persistenceWorld(),
		proxyPersistenceWorld(), memoryWorld(), boundsWorld(), earlyWorld(), earlyProxyWorld(), earlyOpenWorld(),
		restartsWorld(), mixedUpWorld(),
	}
}

func originWorld() Scenario {
	return Scenario{
		Name: "origin", Says: "A client and an origin with Nego2 and Negotiate of two legs and a final proof; Basic besides.",
		quick: size{2, 1}, full: size{3, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Nego2, 2, proves), legs(scheme.Negotiate, 2, proves), {name: scheme.Basic}}
			return &setup{
				canOrigin: toys, origin: toys, tricks: attacks(), closes: true, statuses: []int{200, 404, 304}, wrong: true,
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.Nego2)), alice(as("bob"))}},
			}
		},
	}
}

func ifOfferedWorld() Scenario {
	return Scenario{
		Name: "if-offered", Says: "A client that takes a success without the origin's proof, and has to say so.",
		quick: size{2, 1}, full: size{3, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.Nego2, 1, proves), legs(scheme.Negotiate, 2, proves)}
			return &setup{
				canOrigin: toys, origin: toys, mutualIfOffered: true, closes: true, statuses: []int{200, 404},
				tricks: trickSet("takes the tokens out", "replays a final token", "forges a final token", "adds a token to a success", "swaps the status for 200"),
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.Nego2))}},
			}
		},
	}
}

func originNTLMWorld() Scenario {
	return Scenario{
		Name: "origin-ntlm", Says: "A client and an origin with NTLM, inside Negotiate and bare: what persists.",
		quick: size{2, 1}, full: size{3, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 2, isNTLM), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, tricks: attacks(), closes: true, statuses: []int{200, 500}, wrong: true,
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.NTLM)), alice(as("bob")), alice(at("p"))}},
			}
		},
	}
}

func originLegsWorld() Scenario {
	return Scenario{
		Name: "origin-legs", Says: "Three legs, a client with few legs to spend, an origin that keeps every identity and lets anonymous in.",
		quick: size{2, 2}, full: size{2, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Nego2, 1, ends), legs(scheme.Negotiate, 3, ends), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, closes: true,
				// A forged word that nothing lasts is left out: against it there is nothing
				// to be done but to trust no such word, and an attacker that can forge it on a
				// connection can as well use it.
				tricks:   without(append(attacks(), trickSet("replays the second leg's challenge")...), "forges Persistent-Auth: false"),
				statuses: []int{200, 401}, wrong: true, optional: true, keep: machine.KeepAlways, policy: scheme.Policy{Fallback: true, AcceptHint: true},
				maxLegs: 4, maxReconnects: 2,
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(as("bob"))}},
			}
		},
	}
}

func originRequestWorld() Scenario {
	return Scenario{
		Name: "origin-request", Says: "Schemes that prove each request alone: Digest with a memory of what was seen, and Basic.",
		quick: size{2, 2}, full: size{3, 3},
		setup: func() *setup {
			toys := []toy{{name: scheme.Digest}, {name: scheme.Basic}}
			return &setup{
				canOrigin: toys, origin: toys, tricks: attacks(), closes: true, statuses: []int{200, 500}, wrong: true,
				orders: [][]order{{alice(), alice(knowsDigest), alice(as("bob"))}},
			}
		},
	}
}

func originBodyWorld() Scenario {
	return Scenario{
		Name: "origin-body", Says: "Bodies that can be sent once or again; Ready that is taken back.",
		quick: size{1, 2}, full: size{2, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 2, ends, retracts), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, tricks: attacks(), closes: true, statuses: []int{200, 500},
				orders: [][]order{{alice(posts(machine.Once)), alice(posts(machine.Replayable)), alice(posts(machine.Once), knows(scheme.Negotiate))}},
			}
		},
	}
}

func originStrictWorld() Scenario {
	return Scenario{
		Name: "origin-strict", Says: "Bodies that go only over an authenticated connection.",
		quick: size{1, 2}, full: size{2, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 2, ends), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, tricks: attacks(), closes: true, statuses: []int{200, 500},
				bodies: machine.Strict, keep: machine.KeepAlways,
				orders: [][]order{{alice(posts(machine.Once)), alice(posts(machine.Replayable)), alice(posts(machine.Once), knows(scheme.Negotiate))}},
			}
		},
	}
}

func multiplexedWorld() Scenario {
	return Scenario{
		Name: "multiplexed", Says: "Streams of a multiplexed connection, where nothing that belongs to a connection may run.",
		quick: size{2, 1}, full: size{2, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Nego2, 1, proves), legs(scheme.Negotiate, 2, proves), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, tricks: attacks(), closes: true, statuses: []int{200, 500}, wrong: true,
				policy: scheme.Policy{Fallback: true},
				orders: [][]order{{alice(overH2), alice(overH2, knows(scheme.NTLM)), alice(overH2, knows(scheme.Negotiate))}},
			}
		},
	}
}

func forwardedWorld() Scenario {
	return Scenario{
		Name: "forwarded", Says: "An origin behind an open proxy that forwards, and a network that lies about Proxy-Support.",
		quick: size{2, 1}, full: size{3, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 2, proves), legs(scheme.NTLM, 2), {name: scheme.Digest}}
			return &setup{
				canOrigin: toys, origin: toys, tricks: proxyAttacks(), closes: true, statuses: []int{200, 500},
				proxied: true, pinnedFront: true, policy: scheme.Policy{Fallback: true},
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(guesses(scheme.NTLM)), alice(at("p"))}},
			}
		},
	}
}

func proxyWorld() Scenario {
	return Scenario{
		Name: "proxy", Says: "A proxy that authenticates, with NTLM and Negotiate, before an origin that does not.",
		quick: size{2, 1}, full: size{3, 3},
		setup: func() *setup {
			front := []toy{legs(scheme.Negotiate, 2, proves), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: []toy{legs(scheme.NTLM, 2)}, origin: []toy{legs(scheme.NTLM, 2)}, optional: true,
				canProxy: front, proxy: front, tricks: proxyAttacks(), closes: true, statuses: []int{200, 500}, wrong: true,
				proxied: true,
				orders:  [][]order{{alice(), alice(knowsProxy(scheme.NTLM)), alice(knowsProxy(scheme.Negotiate)), alice(as("bob")), alice(transparent)}},
			}
		},
	}
}

func bothWorld() Scenario {
	return Scenario{
		Name: "both", Says: "Proxy and origin authenticate at once, both with NTLM.",
		quick: size{2, 2}, full: size{3, 3},
		setup: func() *setup {
			return &setup{
				canOrigin: []toy{legs(scheme.NTLM, 2), {name: scheme.Digest}}, origin: []toy{legs(scheme.NTLM, 2), {name: scheme.Digest}},
				canProxy: []toy{legs(scheme.NTLM, 2)}, proxy: []toy{legs(scheme.NTLM, 2)}, tricks: proxyAttacks(), closes: true, statuses: []int{200, 500},
				proxied: true, pinnedFront: true,
				orders: [][]order{{alice(), alice(knows(scheme.NTLM), knowsProxy(scheme.NTLM))}},
			}
		},
	}
}

func connectWorld() Scenario {
	return Scenario{
		Name: "connect", Says: "A tunnel through a proxy that authenticates, and the origin inside it.",
		quick: size{2, 2}, full: size{3, 3},
		setup: func() *setup {
			return &setup{
				canOrigin: []toy{legs(scheme.NTLM, 2)}, origin: []toy{legs(scheme.NTLM, 2)},
				canProxy: []toy{legs(scheme.Negotiate, 2, proves), {name: scheme.Basic}}, proxy: []toy{legs(scheme.Negotiate, 2, proves), {name: scheme.Basic}},
				tricks: proxyAttacks(), closes: true, statuses: []int{200, 500}, proxied: true, tunnels: true, strictProxy: true,
				orders: [][]order{{alice(byConnect), alice(byConnect, knowsProxy(scheme.Negotiate), knows(scheme.NTLM))}},
			}
		},
	}
}

func twoWorld() Scenario {
	return Scenario{
		Name: "two", Says: "Two clients with two identities behind one proxy, whose upstream connections they might share.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, tricks: someAttacks(), closes: true, statuses: []int{200},
				proxied: true, pinnedFront: true,
				orders: [][]order{{alice(), alice(knows(scheme.NTLM))}, {alice(as("bob")), alice(as("bob"), knows(scheme.NTLM))}},
			}
		},
	}
}

func reverseWorld() Scenario {
	return Scenario{
		Name: "reverse", Says: "Two clients before a reverse proxy, which keeps each to its own upstream connection.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, tricks: someAttacks(), closes: true, statuses: []int{200},
				proxied: true, reverse: true, strip: true, pinnedFront: true,
				orders: [][]order{{alice(), alice(knows(scheme.NTLM))}, {alice(as("bob")), alice(as("bob"), knows(scheme.NTLM))}},
			}
		},
	}
}

func reverseSharedWorld() Scenario {
	return Scenario{
		Name: "reverse-shared", Says: "A client's front that shares connections before a reverse proxy, which can keep no upstream connection apart and strips what would need one.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2), {name: scheme.Digest}}
			return &setup{
				canOrigin: toys, origin: toys, tricks: someAttacks(), closes: true, statuses: []int{200},
				proxied: true, reverse: true, strip: true, sharedFront: true,
				orders: [][]order{{alice(), alice(posts(machine.Replayable))}},
			}
		},
	}
}

func stalePoolWorld() Scenario {
	return Scenario{
		Name: "stale-pool", Says: "Requests over upstream connections of a pool, which may have closed while they were idle.",
		quick: size{4, 2}, full: size{5, 3},
		setup: func() *setup {
			toys := []toy{{name: scheme.Basic}}
			return &setup{
				canOrigin: toys, origin: toys, closes: true, statuses: []int{200}, proxied: true, spare: true,
				orders: [][]order{{alice(), alice(put), alice(at("p")), alice(posts(machine.Replayable))}},
			}
		},
	}
}

func sharedFrontWorld() Scenario {
	return Scenario{
		Name: "shared-front", Says: "An origin behind a front that shares connections, and does not keep clients apart.",
		quick: size{2, 2}, full: size{3, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 1, proves), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, tricks: attacks(), closes: true, statuses: []int{200},
				sharedFront: true, careless: true, keep: machine.KeepAlways,
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(as("bob"))}},
			}
		},
	}
}

func persistenceWorld() Scenario {
	return Scenario{
		Name: "persistence", Says: "Three requests over a connection with NTLM, and a network that lies about statuses.",
		quick: size{3, 2}, full: size{4, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, statuses: []int{200},
				tricks: trickSet("swaps the status for 401", "forges Persistent-Auth: false", "removes Persistent-Auth", "adds bare challenges"),
				orders: [][]order{{alice(), alice(knows(scheme.NTLM))}},
			}
		},
	}
}

func proxyPersistenceWorld() Scenario {
	return Scenario{
		Name: "proxy-persistence", Says: "The same over a connection to a proxy, before an open origin.",
		quick: size{3, 2}, full: size{4, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, statuses: []int{200}, optional: true, proxied: true,
				tricks: trickSet("swaps the status for 401", "swaps the status for 407", "forges Persistent-Auth: true"),
				orders: [][]order{{alice(), alice(knowsProxy(scheme.NTLM))}},
			}
		},
	}
}

func memoryWorld() Scenario {
	return Scenario{
		Name: "memory", Says: "Requests that use what the ones before them learned of the origin, of the proxy, and of its Proxy-Support.",
		quick: size{3, 1}, full: size{5, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 1, proves), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, canProxy: []toy{legs(scheme.Negotiate, 1)}, proxy: []toy{legs(scheme.Negotiate, 1)},
				tricks: trickSet("forges Proxy-Support", "removes Proxy-Support", "adds bare challenges", "replays a final token", "swaps the status for 401"),
				closes: true, statuses: []int{200}, proxied: true, pinnedFront: true, remembers: true,
				orders: [][]order{{alice()}},
			}
		},
	}
}

func boundsWorld() Scenario {
	return Scenario{
		Name: "bounds", Says: "An origin that refuses everybody, or does not take as many legs as there are, and a user who never gives up.",
		quick: size{1, 2}, full: size{1, 4},
		setup: func() *setup {
			return &setup{
				canOrigin: []toy{legs(scheme.Negotiate, 3), legs(scheme.NTLM, 2)},
				origin:    []toy{legs(scheme.Negotiate, 3), legs(scheme.NTLM, 2, refuses)},
				tricks:    attacks(), closes: true, statuses: []int{200}, wrong: true, policy: scheme.Policy{Fallback: true},
				maxLegs: 5, maxAttempts: 9, maxReconnects: 1, acceptorLegs: 2,
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate))}},
			}
		},
	}
}

func earlyWorld() Scenario {
	return Scenario{
		Name: "early", Says: "Requests in early data, over HTTP/3 and through a front that marks what it got early.",
		quick: size{2, 2}, full: size{3, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 1, proves), legs(scheme.NTLM, 2), {name: scheme.Digest}, {name: scheme.Basic}}
			return &setup{
				canOrigin: toys, origin: toys, tricks: trickSet("marks it as early data", "swaps the status for 425", "takes the credentials out", "marks the connection as closing"),
				closes: true, statuses: []int{200, 401}, optional: true, policy: scheme.Policy{Fallback: true},
				orders: [][]order{{alice(early), alice(early, overH2, knowsDigest), alice(early, posts(machine.Replayable)), alice(early, posts(machine.Once)), alice(knows(scheme.NTLM))}},
			}
		},
	}
}

func earlyProxyWorld() Scenario {
	return Scenario{
		Name: "early-proxy", Says: "The same through a proxy that authenticates, before an origin that does not.",
		quick: size{2, 1}, full: size{3, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, optional: true, proxied: true,
				tricks: trickSet("marks it as early data", "swaps the status for 425", "takes the credentials out"),
				closes: true, statuses: []int{200, 401},
				orders: [][]order{{alice(early), alice(knowsProxy(scheme.NTLM)), alice(knows(scheme.NTLM), knowsProxy(scheme.NTLM))}},
			}
		},
	}
}

func earlyOpenWorld() Scenario {
	return Scenario{
		Name: "early-open", Says: "The same through an open proxy, before an origin that does.",
		quick: size{2, 1}, full: size{3, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2), {name: scheme.Basic}}
			return &setup{
				canOrigin: toys, origin: toys, proxied: true, pinnedFront: true, policy: scheme.Policy{Fallback: true},
				tricks: trickSet("marks it as early data", "swaps the status for 425"),
				closes: true, statuses: []int{200},
				orders: [][]order{{alice(early), alice(), alice(knows(scheme.NTLM))}},
			}
		},
	}
}

func restartsWorld() Scenario {
	return Scenario{
		Name: "restarts", Says: "A front that puts one user's requests, of clients that know nothing of each other, on one connection.",
		quick: size{5, 2}, full: size{6, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, statuses: []int{200}, careless: true,
				tricks: trickSet("strips all challenges", "takes the tokens out", "takes the credentials out", "garbles the credentials", "replays the first leg's credentials"),
				orders: [][]order{{alice(), alice(knows(scheme.NTLM))}},
			}
		},
	}
}

func mixedUpWorld() Scenario {
	return Scenario{
		Name: "mixed-up", Says: "The same with two users who always open with credentials.",
		quick: size{4, 0}, full: size{8, 0},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, statuses: []int{200}, careless: true,
				orders: [][]order{{alice(knows(scheme.NTLM)), alice(as("bob"), knows(scheme.NTLM))}},
			}
		},
	}
}

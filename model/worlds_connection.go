package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// connectionWorlds returns worlds about which identity a connection has, and in what state an
// exchange leaves it.
func connectionWorlds() []Scenario {
	return []Scenario{
		httpAndHttpsWorld(), twoDomainsWorld(), wrongProofWorld(), wrongProofProxyWorld(), closingOffersWorld(),
		multiplexedNTLMWorld(), multiplexedKeptWorld(), givenUpWorld(), givenUpProxyWorld(), proxyEachWorld(),
		proxyForgedWorld(), proxyLastsWorld(), renewedWorld(), earlySignedWorld(),
	}
}

func httpAndHttpsWorld() Scenario {
	return Scenario{
		Name: "http-and-https", Says: "A client that wants http and https of one host and port, over connections that it keeps.",
		quick: size{2, 1}, full: size{3, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 2, proves), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, keep: machine.KeepAlways, closes: true, statuses: []int{200}, tricks: attacks(),
				orders: [][]order{{alice(), alice(secure), alice(knows(scheme.NTLM)), alice(secure, knows(scheme.NTLM))}},
			}
		},
	}
}

func twoDomainsWorld() Scenario {
	return Scenario{
		Name: "two-domains", Says: "One name in two domains, in either case, on one connection, each time with credentials first.",
		quick: size{4, 0}, full: size{7, 0},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, careless: true, statuses: []int{200}, domains: true,
				orders: [][]order{{alice(as(`A\alice`), knows(scheme.NTLM)), alice(as(`B\alice`), knows(scheme.NTLM)), alice(as(`a\Alice`), knows(scheme.NTLM))}},
			}
		},
	}
}

func wrongProofWorld() Scenario {
	return Scenario{
		Name: "wrong-proof", Says: "Errors of a handler with final tokens that prove nothing, or none.",
		quick: size{2, 1}, full: size{2, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Nego2, 1, proves), legs(scheme.Negotiate, 2, proves), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, closes: true, statuses: []int{404, 401, 403, 500}, tricks: trickSet("forges a final token", "takes the tokens out", "strips all challenges"),
				policy: scheme.Policy{Fallback: true},
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.NTLM))}},
			}
		},
	}
}

func wrongProofProxyWorld() Scenario {
	return Scenario{
		Name: "wrong-proof-proxy", Says: "The same of a proxy, which may do without.",
		quick: size{2, 1}, full: size{2, 3},
		setup: func() *setup {
			front := []toy{legs(scheme.Negotiate, 2, proves), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: []toy{{name: scheme.Digest}}, origin: []toy{{name: scheme.Digest}}, canProxy: front, proxy: front, proxied: true,
				closes: true, statuses: []int{404, 200}, tricks: trickSet("forges a proxy's final token", "takes the proxy's final token out"),
				orders: [][]order{{alice(), alice(knowsProxy(scheme.Negotiate)), alice(knowsDigest, knowsProxy(scheme.NTLM))}},
			}
		},
	}
}

func closingOffersWorld() Scenario {
	return Scenario{
		Name: "closing-offers", Says: "An origin whose connections close with its offers, of Nego2 first.",
		quick: size{1, 3}, full: size{2, 4},
		setup: func() *setup {
			toys := []toy{legs(scheme.Nego2, 2, proves), legs(scheme.NTLM, 2), {name: scheme.Digest}}
			return &setup{
				canOrigin: toys, origin: toys, statuses: []int{200}, tricks: trickSet("marks the connection as closing"), policy: scheme.Policy{Fallback: true},
				orders: [][]order{{alice(), alice(posts(machine.Replayable))}},
			}
		},
	}
}

func multiplexedNTLMWorld() Scenario {
	return Scenario{
		Name: "multiplexed-ntlm", Says: "An origin that has nothing but NTLM, to a client that begins on a multiplexed connection.",
		quick: size{2, 2}, full: size{3, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, keep: machine.KeepAlways, closes: true, statuses: []int{200}, tricks: attacks(), wrong: true,
				orders: [][]order{{alice(overH2), alice(overH2, knows(scheme.NTLM)), alice()}},
			}
		},
	}
}

func multiplexedKeptWorld() Scenario {
	return Scenario{
		Name: "multiplexed-kept", Says: "An origin that would keep every identity, but for the streams of a multiplexed connection.",
		quick: size{3, 1}, full: size{4, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.Nego2, 1, proves), legs(scheme.Negotiate, 1, proves)}
			return &setup{
				canOrigin: toys, origin: toys, keep: machine.KeepAlways, closes: true, statuses: []int{200},
				tricks: trickSet("takes the credentials out", "forges Persistent-Auth: true", "swaps the status for 401"),
				orders: [][]order{{alice(overH2), alice(overH2, knows(scheme.Negotiate))}},
			}
		},
	}
}

func givenUpWorld() Scenario {
	return Scenario{
		Name: "given-up", Says: "A user who gives up at any moment, also with a question open or after a 1xx, and then wants something else.",
		quick: size{2, 2}, full: size{3, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 2, proves), legs(scheme.NTLM, 2), {name: scheme.Digest}}
			return &setup{
				canOrigin: toys, origin: toys, statuses: []int{200}, cancels: true, tricks: trickSet("forges an interim response"),
				orders: [][]order{{alice(), alice(posts(machine.Once)), alice(as("bob"), knows(scheme.NTLM))}},
			}
		},
	}
}

func givenUpProxyWorld() Scenario {
	return Scenario{
		Name: "given-up-proxy", Says: "The same behind a proxy, whose connections to the origin another client may come to use.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, statuses: []int{200}, cancels: true, proxied: true, pinnedFront: true,
				tricks: trickSet("forges an interim response"),
				orders: [][]order{{alice()}, {alice(as("bob")), alice(as("bob"), knows(scheme.NTLM))}},
			}
		},
	}
}

func proxyEachWorld() Scenario {
	return Scenario{
		Name: "proxy-each", Says: "A proxy to which each request proves itself, before an origin whose NTLM lasts.",
		quick: size{3, 1}, full: size{3, 2},
		setup: func() *setup {
			front := []toy{legs(scheme.Negotiate, 1, proves), {name: scheme.Digest}}
			origin := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: origin, origin: origin, canProxy: front, proxy: front, proxied: true, pinnedFront: true, closes: true, statuses: []int{200},
				tricks: trickSet("swaps the status for 407", "forges Persistent-Auth: true", "forges Proxy-Support"),
				orders: [][]order{{alice(knowsProxy(scheme.Negotiate)), alice(knowsProxy(scheme.Negotiate), knows(scheme.NTLM))}},
			}
		},
	}
}

func proxyForgedWorld() Scenario {
	return Scenario{
		Name: "proxy-forged", Says: "Two clients of it before an open origin, where the network says that what was proven lasts.",
		quick: size{4, 2}, full: size{5, 2},
		setup: func() *setup {
			front := silent(gss.Proxy, legs(scheme.Negotiate, 1, proves))
			return &setup{
				canOrigin: []toy{legs(scheme.NTLM, 2)}, origin: []toy{legs(scheme.NTLM, 2)}, optional: true,
				canProxy: front, proxy: front, proxied: true, statuses: []int{200},
				tricks: trickSet("forges Persistent-Auth: true", "swaps the status for 407"),
				orders: [][]order{{alice(knowsProxy(scheme.Negotiate))}, {alice()}},
			}
		},
	}
}

func proxyLastsWorld() Scenario {
	return Scenario{
		Name: "proxy-lasts", Says: "Proxy and origin with NTLM that lasts, and a network that lies about both statuses.",
		quick: size{3, 2}, full: size{4, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, proxied: true, pinnedFront: true, statuses: []int{200},
				tricks: trickSet("swaps the status for 407", "swaps the status for 401", "forges Persistent-Auth: true"),
				orders: [][]order{{alice(knows(scheme.NTLM), knowsProxy(scheme.NTLM)), alice(knowsProxy(scheme.NTLM))}},
			}
		},
	}
}

func renewedWorld() Scenario {
	return Scenario{
		Name: "renewed", Says: "A client that knows a proxy's weaker scheme, which offers a stronger one on the way, and an origin that closes.",
		quick: size{1, 2}, full: size{2, 3},
		setup: func() *setup {
			front := []toy{legs(scheme.Negotiate, 2, proves), legs(scheme.NTLM, 2)}
			origin := []toy{legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: origin, origin: origin, canProxy: front, proxy: front, proxied: true, statuses: []int{200},
				tricks: trickSet("adds bare challenges", "marks the connection as closing"),
				orders: [][]order{{alice(knowsProxy(scheme.NTLM))}},
			}
		},
	}
}

func earlySignedWorld() Scenario {
	return Scenario{
		Name: "early-signed", Says: "Requests in early data that carry credentials, or whose connection carries an identity.",
		quick: size{2, 2}, full: size{3, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2), {name: scheme.Digest}}
			return &setup{
				canOrigin: toys, origin: toys, optional: true, closes: true, statuses: []int{200, 401},
				tricks: trickSet("marks it as early data", "takes the credentials out", "swaps the status for 425"),
				orders: [][]order{{alice(early, knows(scheme.NTLM)), alice(early, knowsDigest), alice(early), alice(early, at("p")), alice(knows(scheme.NTLM)), alice(early, as("bob"))}},
			}
		},
	}
}

package model

import (
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// towards returns the requests of a hostile client that carry each of the credentials to
// one side, and the one that carries none.
func towards(side gss.Side, creds ...header.Credentials) []word {
	words := []word{{}}
	for _, c := range creds {
		d := word{origin: c}
		if side == gss.Proxy {
			d = word{proxy: c}
		}
		words = append(words, d)
	}
	return words
}

// asWell returns words, and each of them once more with something done to it.
func asWell(words []word, do ...func(*word)) []word {
	all := slices.Clone(words)
	for _, f := range do {
		for _, d := range words {
			f(&d)
			all = append(all, d)
		}
	}
	return all
}

func viaFront(d *word)  { d.via = true }
func fromFront(d *word) { d.front = true }
func onStream(d *word)  { d.stream = true }
func inEarly(d *word)   { d.early = true }

// hostileWorlds returns worlds of hostile clients, and of clients that share their connections.
func hostileWorlds() []Scenario {
	return []Scenario{
		hostileWorld(), hostileRequestsWorld(), hostileStreamsWorld(), hostileProxyWorld(), hostileGateWorld(),
		hostileBesideWorld(), hostileOpenWorld(), hostileReverseWorld(), laxWorld(), hostileBothWorld(), crowdWorld(),
	}
}

func hostileWorld() Scenario {
	return Scenario{
		Name: "hostile", Says: "A hostile client before an origin: every leg of Negotiate, Nego2 and NTLM for two users, a wrong one and a stranger's, in any order.",
		quick: size{0, 0}, full: size{0, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.Nego2, 2, proves), legs(scheme.Negotiate, 2, ends), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, statuses: []int{200, 401, 500},
				orders: [][]order{nil}, vocabulary: towards(gss.Origin, vocabularyOf(gss.Origin, toys, "alice", "bob")...),
			}
		},
	}
}

func hostileRequestsWorld() Scenario {
	return Scenario{
		Name: "hostile-requests", Says: "The same with Digest and Basic beside NTLM, and Negotiate of more legs than the origin takes, where anonymous is let in and every identity kept.",
		quick: size{0, 1}, full: size{0, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.Negotiate, 3), legs(scheme.NTLM, 2), {name: scheme.Digest}, {name: scheme.Basic}}
			return &setup{
				canOrigin: toys, origin: toys, statuses: []int{200, 401}, optional: true, keep: machine.KeepAlways, acceptorLegs: 2,
				orders: [][]order{nil}, vocabulary: towards(gss.Origin, vocabularyOf(gss.Origin, toys, "alice", "bob")...),
			}
		},
	}
}

func hostileStreamsWorld() Scenario {
	return Scenario{
		Name: "hostile-streams", Says: "A hostile client whose requests come directly, over streams, through fronts or early, before an origin that keeps every identity.",
		quick: size{0, 0}, full: size{0, 1},
		setup: func() *setup {
			toys := []toy{legs(scheme.Nego2, 1, isNTLM), legs(scheme.Negotiate, 2, isNTLM), legs(scheme.NTLM, 1)}
			words := towards(gss.Origin, slices.Concat(legsOf(gss.Origin, toys[0], "alice"), legsOf(gss.Origin, toys[0], "bob"),
				legsOf(gss.Origin, toys[1], "alice"), legsOf(gss.Origin, toys[1], "bob"), legsOf(gss.Origin, toys[2], "alice"))...)
			return &setup{
				canOrigin: toys, origin: toys, statuses: []int{200}, keep: machine.KeepAlways,
				orders: [][]order{nil}, vocabulary: append(asWell(words, viaFront, fromFront, onStream, inEarly), word{method: "POST", early: true}),
			}
		},
	}
}

func hostileProxyWorld() Scenario {
	return Scenario{
		Name: "hostile-proxy", Says: "A hostile client before a proxy that authenticates it with NTLM and Basic, in any combination with credentials for the origin.",
		quick: size{0, 0}, full: size{0, 1},
		setup: func() *setup {
			front := []toy{legs(scheme.NTLM, 2), {name: scheme.Basic}}
			words := crossed(
				slices.Concat(legsOf(gss.Proxy, front[0], "alice"), legsOf(gss.Proxy, front[0], "bob"), legsOf(gss.Proxy, front[1], "alice"), legsOf(gss.Proxy, front[1], "bob"), foreign),
				legsOf(gss.Origin, ntlmToys()[0], "alice"))
			words = append(words, towards(gss.Origin, unreadable...)[1:]...)
			words = append(words, toTunnel(towards(gss.Proxy, legsOf(gss.Proxy, front[1], "alice")...))...)
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), canProxy: front, proxy: front, proxied: true, pinnedFront: true, optional: true, statuses: []int{200}, closes: true,
				orders: [][]order{nil}, vocabulary: words,
			}
		},
	}
}

func hostileGateWorld() Scenario {
	return Scenario{
		Name: "hostile-gate", Says: "A hostile client whose requests come to such a proxy directly, over streams, through fronts or early.",
		quick: size{0, 0}, full: size{0, 1},
		setup: func() *setup {
			front := []toy{legs(scheme.NTLM, 2)}
			words := crossed(legsOf(gss.Proxy, front[0], "alice"), append(legsOf(gss.Origin, ntlmToys()[0], "alice"), unreadable...))
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), canProxy: front, proxy: front, proxied: true, pinnedFront: true, statuses: []int{200}, closes: true,
				orders: [][]order{nil}, vocabulary: asWell(words, viaFront, fromFront, onStream, inEarly),
			}
		},
	}
}

func hostileBesideWorld() Scenario {
	return Scenario{
		Name: "hostile-beside", Says: "A hostile client, who is mallory, beside alice at one origin.",
		quick: size{1, 0}, full: size{2, 0},
		setup: func() *setup {
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), statuses: []int{200},
				orders: [][]order{{alice(), alice(knows(scheme.NTLM))}, nil}, vocabulary: mallorys(ntlmToys()[0]),
			}
		},
	}
}

func hostileOpenWorld() Scenario {
	return Scenario{
		Name: "hostile-open", Says: "The same two behind one open proxy, whose upstream connections they might share.",
		quick: size{1, 0}, full: size{2, 1},
		setup: func() *setup {
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), statuses: []int{200}, closes: true, proxied: true, pinnedFront: true,
				orders: [][]order{{alice(), alice(knows(scheme.NTLM))}, nil}, vocabulary: append(mallorys(ntlmToys()[0]), toTunnel(towards(gss.Origin))...),
			}
		},
	}
}

func hostileReverseWorld() Scenario {
	return Scenario{
		Name: "hostile-reverse", Says: "The same two before a reverse proxy.",
		quick: size{1, 0}, full: size{2, 1},
		setup: func() *setup {
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), statuses: []int{200}, closes: true, proxied: true, reverse: true, strip: true, pinnedFront: true,
				orders: [][]order{{alice(), alice(knows(scheme.NTLM))}, nil}, vocabulary: mallorys(ntlmToys()[0]),
			}
		},
	}
}

func laxWorld() Scenario {
	return Scenario{
		Name: "lax", Says: "A client whose mechanism takes anything after its end, and a network that sends it something.",
		quick: size{1, 1}, full: size{2, 2},
		setup: func() *setup {
			toys := []toy{legs(scheme.NTLM, 2)}
			toys[0].lax = true
			return &setup{
				canOrigin: toys, origin: toys, statuses: []int{200}, tricks: trickSet("adds a token to a success", "takes the tokens out"),
				orders: [][]order{{alice(), alice(knows(scheme.NTLM))}},
			}
		},
	}
}

func hostileBothWorld() Scenario {
	return Scenario{
		Name: "hostile-both", Says: "A hostile client beside alice behind one proxy that authenticates both, before an open origin.",
		quick: size{1, 0}, full: size{2, 1},
		setup: func() *setup {
			words := towards(gss.Proxy, append(legsOf(gss.Proxy, ntlmToys()[0], "mallory"), tokenOf(ntlmToys()[0], "i1", "alice", ""), tokenOf(ntlmToys()[0], "i2", "alice", "wrong"))...)
			words = append(words, word{proxy: words[1].proxy, via: true}, word{proxy: words[2].proxy, origin: words[1].proxy}, word{proxy: words[2].proxy, origin: unreadable[0]})
			words = append(words, toTunnel(towards(gss.Proxy))...)
			for i := range words {
				words[i].as = "mallory"
			}
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), canProxy: ntlmToys(), proxy: ntlmToys(), statuses: []int{200}, closes: true, proxied: true, optional: true,
				orders: [][]order{{alice(), alice(knowsProxy(scheme.NTLM))}, nil}, vocabulary: words,
			}
		},
	}
}

func crowdWorld() Scenario {
	return Scenario{
		Name: "crowd", Says: "Two users of a front that puts all requests on one connection to a proxy, which it says, or over streams; all of them know that the origin takes NTLM.",
		quick: size{3, 0}, full: size{4, 1},
		setup: func() *setup {
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), statuses: []int{200}, proxied: true, pinnedFront: true, careless: true, sharedFront: true,
				orders: [][]order{{alice(), alice(knows(scheme.NTLM)), alice(as("bob"), knows(scheme.NTLM)), alice(overH2, knows(scheme.NTLM))}},
			}
		},
	}
}

// crossed returns the requests with each of some credentials for a proxy, or none, and each of some
// for the origin, or none.
func crossed(proxy, origin []header.Credentials) (words []word) {
	for _, p := range append(proxy, header.Credentials{}) {
		for _, o := range append(origin, header.Credentials{}) {
			words = append(words, word{proxy: p, origin: o})
		}
	}
	return words
}

// toTunnel returns words that ask for a tunnel.
func toTunnel(words []word) []word {
	for i := range words {
		words[i].method = "CONNECT"
	}
	return words
}

// mallorys returns what a client of that name says to an origin with one scheme: it has its own
// secret, and knows the name of alice.
func mallorys(t toy) []word {
	mine := legsOf(gss.Origin, t, "mallory")
	token, _ := mine[0].Token()
	words := append(towards(gss.Origin, mine...), word{origin: mine[0], via: true}, word{origin: mine[0], stream: true},
		word{origin: unreadable[0]}, word{origin: tokenOf(t, "i1", "alice", "")}, word{origin: header.TokenCredentials(strings.ToLower(t.name), token)})
	for i := range words {
		words[i].as = "mallory"
	}
	return words
}

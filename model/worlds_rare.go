package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// pedants returns toys with a pedant among them.
func pedants(besides ...toy) []toy {
	return append(slices.Clone(besides), toy{name: scheme.Digest, pedant: true})
}

// mutes returns toys with a pedant among them that cannot make an offer.
func mutes(why gss.Code, besides ...toy) []toy {
	return append(slices.Clone(besides), toy{name: scheme.Digest, pedant: true, mute: why})
}

// rareWorlds returns worlds of what is merely possible: schemes that ask no question, schemes that
// ask one when all is over, a proxy in a chain, a request that comes through one more intermediary
// than the one before it.
func rareWorlds() []Scenario {
	return []Scenario{
		silentWorld(), silentLegWorld(), silentBodyWorld(), silentBothWorld(), putOnceWorld(), tunnelBodyWorld(),
		lastWordsWorld(), lastWordsAnonymousWorld(), lastWordsProxyWorld(), lastWordsPinnedWorld(),
		lastWordsBodyWorld(), lastWordsEarlyWorld(), halfwayWorld(), halfwayProxyWorld(), otherSchemeKeptWorld(),
		otherSchemeBoundWorld(), keptAndRefusedWorld(), chainWorld(), chainFrontWorld(), verdictsWorld(), muteWorld(),
		muteProxyWorld(), dryWorld(), dryProxyWorld(), oneMoreHopWorld(), detoursWorld(), detoursReservedWorld(),
		detoursSilentWorld(), detoursBasicWorld(), bothEachWorld(), bothAnyWorld(), ifOfferedWorld(),
	}
}

func silentWorld() Scenario {
	return Scenario{
		Name: "silent", Says: "Schemes whose contexts know what they need and ask no question.",
		quick: size{2, 1}, full: size{2, 3},
		setup: func() *setup {
			toys := silent(gss.Origin, askingToys()...)
			return &setup{
				canOrigin: toys, origin: toys, tricks: attacks(), closes: true, statuses: []int{200, 401}, orders: [][]order{knowingOrders()},
			}
		},
	}
}

func silentLegWorld() Scenario {
	return Scenario{
		Name: "silent-leg", Says: "The same with one leg, and an origin that keeps every identity.",
		quick: size{2, 1}, full: size{3, 2},
		setup: func() *setup {
			toys := silent(gss.Origin, oneLegToys()...)
			return &setup{
				canOrigin: toys, origin: toys, tricks: attacks(), closes: true, statuses: []int{200, 401},
				keep: machine.KeepAlways, orders: [][]order{knowingOrders()},
			}
		},
	}
}

func silentBodyWorld() Scenario {
	return Scenario{
		Name: "silent-body", Says: "The same with bodies that go only over an authenticated connection, some of them in requests that may be repeated.",
		quick: size{2, 2}, full: size{2, 3},
		setup: func() *setup {
			toys := silent(gss.Origin, oneLegToys()...)
			return &setup{
				canOrigin: toys, origin: toys, closes: true, statuses: []int{200}, bodies: machine.Strict, keep: machine.KeepAlways,
				tricks: trickSet("marks the connection as closing", "forges Persistent-Auth: false", "removes Persistent-Auth", "swaps the status for 401"),
				orders: [][]order{{alice(posts(machine.Once)), alice(posts(machine.Once), put)}},
			}
		},
	}
}

func silentBothWorld() Scenario {
	return Scenario{
		Name: "silent-both", Says: "Proxy and origin authenticate at once, and neither side of a client asks.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			origin, proxy := silent(gss.Origin, askingToys()...), silent(gss.Proxy, askingToys()...)
			return &setup{
				canOrigin: origin, origin: origin, canProxy: proxy, proxy: proxy, proxied: true, pinnedFront: true,
				tricks: someAttacks(), closes: true, statuses: []int{200, 401},
				orders: [][]order{{alice(), alice(knows(scheme.NTLM), knowsProxy(scheme.Negotiate))}},
			}
		},
	}
}

func putOnceWorld() Scenario {
	return Scenario{
		Name: "put-once", Says: "Bodies that can be sent once, in requests that may be repeated.",
		quick: size{2, 2}, full: size{2, 4},
		setup: func() *setup {
			return &setup{
				canOrigin: askingToys(), origin: askingToys(), tricks: trickSet("strips all challenges"), closes: true, statuses: []int{200},
				orders: [][]order{{alice(posts(machine.Once), put), alice(posts(machine.Once), put, knows(scheme.NTLM)), alice(posts(machine.Replayable), put)}},
			}
		},
	}
}

func tunnelBodyWorld() Scenario {
	return Scenario{
		Name: "tunnel-body", Says: "A body for the inside of a tunnel, which is to go only over an authenticated connection.",
		quick: size{1, 1}, full: size{2, 2},
		setup: func() *setup {
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), canProxy: askingToys(), proxy: askingToys(), proxied: true, tunnels: true, bodies: machine.Strict,
				tricks: proxyAttacks(), closes: true, statuses: []int{200},
				orders: [][]order{{alice(byConnect, posts(machine.Once))}},
			}
		},
	}
}

func lastWordsWorld() Scenario {
	return Scenario{
		Name: "last-words", Says: "A scheme that asks while the response is judged, whose clients fare in different ways.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			return &setup{
				canOrigin: pedants(), origin: pedants(), closes: true, tricks: attacks(), statuses: []int{200, 401}, orders: [][]order{temperedOrders()},
			}
		},
	}
}

func lastWordsAnonymousWorld() Scenario {
	return Scenario{
		Name: "last-words-anonymous", Says: "The same with an origin that lets anonymous in.",
		quick: size{2, 1}, full: size{3, 2},
		setup: func() *setup {
			return &setup{
				canOrigin: pedants(), origin: pedants(), optional: true, tricks: attacks(), statuses: []int{200, 401}, orders: [][]order{temperedOrders()},
			}
		},
	}
}

func lastWordsProxyWorld() Scenario {
	return Scenario{
		Name: "last-words-proxy", Says: "The same with a proxy that asks while a response is on its way, and its two connections may close meanwhile.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			return &setup{
				canOrigin: pedants(), origin: pedants(), canProxy: pedants(), proxy: pedants(), proxied: true, optional: true,
				closes: true, tricks: proxyAttacks(), statuses: []int{200, 401}, orders: [][]order{temperedOrders()},
			}
		},
	}
}

func lastWordsPinnedWorld() Scenario {
	return Scenario{
		Name: "last-words-pinned", Says: "The same with an origin whose handshakes the proxy keeps on one connection.",
		quick: size{2, 2}, full: size{2, 3},
		setup: func() *setup {
			toys := []toy{legs(scheme.Nego2, 2, proves), legs(scheme.NTLM, 2)}
			return &setup{
				canOrigin: toys, origin: toys, canProxy: pedants(), proxy: pedants(), proxied: true, pinnedFront: true, spare: true,
				closes: true, statuses: []int{200}, tricks: trickSet("marks the connection as closing", "removes Proxy-Support"),
				orders: [][]order{{alice(), alice(knows(scheme.NTLM)), alice(at("p"))}},
			}
		},
	}
}

func lastWordsBodyWorld() Scenario {
	return Scenario{
		Name: "last-words-body", Says: "The same with a body that is to go only over an authenticated connection.",
		quick: size{1, 1}, full: size{1, 2},
		setup: func() *setup {
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), canProxy: pedants(), proxy: pedants(), proxied: true, pinnedFront: true, bodies: machine.Strict,
				closes: true, tricks: proxyAttacks(), statuses: []int{200},
				orders: [][]order{{alice(posts(machine.Once)), alice(posts(machine.Once), knows(scheme.NTLM))}},
			}
		},
	}
}

func lastWordsEarlyWorld() Scenario {
	return Scenario{
		Name: "last-words-early", Says: "The same of an origin to which requests come too early.",
		quick: size{2, 2}, full: size{3, 2},
		setup: func() *setup {
			return &setup{
				canOrigin: pedants(), origin: pedants(), closes: true, statuses: []int{200},
				tricks: trickSet("marks it as early data", "swaps the status for 425", "marks the connection as closing"),
				orders: [][]order{{alice(early, knowsDigest), alice(as("bob")), alice(posts(machine.Replayable))}},
			}
		},
	}
}

func halfwayWorld() Scenario {
	return Scenario{
		Name: "halfway", Says: "A front that puts one user's requests on one connection, where a handshake, or a question about one, may be left halfway.",
		quick: size{2, 1}, full: size{4, 2},
		setup: func() *setup {
			toys := pedants(ntlmToys()...)
			return &setup{
				canOrigin: toys, origin: toys, careless: true, statuses: []int{200}, tricks: trickSet("strips all challenges"),
				orders: [][]order{{alice(as("carol")), alice(as("carol"), knows(scheme.NTLM)), alice(as("carol"), knowsDigest)}},
			}
		},
	}
}

func halfwayProxyWorld() Scenario {
	return Scenario{
		Name: "halfway-proxy", Says: "The same before a proxy.",
		quick: size{2, 1}, full: size{4, 2},
		setup: func() *setup {
			toys := pedants(ntlmToys()...)
			return &setup{
				canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, careless: true, proxied: true, optional: true,
				tricks: trickSet("strips all challenges"), statuses: []int{200},
				orders: [][]order{{alice(as("carol"), knowsProxy(scheme.NTLM)), alice(as("carol"), knowsProxy(scheme.Digest))}},
			}
		},
	}
}

func otherSchemeKeptWorld() Scenario {
	return Scenario{
		Name: "other-scheme-kept", Says: "Another scheme on a connection that was authenticated, where an intermediary may come between.",
		quick: size{2, 1}, full: size{4, 2},
		setup: func() *setup {
			return &setup{
				canOrigin: slices.Concat(digestToys(), askingToys()), origin: slices.Concat(digestToys(), ntlmToys()), careless: true, optional: true,
				tricks: trickSet("adds Via"), statuses: []int{200},
				orders: [][]order{{alice(knows(scheme.NTLM)), alice(knows(scheme.Negotiate)), alice(knowsDigest), alice()}},
			}
		},
	}
}

func otherSchemeBoundWorld() Scenario {
	return Scenario{
		Name: "other-scheme-bound", Says: "Another scheme on a connection that is bound to an identity and does not carry it.",
		quick: size{2, 2}, full: size{3, 3},
		setup: func() *setup {
			toys := slices.Concat(digestToys(), askingToys())
			return &setup{
				canOrigin: toys, origin: toys, statuses: []int{200}, tricks: trickSet("removes Persistent-Auth", "swaps the status for 407"),
				orders: [][]order{{alice(), alice(knowsDigest)}},
			}
		},
	}
}

func keptAndRefusedWorld() Scenario {
	return Scenario{
		Name: "kept-and-refused", Says: "A proxy that keeps every identity, before an origin that refuses them all.",
		quick: size{2, 2}, full: size{2, 3},
		setup: func() *setup {
			return &setup{
				canOrigin: append(slices.Clone(basicToys()), legs(scheme.Negotiate, 2, proves)), origin: append(slices.Clone(basicToys()), legs(scheme.Negotiate, 2, proves, refuses)),
				canProxy: askingToys(), proxy: askingToys(), keep: machine.KeepAlways, proxied: true, pinnedFront: true, policy: scheme.Policy{Fallback: true},
				maxAttempts: 1, tricks: trickSet("marks the connection as closing"), statuses: []int{200},
				orders: [][]order{{alice()}},
			}
		},
	}
}

func chainWorld() Scenario {
	return Scenario{
		Name: "chain", Says: "A proxy in a chain, which passes on what the next proxy asks for.",
		quick: size{2, 2}, full: size{2, 3},
		setup: func() *setup {
			return &setup{
				canOrigin: askingToys(), origin: askingToys(), proxied: true, chain: true, closes: true, statuses: []int{200}, spare: true,
				tricks: trickSet("swaps the status for 407", "marks the connection as closing"),
				orders: [][]order{{alice(), alice(knows(scheme.NTLM))}},
			}
		},
	}
}

func chainFrontWorld() Scenario {
	return Scenario{
		Name: "chain-front", Says: "The same where the proxy has clients of its own to authenticate.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), canProxy: basicToys(), proxy: basicToys(), proxied: true, chain: true, closes: true, statuses: []int{200}, spare: true,
				tricks: trickSet("swaps the status for 407"),
				orders: [][]order{{alice(), alice(knows(scheme.NTLM))}},
			}
		},
	}
}

func verdictsWorld() Scenario {
	return Scenario{
		Name: "verdicts", Says: "An origin, and a proxy before it, that have passwords judged elsewhere.",
		quick: size{2, 2}, full: size{3, 2},
		setup: func() *setup {
			toys := []toy{{name: scheme.Basic, judged: true}}
			return &setup{
				canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, proxied: true, wrong: true, statuses: []int{200},
				tricks: trickSet("takes the credentials out"), orders: [][]order{{alice(), alice(as("bob"))}},
			}
		},
	}
}

func muteWorld() Scenario {
	return Scenario{
		Name: "mute", Says: "An origin that has nothing to offer.",
		quick: size{2, 1}, full: size{3, 3},
		setup: func() *setup {
			return &setup{
				canOrigin: askingToys(), origin: mutes(gss.Unsupported), tricks: attacks(), closes: true, statuses: []int{200},
				orders: [][]order{{alice(), alice(as("bob"), knows(scheme.NTLM))}},
			}
		},
	}
}

func muteProxyWorld() Scenario {
	return Scenario{
		Name: "mute-proxy", Says: "A proxy that has nothing to offer.",
		quick: size{2, 1}, full: size{3, 3},
		setup: func() *setup {
			return &setup{
				canOrigin: askingToys(), origin: askingToys(), canProxy: askingToys(), proxy: mutes(gss.Unsupported), proxied: true, tricks: proxyAttacks(), closes: true,
				statuses: []int{200}, orders: [][]order{{alice(), alice(as("bob"), knowsProxy(scheme.NTLM))}},
			}
		},
	}
}

func dryWorld() Scenario {
	return Scenario{
		Name: "dry", Says: "An origin without the entropy for one of its offers.",
		quick: size{2, 1}, full: size{2, 3},
		setup: func() *setup {
			return &setup{
				canOrigin: pedants(askingToys()...), origin: mutes(gss.NoEntropy, askingToys()...), tricks: attacks(), closes: true, statuses: []int{200},
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.NTLM)), alice(as("grace"), knowsDigest)}},
			}
		},
	}
}

func dryProxyWorld() Scenario {
	return Scenario{
		Name: "dry-proxy", Says: "A proxy without the entropy for one of its offers.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			return &setup{
				canOrigin: askingToys(), origin: askingToys(), canProxy: askingToys(), proxy: mutes(gss.NoEntropy, askingToys()...), proxied: true,
				tricks: proxyAttacks(), closes: true, statuses: []int{200},
				orders: [][]order{{alice(), alice(knowsProxy(scheme.Negotiate)), alice(knowsProxy(scheme.NTLM))}},
			}
		},
	}
}

func oneMoreHopWorld() Scenario {
	return Scenario{
		Name: "one-more-hop", Says: "A request that comes through one more intermediary than the one before it.",
		quick: size{2, 1}, full: size{3, 3},
		setup: func() *setup {
			return &setup{
				canOrigin: askingToys(), origin: askingToys(), tricks: append(attacks(), trickSet("adds Via")...), closes: true, statuses: []int{200},
				orders: [][]order{{alice(), alice(knows(scheme.NTLM))}},
			}
		},
	}
}

func detoursWorld() Scenario {
	return Scenario{
		Name: "detours", Says: "Two origins behind a proxy, tunnels where there was none, and an intermediary that comes between.",
		quick: size{2, 2}, full: size{2, 3},
		setup: func() *setup {
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), proxied: true, spare: true, tricks: detours(), closes: true, statuses: []int{200}, orders: [][]order{travellingOrders()},
			}
		},
	}
}

func detoursReservedWorld() Scenario {
	return Scenario{
		Name: "detours-reserved", Says: "The same where connections stay, unless a response says that its own closes.",
		quick: size{2, 3}, full: size{2, 4},
		setup: func() *setup {
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), proxied: true, spare: true, tricks: detours(), statuses: []int{200}, orders: [][]order{travellingOrders()},
			}
		},
	}
}

func detoursSilentWorld() Scenario {
	return Scenario{
		Name: "detours-silent", Says: "The same past a proxy that authenticates and asks no question.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			front := silent(gss.Proxy, askingToys()...)
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), canProxy: front, proxy: front, proxied: true, spare: true, tricks: detours(), closes: true,
				statuses: []int{200}, orders: [][]order{travellingOrders()},
			}
		},
	}
}

func detoursBasicWorld() Scenario {
	return Scenario{
		Name: "detours-basic", Says: "The same past a proxy to which each request proves itself.",
		quick: size{2, 2}, full: size{2, 3},
		setup: func() *setup {
			return &setup{
				canOrigin: ntlmToys(), origin: ntlmToys(), canProxy: basicToys(), proxy: basicToys(), proxied: true, spare: true, tricks: detours(), closes: true,
				statuses: []int{200}, orders: [][]order{travellingOrders()},
			}
		},
	}
}

func bothEachWorld() Scenario {
	return Scenario{
		Name: "both-each", Says: "Each request proves itself to the proxy and to the origin.",
		quick: size{2, 1}, full: size{3, 2},
		setup: func() *setup {
			return &setup{
				canOrigin: digestToys(), origin: digestToys(), canProxy: digestToys(), proxy: digestToys(), proxied: true, tricks: proxyAttacks(), closes: true,
				statuses: []int{200}, wrong: true, orders: [][]order{{alice()}},
			}
		},
	}
}

func bothAnyWorld() Scenario {
	return Scenario{
		Name: "both-any", Says: "Proxy and origin take every scheme, and the client may fall back.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			toys := slices.Concat(askingToys(), digestToys())
			return &setup{
				canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, proxied: true, pinnedFront: true,
				tricks: proxyAttacks(), closes: true, statuses: []int{200}, wrong: true, policy: scheme.Policy{Fallback: true},
				orders: [][]order{{alice(), alice(knows(scheme.NTLM), knowsProxy(scheme.NTLM))}},
			}
		},
	}
}

// askingToys returns Negotiate and NTLM, which ask their drivers for all that they need.
func askingToys() []toy { return []toy{legs(scheme.Negotiate, 2, proves), legs(scheme.NTLM, 2)} }

// oneLegToys returns the same with handshakes of one leg.
func oneLegToys() []toy { return []toy{legs(scheme.Negotiate, 1, proves), legs(scheme.NTLM, 1)} }

func ntlmToys() []toy   { return []toy{legs(scheme.NTLM, 2)} }
func digestToys() []toy { return []toy{{name: scheme.Digest}, {name: scheme.Basic}} }
func basicToys() []toy  { return []toy{{name: scheme.Basic}} }

// knowingOrders returns requests with and without knowledge of the origin's scheme.
func knowingOrders() []order {
	return []order{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.NTLM))}
}

// travellingOrders returns requests to two origins, with and without such knowledge.
func travellingOrders() []order {
	return []order{alice(), alice(knows(scheme.NTLM)), alice(at("p")), alice(at("p"), knows(scheme.NTLM))}
}

// temperedOrders returns a request of each of the users in tempers but grace: she has a
// world without entropy.
func temperedOrders() []order {
	all := []order{alice()}
	for _, name := range []string{"bob", "carol", "dave", "erin", "frank", "heidi", "ivan"} {
		all = append(all, alice(as(name)))
	}
	return all
}

// detours returns what makes a request take another way than the one before it.
func detours() []int {
	return trickSet("marks the connection as closing", "adds Via", "asks for a tunnel")
}

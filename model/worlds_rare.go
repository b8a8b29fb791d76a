package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

func put(o *order) { o.method = "PUT" }

// pedants are toys with a pedant among them.
func pedants(besides ...toy) []toy {
	return append(slices.Clone(besides), toy{name: scheme.Digest, pedant: true})
}

// mutes are toys with a pedant among them that cannot make an offer.
func mutes(why gss.Code, besides ...toy) []toy {
	return append(slices.Clone(besides), toy{name: scheme.Digest, pedant: true, mute: why})
}

// rareWorlds are for what is merely possible, where commonWorlds are for what is likely
// and what is dangerous: schemes that ask no question, schemes that ask one when all is
// over, a proxy in a chain, a request that comes through one more intermediary than the
// one before it.
func rareWorlds() []Scenario {
	var (
		asking  = func() []toy { return []toy{legs(scheme.Negotiate, 2, proves), legs(scheme.NTLM, 2)} }
		oneLeg  = func() []toy { return []toy{legs(scheme.Negotiate, 1, proves), legs(scheme.NTLM, 1)} }
		ntlm    = func() []toy { return []toy{legs(scheme.NTLM, 2)} }
		digests = []toy{{name: scheme.Digest}, {name: scheme.Basic}}
		basics  = []toy{{name: scheme.Basic}}

		knowers    = []order{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.NTLM))}
		travellers = []order{alice(), alice(knows(scheme.NTLM)), alice(at("p")), alice(at("p"), knows(scheme.NTLM))}
		detours    = func() []int { return trickSet("marks the connection as closing", "adds Via", "asks for a tunnel") }
	)
	tempered := []order{alice()}
	for _, name := range []string{"bob", "carol", "dave", "erin", "frank", "heidi", "ivan"} {
		tempered = append(tempered, alice(as(name)))
	}
	return []Scenario{
		{
			Name: "silent", Says: "Schemes whose contexts know what they need and ask no question.",
			quick: size{2, 1}, full: size{2, 3},
			setup: func() *setup {
				toys := silent(gss.Origin, asking()...)
				return &setup{
					canOrigin: toys, origin: toys, tricks: lies(), closes: true, statuses: []int{200, 401}, orders: [][]order{knowers},
				}
			},
		},
		{
			Name: "silent-leg", Says: "The same with one leg, and an origin that keeps every identity.",
			quick: size{2, 1}, full: size{3, 2},
			setup: func() *setup {
				toys := silent(gss.Origin, oneLeg()...)
				return &setup{
					canOrigin: toys, origin: toys, tricks: lies(), closes: true, statuses: []int{200, 401},
					keep: machine.KeepAlways, orders: [][]order{knowers},
				}
			},
		},
		{
			Name: "silent-body", Says: "The same with bodies that go only over an authenticated connection, some of them in requests that may be repeated.",
			quick: size{2, 2}, full: size{2, 3},
			setup: func() *setup {
				toys := silent(gss.Origin, oneLeg()...)
				return &setup{
					canOrigin: toys, origin: toys, closes: true, statuses: []int{200}, bodies: machine.Strict, keep: machine.KeepAlways,
					tricks: trickSet("marks the connection as closing", "forges Persistent-Auth: false", "removes Persistent-Auth", "swaps the status for 401"),
					orders: [][]order{{alice(posts(machine.Once)), alice(posts(machine.Once), put)}},
				}
			},
		},
		{
			Name: "silent-both", Says: "Proxy and origin authenticate at once, and neither side of a client asks.",
			quick: size{2, 1}, full: size{2, 2},
			setup: func() *setup {
				origin, proxy := silent(gss.Origin, asking()...), silent(gss.Proxy, asking()...)
				return &setup{
					canOrigin: origin, origin: origin, canProxy: proxy, proxy: proxy, proxied: true, pinnedFront: true,
					tricks: someLies(), closes: true, statuses: []int{200, 401},
					orders: [][]order{{alice(), alice(knows(scheme.NTLM), knowsProxy(scheme.Negotiate))}},
				}
			},
		},
		{
			Name: "put-once", Says: "Bodies that can be sent once, in requests that may be repeated.",
			quick: size{2, 2}, full: size{2, 4},
			setup: func() *setup {
				return &setup{
					canOrigin: asking(), origin: asking(), tricks: trickSet("strips all challenges"), closes: true, statuses: []int{200},
					orders: [][]order{{alice(posts(machine.Once), put), alice(posts(machine.Once), put, knows(scheme.NTLM)), alice(posts(machine.Replayable), put)}},
				}
			},
		},
		{
			Name: "tunnel-body", Says: "A body for the inside of a tunnel, which is to go only over an authenticated connection.",
			quick: size{1, 1}, full: size{2, 2},
			setup: func() *setup {
				return &setup{
					canOrigin: ntlm(), origin: ntlm(), canProxy: asking(), proxy: asking(), proxied: true, tunnels: true, bodies: machine.Strict,
					tricks: proxyLies(), closes: true, statuses: []int{200},
					orders: [][]order{{alice(byConnect, posts(machine.Once))}},
				}
			},
		},
		{
			Name: "last-words", Says: "A scheme that asks while the response is judged, whose clients fare in different ways.",
			quick: size{2, 1}, full: size{2, 2},
			setup: func() *setup {
				return &setup{
					canOrigin: pedants(), origin: pedants(), closes: true, tricks: lies(), statuses: []int{200, 401}, orders: [][]order{tempered},
				}
			},
		},
		{
			Name: "last-words-anonymous", Says: "The same with an origin that lets anonymous in.",
			quick: size{2, 1}, full: size{3, 2},
			setup: func() *setup {
				return &setup{
					canOrigin: pedants(), origin: pedants(), optional: true, tricks: lies(), statuses: []int{200, 401}, orders: [][]order{tempered},
				}
			},
		},
		{
			Name: "last-words-proxy", Says: "The same with a proxy that asks while a response is on its way, and its two connections may close meanwhile.",
			quick: size{2, 1}, full: size{2, 2},
			setup: func() *setup {
				return &setup{
					canOrigin: pedants(), origin: pedants(), canProxy: pedants(), proxy: pedants(), proxied: true, optional: true,
					closes: true, tricks: proxyLies(), statuses: []int{200, 401}, orders: [][]order{tempered},
				}
			},
		},
		{
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
		},
		{
			Name: "last-words-body", Says: "The same with a body that is to go only over an authenticated connection.",
			quick: size{1, 1}, full: size{1, 2},
			setup: func() *setup {
				return &setup{
					canOrigin: ntlm(), origin: ntlm(), canProxy: pedants(), proxy: pedants(), proxied: true, pinnedFront: true, bodies: machine.Strict,
					closes: true, tricks: proxyLies(), statuses: []int{200},
					orders: [][]order{{alice(posts(machine.Once)), alice(posts(machine.Once), knows(scheme.NTLM))}},
				}
			},
		},
		{
			Name: "last-words-early", Says: "The same of an origin to which requests come too early.",
			quick: size{2, 2}, full: size{3, 2},
			setup: func() *setup {
				return &setup{
					canOrigin: pedants(), origin: pedants(), closes: true, statuses: []int{200},
					tricks: trickSet("marks it as early data", "swaps the status for 425", "marks the connection as closing"),
					orders: [][]order{{alice(early, knowsDigest), alice(as("bob")), alice(posts(machine.Replayable))}},
				}
			},
		},
		{
			Name: "halfway", Says: "A front that puts one user's requests on one connection, where a handshake, or a question about one, may be left halfway.",
			quick: size{2, 1}, full: size{4, 2},
			setup: func() *setup {
				toys := pedants(ntlm()...)
				return &setup{
					canOrigin: toys, origin: toys, careless: true, statuses: []int{200}, tricks: trickSet("strips all challenges"),
					orders: [][]order{{alice(as("carol")), alice(as("carol"), knows(scheme.NTLM)), alice(as("carol"), knowsDigest)}},
				}
			},
		},
		{
			Name: "halfway-proxy", Says: "The same before a proxy.",
			quick: size{2, 1}, full: size{4, 2},
			setup: func() *setup {
				toys := pedants(ntlm()...)
				return &setup{
					canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, careless: true, proxied: true, optional: true,
					tricks: trickSet("strips all challenges"), statuses: []int{200},
					orders: [][]order{{alice(as("carol"), knowsProxy(scheme.NTLM)), alice(as("carol"), knowsProxy(scheme.Digest))}},
				}
			},
		},
		{
			Name: "other-scheme-kept", Says: "Another scheme on a connection that was authenticated, where an intermediary may come between.",
			quick: size{2, 1}, full: size{4, 2},
			setup: func() *setup {
				return &setup{
					canOrigin: slices.Concat(digests, asking()), origin: slices.Concat(digests, ntlm()), careless: true, optional: true,
					tricks: trickSet("adds Via"), statuses: []int{200},
					orders: [][]order{{alice(knows(scheme.NTLM)), alice(knows(scheme.Negotiate)), alice(knowsDigest), alice()}},
				}
			},
		},
		{
			Name: "other-scheme-bound", Says: "Another scheme on a connection that is bound to an identity and does not carry it.",
			quick: size{2, 2}, full: size{3, 3},
			setup: func() *setup {
				toys := slices.Concat(digests, asking())
				return &setup{
					canOrigin: toys, origin: toys, statuses: []int{200}, tricks: trickSet("removes Persistent-Auth", "swaps the status for 407"),
					orders: [][]order{{alice(), alice(knowsDigest)}},
				}
			},
		},
		{
			Name: "kept-and-refused", Says: "A proxy that keeps every identity, before an origin that refuses them all.",
			quick: size{2, 2}, full: size{2, 3},
			setup: func() *setup {
				return &setup{
					canOrigin: append(slices.Clone(basics), legs(scheme.Negotiate, 2, proves)), origin: append(slices.Clone(basics), legs(scheme.Negotiate, 2, proves, refuses)),
					canProxy: asking(), proxy: asking(), keep: machine.KeepAlways, proxied: true, pinnedFront: true, policy: scheme.Policy{Fallback: true},
					maxAttempts: 1, tricks: trickSet("marks the connection as closing"), statuses: []int{200},
					orders: [][]order{{alice()}},
				}
			},
		},
		{
			Name: "chain", Says: "A proxy in a chain, which passes on what the next proxy asks for.",
			quick: size{2, 2}, full: size{2, 3},
			setup: func() *setup {
				return &setup{
					canOrigin: asking(), origin: asking(), proxied: true, chain: true, closes: true, statuses: []int{200}, spare: true,
					tricks: trickSet("swaps the status for 407", "marks the connection as closing"),
					orders: [][]order{{alice(), alice(knows(scheme.NTLM))}},
				}
			},
		},
		{
			Name: "chain-front", Says: "The same where the proxy has clients of its own to authenticate.",
			quick: size{2, 1}, full: size{2, 2},
			setup: func() *setup {
				return &setup{
					canOrigin: ntlm(), origin: ntlm(), canProxy: basics, proxy: basics, proxied: true, chain: true, closes: true, statuses: []int{200}, spare: true,
					tricks: trickSet("swaps the status for 407"),
					orders: [][]order{{alice(), alice(knows(scheme.NTLM))}},
				}
			},
		},
		{
			Name: "verdicts", Says: "An origin, and a proxy before it, that have passwords judged elsewhere.",
			quick: size{2, 2}, full: size{3, 2},
			setup: func() *setup {
				toys := []toy{{name: scheme.Basic, judged: true}}
				return &setup{
					canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, proxied: true, wrong: true, statuses: []int{200},
					tricks: trickSet("takes the credentials out"), orders: [][]order{{alice(), alice(as("bob"))}},
				}
			},
		},
		{
			Name: "mute", Says: "An origin that has nothing to offer.",
			quick: size{2, 1}, full: size{3, 3},
			setup: func() *setup {
				return &setup{
					canOrigin: asking(), origin: mutes(gss.Unsupported), tricks: lies(), closes: true, statuses: []int{200},
					orders: [][]order{{alice(), alice(as("bob"), knows(scheme.NTLM))}},
				}
			},
		},
		{
			Name: "mute-proxy", Says: "A proxy that has nothing to offer.",
			quick: size{2, 1}, full: size{3, 3},
			setup: func() *setup {
				return &setup{
					canOrigin: asking(), origin: asking(), canProxy: asking(), proxy: mutes(gss.Unsupported), proxied: true, tricks: proxyLies(), closes: true,
					statuses: []int{200}, orders: [][]order{{alice(), alice(as("bob"), knowsProxy(scheme.NTLM))}},
				}
			},
		},
		{
			Name: "dry", Says: "An origin without the entropy for one of its offers.",
			quick: size{2, 1}, full: size{2, 3},
			setup: func() *setup {
				return &setup{
					canOrigin: pedants(asking()...), origin: mutes(gss.NoEntropy, asking()...), tricks: lies(), closes: true, statuses: []int{200},
					orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.NTLM)), alice(as("grace"), knowsDigest)}},
				}
			},
		},
		{
			Name: "dry-proxy", Says: "A proxy without the entropy for one of its offers.",
			quick: size{2, 1}, full: size{2, 2},
			setup: func() *setup {
				return &setup{
					canOrigin: asking(), origin: asking(), canProxy: asking(), proxy: mutes(gss.NoEntropy, asking()...), proxied: true,
					tricks: proxyLies(), closes: true, statuses: []int{200},
					orders: [][]order{{alice(), alice(knowsProxy(scheme.Negotiate)), alice(knowsProxy(scheme.NTLM))}},
				}
			},
		},
		{
			Name: "one-more-hop", Says: "A request that comes through one more intermediary than the one before it.",
			quick: size{2, 1}, full: size{3, 3},
			setup: func() *setup {
				return &setup{
					canOrigin: asking(), origin: asking(), tricks: append(lies(), trickSet("adds Via")...), closes: true, statuses: []int{200},
					orders: [][]order{{alice(), alice(knows(scheme.NTLM))}},
				}
			},
		},
		{
			Name: "detours", Says: "Two origins behind a proxy, tunnels where there was none, and an intermediary that comes between.",
			quick: size{2, 2}, full: size{2, 3},
			setup: func() *setup {
				return &setup{
					canOrigin: ntlm(), origin: ntlm(), proxied: true, spare: true, tricks: detours(), closes: true, statuses: []int{200}, orders: [][]order{travellers},
				}
			},
		},
		{
			Name: "detours-reserved", Says: "The same where connections stay, unless a response says that its own closes.",
			quick: size{2, 3}, full: size{2, 4},
			setup: func() *setup {
				return &setup{
					canOrigin: ntlm(), origin: ntlm(), proxied: true, spare: true, tricks: detours(), statuses: []int{200}, orders: [][]order{travellers},
				}
			},
		},
		{
			Name: "detours-silent", Says: "The same past a proxy that authenticates and asks no question.",
			quick: size{2, 1}, full: size{2, 2},
			setup: func() *setup {
				front := silent(gss.Proxy, asking()...)
				return &setup{
					canOrigin: ntlm(), origin: ntlm(), canProxy: front, proxy: front, proxied: true, spare: true, tricks: detours(), closes: true,
					statuses: []int{200}, orders: [][]order{travellers},
				}
			},
		},
		{
			Name: "detours-basic", Says: "The same past a proxy to which each request proves itself.",
			quick: size{2, 2}, full: size{2, 3},
			setup: func() *setup {
				return &setup{
					canOrigin: ntlm(), origin: ntlm(), canProxy: basics, proxy: basics, proxied: true, spare: true, tricks: detours(), closes: true,
					statuses: []int{200}, orders: [][]order{travellers},
				}
			},
		},
		{
			Name: "both-each", Says: "Each request proves itself to the proxy and to the origin.",
			quick: size{2, 1}, full: size{3, 2},
			setup: func() *setup {
				return &setup{
					canOrigin: digests, origin: digests, canProxy: digests, proxy: digests, proxied: true, tricks: proxyLies(), closes: true,
					statuses: []int{200}, wrong: true, orders: [][]order{{alice()}},
				}
			},
		},
		{
			Name: "both-any", Says: "Proxy and origin take every scheme, and the client may fall back.",
			quick: size{2, 1}, full: size{2, 2},
			setup: func() *setup {
				toys := slices.Concat(asking(), digests)
				return &setup{
					canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, proxied: true, pinnedFront: true,
					tricks: proxyLies(), closes: true, statuses: []int{200}, wrong: true, policy: scheme.Policy{Fallback: true},
					orders: [][]order{{alice(), alice(knows(scheme.NTLM), knowsProxy(scheme.NTLM))}},
				}
			},
		},
	}
}

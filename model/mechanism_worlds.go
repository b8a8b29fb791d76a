package model

import (
	"slices"

	rfc7616 "github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// MechanismWorlds returns worlds like [Worlds] in which the contexts are shipped ones too: those of
// gss/spnego around the toys of Negotiate and Nego2, and those of ntlm, digest and kerberos in
// place of a toy. Their entropy is one and the same seed and their clock does not move, so that
// states stay few. Messages of other times and runs are made beforehand, for the network to put in
// place of what is under way. Tickets come from package kdctest, once for each world.
func MechanismWorlds() []Scenario {
	return []Scenario{
		spnegoWorld(), spnegoNTLMWorld(), ntlmWorld(), ntlmProxyWorld(), spnegoNTLMWholeWorld(), digestWorld(),
		digestIntWorld(), digestMemoryWorld(), digestProxyWorld(), realmsWorld(), kerberosWorld(), kerberosNego2World(),
		kerberosRawWorld(), kerberosProxyWorld(),
	}
}

func spnegoWorld() Scenario {
	return Scenario{
		Name: "spnego", Says: "Nego2 and Negotiate of two legs and a final proof, and Basic besides.",
		quick: size{2, 1}, full: size{2, 3},
		setup: func() *setup {
			toys := negotiated(legs(scheme.Nego2, 2, proves), legs(scheme.Negotiate, 2, proves), toy{name: scheme.Basic})
			return &setup{
				canOrigin: toys, origin: toys, tricks: mechanismAttacks(), closes: true, statuses: []int{200, 404}, wrong: true,
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.Nego2)), alice(as("bob"))}},
			}
		},
	}
}

func spnegoNTLMWorld() Scenario {
	return Scenario{
		Name: "spnego-ntlm", Says: "NTLM inside Nego2 and Negotiate, and bare: what persists.",
		quick: size{2, 1}, full: size{2, 3},
		setup: func() *setup {
			toys := negotiated(legs(scheme.Nego2, 2, isNTLM), legs(scheme.Negotiate, 2, isNTLM), legs(scheme.NTLM, 2))
			return &setup{
				canOrigin: toys, origin: toys, tricks: mechanismAttacks(), closes: true, statuses: []int{200, 500}, wrong: true,
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.NTLM)), alice(posts(machine.Once))}},
			}
		},
	}
}

func ntlmWorld() Scenario {
	return Scenario{
		Name: "ntlm", Says: "Package ntlm itself: what persists, and for whom.",
		quick: size{2, 1}, full: size{3, 2},
		setup: func() *setup {
			toys := []toy{whole(legs(scheme.NTLM, 2))}
			return &setup{
				canOrigin: toys, origin: toys, tricks: mechanismAttacks(), closes: true, statuses: []int{200, 401, 500}, wrong: true,
				orders: [][]order{{alice(), alice(knows(scheme.NTLM)), alice(as("bob")), alice(posts(machine.Once))}},
			}
		},
	}
}

func ntlmProxyWorld() Scenario {
	return Scenario{
		Name: "ntlm-proxy", Says: "Package ntlm towards a proxy and through it towards the origin.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			toys := []toy{whole(legs(scheme.NTLM, 2))}
			return &setup{
				canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, closes: true, statuses: []int{200}, proxied: true, pinnedFront: true,
				tricks: append(slices.Clone(mechanismAttacks()), trickSet("forges Proxy-Support", "removes Proxy-Support", "swaps the status for 407")...),
				orders: [][]order{{alice(), alice(knows(scheme.NTLM), knowsProxy(scheme.NTLM))}},
			}
		},
	}
}

func spnegoNTLMWholeWorld() Scenario {
	return Scenario{
		Name: "spnego-ntlm-whole", Says: "Package ntlm inside gss/spnego, and Basic besides.",
		quick: size{2, 1}, full: size{2, 3},
		setup: func() *setup {
			toys := negotiated(whole(legs(scheme.Negotiate, 2, isNTLM)), toy{name: scheme.Basic})
			return &setup{
				canOrigin: toys, origin: toys, tricks: mechanismAttacks(), closes: true, statuses: []int{200, 500}, wrong: true,
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(as("bob"))}},
			}
		},
	}
}

func digestWorld() Scenario {
	return Scenario{
		Name: "digest", Says: "Package digest with SHA-256 and MD5, a client that wants the server's proof, and Basic besides.",
		quick: size{2, 2}, full: size{2, 3},
		setup: func() *setup {
			d := digestOf(rfc7616.ClientConfig{RequireProof: true}, rfc7616.ServerConfig{
				Algorithms: []rfc7616.Algorithm{rfc7616.SHA256, rfc7616.MD5}, QOPs: []rfc7616.QOP{rfc7616.Auth},
			})
			toys, known := []toy{d, {name: scheme.Basic}}, d.shipped.digest
			return &setup{
				canOrigin: toys, origin: toys, closes: true, statuses: []int{200, 401, 404}, wrong: true, tricks: digestAttacks(),
				orders: [][]order{{alice(), alice(remembering(known.offered[gss.Origin])), alice(remembering(known.expired[gss.Origin])), alice(as("bob")), alice(posts(machine.Once))}},
			}
		},
	}
}

func digestIntWorld() Scenario {
	return Scenario{
		Name: "digest-int", Says: "Package digest with qop auth-int, the -sess algorithms, hashed names, and a nonce for each request.",
		quick: size{2, 2}, full: size{2, 3},
		setup: func() *setup {
			d := digestOf(rfc7616.ClientConfig{PreferAuthInt: true, RequireProof: true}, rfc7616.ServerConfig{
				Algorithms: []rfc7616.Algorithm{rfc7616.SHA256Sess, rfc7616.MD5Sess}, QOPs: []rfc7616.QOP{rfc7616.Auth, rfc7616.AuthInt},
				UserHash: true, NextNonce: rfc7616.NextAlways,
			})
			toys := []toy{d}
			return &setup{
				canOrigin: toys, origin: toys, statuses: []int{200, 404}, wrong: true, tricks: digestAttacks(),
				orders: [][]order{{alice(), alice(remembering(d.shipped.digest.alien[gss.Origin])), alice(posts(machine.Replayable))}},
			}
		},
	}
}

func digestMemoryWorld() Scenario {
	return Scenario{
		Name: "digest-memory", Says: "Requests that use the nonce that the ones before them got, and a client that does without the server's proof.",
		quick: size{4, 3}, full: size{5, 3},
		setup: func() *setup {
			d := digestOf(rfc7616.ClientConfig{}, rfc7616.ServerConfig{Algorithms: []rfc7616.Algorithm{rfc7616.SHA256}, QOPs: []rfc7616.QOP{rfc7616.Auth}})
			toys := []toy{d}
			return &setup{
				canOrigin: toys, origin: toys, closes: true, statuses: []int{200}, remembers: true, tricks: digestAttacks(),
				orders: [][]order{{alice()}},
			}
		},
	}
}

func digestProxyWorld() Scenario {
	return Scenario{
		Name: "digest-proxy", Says: "Package digest towards a proxy and through it towards the origin.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			d := digestOf(rfc7616.ClientConfig{RequireProof: true}, rfc7616.ServerConfig{Algorithms: []rfc7616.Algorithm{rfc7616.SHA256}, QOPs: []rfc7616.QOP{rfc7616.Auth}})
			toys, known := []toy{d}, d.shipped.digest
			return &setup{
				canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, closes: true, statuses: []int{200}, wrong: true, proxied: true,
				tricks: append(digestAttacks(), trickSet("swaps the status for 407")...),
				orders: [][]order{{alice(), alice(remembering(known.offered[gss.Origin]), rememberingProxy(known.expired[gss.Proxy]))}},
			}
		},
	}
}

func realmsWorld() Scenario {
	return Scenario{
		Name: "realms", Says: "An origin with two realms, whose nonces count once and which may not say stale; its client remembers one of them.",
		quick: size{2, 2}, full: size{2, 3},
		setup: func() *setup {
			d := digestOf(rfc7616.ClientConfig{}, rfc7616.ServerConfig{Algorithms: []rfc7616.Algorithm{rfc7616.SHA256}, QOPs: []rfc7616.QOP{rfc7616.Auth}})
			toys, known := []toy{d}, d.shipped.digest
			return &setup{
				canOrigin: toys, origin: toys, closes: true, statuses: []int{200}, wrong: true,
				tricks: trickSet("names another realm", "turns stale around", "says stale=false", "replays an old challenge", "swaps the status for 401"),
				orders: [][]order{{alice(remembering(known.expired[gss.Origin])), alice(remembering(known.alien[gss.Origin])), alice()}},
			}
		},
	}
}

func kerberosWorld() Scenario {
	return Scenario{
		Name: "kerberos", Says: "Package kerberos inside Negotiate, with tickets of a KDC, and Basic besides.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			toys := negotiated(kerberosOf(legs(scheme.Negotiate, 1), false), toy{name: scheme.Basic})
			return &setup{
				canOrigin: toys, origin: toys, closes: true, statuses: []int{200, 401, 404}, wrong: true, tricks: kerberosAttacks(),
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(as("bob")), alice(posts(machine.Once))}},
			}
		},
	}
}

func kerberosNego2World() Scenario {
	return Scenario{
		Name: "kerberos-nego2", Says: "The same inside Nego2, and Negotiate besides.",
		quick: size{1, 2}, full: size{2, 2},
		setup: func() *setup {
			toys := negotiated(kerberosOf(legs(scheme.Nego2, 1), false), kerberosOf(legs(scheme.Negotiate, 1), false))
			return &setup{
				canOrigin: toys, origin: toys, closes: true, statuses: []int{200, 404}, wrong: true, tricks: kerberosAttacks(),
				orders: [][]order{{alice(), alice(knows(scheme.Nego2)), alice(as("bob"))}},
			}
		},
	}
}

func kerberosRawWorld() Scenario {
	return Scenario{
		Name: "kerberos-raw", Says: "A client whose Kerberos is not in SPNEGO, with passwords and a KDC to ask, before a server that has both.",
		quick: size{1, 2}, full: size{2, 2},
		setup: func() *setup {
			t := kerberosOf(legs(scheme.Negotiate, 1), true)
			return &setup{
				canOrigin: []toy{t}, origin: negotiated(t), closes: true, statuses: []int{200, 500}, wrong: true, tricks: kerberosAttacks(),
				orders: [][]order{{alice(), alice(overH2, knows(scheme.Negotiate))}},
			}
		},
	}
}

func kerberosProxyWorld() Scenario {
	return Scenario{
		Name: "kerberos-proxy", Says: "Package kerberos towards a proxy and through it towards the origin, with a password, for which a KDC has a ticket for each.",
		quick: size{2, 1}, full: size{2, 2},
		setup: func() *setup {
			toys := negotiated(kerberosOf(legs(scheme.Negotiate, 1), true))
			return &setup{
				canOrigin: toys, origin: toys, canProxy: toys, proxy: toys, closes: true, statuses: []int{200}, proxied: true, pinnedFront: true,
				tricks: append(kerberosAttacks(), trickSet("forges Proxy-Support", "removes Proxy-Support", "swaps the status for 407")...),
				orders: [][]order{{alice(), alice(knows(scheme.Negotiate), knowsProxy(scheme.Negotiate))}},
			}
		},
	}
}

// mechanismAttacks returns what a network does to every mechanism.
func mechanismAttacks() []int {
	return trickSet("strips all challenges", "drops the first challenge", "drops the last challenge", "reorders the challenges", "adds bare challenges",
		"adds an offer of Nego2", "takes the tokens out", "swaps the status for 200", "swaps the status for 401", "swaps the status for 500",
		"forges Persistent-Auth: true", "forges Persistent-Auth: false", "takes the credentials out")
}

// digestAttacks returns what a network does to Digest.
func digestAttacks() []int {
	set := trickSet("drops the first challenge", "adds bare challenges", "swaps the status for 200", "swaps the status for 401", "takes the credentials out")
	return append(set, tricksAmong(digestTricks)...)
}

// kerberosAttacks returns what a network does to Kerberos.
func kerberosAttacks() []int {
	set := trickSet("drops the first challenge", "adds bare challenges", "takes the tokens out", "swaps the status for 200", "swaps the status for 401",
		"swaps the status for 500", "forges Persistent-Auth: true", "takes the credentials out")
	return append(set, tricksAmong(kerberosTricks)...)
}

func tricksAmong(list []trick) (set []int) {
	for _, t := range list {
		set = append(set, trickSet(t.name)...)
	}
	return set
}

package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/scheme"
)

// trick is one thing that a hostile network does to a message. It gives the
// message as it was when it has nothing to do.
type trick struct {
	name string
	kind packetKind // what it works on
	do   func(w *World, k packet) packet
}

// networkTricks work on what all schemes share, and on the tokens of toys.
var networkTricks = []trick{
	{"strips all challenges", answers, func(_ *World, k packet) packet {
		k.resp.header.WWWAuthenticate, k.resp.header.ProxyAuthenticate = header.Challenges{}, header.Challenges{}
		return k
	}},
	{"drops the first challenge", answers, challenges(func(cs []header.Challenge) []header.Challenge { return cs[1:] })},
	{"drops the last challenge", answers, challenges(func(cs []header.Challenge) []header.Challenge { return cs[:len(cs)-1] })},
	{"reorders the challenges", answers, challenges(func(cs []header.Challenge) []header.Challenge {
		slices.Reverse(cs)
		return cs
	})},
	{"adds bare challenges", answers, challenges(func(cs []header.Challenge) []header.Challenge {
		return append(cs, header.TokenChallenge(scheme.Negotiate, ""), header.TokenChallenge(scheme.NTLM, ""), header.ParamChallenge(scheme.Basic, `realm="r"`))
	})},
	{"adds an offer of Nego2", answers, challenges(func(cs []header.Challenge) []header.Challenge {
		return append(cs, header.TokenChallenge(scheme.Nego2, "toy:h"))
	})},
	{"replays the first leg's challenge", answers, tokens("c1")},
	{"replays the second leg's challenge", answers, tokens("c2")},
	{"replays a final token", answers, tokens("f")},
	{"replays a hint", answers, tokens("h")},
	{"takes the tokens out", answers, tokens("")},
	{"adds a token to a success", answers, func(_ *World, k packet) packet {
		if k.resp.status == 200 {
			k.resp.header.WWWAuthenticate = header.ListOf(header.TokenChallenge(scheme.NTLM, "toy/NTLM:f"))
		}
		return k
	}},
	{"forges Persistent-Auth: true", answers, func(_ *World, k packet) packet {
		k.resp.header.PersistentAuth = header.PersistTrue
		return k
	}},
	{"forges Persistent-Auth: false", answers, func(_ *World, k packet) packet {
		k.resp.header.PersistentAuth = header.PersistFalse
		return k
	}},
	{"garbles Persistent-Auth", answers, func(_ *World, k packet) packet {
		k.resp.header.PersistentAuth = header.PersistInvalid
		return k
	}},
	{"removes Persistent-Auth", answers, func(_ *World, k packet) packet {
		k.resp.header.PersistentAuth = header.PersistAbsent
		return k
	}},
	{"forges Proxy-Support", answers, func(_ *World, k packet) packet {
		k.resp.header.SessionBased = true
		return k
	}},
	{"removes Proxy-Support", answers, func(_ *World, k packet) packet {
		k.resp.header.SessionBased = false
		return k
	}},
	{"swaps the status for 200", answers, swapped(200)},
	{"swaps the status for 304", answers, swapped(304)},
	{"swaps the status for 500", answers, swapped(500)},
	{"swaps the status for 425", answers, swapped(425)},
	{"swaps the status for 401", answers, func(_ *World, k packet) packet {
		if k.resp.status != 401 {
			k.resp.status = 401
			k.resp.header.WWWAuthenticate = k.resp.header.WWWAuthenticate.Append(k.resp.header.ProxyAuthenticate)
		}
		return k
	}},
	{"swaps the status for 407", answers, func(_ *World, k packet) packet {
		if k.resp.status != 407 {
			k.resp.status = 407
			k.resp.header.ProxyAuthenticate = k.resp.header.ProxyAuthenticate.Append(k.resp.header.WWWAuthenticate)
		}
		return k
	}},
	{"marks the connection as closing", answers, func(_ *World, k packet) packet {
		k.resp.close = true
		return k
	}},
	{"forges an interim response", answers, func(w *World, k packet) packet {
		return packet{kind: interims, resp: response{status: 103, header: k.resp.header}, then: w.packets.ID(k)}
	}},
	{"takes the credentials out", asks, func(_ *World, k packet) packet {
		k.req.header.Authorization, k.req.header.ProxyAuthorization = header.Credentials{}, header.Credentials{}
		return k
	}},
	{"marks it as early data", asks, func(_ *World, k packet) packet {
		k.req.header.EarlyData = true
		return k
	}},
	{"garbles the credentials", asks, func(_ *World, k packet) packet {
		if k.req.header.Authorization.Present() {
			k.req.header.Authorization = header.ParseCredentials(k.req.header.Authorization.Scheme() + " ?")
		}
		return k
	}},
	{"replays the first leg's credentials", asks, func(w *World, k packet) packet {
		c := k.req.header.Authorization
		if t, ok := c.Token(); ok && w.setup.legged(c) {
			if m := read(t, 0); m.kind == 'i' && m.leg > 1 {
				k.req.header.Authorization = header.TokenCredentials(c.Scheme(), prefixOf(t)+":i1:u="+m.user)
			}
		}
		return k
	}},
	{"forges a final token", answers, forged(401)},
	{"forges a proxy's final token", answers, forged(407)},
	{"takes the proxy's final token out", answers, func(_ *World, k packet) packet {
		if k.resp.status != 407 {
			k.resp.header.ProxyAuthenticate = header.Challenges{}
		}
		return k
	}},
	{"adds Via", asks, func(_ *World, k packet) packet { // one more intermediary than before
		k.req.header.Via = true
		return k
	}},
	{"asks for a tunnel", asks, func(_ *World, k packet) packet { // where there is a connection already
		k.req.r.Method = "CONNECT"
		return k
	}},
}

// swapped returns a trick that puts another status in the place of a response's.
func swapped(n int) func(*World, packet) packet {
	return func(_ *World, k packet) packet {
		k.resp.status = n
		return k
	}
}

// challenges returns a trick on the challenges of the side that the status is of.
func challenges(do func([]header.Challenge) []header.Challenge) func(*World, packet) packet {
	return func(_ *World, k packet) packet {
		field := &k.resp.header.WWWAuthenticate
		if k.resp.status == 407 {
			field = &k.resp.header.ProxyAuthenticate
		}
		if field.Empty() {
			return k
		}
		*field = header.ListOf(do(slices.Collect(field.All()))...)
		return k
	}
}

// forged returns a trick that puts a final token which proves nothing in the place of every token
// of a side, on responses that do not ask for its credentials.
func forged(challenge int) func(*World, packet) packet {
	return func(w *World, k packet) packet {
		side, field := gss.Origin, &k.resp.header.WWWAuthenticate
		if challenge == challengeStatus(gss.Proxy) {
			side, field = gss.Proxy, &k.resp.header.ProxyAuthenticate
		}
		if k.resp.status == challenge {
			return k
		}
		var forged []header.Challenge
		for _, t := range w.setup.can(side) {
			if bound.has(setOf(t.name)) {
				forged = append(forged, header.TokenChallenge(t.name, mechTag(t.name, "")+":f:u=mallory:p=forged"))
			}
		}
		*field = header.ListOf(forged...)
		return k
	}
}

// tokens replaces what the challenges of the legged schemes carry.
func tokens(text string) func(*World, packet) packet {
	return challenges(func(cs []header.Challenge) []header.Challenge {
		for i, c := range cs {
			t, _ := c.Token()
			switch {
			case text == "" && t != "":
				cs[i] = header.TokenChallenge(c.Scheme(), "")
			case text != "" && bound.has(setOf(c.Scheme())):
				cs[i] = header.TokenChallenge(c.Scheme(), mechTag(c.Scheme(), t)+":"+text)
			}
		}
		return cs
	})
}

// mechTag returns how the tokens of a challenge's mechanism begin.
func mechTag(name, token string) string {
	if token != "" {
		return prefixOf(token)
	}
	if ascii.EqualFold(name, scheme.NTLM) {
		return "toy/NTLM"
	}
	return "toy"
}

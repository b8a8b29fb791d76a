package model

import (
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

var acceptorProperties = []Property{
	{
		Name: "AcceptorTakesAll",
		Says: "No request, answer or response is misuse of a server or a proxy.",
		Rows: rows("HTA-1 HTA-2"),
		acceptor: func(_ *setup, _ *ledger, v any) Verdict {
			_, bad := v.(misused)
			return Must(!bad)
		},
	},
	{
		Name: "NoAcceptWithoutContext",
		Says: "A protected resource is served only to a request whose own credentials came to the end of their handshake on this connection, or on a connection where a request's did and no challenge status came since.",
		Rows: rows("N2HT-2.2.1-1 R4559-4.1-1 NTHT-2.2.1-1 MSDIG-16"),
		acceptor: on(func(c *setup, l *ledger, a admitted) Verdict {
			if a.anonymous {
				return Idle
			}
			return Must(l.with && l.finished(c) || !l.with && l.identity != "")
		}),
	},
	{
		Name: "ProtectedNeverLeaks",
		Says: "A response of the handler leaves only after the request was admitted, and as anonymous only where anonymous is allowed.",
		Rows: rows("N2HT-2.2.1-1"),
		acceptor: func(c *setup, l *ledger, v any) Verdict {
			switch v := v.(type) {
			case finished:
				return Must(l.admit)
			case admitted:
				return Must(!v.anonymous || c.open(l.side) || l.side == gss.Origin && c.optional)
			}
			return Idle
		},
	},
	{
		Name: "NoForwardWithoutContext",
		Says: "A proxy that authenticates sends a request on only after its own credentials came to the end of their handshake, or on a connection where a request's did.",
		Rows: rows("NTHT-2.2.3-1"),
		acceptor: on(func(c *setup, l *ledger, f forwarded) Verdict {
			if c.open(gss.Proxy) {
				return Idle
			}
			return Must(l.admit && (l.with && l.finished(c) || !l.with && l.identity != ""))
		}),
	},
	{
		Name: "IdentityIsTheSenders",
		Says: "A request is served under the identity that it was sent under, and no other.",
		Rows: rows("HTA-9 R9110-3.3-1"),
		acceptor: on(func(c *setup, l *ledger, a admitted) Verdict {
			if a.anonymous || l.request.identity == "" { // a hostile client's, that has several
				return Idle
			}
			return Must(c.identityOf(a.info) == l.request.identity)
		}),
	},
	{
		Name: "NoHarmInEarlyData",
		Says: "A request in early data, which may be a replay, reaches no handler and no upstream with credentials, with a method that is not safe, or under an identity that its connection carries; and a proxy forwards nothing that came early on its own connection.",
		Rows: rows("R8470-5.2-1"),
		acceptor: on(func(c *setup, l *ledger, a admitted) Verdict {
			q := &l.request
			if !q.early() {
				return Idle
			}
			return Must(a.anonymous && !l.with && q.r.Method == "GET" && !(l.side == gss.Proxy && q.r.EarlyData))
		}),
	},
	{
		Name: "TooEarlyChangesNothing",
		Says: "A 425 carries no challenge, closes nothing, and leaves a server or proxy as it was.",
		Rows: rows("R8470-5.2-1"),
		acceptor: on(func(_ *setup, l *ledger, r refused) Verdict {
			if r.Status != 425 {
				return Idle
			}
			return Must(l.request.early() && r.Challenges.Empty() && !r.Close && r.before == r.after)
		}),
	},
	{
		Name:     "Every401HasChallenge",
		Says:     "Every 401 that a server makes, be it the handler's own, carries a challenge.",
		Rows:     rows("N2HT-2.2.1-2 R4559-4.1-2 NTHT-2.2.1-1 MSDIG-8 MSDIG-16"),
		acceptor: everyChallenge(gss.Origin),
	},
	{
		Name:     "Every407HasChallenge",
		Says:     "Every 407 that a proxy makes carries a challenge of its own.",
		Rows:     rows("NTHT-2.2.3-1 R9110-11.7.1-1"),
		acceptor: everyChallenge(gss.Proxy),
	},
	{
		Name:     "InitialNegotiateIsBare",
		Says:     "A challenge of Negotiate carries a token only in answer to credentials of Negotiate.",
		Rows:     rows("N2HT-2.2.1-3 R4559-4.1-3 R4559-4.1-6"),
		acceptor: initialBare(negotiate),
	},
	{
		Name:     "InitialNTLMIsBare",
		Says:     "A challenge of NTLM carries a message only in answer to credentials of NTLM, at an origin and at a proxy.",
		Rows:     rows("NTHT-2.2.1-2 NTHT-2.2.3-2"),
		acceptor: initialBare(ntlm),
	},
	{
		Name: "Nego2ChallengeCarriesToken",
		Says: "Every challenge of Nego2 carries a token.",
		Rows: rows("N2HT-2.1-2 N2HT-2.2.1-4"),
		acceptor: onChallenges(func(_ *setup, l *ledger, offers header.Challenges) Verdict {
			if !offersOf(offers).has(nego2) {
				return Idle
			}
			t, ok := rawToken(offers, nego2)
			return Must(ok && t != "")
		}),
	},
	{
		Name: "ContinueIs401WithToken",
		Says: "A leg that is in order and not the last is answered with the challenge status and the acceptor's token.",
		Rows: rows("R4559-5-4 R4559-4.1-5"),
		acceptor: on(func(c *setup, l *ledger, r refused) Verdict {
			if !l.with || l.odd || l.token.kind != 'i' || l.token.proof || l.late(c) {
				return Idle
			}
			t, ok := rawToken(r.Challenges, l.scheme)
			m := read(t, l.side)
			return Must(r.Status == challengeStatus(l.side) && ok && m.kind == 'c' && m.leg == l.token.leg)
		}),
	},
	{
		Name: "CredentialTokenReachesMechanism",
		Says: "The context of a request that is served took in the tokens of the credentials, in order, and no others.",
		Rows: rows("R4559-5-3"),
		acceptor: on(func(c *setup, l *ledger, a admitted) Verdict {
			if a.context == nil || !l.with || l.token.kind == 0 || c.mute(l.side, l.scheme) {
				return Idle
			}
			heard := heardBy(a.context)
			if len(heard) != int(l.legs) {
				return Falls
			}
			for i, text := range heard {
				if m := read(text, l.side); m.kind != 'i' || int(m.leg) != i+1 {
					return Falls
				}
			}
			return Holds
		}),
	},
	{
		Name: "AcceptorTokenIsSent",
		Says: "The token that a context ends with leaves with the response of the request that it admitted.",
		Rows: rows("R4559-4.1-5 R4559-5-8"),
		acceptor: on(func(c *setup, l *ledger, f finished) Verdict {
			toy, ok := c.toyFor(l.side, nameOf(l.scheme))
			if !l.with || !ok || !toy.mech.Final || !l.token.proof || f.status == challengeStatus(l.side) {
				return Idle
			}
			t, _ := rawToken(f.Challenges, l.scheme)
			return Must(read(t, l.side).kind == 'f')
		}),
	},
	{
		Name: "FinalTokenOnFinalResponse",
		Says: "A final token leaves with the handler's response, and with no challenge status.",
		Rows: rows("R4559-5-8"),
		acceptor: func(_ *setup, l *ledger, v any) Verdict {
			final := func(cs header.Challenges) bool {
				for _, s := range []schemes{nego2, negotiate, ntlm} {
					if t, ok := rawToken(cs, s); ok && read(t, l.side).kind == 'f' {
						return true
					}
				}
				return false
			}
			switch v := v.(type) {
			case finished:
				if final(v.Challenges) {
					return Must(l.admit && v.status != challengeStatus(l.side))
				}
			case refused:
				if final(v.Challenges) {
					return Falls
				}
			}
			return Idle
		},
	},
	{
		Name: "FinalLegOn200", Kind: Sometimes,
		Says: "A 200 carries the acceptor's final token.",
		Rows: rows("R4559-4.1-7 R4559-5-7"),
		acceptor: on(func(_ *setup, l *ledger, f finished) Verdict {
			t, ok := rawToken(f.Challenges, l.scheme)
			return sometimes(f.status == 200 && ok && read(t, l.side).kind == 'f')
		}),
	},
	{
		Name: "AcceptorLegsBounded",
		Says: "A handshake of more legs than an acceptor's bound is refused with the last that may be.",
		Rows: rows("HTA-6"),
		acceptor: func(c *setup, l *ledger, v any) Verdict {
			if !l.with || !bound.has(l.scheme) || l.odd {
				return Idle
			}
			most := bound8(c.acceptorLegs, machine.DefaultMaxLegs)
			switch v := v.(type) {
			case refused:
				return Must(v.Fault != (gss.Fault{}) || l.legs < most)
			case admitted:
				return Must(l.legs <= most)
			}
			return Idle
		},
	},
	{
		Name: "UnexpectedGets401",
		Says: "A request that cannot come now in the middle of a handshake, a later leg without the ones before it, and credentials that do not parse get the challenge status, unless they came too early to be looked at.",
		Rows: rows("NTHT-3.1.5.1-2"),
		acceptor: func(c *setup, l *ledger, v any) Verdict {
			if !l.odd || c.open(l.side) {
				return Idle
			}
			switch v := v.(type) {
			case refused:
				return Must(v.Status == challengeStatus(l.side) || v.Status == 425 && l.request.early() || v.Status == 503 && c.dry(l.side))
			case admitted:
				return Falls
			}
			return Idle
		},
	},
	{
		Name: "UnexpectedNeverAuthenticates",
		Says: "A leg that is out of order is not accepted, and drops what was there.",
		Rows: rows("NTHT-3.1.5.1-1"),
		acceptor: on(func(_ *setup, l *ledger, a admitted) Verdict {
			if !l.handshakes || a.anonymous {
				return Idle
			}
			return Must(!l.odd)
		}),
	},
	{
		Name: "AskVerifierBeforeAccept",
		Says: "Credentials are accepted only after the question for what verifies them was answered, in this very handshake.",
		Rows: rows("HTA-14 NTHT-1.5-1 MSDIG-5"),
		acceptor: on(func(c *setup, l *ledger, a admitted) Verdict {
			toy, ok := c.toyFor(l.side, a.schemeName(l))
			if a.anonymous || !l.with || !ok || !toy.asks() {
				return Idle
			}
			return Must(l.verified)
		}),
	},
	{
		Name: "AskFirstSeenBeforeAccept",
		Says: "Where a scheme remembers what it has seen, credentials are accepted only after that memory said that they are new.",
		Rows: rows("R4120-3.2.3-2 R7616-3.4-3"),
		acceptor: on(func(c *setup, l *ledger, a admitted) Verdict {
			toy, ok := c.acceptorToy(l.side, scheme.Digest)
			if a.anonymous || !l.with || l.scheme != digest && !c.isKerberos(l.side, l.scheme) || l.scheme == digest && ok && toy.pedant {
				return Idle
			}
			return Must(l.fresh)
		}),
	},
	{
		Name: "ReplayQuestionNamesOwner",
		Says: "The question whether something is new names the client that the entry is charged to, which is the one that is accepted.",
		Rows: rows("REPLAY-1"),
		acceptor: func(c *setup, l *ledger, v any) Verdict {
			switch v := v.(type) {
			case machine.Ask:
				if need, ok := v.Question.(gss.NeedFirstSeen); ok {
					return Must(l.verified && need.Owner == l.owner(c, need))
				}
			}
			return Idle
		},
	},
	{
		Name: "UnavailableAcceptsNothing",
		Says: "Where a question has no answer for any client, and for that of a user store that is one about a user that does not exist, the request is refused with 503 and no other one is: without a challenge, with the time after which to try again.",
		Rows: rows("REPLAY-3 REPLAY-4"),
		acceptor: func(c *setup, l *ledger, v any) Verdict {
			switch v := v.(type) {
			case admitted:
				return Must(!l.outage && !l.probed)
			case refused:
				if l.outage || v.Status == 503 {
					why := v.Fault.Code == gss.Unavailable && l.outage || v.Fault.Code == gss.NoEntropy && c.dry(l.side)
					return Must(why && v.Status == 503 && v.Challenges.Empty() && v.RetryAfter > 0)
				}
			}
			return Idle
		},
	},
	{
		Name: "DigestIndependentOfConnection",
		Says: "Good credentials of Digest are accepted on a connection that never saw the challenge.", Kind: Sometimes,
		Rows: rows("MSDIG-3"),
		acceptor: on(func(_ *setup, l *ledger, a admitted) Verdict {
			return sometimes(l.scheme == digest && l.with && !l.ever && !l.challenged)
		}),
	},
	{
		Name: "NoPersistBeforeAccept",
		Says: "Persistent-Auth leaves only with the final response of a request that proved an identity itself, never with a 401.",
		Rows: rows("N2HT-2.2.2-5"),
		acceptor: on(func(_ *setup, l *ledger, f finished) Verdict {
			if f.PersistentAuth == header.PersistAbsent {
				return Idle
			}
			return Must(l.admit && l.with && legged(l.creds(&l.request)) && f.status != 401 && l.side == gss.Origin)
		}),
	},
	{
		Name: "ServerEmitsOnlyTrueFalse",
		Says: "Persistent-Auth is true, false, or not there.",
		Rows: rows("N2HT-2.2.2-4"),
		acceptor: on(func(_ *setup, _ *ledger, f finished) Verdict {
			return Must(f.PersistentAuth <= header.PersistFalse)
		}),
	},
	{
		Name: "AcceptCarriesPersist",
		Says: "The final response of a request that completed a handshake carries Persistent-Auth.",
		Rows: rows("N2HT-3.3.5-2"),
		acceptor: on(func(_ *setup, l *ledger, f finished) Verdict {
			if l.side != gss.Origin || !l.with || !l.admit || !legged(l.creds(&l.request)) || f.status == 401 {
				return Idle
			}
			return Must(f.PersistentAuth != header.PersistAbsent)
		}),
	},
	{
		Name: "PersistentAuthEmitted", Kind: Sometimes,
		Says: "A response says Persistent-Auth: true.",
		Rows: rows("N2HT-2.2.2-1"),
		acceptor: on(func(_ *setup, _ *ledger, f finished) Verdict {
			return sometimes(f.PersistentAuth == header.PersistTrue)
		}),
	},
	{
		Name: "PersistTrueIffConnAuth",
		Says: "After Persistent-Auth: true the next request of the connection needs no credentials until the identity ends, after false it does.",
		Rows: rows("N2HT-3.3.5-3 N2HT-3.3.5-4"),
		acceptor: func(c *setup, l *ledger, v any) Verdict {
			if l.side != gss.Origin || l.with || l.odd || l.request.early() || l.said == header.PersistAbsent || l.restarted || l.identity == "" {
				return Idle
			}
			served := false
			switch v := v.(type) {
			case admitted:
				served = !v.anonymous
			case refused:
			default:
				return Idle
			}
			if l.said == header.PersistTrue && l.ended {
				return Must(!served)
			}
			return Must(served == (l.said == header.PersistTrue))
		},
	},
	{
		Name: "NoPersistThroughSharedFront",
		Says: "Through an intermediary that is not known to pin, each request proves itself, and Persistent-Auth is never true; so on a multiplexed connection.",
		Rows: rows("HTA-18 R9110-3.3-1"),
		acceptor: func(_ *setup, l *ledger, v any) Verdict {
			if !l.crowd {
				return Idle
			}
			switch v := v.(type) {
			case admitted:
				return Must(v.anonymous || l.with)
			case finished:
				return Must(v.PersistentAuth != header.PersistTrue)
			}
			return Idle
		},
	},
	{
		Name: "BareRequestKeepsNoContext",
		Says: "A request without credentials, on a connection that has none of any request, leaves a server as it was.",
		Rows: rows("HTA-20"),
		acceptor: on(func(_ *setup, l *ledger, r refused) Verdict {
			if l.side == gss.Proxy || l.with || l.legs > 0 || l.ever || r.Status != challengeStatus(l.side) {
				return Idle
			}
			return Must(r.before == r.after)
		}),
	},
	{
		Name: "RestartDropsIdentity",
		Says: "A first message on a connection that belongs to somebody drops that identity, whatever comes of it.",
		Rows: rows("HTA-21"),
		acceptor: on(func(_ *setup, l *ledger, a admitted) Verdict {
			if !l.ever || l.with || a.anonymous {
				return Idle
			}
			return Must(!l.restarted)
		}),
	},
	{
		Name: "OneConnectionOneIdentity",
		Says: "A connection that belongs to one identity is not handed to another one, be it the same name in another domain, before that one has ended.",
		Rows: rows("HTA-9"),
		acceptor: on(func(c *setup, l *ledger, a admitted) Verdict {
			if l.kept == "" || l.ended || a.anonymous || l.said != header.PersistTrue {
				return Idle
			}
			return Must(strings.EqualFold(c.identityOf(a.info), l.kept))
		}),
	},
	{
		Name: "UpstreamNeverShared",
		Says: "An upstream connection over which one client's handshake ran carries no other client's requests.",
		Rows: rows("R4559-6-5 R9110-3.3-1"),
		acceptor: on(func(c *setup, l *ledger, a arrived) Verdict {
			if l.side == gss.Proxy || !c.proxied || l.by == 0 {
				return Idle
			}
			return Must(a.who == l.by)
		}),
	},
	{
		Name: "ProxySupportIffPinned",
		Says: "A forward proxy says Proxy-Support exactly when the upstream connection of the response is this client's alone; what came from upstream is removed.",
		Rows: rows("R4559-6-6 HTA-17"),
		acceptor: on(func(c *setup, _ *ledger, r relayed) Verdict {
			if c.reverse {
				return Must(!r.to.header.SessionBased)
			}
			// A connection that ends with this response is nobody's any more.
			if r.from.close {
				return Idle
			}
			return Must(r.to.header.SessionBased == r.own)
		}),
	},
	{
		Name:     "Upstream407IsNotOurs",
		Says:     "A 407 that comes from upstream is not passed on as if it were this proxy's own, but by one in a chain.",
		Rows:     rows("R9110-11.7.1-1"),
		acceptor: on(func(c *setup, _ *ledger, r relayed) Verdict { return Must(r.to.status != 407 || c.chain) }),
	},
	{
		Name: "ProxyForwardsChallengesUntouched",
		Says: "A forward proxy passes the origin's challenges and Authentication-Info on as they are.",
		Rows: rows("R9110-11.6.1-1 R7616-3.6-1"),
		acceptor: on(func(c *setup, _ *ledger, r relayed) Verdict {
			if c.reverse || r.from.header.WWWAuthenticate.Empty() && !r.from.header.AuthenticationInfo.Present() {
				return Idle
			}
			return Must(r.to.header.WWWAuthenticate == r.from.header.WWWAuthenticate && r.to.header.AuthenticationInfo == r.from.header.AuthenticationInfo)
		}),
	},
	{
		Name: "ProxyForwardsCredentialsUntouched",
		Says: "A proxy passes the client's Authorization on as it is.",
		Rows: rows("R9110-11.6.2-1 R7616-3.6-1"),
		acceptor: on(func(_ *setup, _ *ledger, f forwarded) Verdict {
			if !f.from.header.Authorization.Present() {
				return Idle
			}
			return Must(f.to.header.Authorization == f.from.header.Authorization)
		}),
	},
	{
		Name: "BoundCredentialsArePinned",
		Says: "A proxy sends credentials of a handshake on over a connection that is the client's alone, or refuses them; so those that do not parse.",
		Rows: rows("R4559-6-5 RELAY-4"),
		acceptor: on(func(_ *setup, _ *ledger, f forwarded) Verdict {
			if !binds(f.from.header.Authorization) {
				return Idle
			}
			return Must(owned(f.over))
		}),
	},
}

// open reports whether a side asks nobody who it is.
func (c *setup) open(side gss.Side) bool { return side == gss.Proxy && len(c.proxy) == 0 }

// dry reports whether a side lacks the entropy for one of its offers, so that it makes
// none.
func (c *setup) dry(side gss.Side) bool {
	toy, _ := c.acceptorToy(side, scheme.Digest)
	return toy.mute == gss.NoEntropy
}

// schemeName is the scheme of what was admitted; a proxy's word does not say.
func (a admitted) schemeName(l *ledger) string {
	if a.scheme != "" {
		return a.scheme
	}
	return nameOf(l.scheme)
}

// finished reports whether the request's own credentials ran to the end of
// their handshake: all legs in order on this connection, the last with a proof.
func (l *ledger) finished(c *setup) bool {
	if !l.with || l.odd {
		return false
	}
	if !bound.has(l.scheme) {
		return l.scheme != 0
	}
	toy, ok := c.acceptorToy(l.side, nameOf(l.scheme))
	return ok && l.token.proof && l.legs == toy.mech.Legs
}

// late reports whether the request's leg is the last one, or the last that may
// be.
func (l *ledger) late(c *setup) bool {
	toy, ok := c.acceptorToy(l.side, nameOf(l.scheme))
	return !ok || l.legs >= min(toy.mech.Legs, bound8(c.acceptorLegs, machine.DefaultMaxLegs)) || l.request.r.Multiplexed
}

// acceptorToy is the toy that a side offers a scheme with.
func (c *setup) acceptorToy(side gss.Side, name string) (toy, bool) {
	list := c.origin
	if side == gss.Proxy {
		list = c.proxy
	}
	for _, t := range list {
		if setOf(t.name) == setOf(name) {
			return t, true
		}
	}
	return toy{}, false
}

func onChallenges(f func(c *setup, l *ledger, offers header.Challenges) Verdict) func(*setup, *ledger, any) Verdict {
	return func(c *setup, l *ledger, v any) Verdict {
		switch v := v.(type) {
		case refused:
			return f(c, l, v.Challenges)
		case finished:
			return f(c, l, v.Challenges)
		}
		return Idle
	}
}

func everyChallenge(side gss.Side) func(*setup, *ledger, any) Verdict {
	return func(c *setup, l *ledger, v any) Verdict {
		if l.side != side {
			return Idle
		}
		switch v := v.(type) {
		case refused:
			if v.Status == challengeStatus(side) {
				return Must(!v.Challenges.Empty())
			}
		case finished:
			if v.status == challengeStatus(side) && side == gss.Origin {
				return Must(!v.Challenges.Empty())
			}
		}
		return Idle
	}
}

// initialBare is the claim that a scheme's challenge has a token only in answer
// to its credentials.
func initialBare(s schemes) func(*setup, *ledger, any) Verdict {
	return onChallenges(func(_ *setup, l *ledger, offers header.Challenges) Verdict {
		if !offersOf(offers).has(s) || l.with && setOf(l.creds(&l.request).Scheme()) == s {
			return Idle
		}
		_, token := rawToken(offers, s)
		return Must(!token)
	})
}

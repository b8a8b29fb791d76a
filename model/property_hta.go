package model

import (
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// driverKeepsContract holds the machines to the law of the design that a Go error means misuse by the caller, never
// something that a peer or the network did. The drivers of the worlds keep their contract, so each misuse that a
// client reports here is a fault of its machine.
var driverKeepsContract = Property{
	Name: "DriverKeepsContract",
	Says: "No event that the peers or the network bring about is misuse: a machine takes all that a well-behaved driver tells it.",
	Rows: rows("HTA-1 HTA-2"),
	client: func(_ *setup, _ *clientHistory, v any) Verdict {
		_, bad := v.(misused)
		return Must(!bad)
	},
}

// status407ResetsProxyPersistence checks for the proxy's side what MS-N2HT section 3.2.5 says of the origin's, since
// one machine serves both.
var status407ResetsProxyPersistence = Property{
	Name:   "407ResetsProxyPersistence",
	Says:   "After a 407 the proxy is not taken for authenticated again before a handshake completes anew.",
	needs:  hasLasting | hasProxyHandshake,
	Rows:   rows("HTA-10"),
	client: resets(gss.Proxy),
}

// sidesIndependent checks that a 401 does not end what the connection holds of the proxy, nor a 407 what it holds of
// the origin: a client that authenticated again for that would start handshakes that the peer does not expect.
var sidesIndependent = Property{
	Name:  "SidesIndependent",
	Says:  "The challenge status of one side does not take away what the connection holds of the other.",
	needs: hasLasting | hasForwardProxy,
	Rows:  rows("HTA-10"),
	client: eachSide(func(_ *setup, t *clientHistory, a *attempt, side gss.Side, creds header.Credentials) Verdict {
		st := &t.sides[side]
		if !st.stays() || !st.crossed || a.rounds > 0 || t.begin.Request.Multiplexed || !t.owned(side) {
			return Idle
		}
		return Must(!creds.Present())
	}),
}

// persistNeverTouchesProxySide checks that Persistent-Auth, which the origin sends, says nothing about the proxy. An
// origin could otherwise make a client withhold its credentials from a proxy.
var persistNeverTouchesProxySide = Property{
	Name:  "PersistNeverTouchesProxySide",
	Says:  "Persistent-Auth speaks for the origin: the proxy is taken for authenticated only where NTLM ran with it.",
	needs: hasOriginHandshake | hasProxyHandshake | hasLeases,
	Rows:  rows("HTA-16"),
	client: eachSide(func(c *setup, t *clientHistory, a *attempt, side gss.Side, creds header.Credentials) Verdict {
		st := &t.sides[gss.Proxy]
		if side != gss.Proxy || !t.sides[gss.Origin].saidTrue || st.proven && st.lasting {
			return Idle
		}
		if t.leaseFor(side).Scheme == "" || a.rounds > 0 {
			return Idle
		}
		return Must(!t.silent(c, side, creds))
	}),
}

// legsStayOnConnection checks that no leg after the first leaves its connection. The one exception is a leg that is
// sent again word for word because a server asked for it a second time.
var legsStayOnConnection = Property{
	Name:  "LegsStayOnConnection",
	Says:  "A later leg goes out pinned, on the connection that carried the challenge which it answers.",
	needs: hasLegs | hasOrders,
	Rows:  rows("HTA-5"),
	client: on(func(c *setup, t *clientHistory, s machine.Send) Verdict {
		v := Idle
		for _, side := range sides {
			creds := credentials(s, side)
			if m := c.readCredentials(creds, side, t.begin.Request); m.kind == 'i' && m.leg > 1 {
				a := &t.side[side]
				again := a.proof == creds // the answer did not come from the server that was to judge it
				v = worst(v, Must(s.Pinned && a.scheme == c.setOf(creds.Scheme()) && (a.token.leg == m.leg-1 || again)))
			}
		}
		return v
	}),
}

// identityNeverCrosses checks that a connection which one identity holds is never used for another one, or for
// another origin (RFC 9110 section 11.5). What a server takes for one user's connection would otherwise carry another
// user's requests.
var identityNeverCrosses = Property{
	Name:  "IdentityNeverCrosses",
	Says:  "A connection on which one identity was proven carries no request of another one, nor for another origin, be it the same host and port under the other of http and https.",
	needs: hasLasting,
	Rows:  rows("HTA-9 R9110-11.5-1"),
	client: on(func(_ *setup, t *clientHistory, s machine.Send) Verdict {
		if t.holder == "" {
			return Idle
		}
		ok := t.begin.Identity == t.holder
		if t.sides[gss.Origin].proven && t.sides[gss.Origin].lasting {
			ok = ok && originOf(&t.begin.Request) == t.holderTo
		}
		return Must(ok)
	}),
}

// onceBodyAtMostOnce checks that a body which can be read once only is written once only, also where an exchange goes
// on over a second connection.
var onceBodyAtMostOnce = Property{
	Name:  "OnceBodyAtMostOnce",
	Says:  "A body that cannot be sent again is put on the wire at most once, whatever connections the exchange uses up.",
	needs: hasOnceContents,
	Rows:  rows("HTA-22"),
	client: on(func(_ *setup, t *clientHistory, s machine.Send) Verdict {
		if t.begin.Body != machine.Once || s.Body == machine.Omit {
			return Idle
		}
		return Must(t.bodies == 0)
	}),
}

// emptyLegHasToken checks that a request leaves its body out for a handshake or a probe and for nothing else: a
// server could take the empty request for the real one.
var emptyLegHasToken = Property{
	Name:  "EmptyLegHasToken",
	Says:  "A request goes without the body that belongs to it only as a probe, or with a token of a handshake.",
	needs: hasContents | hasHandshakes,
	Rows:  rows("HTA-22"),
	client: on(func(c *setup, t *clientHistory, s machine.Send) Verdict {
		if t.begin.Body == machine.NoBody || s.Body != machine.Omit || s.Probe {
			return Idle
		}
		return Must(c.legged(s.Authorization) || c.legged(s.ProxyAuthorization))
	}),
}

// noSuccessWithoutBody checks the other end of that: the success of a request without its body is not what the
// application asked for.
var noSuccessWithoutBody = Property{
	Name:  "NoSuccessWithoutBody",
	Says:  "A success is delivered only for a request that the body went with, where there is one.",
	needs: hasContents,
	Rows:  rows("HTA-22"),
	client: on(func(_ *setup, t *clientHistory, _ machine.Deliver) Verdict {
		if t.begin.Body == machine.NoBody || t.status >= 300 {
			return Idle
		}
		return Must(!t.empty)
	}),
}

// legsBounded checks the bounds of machine.ClientConfig. No peer can keep a client busy for ever.
var legsBounded = Property{
	Name:  "LegsBounded",
	Says:  "The challenges that an exchange answers, the credentials that it asks for and the connections that it uses up stay within their bounds.",
	needs: hasOrders,
	Rows:  rows("HTA-6"),
	client: on(func(c *setup, t *clientHistory, _ machine.Send) Verdict {
		ok := t.reconnects <= bound8(c.maxReconnects, defaultMaxReconnects)
		for _, side := range sides {
			a := &t.side[side]
			ok = ok && a.rounds <= bound8(c.maxLegs, defaultMaxLegs)
		}
		return Must(ok)
	}),
}

// noConnMechOnMultiplexed checks that over HTTP/2 or HTTP/3 a client runs only what one request proves: the streams
// of a connection may belong to several users, and legs of a handshake would come in any order.
var noConnMechOnMultiplexed = Property{
	Name:  "NoConnMechOnMultiplexed",
	Says:  "On a multiplexed connection no leg goes out that belongs to a connection: none of NTLM, and no leg that is not the last.",
	needs: hasMultiplexed | hasOrders,
	Rows:  rows("HTA-4"),
	client: on(func(c *setup, t *clientHistory, s machine.Send) Verdict {
		if !t.begin.Request.Multiplexed {
			return Idle
		}
		v := Holds
		for _, side := range sides {
			creds := credentials(s, side)
			if !c.legged(creds) {
				continue
			}
			toy, _ := c.toyFor(side, creds.Scheme())
			m := c.readCredentials(creds, side, t.begin.Request)
			v = worst(v, Must(m.leg == 1 && m.proof && !toy.mech.Bound))
		}
		return v
	}),
}

// failedAbsorbs checks the law of the design that nothing becomes authenticated after a failure without a fresh
// context; for SPNEGO RFC 4178 section 5 says it.
var failedAbsorbs = Property{
	Name: "FailedAbsorbs",
	Says: "After a refusal nothing is taken for authenticated before a handshake began anew and ran to its end.",
	Rows: rows("HTA-8 R4178-5-3"),
	client: on(func(c *setup, t *clientHistory, d machine.Deliver) Verdict {
		a := &t.side[t.answering()]
		if a.rounds == 0 || !d.Authenticated {
			return Idle
		}
		return Must(a.since && (a.token.proof || !c.legs(a.scheme)))
	}),
	acceptor: on(func(_ *setup, l *acceptorHistory, a admitted) Verdict {
		if !l.broken || a.anonymous {
			return Idle
		}
		return Falls
	}),
}

// noSilentDowngrade checks that a client falls to a weaker scheme by policy alone (RFC 7616 section 5.6). An attacker
// on the network can make the stronger scheme fail, and must not be able to force the weaker one by that.
var noSilentDowngrade = Property{
	Name:  "NoSilentDowngrade",
	Says:  "Without leave (Policy.Fallback) no scheme is taken up that is weaker than one that was offered in this exchange, unless there are no credentials for that one.",
	needs: hasRanking | hasOrders,
	Rows:  rows("HTA-13 R7616-5.6-1"),
	client: withCredentials(func(c *setup, t *clientHistory, a *attempt, side gss.Side, s schemes, _ message) Verdict {
		// A handshake that is under way goes on.
		if c.policy.Fallback || a.rounds == 0 || a.goesOn(s) {
			return Idle
		}
		mine := c.traitsOf(s).Strength
		stronger := false
		for i, name := range c.allNames() {
			one := schemes(1) << i
			traits := c.traitsOf(one)
			if _, can := c.toyFor(side, name); !can || side == gss.Proxy && traits.OriginOnly {
				continue
			}
			if a.everOffered.has(one) && traits.Strength > mine && !a.without.has(one) {
				stronger = true
			}
		}
		return Must(!stronger)
	}),
}

// eventuallyDecided checks liveness over fair runs: of RFC 4559 section 4.1 and MS-N2HT sections 2.2.2, 2.2.3 and
// 3.2.5 that a client which goes on comes to an end, and of the bounds of the design that no false response keeps it going.
var eventuallyDecided = Property{
	Name: "EventuallyDecided", Kind: Eventually,
	Says: "Every request ends: the application gets a response or a failure, whatever the peers say and the network does within its budget.",
	Rows: rows("HTA-7 N2HT-2.2.2-2 N2HT-2.2.3-1 N2HT-3.2.5-11 R4559-4.1-9"),
	state: func(w *World, s []uint32) Verdict {
		if w.undecided(s) {
			return pending
		}
		return Idle
	},
}

// acceptorTakesAll holds servers and proxies to what driverKeepsContract demands of clients.
var acceptorTakesAll = Property{
	Name: "AcceptorTakesAll",
	Says: "No request, answer or response is misuse of a server or a proxy.",
	Rows: rows("HTA-1 HTA-2"),
	acceptor: func(_ *setup, _ *acceptorHistory, v any) Verdict {
		_, bad := v.(misused)
		return Must(!bad)
	},
}

// identityIsTheSenders compares the identity that a request is served under with the one that it was sent under,
// which no machine knows (RFC 9110 section 3.3). Hostile clients have several identities, see proofIsOfOneUser.
var identityIsTheSenders = Property{
	Name: "IdentityIsTheSenders",
	Says: "A request is served under the identity that it was sent under, and no other.",
	Rows: rows("HTA-9 R9110-3.3-1"),
	acceptor: on(func(c *setup, l *acceptorHistory, a admitted) Verdict {
		if a.anonymous || l.request.identity == "" { // a hostile client's, that has several
			return Idle
		}
		return Must(c.identityOf(a.info) == l.request.identity)
	}),
}

// acceptorLegsBounded checks the bound of machine.ServerConfig.MaxLegs. No client can keep a handshake open for ever.
var acceptorLegsBounded = Property{
	Name:  "AcceptorLegsBounded",
	Says:  "A handshake of more legs than an acceptor's bound is refused with the last that may be.",
	needs: hasHandshakes,
	Rows:  rows("HTA-6"),
	acceptor: func(c *setup, l *acceptorHistory, v any) Verdict {
		if !l.with || !c.legs(l.scheme) || l.odd {
			return Idle
		}
		most := bound8(c.acceptorLegs, defaultMaxLegs)
		switch v := v.(type) {
		case refused:
			return Must(v.Fault != (gss.Fault{}) || l.legs < most)
		case admitted:
			return Must(l.legs <= most)
		}
		return Idle
	},
}

// askVerifierBeforeAccept checks that each handshake asks its driver for what verifies the credentials. An answer
// that was kept from an earlier one might be that of another user.
var askVerifierBeforeAccept = Property{
	Name:  "AskVerifierBeforeAccept",
	Says:  "Credentials are accepted only after the question for what verifies them was answered, in this very handshake.",
	needs: hasQuestions,
	Rows:  rows("HTA-14 NTHT-1.5-1 MSDIG-5"),
	acceptor: on(func(c *setup, l *acceptorHistory, a admitted) Verdict {
		toy, ok := c.toyFor(l.side, a.schemeName(c, l))
		if a.anonymous || !l.with || !ok || !toy.asks() {
			return Idle
		}
		return Must(l.verified)
	}),
}

// noPersistThroughSharedFront checks RFC 9110 section 3.3: requests on one connection are not taken to come from one
// client, unless the server knows that they do.
var noPersistThroughSharedFront = Property{
	Name:  "NoPersistThroughSharedFront",
	Says:  "Through an intermediary that is not known to pin, each request proves itself, and Persistent-Auth is never true; so on a multiplexed connection.",
	needs: hasSharedWire,
	Rows:  rows("HTA-18 R9110-3.3-1"),
	acceptor: func(_ *setup, l *acceptorHistory, v any) Verdict {
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
}

// bareRequestKeepsNoContext checks that a request without credentials costs a server no memory. Any client can send
// them.
var bareRequestKeepsNoContext = Property{
	Name:  "BareRequestKeepsNoContext",
	Says:  "A request without credentials, on a connection that has none of any request, leaves a server as it was.",
	needs: hasDemand,
	Rows:  rows("HTA-20"),
	acceptor: on(func(_ *setup, l *acceptorHistory, r refused) Verdict {
		if l.side == gss.Proxy || l.with || l.legs > 0 || l.ever || r.Status != challengeStatus(l.side) {
			return Idle
		}
		return Must(r.before == r.after)
	}),
}

// restartDropsIdentity checks that a new first message ends the old identity before it is judged. If it is refused,
// nothing is left to fall back on.
var restartDropsIdentity = Property{
	Name:  "RestartDropsIdentity",
	Says:  "A first message on a connection that belongs to somebody drops that identity, whatever comes of it.",
	needs: hasKept,
	Rows:  rows("HTA-21"),
	acceptor: on(func(_ *setup, l *acceptorHistory, a admitted) Verdict {
		if !l.ever || l.with || a.anonymous {
			return Idle
		}
		return Must(!l.restarted)
	}),
}

// oneConnectionOneIdentity checks that one identity after another on a connection means that the first one ended.
// Names are compared as NTLM does, in either case, and with their domains.
var oneConnectionOneIdentity = Property{
	Name:  "OneConnectionOneIdentity",
	Says:  "A connection that belongs to one identity is not handed to another one, be it the same name in another domain, before that one has ended.",
	needs: hasKept | hasOriginHandshake,
	Rows:  rows("HTA-9"),
	acceptor: on(func(c *setup, l *acceptorHistory, a admitted) Verdict {
		if l.kept == "" || l.ended || a.anonymous || l.said != header.PersistTrue {
			return Idle
		}
		return Must(strings.EqualFold(c.identityOf(a.info), l.kept))
	}),
}

// proofIsOfOneUser judges hostile clients, which know the secrets of several users and mix their legs. What
// credentials prove is computed from the secrets of the world, not taken from a context. Schemes whose proofs are not
// in the vocabulary have acceptedProofIsRight.
var proofIsOfOneUser = Property{
	Name: "ProofIsOfOneUser",
	Says: "A request is served under an identity only if it brings the last leg of a handshake all of whose legs name that user, or credentials of its own, with that user's secret for this side; without credentials only under the identity that was proven last on its connection.",
	Rows: rows("HTA-14 HTA-9 NTHT-1.5-1"),
	acceptor: on(func(c *setup, l *acceptorHistory, a admitted) Verdict {
		if a.anonymous {
			return Idle
		}
		if !l.with {
			return Must(c.identityOf(a.info) == l.identity)
		}
		if toy, _ := c.acceptorToy(l.side, c.nameOf(l.scheme)); toy.pedant || toy.shipped != nil && toy.shipped.digest != nil {
			return Idle
		}
		user, proven := c.claimIn(l.creds(&l.request), l.side, l.request.r)
		return Must(proven && user == c.identityOf(a.info) && !l.odd)
	}),
}

// refusalForgets compares the machine after a refusal with a fresh one. What is left behind could be completed later,
// by another client of the same connection.
var refusalForgets = Property{
	Name: "RefusalForgets",
	Says: "What an acceptor refuses leaves nothing behind: no handshake, no identity, nothing of the request. A server is as at first, and so is a proxy that neither has an upstream connection for its client alone nor is to open one.",
	Rows: rows("HTA-20 HTA-21 NTHT-3.1.5.1-1"),
	acceptor: on(func(c *setup, l *acceptorHistory, r refused) Verdict {
		if r.Fault == (gss.Fault{}) || r.Status == 425 { // one more leg, or not looked at
			return Idle
		}
		if l.side == gss.Proxy && (r.Status != 407 || l.pin || l.vacant) {
			return Idle
		}
		return Must(r.after == c.fresh[l.side])
	}),
}

// noHandshakeOnStreams checks for acceptors what noConnMechOnMultiplexed checks for clients. Hostile clients do send
// legs on streams.
var noHandshakeOnStreams = Property{
	Name:  "NoHandshakeOnStreams",
	Says:  "On a multiplexed connection an acceptor asks for no further leg, takes no last one of several, nothing of NTLM's, and serves no request for what another one proved.",
	needs: hasMultiplexed,
	Rows:  rows("HTA-4 HTA-18"),
	acceptor: func(_ *setup, l *acceptorHistory, v any) Verdict {
		if !l.request.r.Multiplexed {
			return Idle
		}
		switch v := v.(type) {
		case refused:
			return Must(v.Fault != (gss.Fault{}))
		case admitted:
			return Must(v.anonymous || l.with && !l.odd && l.legs == 1 && l.scheme != ntlm)
		}
		return Idle
	},
}

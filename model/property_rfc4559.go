package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// noDeliverBeforeFinalLeg checks RFC 4559 sections 4.1 and 5: the final token goes through the context before the
// response is used. Contexts of toys tell which tokens they took in; those of shipped mechanisms do not, see mute.
var noDeliverBeforeFinalLeg = Property{
	Name:  "NoDeliverBeforeFinalLeg",
	Says:  "A response is delivered as authenticated only after the final token that came with it went through the context.",
	needs: hasReadable | hasFinals | hasOrders,
	Rows:  rows("R4559-4.1-8 R4559-5-9"),
	client: on(func(c *setup, t *clientHistory, d machine.Deliver) Verdict {
		side := t.answering()
		a := &t.side[side]
		if !d.Authenticated || !a.with || d.Context == nil || c.mute(side, a.scheme) {
			return Idle
		}
		token, ok := c.rawToken(field(t.answer.Header, side), a.scheme)
		if token = toyToken(token); !ok || token == "" { // nothing of the mechanism's own
			return Idle
		}
		return Must(slices.Contains(heardBy(d.Context), token))
	}),
}

// failedMutualNeverDelivered checks RFC 4559 section 4.1: the results are suspect if mutual authentication was
// requested and the server did not prove itself. A response of 400 or above without a proof may be delivered, but not
// as authenticated, since servers send errors before they authenticate; a wrong proof never. A proxy that need not
// prove itself is left to machine.ClientConfig.StrictProxy.
var failedMutualNeverDelivered = Property{
	Name:  "FailedMutualNeverDelivered",
	Says:  "Where the peer can prove itself, a response below 400 without its proof is not delivered, unless the peer is a proxy and may do without; nor is any response with a final token that is no proof. A response below 400 that is delivered without the proof is said to be unproven, and none with it is.",
	needs: hasMutual | hasOrders,
	Rows:  rows("R4559-4.1-10 R4559-4.1-11 PROOF-4"),
	client: on(func(c *setup, t *clientHistory, d machine.Deliver) Verdict {
		v := Idle
		for _, side := range sides {
			a := &t.side[side]
			toy, can := c.toyFor(side, c.nameOf(a.scheme))
			if !a.with || !a.token.proof || !can || !toy.mayProve() {
				continue
			}
			came, proven := t.proven(c, side)
			others := side != t.answering() && t.side[t.answering()].with // and then Info is of the origin
			switch {
			case came:
				v = worst(v, Must(proven && (!d.Info.Unproven || side != t.answering())))
			case !toy.mech.Mutual:
			case side == gss.Proxy && !c.strictProxy:
				v = worst(v, Must((others || !d.Info.Flags.Has(gss.Mutual)) && (d.Context == nil || side != t.answering())))
			case t.status < 400 && !c.mutualIfOffered:
				v = worst(v, Falls)
			default:
				v = worst(v, Must(side != t.answering() || !d.Authenticated && (d.Info.Unproven || t.status >= 400)))
			}
		}
		return v
	}),
}

// continuationFeedsContext checks RFC 4559 sections 4.2 and 5: a 401 with a token continues the handshake. Where the
// token is due the same scheme may begin again only if the connection may not carry handshakes any more or the user
// gave nothing.
var continuationFeedsContext = Property{
	Name:  "ContinuationFeedsContext",
	Says:  "A leg after the first answers the challenge token that came with the last challenge; a challenge token that is due is answered with the next leg.",
	needs: hasLegs | hasOrders,
	Rows:  rows("R4559-4.2-5 R4559-5-5"),
	client: withCredentials(func(_ *setup, t *clientHistory, a *attempt, side gss.Side, s schemes, m message) Verdict {
		if m.kind != 'i' || !a.challenged || a.since {
			return Idle
		}
		due := a.due(a.heard)
		switch {
		case m.leg > 1:
			return Must(due && m.leg == a.heard.leg+1)
		case due && a.scheme == s:
			return Must(!t.affineFor(side) || t.denied(side))
		}
		return Idle
	}),
}

// contextNeverCrossesConnections checks RFC 4559 section 5, which has the client use the context of this server. The
// history of a connection is forgotten when it closes, so a context that was made elsewhere has no last leg in it.
var contextNeverCrossesConnections = Property{
	Name:  "ContextNeverCrossesConnections",
	Says:  "A context that is delivered ran all its legs on the connection of the response.",
	needs: hasHandshakes | hasOrders,
	Rows:  rows("R4559-5-9"),
	client: on(func(_ *setup, t *clientHistory, d machine.Deliver) Verdict {
		a := &t.side[t.answering()]
		if d.Context == nil {
			return Idle
		}
		// The history of a connection is forgotten with it.
		return Must(a.scheme != 0 && a.token.proof)
	}),
}

// noNegotiateThroughUnsupportingProxy checks RFC 4559 section 6: through a proxy SPNEGO needs Proxy-Support in the
// response with the 401. A proxy that shares its upstream connections would let other clients use the authenticated
// one.
var noNegotiateThroughUnsupportingProxy = Property{
	Name:  "NoNegotiateThroughUnsupportingProxy",
	Says:  "Through a forwarding proxy no handshake runs with the origin unless this 401 came with Proxy-Support, or before any 401 a lease for this path knows of it.",
	needs: hasOriginHandshake | hasForwardProxy | hasOrders,
	Rows:  rows("R4559-6-7"),
	client: withCredentials(func(c *setup, t *clientHistory, a *attempt, side gss.Side, s schemes, _ message) Verdict {
		if side != gss.Origin || !c.legs(s) || t.begin.Route.Kind != machine.Forwarded {
			return Idle
		}
		return Must(t.session == supported || t.session == leased)
	}),
}

// noNegotiateToFoundProxy checks what is left of RFC 4559 section 6, by which Negotiate is never used towards
// proxies: it is used where the user configured the proxy, and not where the network did, since any host could name
// itself.
var noNegotiateToFoundProxy = Property{
	Name:  "NoNegotiateToFoundProxy",
	Says:  "Negotiate is used towards a proxy only where the user named the proxy, never towards one that the network named.",
	needs: hasNegotiate | hasForwardProxy | hasOrders,
	Rows:  rows("R4559-6-4"),
	client: withCredentials(func(_ *setup, t *clientHistory, _ *attempt, side gss.Side, s schemes, _ message) Verdict {
		if side != gss.Proxy || s != negotiate {
			return Idle
		}
		return Must(t.begin.Route.Explicit)
	}),
}

// onceBodyOnlyWhenSafe checks RFC 4559 section 6: authentication completes before user data is sent, and the state of
// GSS_Init says when. A body that can be sent once only must not meet a 401.
var onceBodyOnlyWhenSafe = Property{
	Name:  "OnceBodyOnlyWhenSafe",
	Says:  "A body that cannot be sent again goes out only with the leg after which at most the peer's proof is missing, or with none; under Strict only after the context is complete.",
	needs: hasOnceContents,
	Rows:  rows("R4559-6-8 R4559-6-9"),
	client: on(func(c *setup, t *clientHistory, s machine.Send) Verdict {
		if t.begin.Body != machine.Once || s.Body == machine.Omit {
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
			v = worst(v, Must(m.proof || toy.mech.Early && m.leg+1 == toy.mech.Legs || toy.own != nil && toy.own.ready > 0 && int(m.leg) >= toy.own.ready))
			if c.bodies == machine.Strict && side == gss.Origin {
				v = worst(v, Must(m.proof && !toy.mech.Final))
			}
		}
		return v
	}),
}

// preemptiveOnlyWithKnowledge checks RFC 4559 section 4.2: a client may open with a token if it knows that the server
// takes Negotiate. Without that knowledge credentials would go to servers that never asked for them.
var preemptiveOnlyWithKnowledge = Property{
	Name:  "PreemptiveOnlyWithKnowledge",
	Says:  "Credentials go out before any challenge of this exchange only where a lease knows the scheme.",
	needs: hasLeases,
	Rows:  rows("R4559-4.2-6"),
	client: withCredentials(func(c *setup, t *clientHistory, a *attempt, side gss.Side, s schemes, _ message) Verdict {
		if a.rounds > 0 {
			return Idle
		}
		return Must(c.setOf(t.leaseFor(side).Scheme) == s)
	}),
}

// askBeforeCredentialUse checks RFC 4559 section 5 and the steps of MSDN's Digest: the client obtains credentials
// first. They are asked for in each exchange, as the user may have logged out since.
var askBeforeCredentialUse = Property{
	Name:  "AskBeforeCredentialUse",
	Says:  "Credentials go out only after the user, or who speaks for it, gave some for that scheme in this exchange.",
	needs: hasQuestions | hasOrders,
	Rows:  rows("R4559-5-2 MSDIG-9"),
	client: withCredentials(func(c *setup, t *clientHistory, a *attempt, side gss.Side, s schemes, _ message) Verdict {
		if toy, ok := c.toyFor(side, c.nameOf(s)); ok && !toy.asks() {
			return Idle
		}
		return Must(a.granted.has(s))
	}),
}

// preemptiveSend is the witness that a client does open with Negotiate (RFC 4559 section 4.2). Without one the
// properties about leases would hold of clients that never do.
var preemptiveSend = Property{
	Name: "PreemptiveSend", Kind: Sometimes,
	Says:  "A request opens with credentials, without being asked.",
	needs: hasNegotiate | hasLeases,
	Rows:  rows("R4559-4.2-6"),
	client: withCredentials(func(_ *setup, t *clientHistory, a *attempt, side gss.Side, s schemes, _ message) Verdict {
		return sometimes(a.rounds == 0 && s == negotiate)
	}),
}

// continueIs401WithToken checks RFC 4559 sections 4.1 and 5. A leg that is the last one, or beyond the bound, has
// another answer, see late.
var continueIs401WithToken = Property{
	Name:  "ContinueIs401WithToken",
	Says:  "A leg that is in order and not the last is answered with the challenge status and the acceptor's token.",
	needs: hasLegs,
	Rows:  rows("R4559-5-4 R4559-4.1-5"),
	acceptor: on(func(c *setup, l *acceptorHistory, r refused) Verdict {
		if !l.with || l.odd || l.token.kind != 'i' || l.token.proof || l.late(c) {
			return Idle
		}
		t, ok := c.rawToken(r.Challenges, l.scheme)
		m := c.readAnswer(t, l.side, l.request.r)
		return Must(r.Status == challengeStatus(l.side) && ok && m.kind == 'c' && m.leg == l.token.leg)
	}),
}

// credentialTokenReachesMechanism checks RFC 4559 section 5: the server passes the data of the credentials on to the
// context. One token too many would mean that a context survived its handshake.
var credentialTokenReachesMechanism = Property{
	Name:  "CredentialTokenReachesMechanism",
	Says:  "The context of a request that is served took in the tokens of the credentials, in order, and no others.",
	needs: hasReadable,
	Rows:  rows("R4559-5-3"),
	acceptor: on(func(c *setup, l *acceptorHistory, a admitted) Verdict {
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
}

// acceptorTokenIsSent checks RFC 4559 sections 4.1 and 5: the token that GSS_Accept_sec_context returns last goes to
// the client, which cannot complete without it.
var acceptorTokenIsSent = Property{
	Name:  "AcceptorTokenIsSent",
	Says:  "The token that a context ends with leaves with the response of the request that it admitted.",
	needs: hasFinals,
	Rows:  rows("R4559-4.1-5 R4559-5-8"),
	acceptor: on(func(c *setup, l *acceptorHistory, f finished) Verdict {
		toy, ok := c.toyFor(l.side, c.nameOf(l.scheme))
		if !l.with || !ok || !toy.mech.Final || !l.token.proof || f.status == challengeStatus(l.side) {
			return Idle
		}
		t, _ := c.rawToken(f.Challenges, l.scheme)
		return Must(c.readAnswer(t, l.side, l.request.r).kind == 'f')
	}),
}

// finalTokenOnFinalResponse checks RFC 4559 section 5: that token travels with the response that has the content. On
// a 401 it would look like a further leg.
var finalTokenOnFinalResponse = Property{
	Name:  "FinalTokenOnFinalResponse",
	Says:  "A final token leaves with the handler's response, and with no challenge status.",
	needs: hasFinals,
	Rows:  rows("R4559-5-8"),
	acceptor: func(c *setup, l *acceptorHistory, v any) Verdict {
		final := func(cs header.Challenges) bool {
			for _, s := range []schemes{nego2, negotiate, ntlm} {
				if t, ok := c.rawToken(cs, s); ok && c.readAnswer(t, l.side, l.request.r).kind == 'f' {
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
}

// finalLegOn200 is the witness that a final token leaves at all (RFC 4559 sections 4.1 and 5).
var finalLegOn200 = Property{
	Name: "FinalLegOn200", Kind: Sometimes,
	Says:  "A 200 carries the acceptor's final token.",
	needs: hasFinals,
	Rows:  rows("R4559-4.1-7 R4559-5-7"),
	acceptor: on(func(c *setup, l *acceptorHistory, f finished) Verdict {
		t, ok := c.rawToken(f.Challenges, l.scheme)
		return sometimes(f.status == 200 && ok && c.readAnswer(t, l.side, l.request.r).kind == 'f')
	}),
}

// upstreamNeverShared checks RFC 4559 section 6: a proxy does not share authenticated connections between clients.
// The origin's history knows which client's handshake came over a connection.
var upstreamNeverShared = Property{
	Name:  "UpstreamNeverShared",
	Says:  "An upstream connection over which one client's handshake ran carries no other client's requests.",
	needs: hasOriginHandshake | hasProxied,
	Rows:  rows("R4559-6-5 R9110-3.3-1"),
	acceptor: on(func(c *setup, l *acceptorHistory, a arrived) Verdict {
		if l.side == gss.Proxy || !c.proxied || l.by == 0 {
			return Idle
		}
		return Must(a.client == l.by)
	}),
}

// proxySupportIffPinned checks RFC 4559 section 6 for a forward proxy: Proxy-Support is a promise about the very
// connection of this response. It belongs to one hop, so what came from upstream does not count.
var proxySupportIffPinned = Property{
	Name:  "ProxySupportIffPinned",
	Says:  "A forward proxy says Proxy-Support exactly when the upstream connection of the response is this client's alone; what came from upstream is removed.",
	needs: hasProxied,
	Rows:  rows("R4559-6-6 HTA-17"),
	acceptor: on(func(c *setup, _ *acceptorHistory, r relayed) Verdict {
		if c.reverse {
			return Must(!r.to.header.SessionBased)
		}
		// A connection that ends with this response belongs to no client any more.
		if r.from.close {
			return Idle
		}
		return Must(r.to.header.SessionBased == r.own)
	}),
}

// learnsOnlyWhatWorked checks where the knowledge of RFC 4559 section 4.2 comes from. A scheme that is learned by a
// challenge alone would be opened with at a server that never accepted it.
var learnsOnlyWhatWorked = Property{
	Name:  "LearnsOnlyWhatWorked",
	Says:  "An exchange teaches that a scheme works with a peer only where its credentials passed that peer, to the end of their handshake; that of a proxy that need not prove itself ends without a proof.",
	needs: hasOrders,
	Rows:  rows("R4559-4.2-6"),
	client: func(c *setup, t *clientHistory, v any) Verdict {
		var learned [2]machine.Facts
		switch v := v.(type) {
		case machine.Deliver:
			learned = [...]machine.Facts{gss.Origin: v.OriginFacts, gss.Proxy: v.ProxyFacts}
		case machine.Fail:
			learned = [...]machine.Facts{gss.Origin: v.OriginFacts, gss.Proxy: v.ProxyFacts}
		default:
			return Idle
		}
		verdict := Idle
		for _, side := range sides {
			a := &t.side[side]
			if s := c.setOf(learned[side].Scheme); s != 0 {
				verdict = worst(verdict, Must(a.worked.has(s)))
			} else if a.sentEver && a.worked == 0 {
				verdict = worst(verdict, Holds) // what was refused teaches nothing
			}
		}
		return verdict
	},
}

// mutualMeansProven checks that gss.Mutual says what RFC 4559 section 4.1, RFC 7616 section 3.5 and RFC 4120 section
// 3.2.4 understand by it.
var mutualMeansProven = Property{
	Name: "MutualMeansProven", Shipped: true,
	Says:  "The application is told that the peer proved itself exactly where a response that is delivered as authenticated has the right proof.",
	needs: hasProofs | hasMutual,
	Rows:  rows("R4559-4.1-11 R7616-3.5-1 R4120-3.2.4-1"),
	client: on(func(c *setup, t *clientHistory, d machine.Deliver) Verdict {
		side := t.answering()
		a := &t.side[side]
		if toy, _ := c.toyFor(side, c.nameOf(a.scheme)); !a.with || toy.own != nil && !toy.mayProve() || toy.own == nil && (toy.shipped == nil || toy.shipped.digest == nil && toy.shipped.kdc == nil) {
			return Idle
		}
		_, right := t.proven(c, side)
		if mutual := d.Info.Flags.Has(gss.Mutual); d.Authenticated {
			return Must(mutual == right)
		} else if mutual {
			return Falls
		}
		return Idle
	}),
}

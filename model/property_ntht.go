package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// unexpectedStopsClient checks MS-NTHT section 3.1.5.1: a client that receives an unexpected message sends no new
// request. On a connection that closes with the response, or that may not carry handshakes, the token is of a
// handshake that is over, and the client goes on.
var unexpectedStopsClient = Property{
	Name:  "UnexpectedStopsClient",
	Says:  "A challenge with a token that cannot come now, on a connection that stays open and may carry handshakes, ends the exchange in a failure: no further request is sent, and nothing is delivered.",
	needs: hasHandshakes | hasForgery | hasOrders,
	Rows:  rows("NTHT-3.1.5.1-1 NTHT-3.1.5.1-3"),
	client: func(_ *setup, t *clientHistory, v any) Verdict {
		odd := false
		for _, side := range sides {
			a := &t.side[side]
			odd = odd || a.odd && !a.since && !a.newestClosed && t.affineFor(side) && t.status == challengeStatus(side)
		}
		if !odd {
			return Idle
		}
		switch v.(type) {
		case machine.Fail:
			return Holds
		case machine.Deliver, machine.Send, machine.Reopen:
			return Falls
		}
		return Idle
	},
}

// nonChallengeMidHandshakeIsNotAuth checks MS-NTHT section 2.2.2, by which any status but 401 means success. The
// response is delivered, but a handshake without its last leg proved nothing.
var nonChallengeMidHandshakeIsNotAuth = Property{
	Name:  "NonChallengeMidHandshakeIsNotAuth",
	Says:  "A response that is no challenge is delivered, and where it comes in the middle of a handshake, not as authenticated.",
	needs: hasHandshakes | hasOrders,
	Rows:  rows("NTHT-2.2.2-4"),
	client: on(func(c *setup, t *clientHistory, d machine.Deliver) Verdict {
		a := &t.side[t.answering()]
		if !a.with || !c.legs(a.scheme) || a.token.proof {
			return Idle
		}
		return Must(!d.Authenticated)
	}),
}

// ntlmMessageOrder checks MS-NTHT sections 2.2.1 to 2.2.4, which say which message of NTLM travels in which field, by
// the order in which the messages come.
var ntlmMessageOrder = Property{
	Name:  "NTLMMessageOrder",
	Says:  "NTLM sends its first message first, and the second only in answer to a challenge message, on either side.",
	needs: hasNTLM,
	Rows:  rows("NTHT-2.2.1-4 NTHT-2.2.2-3 NTHT-2.2.3-4 NTHT-2.2.4-3"),
	client: withCredentials(func(_ *setup, t *clientHistory, a *attempt, side gss.Side, s schemes, m message) Verdict {
		if s != ntlm {
			return Idle
		}
		return Must(m.leg == 1 || m.leg == 2 && a.scheme == ntlm && (a.token.leg == 1 && a.heard.kind == 'c' || a.token == m))
	}),
	acceptor: on(func(c *setup, l *acceptorHistory, r refused) Verdict {
		t, ok := c.rawToken(r.Challenges, ntlm)
		if !ok {
			return Idle
		}
		m := c.readAnswer(t, l.side, l.request.r)
		return Must(l.with && (m.kind == 'c' && l.legs == 1 || m.kind == 'x'))
	}),
}

// ntlmNeverReportsMutual checks MS-NTHT section 5.1: NTLM does not authenticate the server.
var ntlmNeverReportsMutual = Property{
	Name:  "NTLMNeverReportsMutual",
	Says:  "A context of NTLM does not tell the application that the server proved itself.",
	needs: hasNTLMContexts | hasOrders,
	Rows:  rows("NTHT-5.1-1"),
	client: on(func(_ *setup, _ *clientHistory, d machine.Deliver) Verdict {
		if d.Info.Mech != gss.NTLM {
			return Idle
		}
		return Must(!d.Info.Flags.Has(gss.Mutual))
	}),
}

// noForwardWithoutContext checks MS-NTHT section 2.2.3 for proxies: without acceptable Proxy-Authorization nothing
// goes upstream.
var noForwardWithoutContext = Property{
	Name:  "NoForwardWithoutContext",
	Says:  "A proxy that authenticates sends a request on only after its own credentials came to the end of their handshake, or on a connection where a request's did.",
	needs: hasProxyAuth,
	Rows:  rows("NTHT-2.2.3-1"),
	acceptor: on(func(c *setup, l *acceptorHistory, f forwarded) Verdict {
		if c.open(gss.Proxy) {
			return Idle
		}
		return Must(l.admit && (l.with && l.finished(c) || !l.with && l.identity != ""))
	}),
}

// every407HasChallenge checks MS-NTHT section 2.2.3 and RFC 9110 section 11.7.1 for the 407s that a proxy makes. One
// that it passes on is not its own.
var every407HasChallenge = Property{
	Name:     "Every407HasChallenge",
	Says:     "Every 407 that a proxy makes carries a challenge of its own.",
	needs:    hasProxyAuth,
	Rows:     rows("NTHT-2.2.3-1 R9110-11.7.1-1"),
	acceptor: everyChallenge(gss.Proxy),
}

// initialNTLMIsBare checks MS-NTHT sections 2.2.1 and 2.2.3: the first challenge of NTLM has no data, for origins and
// for proxies.
var initialNTLMIsBare = Property{
	Name:     "InitialNTLMIsBare",
	Says:     "A challenge of NTLM carries a message only in answer to credentials of NTLM, at an origin and at a proxy.",
	needs:    hasNTLM,
	Rows:     rows("NTHT-2.2.1-2 NTHT-2.2.3-2"),
	acceptor: initialBare(ntlm),
}

// unexpectedGets401 checks MS-NTHT section 3.1.5.1: a server answers an unexpected message with 401. A request in
// early data gets its 425, and a server without entropy its 503, before its credentials are looked at.
var unexpectedGets401 = Property{
	Name:  "UnexpectedGets401",
	Says:  "A request that cannot come now in the middle of a handshake, a later leg without the ones before it, and credentials that do not parse get the challenge status, unless they came too early to be looked at.",
	needs: hasProgress,
	Rows:  rows("NTHT-3.1.5.1-2"),
	acceptor: func(c *setup, l *acceptorHistory, v any) Verdict {
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
}

// unexpectedNeverAuthenticates checks MS-NTHT section 3.1.5.1: an unexpected message makes the authentication fail.
var unexpectedNeverAuthenticates = Property{
	Name:  "UnexpectedNeverAuthenticates",
	Says:  "A leg that is out of order is not accepted, and drops what was there.",
	needs: hasHandshakes,
	Rows:  rows("NTHT-3.1.5.1-1"),
	acceptor: on(func(_ *setup, l *acceptorHistory, a admitted) Verdict {
		if !l.handshakes || a.anonymous {
			return Idle
		}
		return Must(!l.odd)
	}),
}

// nothingAfterTheEnd checks MS-NTHT section 3.1.5.1 for the last response: a token for a context that is complete is
// unexpected. Within a negotiation the inner mechanism may end first, so it is left out.
var nothingAfterTheEnd = Property{
	Name:  "NothingAfterTheEnd",
	Says:  "A response with one more token for a context that was complete is not delivered.",
	needs: hasQuietEnds | hasOrders,
	Rows:  rows("NTHT-3.1.5.1-3"),
	client: on(func(c *setup, t *clientHistory, _ machine.Deliver) Verdict {
		v := Idle
		for _, side := range sides {
			a := &t.side[side]
			toy, can := c.toyFor(side, c.nameOf(a.scheme))
			if !a.with || !c.legs(a.scheme) || !a.token.proof || !can || toy.mech.Final || toy.inside {
				continue
			}
			_, more := c.rawToken(field(t.answer.Header, side), a.scheme)
			v = worst(v, Must(!more))
		}
		return v
	}),
}

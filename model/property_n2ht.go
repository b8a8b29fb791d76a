package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// nego2OnlyWhenOffered checks MS-N2HT section 2.2.3. Nego2 is never opened with, so neither a lease nor an offer of
// another connection is enough.
var nego2OnlyWhenOffered = Property{
	Name:  "Nego2OnlyWhenOffered",
	Says:  "Credentials of Nego2 answer an offer of Nego2 that came in a 401 of this exchange on this connection.",
	needs: hasNego2 | hasOrders,
	Rows:  rows("N2HT-2.2.3-4"),
	client: withCredentials(func(_ *setup, _ *clientHistory, a *attempt, side gss.Side, s schemes, _ message) Verdict {
		if s != nego2 {
			return Idle
		}
		return Must(side == gss.Origin && a.offered.has(nego2))
	}),
}

// nego2WhenOffered checks the other half of that sentence of MS-N2HT section 2.2.3. It leaves out what a client may
// decide otherwise: a scheme that was tried or for which the user gave nothing, an offer whose connection closed, and
// connections on which no handshake may run.
var nego2WhenOffered = Property{
	Name:  "Nego2WhenOffered",
	Says:  "Where a 401 offers Nego2, and it was neither tried nor given up for want of credentials, it is Nego2 that answers.",
	needs: hasNego2 | hasOrders,
	Rows:  rows("N2HT-2.2.3-5"),
	client: withCredentials(func(c *setup, t *clientHistory, a *attempt, side gss.Side, s schemes, m message) Verdict {
		_, can := c.toyFor(side, scheme.Nego2)
		if side != gss.Origin || !can || !a.newest.has(nego2) || a.newestClosed || a.since ||
			(a.tried | a.denied).has(nego2) || a.closing > 1 || !t.affine() || a.goesOn(s) || t.begin.Request.Multiplexed {
			return Idle
		}
		return Must(s == nego2)
	}),
}

// negotiateWhenNoNego2 checks MS-N2HT section 2.2.3, which names Negotiate for servers without Nego2. An offer of
// Nego2 earlier in the exchange leaves it out, since the client may then have fallen back.
var negotiateWhenNoNego2 = Property{
	Name:  "NegotiateWhenNoNego2",
	Says:  "Where a 401 offers Negotiate and no Nego2, and Negotiate was neither tried nor given up for want of credentials, it is Negotiate that answers.",
	needs: hasNegotiate | hasOriginHandshake | hasOrders,
	Rows:  rows("N2HT-2.2.3-6"),
	client: withCredentials(func(c *setup, t *clientHistory, a *attempt, side gss.Side, s schemes, m message) Verdict {
		_, can := c.toyFor(side, scheme.Negotiate)
		if side != gss.Origin || !can || !a.newest.has(negotiate) || a.everOffered.has(nego2) || a.since ||
			(a.tried | a.denied).has(negotiate) || !t.affine() || a.goesOn(s) || t.begin.Request.Multiplexed {
			return Idle
		}
		return Must(s == negotiate)
	}),
}

// status401ResetsPersistence checks MS-N2HT section 3.2.5: a 401 sets the persistent-auth value to 0.
var status401ResetsPersistence = Property{
	Name:   "401ResetsPersistence",
	Says:   "After a 401 the origin is not taken for authenticated again before a handshake completes anew.",
	needs:  hasLasting | hasOriginHandshake,
	Rows:   rows("N2HT-3.2.5-12"),
	client: resets(gss.Origin),
}

// persistentSendsNoCredentials checks MS-N2HT section 3.2.5: with the persistent-auth value at 1 a client does not
// authenticate. A client without a lease has nothing to open with and proves nothing here.
var persistentSendsNoCredentials = Property{
	Name:  "PersistentSendsNoCredentials",
	Says:  "While a side's authentication lasts on the connection, requests carry no credentials for it. Over a multiplexed one nothing lasts.",
	needs: hasLasting | hasLeases,
	Rows:  rows("N2HT-3.2.5-9 N2HT-3.2.5-10"),
	client: eachSide(func(_ *setup, t *clientHistory, a *attempt, side gss.Side, creds header.Credentials) Verdict {
		if !t.sides[side].stays() || a.rounds > 0 || t.leaseFor(side).Scheme == "" || !t.owned(side) || t.begin.Request.Multiplexed {
			return Idle
		}
		return Must(!creds.Present())
	}),
}

// persistOnlyAfterComplete checks MS-N2HT section 3.2.5: Persistent-Auth counts on the final response of an exchange
// that completed, and nowhere else. A network that forges the field must not be able to switch authentication off.
var persistOnlyAfterComplete = Property{
	Name:  "PersistOnlyAfterComplete",
	Says:  "A side is taken for authenticated without credentials of this exchange only where an earlier exchange completed a handshake, and its final response, or NTLM by nature, said that it lasts.",
	needs: hasLasting,
	Rows:  rows("N2HT-3.2.5-3"),
	client: believed(func(_ *setup, t *clientHistory, side gss.Side) Verdict {
		st := &t.sides[side]
		return Must(st.proven && st.lasting)
	}),
}

// flagNeverCrossesConnections checks MS-N2HT section 3.2.1: the persistent-auth value belongs to one connection.
var flagNeverCrossesConnections = Property{
	Name:   "FlagNeverCrossesConnections",
	Says:   "A side is taken for authenticated without credentials of this exchange only on the connection on which it was.",
	needs:  hasLasting,
	Rows:   rows("N2HT-3.2.1-1"),
	client: believed(func(_ *setup, t *clientHistory, side gss.Side) Verdict { return Must(t.sides[side].proven) }),
}

// newConnNotPersistent checks MS-N2HT section 3.2.3: the persistent-auth value of a new connection is 0.
var newConnNotPersistent = Property{
	Name:  "NewConnNotPersistent",
	Says:  "On a connection on which nothing was proven yet, a request that knows a scheme opens with credentials.",
	needs: hasLeases,
	Rows:  rows("N2HT-3.2.3-1"),
	client: eachSide(func(c *setup, t *clientHistory, a *attempt, side gss.Side, creds header.Credentials) Verdict {
		if t.sides[side].proven || t.leaseFor(side).Scheme == "" || a.rounds > 0 {
			return Idle
		}
		return Must(!t.silent(c, side, creds))
	}),
}

// zeroValueNotPersistent checks the same section over what the application is told: without any credentials no
// response is delivered as authenticated.
var zeroValueNotPersistent = Property{
	Name:  "ZeroValueNotPersistent",
	Says:  "A response that needed no credentials, on a connection that never carried any, is not delivered as authenticated.",
	needs: hasMistakes | hasOrders,
	Rows:  rows("N2HT-3.2.3-1"),
	client: on(func(_ *setup, t *clientHistory, d machine.Deliver) Verdict {
		if t.sides[gss.Origin].proven || t.sides[gss.Proxy].proven || t.side[gss.Origin].sentEver || t.side[gss.Proxy].sentEver {
			return Idle
		}
		return Must(!d.Authenticated)
	}),
}

// challengeTokenReachesMechanism checks MS-N2HT section 2.2.3: the token of the challenge is the input of
// GSS_Init_sec_context.
var challengeTokenReachesMechanism = Property{
	Name:  "ChallengeTokenReachesMechanism",
	Says:  "The mechanism of a context that is delivered took in the tokens of the challenges, each once and in order.",
	needs: hasReadable | hasOrders,
	Rows:  rows("N2HT-2.2.3-3"),
	client: on(func(c *setup, t *clientHistory, d machine.Deliver) Verdict {
		a := &t.side[t.answering()]
		if d.Context == nil || !a.with || c.mute(t.answering(), a.scheme) {
			return Idle
		}
		n := uint8(0)
		for _, text := range heardBy(d.Context) {
			if m := read(text, t.answering()); m.kind == 'c' {
				n++
				if m.leg != n {
					return Falls
				}
			}
		}
		return Must(n == a.heardCount)
	}),
}

// headerDirection checks MS-N2HT sections 3.2.5 and 3.3.5 and MS-NTHT section 3.1.5, which say which side sends which
// field. The types of actions leave no other fields; what remains is that a proof meant for one side does not go to
// the other, and that credentials have a reason.
var headerDirection = Property{
	Name:  "HeaderDirection",
	Says:  "What proves the user to the origin goes into Authorization and nowhere else, what proves it to a proxy into Proxy-Authorization; a client's requests have no other fields.",
	needs: hasOrders,
	Rows:  rows("N2HT-3.2.5-1 N2HT-3.2.5-2 N2HT-3.3.5-1 NTHT-3.1.5-1 NTHT-3.1.5-2"),
	client: withCredentials(func(_ *setup, t *clientHistory, a *attempt, side gss.Side, s schemes, m message) Verdict {
		return Must((!m.proof || m.ours) && (a.challenged || t.leaseFor(side).Scheme != "" || a.rounds > 0))
	}),
}

// oneTokenPerCredentials checks the grammar of MS-N2HT section 2.2.3 and RFC 4559 section 4.2.
var oneTokenPerCredentials = Property{
	Name:  "OneTokenPerCredentials",
	Says:  "Credentials of Negotiate, Nego2 and NTLM are the scheme and exactly one token.",
	needs: hasHandshakes | hasOrders,
	Rows:  rows("N2HT-2.2.3-2 R4559-4.2-2"),
	client: eachSide(func(c *setup, _ *clientHistory, _ *attempt, side gss.Side, creds header.Credentials) Verdict {
		if !c.legged(creds) {
			return Idle
		}
		t, ok := creds.Token()
		return Must(ok && t != "" && header.ParseCredentials(creds.Text()) == creds)
	}),
}

// onlyChallengeStatusIsAuthError checks MS-N2HT section 2.2.3: 401 is the only authentication error, and 407 a
// proxy's. Three responses that are no challenge are followed by another request all the same: to an empty leg, to a
// probe, and a first 425.
var onlyChallengeStatusIsAuthError = Property{
	Name:  "OnlyChallengeStatusIsAuthError",
	Says:  "A final response that is no challenge ends the exchange: nothing is sent again, but for the body that an empty leg left out, and for what came too early.",
	needs: hasOrders,
	Rows:  rows("N2HT-2.2.3-7"),
	client: func(_ *setup, t *clientHistory, v any) Verdict {
		if !t.open || t.status == 0 || t.status == 407 {
			return Idle
		}
		if _, ok := t.challengedBy(t.status); ok {
			return Idle
		}
		switch v := v.(type) {
		case machine.Send:
			return Must(t.empty || t.probe || t.status == 425 && !t.late)
		case machine.Deliver:
			return Holds
		case machine.Fail:
			if t.empty || t.probe || t.status == 425 && !t.late {
				return Idle // what comes after it had its own end
			}
			// It failed to prove itself, or the body cannot go (any more).
			switch v.Fault.Code {
			case gss.NotAuthentic, gss.Unexpected, gss.Malformed, gss.Refused, gss.Replayed, gss.ClockSkew, gss.Expired, gss.NotPermitted, gss.BodySpent:
				return Holds
			}
			return Falls
		}
		return Idle
	},
}

// persistTrueSkipsAuth is the witness that Persistent-Auth has its effect (MS-N2HT section 3.2.1).
var persistTrueSkipsAuth = Property{
	Name: "PersistTrueSkipsAuth", Kind: Sometimes,
	Says:  "After Persistent-Auth: true a request without credentials is delivered as authenticated.",
	needs: hasKept | hasOriginHandshake | hasOrders,
	Rows:  rows("N2HT-3.2.1-2 N2HT-3.2.5-4"),
	client: on(func(_ *setup, t *clientHistory, d machine.Deliver) Verdict {
		return sometimes(d.Authenticated && !t.side[gss.Origin].sentEver && t.sides[gss.Origin].saidTrue)
	}),
}

// noAcceptWithoutContext checks MS-N2HT section 2.2.1, RFC 4559 section 4.1 and MS-NTHT section 2.2.1: a protected
// resource without acceptable credentials is a 401. The history counts legs by what came over the wire, so it does
// not rely on what the context says of itself.
var noAcceptWithoutContext = Property{
	Name: "NoAcceptWithoutContext",
	Says: "A protected resource is served only to a request whose own credentials came to the end of their handshake on this connection, or on a connection where a request's did and no challenge status came since.",
	Rows: rows("N2HT-2.2.1-1 R4559-4.1-1 NTHT-2.2.1-1 MSDIG-16"),
	acceptor: on(func(c *setup, l *acceptorHistory, a admitted) Verdict {
		if a.anonymous {
			return Idle
		}
		return Must(l.with && l.finished(c) || !l.with && l.identity != "")
	}),
}

// protectedNeverLeaks checks the same sections from the other end: no response of the handler leaves for a request
// that was not admitted.
var protectedNeverLeaks = Property{
	Name: "ProtectedNeverLeaks",
	Says: "A response of the handler leaves only after the request was admitted, and as anonymous only where anonymous is allowed.",
	Rows: rows("N2HT-2.2.1-1"),
	acceptor: func(c *setup, l *acceptorHistory, v any) Verdict {
		switch v := v.(type) {
		case finished:
			return Must(l.admit)
		case admitted:
			return Must(!v.anonymous || c.open(l.side) || l.side == gss.Origin && c.optional)
		}
		return Idle
	},
}

// every401HasChallenge checks MS-N2HT section 2.2.1 and RFC 4559 section 4.1: a 401 comes with WWW-Authenticate. That
// holds for a 401 of the handler as well.
var every401HasChallenge = Property{
	Name:     "Every401HasChallenge",
	Says:     "Every 401 that a server makes, be it the handler's own, carries a challenge.",
	Rows:     rows("N2HT-2.2.1-2 R4559-4.1-2 NTHT-2.2.1-1 MSDIG-8 MSDIG-16"),
	acceptor: everyChallenge(gss.Origin),
}

// initialNegotiateIsBare checks MS-N2HT section 2.2.1 and RFC 4559 section 4.1: the first challenge of Negotiate has
// no data.
var initialNegotiateIsBare = Property{
	Name:     "InitialNegotiateIsBare",
	Says:     "A challenge of Negotiate carries a token only in answer to credentials of Negotiate.",
	needs:    hasNegotiate,
	Rows:     rows("N2HT-2.2.1-3 R4559-4.1-3 R4559-4.1-6"),
	acceptor: initialBare(negotiate),
}

// nego2ChallengeCarriesToken checks MS-N2HT sections 2.1 and 2.2.1: unlike Negotiate, Nego2 opens with the acceptor's
// token.
var nego2ChallengeCarriesToken = Property{
	Name:  "Nego2ChallengeCarriesToken",
	Says:  "Every challenge of Nego2 carries a token.",
	needs: hasNego2,
	Rows:  rows("N2HT-2.1-2 N2HT-2.2.1-4"),
	acceptor: onChallenges(func(c *setup, l *acceptorHistory, offers header.Challenges) Verdict {
		if !c.offersOf(offers).has(nego2) {
			return Idle
		}
		t, ok := c.rawToken(offers, nego2)
		return Must(ok && t != "")
	}),
}

// noPersistBeforeAccept checks MS-N2HT section 2.2.2: Persistent-Auth goes out on the final response of a request
// that was authenticated, and nowhere else.
var noPersistBeforeAccept = Property{
	Name:  "NoPersistBeforeAccept",
	Says:  "Persistent-Auth leaves only with the final response of a request that proved an identity itself, never with a 401.",
	needs: hasOriginHandshake,
	Rows:  rows("N2HT-2.2.2-5"),
	acceptor: on(func(c *setup, l *acceptorHistory, f finished) Verdict {
		if f.PersistentAuth == header.PersistAbsent {
			return Idle
		}
		return Must(l.admit && l.with && c.legged(l.creds(&l.request)) && f.status != 401 && l.side == gss.Origin)
	}),
}

// serverEmitsOnlyTrueFalse checks the grammar of MS-N2HT section 2.2.2.
var serverEmitsOnlyTrueFalse = Property{
	Name: "ServerEmitsOnlyTrueFalse",
	Says: "Persistent-Auth is true, false, or not there.",
	Rows: rows("N2HT-2.2.2-4"),
	acceptor: on(func(_ *setup, _ *acceptorHistory, f finished) Verdict {
		return Must(f.PersistentAuth <= header.PersistFalse)
	}),
}

// acceptCarriesPersist checks MS-N2HT section 3.3.5: a server says after each handshake whether it lasts.
var acceptCarriesPersist = Property{
	Name:  "AcceptCarriesPersist",
	Says:  "The final response of a request that completed a handshake carries Persistent-Auth.",
	needs: hasOriginHandshake,
	Rows:  rows("N2HT-3.3.5-2"),
	acceptor: on(func(c *setup, l *acceptorHistory, f finished) Verdict {
		if l.side != gss.Origin || !l.with || !l.admit || !c.legged(l.creds(&l.request)) || f.status == 401 {
			return Idle
		}
		return Must(f.PersistentAuth != header.PersistAbsent)
	}),
}

// persistentAuthEmitted is the witness that a server says so at all (MS-N2HT section 2.2.2).
var persistentAuthEmitted = Property{
	Name: "PersistentAuthEmitted", Kind: Sometimes,
	Says:  "A response says Persistent-Auth: true.",
	needs: hasKept | hasOriginHandshake,
	Rows:  rows("N2HT-2.2.2-1"),
	acceptor: on(func(_ *setup, _ *acceptorHistory, f finished) Verdict {
		return sometimes(f.PersistentAuth == header.PersistTrue)
	}),
}

// persistTrueIffConnAuth checks that the word of MS-N2HT section 3.3.5 is kept: what the server said with one
// response is what it does with the next request. Neither a request with a first message nor an unexpected one tells
// anything about it.
var persistTrueIffConnAuth = Property{
	Name:  "PersistTrueIffConnAuth",
	Says:  "After Persistent-Auth: true the next request of the connection needs no credentials until the identity ends, after false it does.",
	needs: hasOriginHandshake,
	Rows:  rows("N2HT-3.3.5-3 N2HT-3.3.5-4"),
	acceptor: func(c *setup, l *acceptorHistory, v any) Verdict {
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
}

// resets judges that a side's challenge status ends its persistence.
func resets(side gss.Side) func(*setup, *clientHistory, any) Verdict {
	return believed(func(_ *setup, t *clientHistory, s gss.Side) Verdict {
		if s != side || !t.sides[side].proven {
			return Idle
		}
		return Must(!t.sides[side].reset)
	})
}

// everyChallenge judges that a side's challenge status comes with a challenge. A proxy's handler is
// the origin, and a 407 of that is not its own.
func everyChallenge(side gss.Side) func(*setup, *acceptorHistory, any) Verdict {
	return func(c *setup, l *acceptorHistory, v any) Verdict {
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

// initialBare judges that a scheme's challenge has a token only in answer to credentials of that
// scheme.
func initialBare(s schemes) func(*setup, *acceptorHistory, any) Verdict {
	return onChallenges(func(c *setup, l *acceptorHistory, offers header.Challenges) Verdict {
		if !c.offersOf(offers).has(s) || l.with && c.setOf(l.creds(&l.request).Scheme()) == s {
			return Idle
		}
		_, token := c.rawToken(offers, s)
		return Must(!token)
	})
}

package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

var (
	nego2     = setOf(scheme.Nego2)
	negotiate = setOf(scheme.Negotiate)
	ntlm      = setOf(scheme.NTLM)
	digest    = setOf(scheme.Digest)
)

var sides = [...]gss.Side{gss.Origin, gss.Proxy}

// worst is the verdict of several: one that falls counts most.
func worst(vs ...Verdict) Verdict { return slices.Max(vs) }

// eachSide judges a Send for both sides.
func eachSide(f func(c *setup, t *trail, a *attempt, side gss.Side, creds header.Credentials) Verdict) func(*setup, *trail, any) Verdict {
	return on(func(c *setup, t *trail, s machine.Send) Verdict {
		v := Idle
		for _, side := range sides {
			v = worst(v, f(c, t, &t.side[side], side, credentials(s, side)))
		}
		return v
	})
}

// withCredentials is eachSide where there are credentials; with tells their
// scheme and token.
func withCredentials(f func(c *setup, t *trail, a *attempt, side gss.Side, s schemes, m message) Verdict) func(*setup, *trail, any) Verdict {
	return eachSide(func(c *setup, t *trail, a *attempt, side gss.Side, creds header.Credentials) Verdict {
		if !creds.Present() {
			return Idle
		}
		return f(c, t, a, side, setOf(creds.Scheme()), readCredentials(creds, side, t.begin.Request.Method))
	})
}

// leaseFor is the lease that an exchange began with, for a side that it has.
func (t *trail) leaseFor(side gss.Side) machine.Lease {
	switch {
	case side == gss.Proxy && t.begin.Via.Route != machine.Direct:
		return t.begin.ProxyLease
	case side == gss.Origin && t.begin.Via.Route != machine.Tunneling:
		return t.begin.Lease
	}
	return machine.Lease{}
}

// silent reports whether the client takes this side for authenticated already:
// it could open with what the lease knows, and nothing has been asked for yet,
// but it sends nothing.
func (t *trail) silent(c *setup, side gss.Side, creds header.Credentials) bool {
	a := &t.side[side]
	l := t.leaseFor(side)
	s := setOf(l.Scheme)
	if s == 0 || t.spoke || creds.Present() || a.challenged || a.rounds > 0 || a.asked != 0 || a.sentEver || s == nego2 || t.begin.Request.Multiplexed {
		return false
	}
	if _, can := c.toyFor(side, l.Scheme); !can {
		return false
	}
	switch {
	case side == gss.Proxy && s == negotiate && !t.begin.Via.Explicit:
		return false
	case side == gss.Origin && t.begin.Via.Route == machine.Forwarded && bound.has(s) && !l.SessionBased:
		return false
	}
	return true
}

// stays reports whether by all that was said a side's authentication lasts.
func (s *standing) stays() bool { return s.proven && s.lasting && !s.reset }

var clientProperties = []Property{
	{
		Name: "DriverKeepsContract",
		Says: "No event that the peers or the network bring about is misuse: a machine takes all that a well-behaved driver tells it.",
		Rows: rows("HTA-1 HTA-2"),
		client: func(_ *setup, _ *trail, v any) Verdict {
			_, bad := v.(misused)
			return Must(!bad)
		},
	},
	{
		Name: "TooEarlyIsRetriedOnce",
		Says: "A 425 is answered with the same request, once, to be sent after the handshake; over another connection if this one closes; unless its body is spent, or a side fails. No other request waits for one.",
		Rows: rows("R8470-5.2-2"),
		client: func(_ *setup, t *trail, v any) Verdict {
			switch v := v.(type) {
			case machine.Send:
				if t.status == 425 {
					return Must(v.AfterHandshake && !t.late)
				}
				if t.late || v.AfterHandshake {
					return Must(v.AfterHandshake == t.late)
				}
			case machine.Deliver:
				if t.status == 425 {
					return Must(t.late || t.begin.Body == machine.Once && t.bodies > 0)
				}
			}
			return Idle
		},
	},
	{
		Name: "Nego2OnlyWhenOffered",
		Says: "Credentials of Nego2 answer an offer of Nego2 that came in a 401 of this exchange on this connection.",
		Rows: rows("N2HT-2.2.3-4"),
		client: withCredentials(func(_ *setup, _ *trail, a *attempt, side gss.Side, s schemes, _ message) Verdict {
			if s != nego2 {
				return Idle
			}
			return Must(side == gss.Origin && a.offered.has(nego2))
		}),
	},
	{
		Name: "Nego2WhenOffered",
		Says: "Where a 401 offers Nego2, and it was neither tried nor given up for want of credentials, it is Nego2 that answers.",
		Rows: rows("N2HT-2.2.3-5"),
		client: withCredentials(func(c *setup, t *trail, a *attempt, side gss.Side, s schemes, m message) Verdict {
			_, can := c.toyFor(side, scheme.Nego2)
			if side != gss.Origin || !can || !a.newest.has(nego2) || a.newestClosed || a.since ||
				(a.tried | a.denied).has(nego2) || a.closing > 1 || !t.affine() || a.goesOn(s) || t.begin.Request.Multiplexed {
				return Idle
			}
			return Must(s == nego2)
		}),
	},
	{
		Name: "NegotiateWhenNoNego2",
		Says: "Where a 401 offers Negotiate and no Nego2, and Negotiate was neither tried nor given up for want of credentials, it is Negotiate that answers.",
		Rows: rows("N2HT-2.2.3-6"),
		client: withCredentials(func(c *setup, t *trail, a *attempt, side gss.Side, s schemes, m message) Verdict {
			_, can := c.toyFor(side, scheme.Negotiate)
			if side != gss.Origin || !can || !a.newest.has(negotiate) || a.everOffered.has(nego2) || a.since ||
				(a.tried | a.denied).has(negotiate) || !t.affine() || a.goesOn(s) || t.begin.Request.Multiplexed {
				return Idle
			}
			return Must(s == negotiate)
		}),
	},
	{
		Name:   "401ResetsPersistence",
		Says:   "After a 401 the origin is not taken for authenticated again before a handshake completes anew.",
		Rows:   rows("N2HT-3.2.5-12"),
		client: resets(gss.Origin),
	},
	{
		Name:   "407ResetsProxyPersistence",
		Says:   "After a 407 the proxy is not taken for authenticated again before a handshake completes anew.",
		Rows:   rows("HTA-10"),
		client: resets(gss.Proxy),
	},
	{
		Name: "SidesIndependent",
		Says: "The challenge status of one side does not take away what the connection holds of the other.",
		Rows: rows("HTA-10"),
		client: eachSide(func(_ *setup, t *trail, a *attempt, side gss.Side, creds header.Credentials) Verdict {
			st := &t.sides[side]
			if !st.stays() || !st.crossed || a.rounds > 0 || t.begin.Request.Multiplexed || !t.owned(side) {
				return Idle
			}
			return Must(!creds.Present())
		}),
	},
	{
		Name: "PersistentSendsNoCredentials",
		Says: "While a side's authentication lasts on the connection, requests carry no credentials for it. Over a multiplexed one nothing lasts.",
		Rows: rows("N2HT-3.2.5-9 N2HT-3.2.5-10"),
		client: eachSide(func(_ *setup, t *trail, a *attempt, side gss.Side, creds header.Credentials) Verdict {
			if !t.sides[side].stays() || a.rounds > 0 || t.leaseFor(side).Scheme == "" || !t.owned(side) || t.begin.Request.Multiplexed {
				return Idle
			}
			return Must(!creds.Present())
		}),
	},
	{
		Name: "PersistOnlyAfterComplete",
		Says: "A side is taken for authenticated without credentials of this exchange only where an earlier exchange completed a handshake, and its final response, or NTLM by nature, said that it lasts.",
		Rows: rows("N2HT-3.2.5-3"),
		client: believed(func(_ *setup, t *trail, side gss.Side) Verdict {
			st := &t.sides[side]
			return Must(st.proven && st.lasting)
		}),
	},
	{
		Name:   "FlagNeverCrossesConnections",
		Says:   "A side is taken for authenticated without credentials of this exchange only on the connection on which it was.",
		Rows:   rows("N2HT-3.2.1-1"),
		client: believed(func(_ *setup, t *trail, side gss.Side) Verdict { return Must(t.sides[side].proven) }),
	},
	{
		Name: "NewConnNotPersistent",
		Says: "On a connection on which nothing was proven yet, a request that knows a scheme opens with credentials.",
		Rows: rows("N2HT-3.2.3-1"),
		client: eachSide(func(c *setup, t *trail, a *attempt, side gss.Side, creds header.Credentials) Verdict {
			if t.sides[side].proven || t.leaseFor(side).Scheme == "" || a.rounds > 0 {
				return Idle
			}
			return Must(!t.silent(c, side, creds))
		}),
	},
	{
		Name: "ZeroValueNotPersistent",
		Says: "A response that needed no credentials, on a connection that never carried any, is not delivered as authenticated.",
		Rows: rows("N2HT-3.2.3-1"),
		client: on(func(_ *setup, t *trail, d machine.Deliver) Verdict {
			if t.sides[gss.Origin].proven || t.sides[gss.Proxy].proven || t.side[gss.Origin].sentEver || t.side[gss.Proxy].sentEver {
				return Idle
			}
			return Must(!d.Authenticated)
		}),
	},
	{
		Name: "PersistNeverTouchesProxySide",
		Says: "Persistent-Auth speaks for the origin: the proxy is taken for authenticated only where NTLM ran with it.",
		Rows: rows("HTA-16"),
		client: eachSide(func(c *setup, t *trail, a *attempt, side gss.Side, creds header.Credentials) Verdict {
			st := &t.sides[gss.Proxy]
			if side != gss.Proxy || !t.sides[gss.Origin].saidTrue || st.proven && st.lasting {
				return Idle
			}
			if t.leaseFor(side).Scheme == "" || a.rounds > 0 {
				return Idle
			}
			return Must(!t.silent(c, side, creds))
		}),
	},
	{
		Name: "NoDeliverBeforeFinalLeg",
		Says: "A response is delivered as authenticated only after the final token that came with it went through the context.",
		Rows: rows("R4559-4.1-8 R4559-5-9"),
		client: on(func(c *setup, t *trail, d machine.Deliver) Verdict {
			side := t.answering()
			a := &t.side[side]
			if !d.Authenticated || !a.with || d.Context == nil || c.mute(side, a.scheme) {
				return Idle
			}
			token, ok := rawToken(field(t.answer.Header, side), a.scheme)
			if token = toyToken(token); !ok || token == "" { // nothing of the mechanism's own
				return Idle
			}
			return Must(slices.Contains(heardBy(d.Context), token))
		}),
	},
	{
		Name: "FailedMutualNeverDelivered",
		Says: "Where the peer can prove itself, a response below 400 without its proof is not delivered, unless the peer is a proxy and may do without; nor is any response with a final token that is no proof.",
		Rows: rows("R4559-4.1-10 R4559-4.1-11"),
		client: on(func(c *setup, t *trail, d machine.Deliver) Verdict {
			v := Idle
			for _, side := range sides {
				a := &t.side[side]
				toy, can := c.toyFor(side, nameOf(a.scheme))
				if !a.with || !a.token.proof || !can || !toy.mayProve() {
					continue
				}
				came, proven := t.proven(c, side)
				others := side != t.answering() && t.side[t.answering()].with // and then Info is of the origin
				switch {
				case came:
					v = worst(v, Must(proven))
				case !toy.mech.Mutual:
				case side == gss.Proxy && !c.strictProxy:
					v = worst(v, Must((others || !d.Info.Flags.Has(gss.Mutual)) && (d.Context == nil || side != t.answering())))
				case t.status < 400 && c.mutual == machine.MutualRequired:
					v = worst(v, Falls)
				default:
					v = worst(v, Must(!d.Authenticated || side != t.answering()))
				}
			}
			return v
		}),
	},
	{
		Name: "LegsStayOnConnection",
		Says: "A later leg goes out pinned, on the connection that carried the challenge which it answers.",
		Rows: rows("HTA-5"),
		client: on(func(_ *setup, t *trail, s machine.Send) Verdict {
			v := Idle
			for _, side := range sides {
				c := credentials(s, side)
				token, _ := c.Token()
				if m := read(token, side); m.kind == 'i' && m.leg > 1 {
					a := &t.side[side]
					again := a.proof == c // it was not the one who was to judge it that answered
					v = worst(v, Must(s.Pinned && a.scheme == setOf(c.Scheme()) && (a.token.leg == m.leg-1 || again)))
				}
			}
			return v
		}),
	},
	{
		Name: "ContinuationFeedsContext",
		Says: "A leg after the first answers the challenge token that came with the last challenge; a challenge token that is due is answered with the next leg.",
		Rows: rows("R4559-4.2-5 R4559-5-5"),
		client: withCredentials(func(_ *setup, t *trail, a *attempt, side gss.Side, s schemes, m message) Verdict {
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
	},
	{
		Name: "ChallengeTokenReachesMechanism",
		Says: "The mechanism of a context that is delivered took in the tokens of the challenges, each once and in order.",
		Rows: rows("N2HT-2.2.3-3"),
		client: on(func(c *setup, t *trail, d machine.Deliver) Verdict {
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
	},
	{
		Name: "ContextNeverCrossesConnections",
		Says: "A context that is delivered ran all its legs on the connection of the response.",
		Rows: rows("R4559-5-9"),
		client: on(func(_ *setup, t *trail, d machine.Deliver) Verdict {
			a := &t.side[t.answering()]
			if d.Context == nil {
				return Idle
			}
			// The history of a connection is forgotten with it.
			return Must(a.scheme != 0 && a.token.proof)
		}),
	},
	{
		Name: "IdentityNeverCrosses",
		Says: "A connection on which one identity was proven carries no request of another one, nor for another origin, be it the same host and port under the other of http and https.",
		Rows: rows("HTA-9 R9110-11.5-1"),
		client: on(func(_ *setup, t *trail, s machine.Send) Verdict {
			if t.holder == "" {
				return Idle
			}
			ok := t.begin.Identity == t.holder
			if t.sides[gss.Origin].proven && t.sides[gss.Origin].lasting {
				ok = ok && originOf(&t.begin.Request) == t.holderTo
			}
			return Must(ok)
		}),
	},
	{
		Name: "NoNegotiateThroughUnsupportingProxy",
		Says: "Through a forwarding proxy no handshake runs with the origin unless this 401 came with Proxy-Support, or before any 401 a lease for this path knows of it.",
		Rows: rows("R4559-6-7"),
		client: withCredentials(func(_ *setup, t *trail, a *attempt, side gss.Side, s schemes, _ message) Verdict {
			if side != gss.Origin || !bound.has(s) || t.begin.Via.Route != machine.Forwarded {
				return Idle
			}
			return Must(t.session == supported || t.session == leased)
		}),
	},
	{
		Name: "NoNegotiateToFoundProxy",
		Says: "Negotiate is used towards a proxy only where the user named the proxy, never towards one that the network named.",
		Rows: rows("R4559-6-4"),
		client: withCredentials(func(_ *setup, t *trail, _ *attempt, side gss.Side, s schemes, _ message) Verdict {
			if side != gss.Proxy || s != negotiate {
				return Idle
			}
			return Must(t.begin.Via.Explicit)
		}),
	},
	{
		Name: "RepeatedOnlyWhenSafe",
		Says: "A request that is not idempotent, and that the peer may have carried out, is not sent again after its connection closed without an answer.",
		Rows: rows("R9110-9.2.2-1"),
		client: on(func(_ *setup, t *trail, _ machine.Reopen) Verdict {
			if !t.spoke || t.status != 0 {
				return Idle
			}
			return Must(t.safe)
		}),
	},
	{
		Name: "RepeatedOnce",
		Says: "A request whose connection was lost in place of a response is sent once more at most, and not at all if it carried the proof of a handshake.",
		Rows: rows("R9110-9.2.2-2 PROOF-1"),
		client: on(func(_ *setup, t *trail, _ machine.Send) Verdict {
			if t.losses == 0 {
				return Idle
			}
			return Must(t.losses == 1 && !t.proofLost)
		}),
	},
	{
		Name: "UnexpectedStopsClient",
		Says: "A challenge with a token that cannot come now, on a connection that stays open and may carry handshakes, ends the exchange in a failure: no further request is sent, and nothing is delivered.",
		Rows: rows("NTHT-3.1.5.1-1 NTHT-3.1.5.1-3"),
		client: func(_ *setup, t *trail, v any) Verdict {
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
	},
	{
		Name: "OnceBodyOnlyWhenSafe",
		Says: "A body that cannot be sent again goes out only with the leg after which at most the peer's proof is missing, or with none; under Strict only after the context is complete.",
		Rows: rows("R4559-6-8 R4559-6-9"),
		client: on(func(c *setup, t *trail, s machine.Send) Verdict {
			if t.begin.Body != machine.Once || s.Body == machine.Omit {
				return Idle
			}
			v := Holds
			for _, side := range sides {
				creds := credentials(s, side)
				if !legged(creds) {
					continue
				}
				toy, _ := c.toyFor(side, creds.Scheme())
				token, _ := creds.Token()
				m := read(token, side)
				v = worst(v, Must(m.proof || toy.mech.Early && m.leg+1 == toy.mech.Legs))
				if c.bodies == machine.Strict && side == gss.Origin {
					v = worst(v, Must(m.proof && !toy.mech.Final))
				}
			}
			return v
		}),
	},
	{
		Name: "OnceBodyAtMostOnce",
		Says: "A body that cannot be sent again is put on the wire at most once, whatever connections the exchange uses up.",
		Rows: rows("HTA-22"),
		client: on(func(_ *setup, t *trail, s machine.Send) Verdict {
			if t.begin.Body != machine.Once || s.Body == machine.Omit {
				return Idle
			}
			return Must(t.bodies == 0)
		}),
	},
	{
		Name: "EmptyLegHasToken",
		Says: "A request goes without the body that belongs to it only as a probe, or with a token of a handshake.",
		Rows: rows("HTA-22"),
		client: on(func(_ *setup, t *trail, s machine.Send) Verdict {
			if t.begin.Body == machine.NoBody || s.Body != machine.Omit || s.Probe {
				return Idle
			}
			return Must(legged(s.Authorization) || legged(s.ProxyAuthorization))
		}),
	},
	{
		Name: "NoSuccessWithoutBody",
		Says: "A success is delivered only for a request that the body went with, where there is one.",
		Rows: rows("HTA-22"),
		client: on(func(_ *setup, t *trail, _ machine.Deliver) Verdict {
			if t.begin.Body == machine.NoBody || t.status >= 300 {
				return Idle
			}
			return Must(!t.empty)
		}),
	},
	{
		Name: "LegsBounded",
		Says: "The challenges that an exchange answers, the credentials that it asks for and the connections that it uses up stay within their bounds.",
		Rows: rows("HTA-6"),
		client: on(func(c *setup, t *trail, _ machine.Send) Verdict {
			ok := t.reconnects <= bound8(c.maxReconnects, machine.DefaultMaxReconnects)
			for _, side := range sides {
				a := &t.side[side]
				ok = ok && a.rounds <= bound8(c.maxLegs, machine.DefaultMaxLegs)
			}
			return Must(ok)
		}),
	},
	{
		Name: "NoConnMechOnMultiplexed",
		Says: "On a multiplexed connection no leg goes out that belongs to a connection: none of NTLM, and no leg that is not the last.",
		Rows: rows("HTA-4"),
		client: on(func(c *setup, t *trail, s machine.Send) Verdict {
			if !t.begin.Request.Multiplexed {
				return Idle
			}
			v := Holds
			for _, side := range sides {
				creds := credentials(s, side)
				if !legged(creds) {
					continue
				}
				toy, _ := c.toyFor(side, creds.Scheme())
				token, _ := creds.Token()
				m := read(token, side)
				v = worst(v, Must(m.leg == 1 && m.proof && !toy.mech.Bound))
			}
			return v
		}),
	},
	{
		Name: "HeaderDirection",
		Says: "What proves the user to the origin goes into Authorization and nowhere else, what proves it to a proxy into Proxy-Authorization; a client's requests have no other fields.",
		Rows: rows("N2HT-3.2.5-1 N2HT-3.2.5-2 N2HT-3.3.5-1 NTHT-3.1.5-1 NTHT-3.1.5-2"),
		client: withCredentials(func(_ *setup, t *trail, a *attempt, side gss.Side, s schemes, m message) Verdict {
			return Must((!m.proof || m.ours) && (a.challenged || t.leaseFor(side).Scheme != "" || a.rounds > 0))
		}),
	},
	{
		Name: "OneTokenPerCredentials",
		Says: "Credentials of Negotiate, Nego2 and NTLM are the scheme and exactly one token.",
		Rows: rows("N2HT-2.2.3-2 R4559-4.2-2"),
		client: eachSide(func(_ *setup, _ *trail, _ *attempt, side gss.Side, creds header.Credentials) Verdict {
			if !legged(creds) {
				return Idle
			}
			t, ok := creds.Token()
			return Must(ok && t != "" && header.ParseCredentials(creds.Text()) == creds)
		}),
	},
	{
		Name: "ProxyCredentialsConsumed",
		Says: "Proxy-Authorization goes to a proxy alone: not to an origin, and not through a tunnel.",
		Rows: rows("R9110-11.7.2-1"),
		client: on(func(_ *setup, t *trail, s machine.Send) Verdict {
			if t.begin.Via.Route != machine.Direct && !s.ProxyAuthorization.Present() {
				return Idle
			}
			return Must(t.begin.Via.Route != machine.Direct || !s.ProxyAuthorization.Present())
		}),
		acceptor: on(func(_ *setup, l *ledger, a arrived) Verdict {
			if l.side == gss.Proxy {
				return Idle
			}
			return Must(!a.header.ProxyAuthorization.Present())
		}),
	},
	{
		Name: "FailedAbsorbs",
		Says: "After a refusal nothing is taken for authenticated before a handshake began anew and ran to its end.",
		Rows: rows("HTA-8 R4178-5-3"),
		client: on(func(_ *setup, t *trail, d machine.Deliver) Verdict {
			a := &t.side[t.answering()]
			if a.rounds == 0 || !d.Authenticated {
				return Idle
			}
			return Must(a.since && (a.token.proof || !bound.has(a.scheme)))
		}),
		acceptor: on(func(_ *setup, l *ledger, a admitted) Verdict {
			if !l.broken || a.anonymous {
				return Idle
			}
			return Falls
		}),
	},
	{
		Name: "NoSilentDowngrade",
		Says: "Without leave (Policy.Fallback) no scheme is taken up that is weaker than one that was offered in this exchange, unless there are no credentials for that one.",
		Rows: rows("HTA-13 R7616-5.6-1"),
		client: withCredentials(func(c *setup, t *trail, a *attempt, side gss.Side, s schemes, _ message) Verdict {
			// A handshake that is under way goes on.
			if c.policy.Fallback || a.rounds == 0 || a.goesOn(s) {
				return Idle
			}
			mine := traitsOf(nameOf(s)).Strength
			stronger := false
			for i, name := range schemeNames {
				one := schemes(1) << i
				traits := traitsOf(name)
				if _, can := c.toyFor(side, name); !can || side == gss.Proxy && traits.OriginOnly {
					continue
				}
				if a.everOffered.has(one) && traits.Strength > mine && !a.without.has(one) {
					stronger = true
				}
			}
			return Must(!stronger)
		}),
	},
	{
		Name: "OnlyChallengeStatusIsAuthError",
		Says: "A final response that is no challenge ends the exchange: nothing is sent again, but for the body that an empty leg left out, and for what came too early.",
		Rows: rows("N2HT-2.2.3-7"),
		client: func(_ *setup, t *trail, v any) Verdict {
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
	},
	{
		Name: "NonChallengeMidHandshakeIsNotAuth",
		Says: "A response that is no challenge is delivered, and where it comes in the middle of a handshake, not as authenticated.",
		Rows: rows("NTHT-2.2.2-4"),
		client: on(func(_ *setup, t *trail, d machine.Deliver) Verdict {
			a := &t.side[t.answering()]
			if !a.with || !bound.has(a.scheme) || a.token.proof {
				return Idle
			}
			return Must(!d.Authenticated)
		}),
	},
	{
		Name: "NTLMMessageOrder",
		Says: "NTLM sends its first message first, and the second only in answer to a challenge message, on either side.",
		Rows: rows("NTHT-2.2.1-4 NTHT-2.2.2-3 NTHT-2.2.3-4 NTHT-2.2.4-3"),
		client: withCredentials(func(_ *setup, t *trail, a *attempt, side gss.Side, s schemes, m message) Verdict {
			if s != ntlm {
				return Idle
			}
			return Must(m.leg == 1 || m.leg == 2 && a.scheme == ntlm && (a.token.leg == 1 && a.heard.kind == 'c' || a.token == m))
		}),
		acceptor: on(func(_ *setup, l *ledger, r refused) Verdict {
			t, ok := rawToken(r.Challenges, ntlm)
			if !ok {
				return Idle
			}
			m := read(t, l.side)
			return Must(l.with && (m.kind == 'c' && l.legs == 1 || m.kind == 'x'))
		}),
	},
	{
		Name: "NTLMNeverReportsMutual",
		Says: "A context of NTLM does not tell the application that the server proved itself.",
		Rows: rows("NTHT-5.1-1"),
		client: on(func(_ *setup, _ *trail, d machine.Deliver) Verdict {
			if d.Info.Mech != gss.NTLM {
				return Idle
			}
			return Must(!d.Info.Flags.Has(gss.Mutual))
		}),
	},
	{
		Name: "PreemptiveOnlyWithKnowledge",
		Says: "Credentials go out before any challenge of this exchange only where a lease knows the scheme.",
		Rows: rows("R4559-4.2-6"),
		client: withCredentials(func(_ *setup, t *trail, a *attempt, side gss.Side, s schemes, _ message) Verdict {
			if a.rounds > 0 {
				return Idle
			}
			return Must(setOf(t.leaseFor(side).Scheme) == s)
		}),
	},
	{
		Name: "AskBeforeCredentialUse",
		Says: "Credentials go out only after the user, or who speaks for it, gave some for that scheme in this exchange.",
		Rows: rows("R4559-5-2 MSDIG-9"),
		client: withCredentials(func(c *setup, t *trail, a *attempt, side gss.Side, s schemes, _ message) Verdict {
			if toy, ok := c.toyFor(side, nameOf(s)); ok && !toy.asks() {
				return Idle
			}
			return Must(a.granted.has(s))
		}),
	},
	{
		Name: "NoThirdLegForDigest",
		Says: "Credentials of Digest that were refused are answered anew only with stale=true, once, or with credentials that were asked for anew.",
		Rows: rows("MSDIG-13 R7616-3.3-2"),
		client: withCredentials(func(c *setup, _ *trail, a *attempt, side gss.Side, s schemes, _ message) Verdict {
			if toy, ok := c.toyFor(side, scheme.Digest); s != digest || !a.tried.has(digest) || ok && !toy.asks() {
				return Idle
			}
			if c.digestPeers(side) != nil && !a.anew && !a.since && !staleIn(a.digests) {
				return Falls
			}
			return Must(a.uses <= 1 || a.since)
		}),
	},
	{
		Name: "PreemptiveSend", Kind: Sometimes,
		Says: "A request opens with credentials, without being asked.",
		Rows: rows("R4559-4.2-6"),
		client: withCredentials(func(_ *setup, t *trail, a *attempt, side gss.Side, s schemes, _ message) Verdict {
			return sometimes(a.rounds == 0 && s == negotiate)
		}),
	},
	{
		Name: "PreemptiveDigestOnePair", Kind: Sometimes,
		Says: "Digest authenticates a request with one pair of messages.",
		Rows: rows("MSDIG-2"),
		client: on(func(_ *setup, t *trail, d machine.Deliver) Verdict {
			a := &t.side[gss.Origin]
			return sometimes(d.Authenticated && a.scheme == digest && a.rounds == 0)
		}),
	},
	{
		Name: "PersistTrueSkipsAuth", Kind: Sometimes,
		Says: "After Persistent-Auth: true a request without credentials is delivered as authenticated.",
		Rows: rows("N2HT-3.2.1-2 N2HT-3.2.5-4"),
		client: on(func(_ *setup, t *trail, d machine.Deliver) Verdict {
			return sometimes(d.Authenticated && !t.side[gss.Origin].sentEver && t.sides[gss.Origin].saidTrue)
		}),
	},
}

// goesOn reports whether credentials of s only carry on what was begun before
// the newest challenge: nothing was given anew.
func (a *attempt) goesOn(s schemes) bool { return s == a.scheme && !a.anew }

// sometimes is a witness, or nothing.
func sometimes(ok bool) Verdict {
	if ok {
		return Holds
	}
	return Idle
}

// resets is the claim that a side's challenge status ends its persistence.
func resets(side gss.Side) func(*setup, *trail, any) Verdict {
	return believed(func(_ *setup, t *trail, s gss.Side) Verdict {
		if s != side || !t.sides[side].proven {
			return Idle
		}
		return Must(!t.sides[side].reset)
	})
}

// believed judges whenever a client acts on a side as authenticated without
// credentials in this exchange: it keeps silent where it could open, or delivers
// as authenticated.
func believed(f func(c *setup, t *trail, side gss.Side) Verdict) func(*setup, *trail, any) Verdict {
	return func(c *setup, t *trail, v any) Verdict {
		switch v := v.(type) {
		case machine.Send:
			verdict := Idle
			for _, side := range sides {
				if t.silent(c, side, credentials(v, side)) {
					verdict = worst(verdict, f(c, t, side))
				}
			}
			return verdict
		case machine.Deliver:
			if side := t.answering(); v.Authenticated && !t.side[side].with {
				return f(c, t, side)
			}
		}
		return Idle
	}
}

// answering is the side that a Deliver speaks for.
func (t *trail) answering() gss.Side {
	if t.begin.Via.Route == machine.Tunneling {
		return gss.Proxy
	}
	return gss.Origin
}

// owned reports whether what the connection holds of a side is for this request.
func (t *trail) owned(side gss.Side) bool {
	return t.begin.Identity == t.holder && (side == gss.Proxy || originOf(&t.begin.Request) == t.holderTo)
}

// affine reports whether connection-bound schemes may run with the origin.
func (t *trail) affine() bool { return t.affineFor(gss.Origin) }

func (t *trail) affineFor(side gss.Side) bool {
	return side == gss.Proxy || t.begin.Via.Route != machine.Forwarded || t.session == supported || t.session == leased
}

// denied reports whether a credential question of this exchange was not granted.
func (t *trail) denied(side gss.Side) bool { return t.side[side].denied != 0 }

// rawToken is the token of a scheme's challenge.
func rawToken(offers header.Challenges, s schemes) (string, bool) {
	for c := range offers.All() {
		if setOf(c.Scheme()) == s {
			if t, ok := c.Token(); ok {
				return t, true
			}
		}
	}
	return "", false
}

// nameOf is the name of the one scheme in s.
func nameOf(s schemes) string {
	for i, n := range schemeNames {
		if s == 1<<i {
			return n
		}
	}
	return ""
}

func bound8(n, otherwise uint8) uint8 {
	if n == 0 {
		return otherwise
	}
	return n
}

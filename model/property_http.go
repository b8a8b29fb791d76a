package model

import (
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// tooEarlyIsRetriedOnce checks RFC 8470 section 5.2: a client sends a request that was answered with 425 again, once
// and not in early data. A second 425 would otherwise make it go round for ever.
var tooEarlyIsRetriedOnce = Property{
	Name:  "TooEarlyIsRetriedOnce",
	Says:  "A 425 is answered with the same request, once, to be sent after the handshake; over another connection if this one closes; unless its body is spent, or a side fails. No other request waits for one.",
	needs: hasEarly | hasOrders,
	Rows:  rows("R8470-5.2-2"),
	client: func(_ *setup, t *clientHistory, v any) Verdict {
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
}

// repeatedOnlyWhenSafe checks RFC 9110 section 9.2.2: a request of a method that is not idempotent is not sent again
// on its own, unless the server cannot have carried it out. A request that went out as a probe, without its body or
// with a leg that was not the last was not carried out.
var repeatedOnlyWhenSafe = Property{
	Name:  "RepeatedOnlyWhenSafe",
	Says:  "A request that is not idempotent, and that the peer may have carried out, is not sent again after its connection closed without an answer.",
	needs: hasClosing | hasOrders,
	Rows:  rows("R9110-9.2.2-1"),
	client: on(func(_ *setup, t *clientHistory, _ machine.Reopen) Verdict {
		if !t.spoke || t.status != 0 {
			return Idle
		}
		return Must(t.safe)
	}),
}

// repeatedOnce checks RFC 9110 section 9.2.2: what was repeated once is not repeated again. A proof of a password is
// not repeated at all, as a peer that collects proofs could close connections to get more of them.
var repeatedOnce = Property{
	Name:  "RepeatedOnce",
	Says:  "A request whose connection was lost in place of a response is sent once more at most, and not at all if it carried the proof of a handshake.",
	needs: hasClosing | hasOrders,
	Rows:  rows("R9110-9.2.2-2 PROOF-1"),
	client: on(func(_ *setup, t *clientHistory, _ machine.Send) Verdict {
		if t.losses == 0 {
			return Idle
		}
		return Must(t.losses == 1 && !t.proofLost)
	}),
}

// proxyCredentialsConsumed checks RFC 9110 section 11.7.2: Proxy-Authorization is for the next proxy. An origin that
// receives it could use it, or log it.
var proxyCredentialsConsumed = Property{
	Name: "ProxyCredentialsConsumed",
	Says: "Proxy-Authorization goes to a proxy alone: not to an origin, and not through a tunnel.",
	Rows: rows("R9110-11.7.2-1"),
	client: on(func(_ *setup, t *clientHistory, s machine.Send) Verdict {
		if t.begin.Route.Kind != machine.Direct && !s.ProxyAuthorization.Present() {
			return Idle
		}
		return Must(t.begin.Route.Kind != machine.Direct || !s.ProxyAuthorization.Present())
	}),
	acceptor: on(func(_ *setup, l *acceptorHistory, a arrived) Verdict {
		if l.side == gss.Proxy {
			return Idle
		}
		return Must(!a.header.ProxyAuthorization.Present())
	}),
}

// noHarmInEarlyData checks RFC 8470 section 5.2. What comes in early data may be a replay by an attacker that saw it,
// so it must not use credentials or change anything.
var noHarmInEarlyData = Property{
	Name:  "NoHarmInEarlyData",
	Says:  "A request in early data, which may be a replay, reaches no handler and no upstream with credentials, with a method that is not safe, or under an identity that its connection carries; and a proxy forwards nothing that came early on its own connection.",
	needs: hasEarly,
	Rows:  rows("R8470-5.2-1"),
	acceptor: on(func(c *setup, l *acceptorHistory, a admitted) Verdict {
		q := &l.request
		if !q.early() {
			return Idle
		}
		return Must(a.anonymous && !l.with && q.r.Method == "GET" && !(l.side == gss.Proxy && q.r.EarlyData))
	}),
}

// tooEarlyChangesNothing checks the response that RFC 8470 section 5.2 demands: the client is to repeat the request
// after the handshake and find the server as it was.
var tooEarlyChangesNothing = Property{
	Name:  "TooEarlyChangesNothing",
	Says:  "A 425 carries no challenge, closes nothing, and leaves a server or proxy as it was.",
	needs: hasEarly,
	Rows:  rows("R8470-5.2-1"),
	acceptor: on(func(_ *setup, l *acceptorHistory, r refused) Verdict {
		if r.Status != 425 {
			return Idle
		}
		return Must(l.request.early() && r.Challenges.Empty() && !r.Close && r.before == r.after)
	}),
}

// upstream407IsNotOurs checks RFC 9110 section 11.7.1: Proxy-Authenticate is for the next client only. A client that
// answered it would send this proxy what it proves to another one.
var upstream407IsNotOurs = Property{
	Name:     "Upstream407IsNotOurs",
	Says:     "A 407 that comes from upstream is not passed on as if it were this proxy's own, but by one in a chain.",
	needs:    hasProxied,
	Rows:     rows("R9110-11.7.1-1"),
	acceptor: on(func(c *setup, _ *acceptorHistory, r relayed) Verdict { return Must(r.to.status != 407 || c.chain) }),
}

// proxyForwardsChallengesUntouched checks RFC 9110 section 11.6.1 and RFC 7616 section 3.6.
var proxyForwardsChallengesUntouched = Property{
	Name:  "ProxyForwardsChallengesUntouched",
	Says:  "A forward proxy passes the origin's challenges and Authentication-Info on as they are.",
	needs: hasForwardProxy,
	Rows:  rows("R9110-11.6.1-1 R7616-3.6-1"),
	acceptor: on(func(c *setup, _ *acceptorHistory, r relayed) Verdict {
		if c.reverse || r.from.header.WWWAuthenticate.Empty() && !r.from.header.AuthenticationInfo.Present() {
			return Idle
		}
		return Must(r.to.header.WWWAuthenticate == r.from.header.WWWAuthenticate && r.to.header.AuthenticationInfo == r.from.header.AuthenticationInfo)
	}),
}

// proxyForwardsCredentialsUntouched checks RFC 9110 section 11.6.2 and RFC 7616 section 3.6.
var proxyForwardsCredentialsUntouched = Property{
	Name:  "ProxyForwardsCredentialsUntouched",
	Says:  "A proxy passes the client's Authorization on as it is.",
	needs: hasProxied,
	Rows:  rows("R9110-11.6.2-1 R7616-3.6-1"),
	acceptor: on(func(_ *setup, _ *acceptorHistory, f forwarded) Verdict {
		if !f.from.header.Authorization.Present() {
			return Idle
		}
		return Must(f.to.header.Authorization == f.from.header.Authorization)
	}),
}

// eachRequestProvesItself checks RFC 9110 section 11.5 for schemes that prove one request each, as Digest does: that
// one was accepted says nothing about the next.
var eachRequestProvesItself = Property{
	Name:  "EachRequestProvesItself",
	Says:  "After a side took credentials that prove one request each, the exchange's next request over the same connection has its own for that side.",
	needs: hasPerRequest | hasProxyAuth,
	Rows:  rows("R9110-11.5-1"),
	client: eachSide(func(_ *setup, t *clientHistory, a *attempt, side gss.Side, creds header.Credentials) Verdict {
		if !a.passed {
			return Idle
		}
		return Must(creds.Present())
	}),
}

// hostileClientsDoNoHarm checks that a client is served whatever hostile clients do (RFC 9110 section 3.3). With a
// network that breaks things a failure would prove nothing.
var hostileClientsDoNoHarm = Property{
	Name:  "HostileClientsDoNoHarm",
	Says:  "Whatever a hostile client says and does on its own connections, the requests of another one are served, over a network that does nothing wrong.",
	needs: hasBystanders,
	Rows:  rows("R9110-3.3-1 HTA-7"),
	client: func(c *setup, t *clientHistory, v any) Verdict {
		if len(c.vocabulary) == 0 || c.trouble > 0 {
			return Idle
		}
		switch v.(type) {
		case machine.Deliver:
			return Must(t.status == 200)
		case machine.Fail:
			return Falls
		}
		return Idle
	},
}

// leaseStaysInScope checks RFC 9110 section 11.5: what was learned below one path of an origin is not used for
// another part of it.
var leaseStaysInScope = Property{
	Name:  "LeaseStaysInScope",
	Says:  "What was learned for one part of an origin is used below that path and nowhere else.",
	needs: hasMemories | hasDigest,
	Rows:  rows("R9110-11.5-1"),
	client: withCredentials(func(_ *setup, t *clientHistory, a *attempt, side gss.Side, s schemes, _ message) Verdict {
		scope := t.leaseFor(side).Memory.Scope
		if a.rounds > 0 || scope == "" {
			return Idle
		}
		uri := t.begin.Request.URI
		return Must(uri == scope || strings.HasPrefix(uri, scope+"/"))
	}),
}

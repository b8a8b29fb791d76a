package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// hostileProperties are those of acceptors whose clients do not follow any protocol,
// and of the clients that share those acceptors with them.
var hostileProperties = []Property{
	{
		Name: "ProofIsOfOneUser",
		Says: "A request is served under an identity only if it brings the last leg of a handshake all of whose legs name that user, or credentials of its own, with that user's secret for this side; without credentials only under the identity that was proven last on its connection.",
		Rows: rows("HTA-14 HTA-9 NTHT-1.5-1"),
		acceptor: on(func(c *setup, l *ledger, a admitted) Verdict {
			if a.anonymous {
				return Idle
			}
			if !l.with {
				return Must(c.identityOf(a.info) == l.identity)
			}
			if toy, _ := c.acceptorToy(l.side, nameOf(l.scheme)); toy.pedant || toy.shipped != nil && toy.shipped.digest != nil {
				return Idle
			}
			user, proven := claimIn(l.creds(&l.request), l.side)
			return Must(proven && user == c.identityOf(a.info) && !l.odd)
		}),
	},
	{
		Name: "RefusalForgets",
		Says: "What an acceptor refuses leaves nothing behind: no handshake, no identity, nothing of the request. A server is as at first, and so is a proxy that neither has an upstream connection for its client alone nor is to open one.",
		Rows: rows("HTA-20 HTA-21 NTHT-3.1.5.1-1"),
		acceptor: on(func(c *setup, l *ledger, r refused) Verdict {
			if r.Fault == (gss.Fault{}) || r.Status == 425 { // one more leg, or not looked at
				return Idle
			}
			if l.side == gss.Proxy && (r.Status != 407 || l.pin || l.vacant) {
				return Idle
			}
			return Must(r.after == c.fresh[l.side])
		}),
	},
	{
		Name: "NoHandshakeOnStreams",
		Says: "On a multiplexed connection an acceptor asks for no further leg, takes no last one of several, nothing of NTLM's, and serves no request for what another one proved.",
		Rows: rows("HTA-4 HTA-18"),
		acceptor: func(_ *setup, l *ledger, v any) Verdict {
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
	},
	{
		Name: "NoPinForSharedClients",
		Says: "For a request whose client connection is not one client's own a proxy keeps no upstream connection, uses none that it kept, and sends no credentials on that would bind one.",
		Rows: rows("R4559-6-5 R9110-3.3-1"),
		acceptor: func(_ *setup, l *ledger, v any) Verdict {
			if !l.crowd {
				return Idle
			}
			switch v := v.(type) {
			case forwarded:
				creds := v.from.header.Authorization
				return Must(!owned(v.over) && !binds(creds))
			case relayed:
				return Must(!v.own && !v.to.header.SessionBased)
			}
			return Idle
		},
	},
	{
		Name: "PinFollowsUser",
		Says: "The upstream connection that a proxy keeps for a client connection carries requests to one origin alone, of the user alone that was authenticated to the proxy when it was kept.",
		Rows: rows("RELAY-5"),
		acceptor: on(func(_ *setup, l *ledger, f forwarded) Verdict {
			if f.over != hop.Own {
				return Idle
			}
			return Must(l.client == l.keeper)
		}),
	},
	{
		Name: "HostileClientsDoNoHarm",
		Says: "Whatever a hostile client says and does on its own connections, the requests of another one are served, over a network that does nothing wrong.",
		Rows: rows("R9110-3.3-1 HTA-7"),
		client: func(c *setup, t *trail, v any) Verdict {
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
	},
}

// owned reports whether a connection upstream is a client's own.
func owned(over hop.Over) bool { return over == hop.NewOwn || over == hop.Own }

// binds reports whether credentials may be of a scheme that binds a connection: those
// that do not parse may be of any.
func binds(c header.Credentials) bool {
	return c.Present() && (legged(c) || c.Form() == header.Malformed)
}

// crowded reports whether a request's connection may carry other clients' requests as
// well. Fronts that pin are those of origins.
func (c *setup) crowded(q *request, side gss.Side) bool {
	if side == gss.Origin {
		return q.r.Multiplexed || (q.header.Via || q.shared) && !c.pinnedFront
	}
	return q.r.Multiplexed || q.header.Via || q.shared || c.sharedFront
}

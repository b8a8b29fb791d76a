package model

import (
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// boundCredentialsArePinned checks that credentials of a handshake, which RFC 4559 section 6 ties to a connection, do
// not go out on one that other clients use. What does not parse here may parse at the origin.
var boundCredentialsArePinned = Property{
	Name:  "BoundCredentialsArePinned",
	Says:  "A proxy sends credentials of a handshake on over a connection that is the client's alone, or refuses them; so those that do not parse.",
	needs: hasOriginHandshake | hasProxied,
	Rows:  rows("R4559-6-5 RELAY-4"),
	acceptor: on(func(c *setup, _ *acceptorHistory, f forwarded) Verdict {
		if !c.binds(f.from.header.Authorization) {
			return Idle
		}
		return Must(owned(f.over))
	}),
}

// saidIsWritten checks the way from an action to the fields of a message, which is package hop's: neither is a word
// of the machine lost, nor is one added.
var saidIsWritten = Property{
	Name: "SaidIsWritten",
	Says: "The fields that a machine says leave with its message, and none of them besides.",
	Rows: rows("R4559-4.1-5 R4559-5-8 N2HT-2.2.2-1 HTA-17"),
	client: on(func(_ *setup, _ *clientHistory, w wrote) Verdict {
		a := w.action.(machine.Send)
		return Must(w.request.Authorization == a.Authorization && w.request.ProxyAuthorization == a.ProxyAuthorization)
	}),
	acceptor: on(func(c *setup, _ *acceptorHistory, w wrote) Verdict {
		r := &w.response
		switch a := w.action.(type) {
		case machine.Reply:
			return Must(sameLines(field(*r, a.Side), a.Challenges) && field(*r, 1-a.Side).Empty() && w.close == a.Close)
		case machine.Finish:
			return Must(sameLines(r.WWWAuthenticate, a.Challenges) && r.AuthenticationInfo == a.Info && r.PersistentAuth == a.PersistentAuth && w.close == a.Close)
		case machine.Relay:
			return Must((c.chain || sameLines(r.ProxyAuthenticate, a.Challenges) && r.ProxyAuthenticationInfo == a.Info) && r.SessionBased == a.SessionBased && w.close == a.Close)
		}
		return Falls
	}),
}

// onlyUnsentGoesElsewhere checks the second attempt that a driver may make without asking the machine. It is harmless
// only where the peer saw nothing of the first.
var onlyUnsentGoesElsewhere = Property{
	Name:  "OnlyUnsentGoesElsewhere",
	Says:  "A request goes out once more without its machine's word only where nothing of it was written, and one that a handshake ties to its connection only where that handshake begins anew with it.",
	needs: hasMistakes | hasOrders,
	Rows:  rows("HTA-5 PROOF-1"),
	client: on(func(_ *setup, _ *clientHistory, r resent) Verdict {
		return Must(r.loss.Unsent && (!r.loss.Pinned || r.anew && r.loss.Idle))
	}),
}

// proxyCredentialsStay checks RFC 9110 section 11.7.2 at the proxy: it consumes Proxy-Authorization.
var proxyCredentialsStay = Property{
	Name:  "ProxyCredentialsStay",
	Says:  "What a client proves to a proxy does not go upstream.",
	needs: hasForwardProxy,
	Rows:  rows("R9110-11.7.2-1"),
	acceptor: on(func(_ *setup, _ *acceptorHistory, f forwarded) Verdict {
		if !f.from.header.ProxyAuthorization.Present() {
			return Idle
		}
		return Must(!f.to.header.ProxyAuthorization.Present())
	}),
}

// ownedEndTogether checks that a client does not go on as if its upstream connection, with the identity that the
// origin keeps for it, still existed (RFC 4559 section 6).
var ownedEndTogether = Property{
	Name:  "OwnedEndTogether",
	Says:  "Once the upstream connection that is a client's own has closed, the client's connection is about to close before the next request comes on it; a response with which it closes says so to the client.",
	needs: hasOriginHandshake | hasProxied,
	Rows:  rows("R4559-6-5 RELAY-10"),
	acceptor: func(_ *setup, l *acceptorHistory, v any) Verdict {
		switch v := v.(type) {
		case arrived:
			if l.up.ownGone {
				return Must(l.up.closing)
			}
		case relayed:
			if l.pin && owned(l.on) && v.from.close {
				return Must(v.to.close)
			}
		}
		return Idle
	},
}

// closingTakesNothing checks the race between a connection that is about to close and a request that comes at the
// same time: the client will see it closed, and repeat the request itself.
var closingTakesNothing = Property{
	Name:  "ClosingTakesNothing",
	Says:  "A request on a connection that is about to close is neither forwarded nor answered.",
	needs: hasOriginHandshake | hasProxied | hasClosing,
	Rows:  rows("RELAY-10"),
	acceptor: func(_ *setup, l *acceptorHistory, v any) Verdict {
		if !l.up.late {
			return Idle
		}
		switch v.(type) {
		case aborted:
			return Holds
		case admitted, forwarded, refused, relayed:
			return Falls
		}
		return Idle
	},
}

// repeatedUpstreamOnce checks RFC 9110 section 9.2.2 at a proxy. An idle connection may have closed before the
// request touched it; any other request may have been carried out.
var repeatedUpstreamOnce = Property{
	Name:  "RepeatedUpstreamOnce",
	Says:  "A request goes upstream a second time only where it is idempotent and has no content, and the connection had been idle; then over a new one, and not a third time.",
	needs: hasProxied | hasClosing | hasSeveral,
	Rows:  rows("RELAY-11"),
	acceptor: on(func(_ *setup, l *acceptorHistory, f forwarded) Verdict {
		if l.up.sent == 0 {
			return Idle
		}
		return Must(l.up.sent == 1 && l.up.lost && l.up.loss.idle && l.up.over == hop.Pooled && f.over == hop.New &&
			f.from.r.Method != "POST" && f.from.body == machine.Omit)
	}),
}

// untouchedIsNotAnswered checks how a client learns that it may send its request again: a connection that closes
// without an answer. An answer made up by the proxy would end the exchange.
var untouchedIsNotAnswered = Property{
	Name:  "UntouchedIsNotAnswered",
	Says:  "Where the client's own upstream connection was gone before the request touched it, its connection closes without an answer; every other request gets one.",
	needs: hasProxied | hasClosing,
	Rows:  rows("RELAY-12"),
	acceptor: func(_ *setup, l *acceptorHistory, v any) Verdict {
		switch u := &l.up; v.(type) {
		case aborted:
			return Must(u.late || u.untouched() || u.ownGone && u.sent == 0)
		case refused, relayed:
			if u.lost {
				return Must(!u.untouched())
			}
		}
		return Idle
	},
}

// stripTakesBoundOnly checks machine.ProxyConfig.Strip: an offer that cannot succeed through this proxy is removed,
// the others are the origin's business.
var stripTakesBoundOnly = Property{
	Name:  "StripTakesBoundOnly",
	Says:  "Where a proxy strips, the challenges of connection-bound schemes go if no connection can be kept for their handshakes, and no others.",
	needs: hasStrips,
	Rows:  rows("RELAY-13"),
	acceptor: on(func(c *setup, _ *acceptorHistory, r relayed) Verdict {
		from, to := r.from.header.WWWAuthenticate, r.to.header.WWWAuthenticate
		if !c.strip || r.from.close || c.offersOf(from)&bound == 0 {
			return Idle
		}
		if r.own || r.from.status != 401 {
			return Must(to == from)
		}
		var rest []header.Challenge
		for ch := range from.All() {
			if !c.legs(c.setOf(ch.Scheme())) {
				rest = append(rest, ch)
			}
		}
		return Must(to == header.ListOf(rest...))
	}),
}

// pooledIsOpen checks the pool of upstream connections itself, by the states of the world: no event shows that a
// connection went back to the pool.
var pooledIsOpen = Property{
	Name:  "PooledIsOpen",
	Says:  "A connection that ended with its response does not go back to the pool.",
	needs: hasProxied,
	Rows:  rows("RELAY-14"),
	state: func(w *World, s []uint32) Verdict {
		v := Idle
		for k := range w.slots {
			if w.setup.proxied && s[w.lease(k)] != 0 && ownerOf(s[w.lease(k)]) < 0 && userOf(s[w.lease(k)]) < 0 {
				v = worst(v, Must(w.packets.values[s[w.wire(k)]].kind != closed))
			}
		}
		return v
	},
}

// noPinForSharedClients checks RFC 4559 section 6 and RFC 9110 section 3.3 for a proxy with a client that is a front of
// several: an upstream connection that it kept would serve them all.
var noPinForSharedClients = Property{
	Name:  "NoPinForSharedClients",
	Says:  "For a request whose client connection is not one client's own a proxy keeps no upstream connection, uses none that it kept, and sends no credentials on that would bind one.",
	needs: hasProxied | hasCrowds,
	Rows:  rows("R4559-6-5 R9110-3.3-1"),
	acceptor: func(c *setup, l *acceptorHistory, v any) Verdict {
		if !l.crowd {
			return Idle
		}
		switch v := v.(type) {
		case forwarded:
			creds := v.from.header.Authorization
			return Must(!owned(v.over) && !c.binds(creds))
		case relayed:
			return Must(!v.own && !v.to.header.SessionBased)
		}
		return Idle
	},
}

// pinFollowsUser checks that an upstream connection follows the user, not the client's connection: another user of
// that connection must not find it authenticated.
var pinFollowsUser = Property{
	Name:  "PinFollowsUser",
	Says:  "The upstream connection that a proxy keeps for a client connection carries requests to one origin alone, of the user alone that was authenticated to the proxy when it was kept.",
	needs: hasProxied,
	Rows:  rows("RELAY-5"),
	acceptor: on(func(_ *setup, l *acceptorHistory, f forwarded) Verdict {
		if f.over != hop.Own {
			return Idle
		}
		return Must(l.client == l.keeper)
	}),
}

package model

import (
	"slices"

	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// upstream is the part of a ledger that is about a proxy's connections upstream, and what
// they mean to the one that its client has.
type upstream struct {
	ownGone bool // the upstream connection that was the client's own has closed
	closing bool // the client's connection is to close
	late    bool // the request under way came after that

	sent uint8        // how often the request under way was sent
	over hop.Over     // on which connection, the last time
	lost bool         // which closed
	loss lostUpstream // in this way
}

// see takes note of what happened.
func (u *upstream) see(v any) {
	switch v := v.(type) {
	case arrived:
		u.late = u.closing
	case forwarded:
		u.sent, u.over, u.lost, u.loss = u.sent+1, v.over, false, lostUpstream{}
		u.ownGone = u.ownGone && v.over != hop.NewOwn
	case lostUpstream:
		u.lost, u.loss = true, v
		u.ownGone = u.ownGone || owned(u.over)
	case lostOwn:
		u.ownGone = true
	case machine.Retire:
		u.ownGone = u.ownGone && v.End != machine.Upstream
	case closing:
		u.closing = true
	case refused, relayed, aborted:
		*u = upstream{ownGone: u.ownGone, closing: u.closing}
	}
}

// untouched reports whether the client's own connection was gone before the request that
// was to go out on it touched it.
func (u *upstream) untouched() bool { return u.over == hop.Own && u.lost && u.loss.unsent }

var hopProperties = []Property{
	{
		Name: "SaidIsWritten",
		Says: "The fields that a machine says leave with its message, and none of them besides.",
		Rows: rows("R4559-4.1-5 R4559-5-8 N2HT-2.2.2-1 HTA-17"),
		client: on(func(_ *setup, _ *trail, w wrote) Verdict {
			a := w.action.(machine.Send)
			return Must(w.request.Authorization == a.Authorization && w.request.ProxyAuthorization == a.ProxyAuthorization)
		}),
		acceptor: on(func(c *setup, _ *ledger, w wrote) Verdict {
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
	},
	{
		Name: "OnlyUnsentGoesElsewhere",
		Says: "A request goes out once more without its machine's word only where nothing of it was written, and one that a handshake ties to its connection only where that handshake begins anew with it.",
		Rows: rows("HTA-5 PROOF-1"),
		client: on(func(_ *setup, _ *trail, r resent) Verdict {
			return Must(r.loss.Unsent && (!r.loss.Pinned || r.anew && r.loss.Idle))
		}),
	},
	{
		Name: "ProxyCredentialsStay",
		Says: "What a client proves to a proxy does not go upstream.",
		Rows: rows("R9110-11.7.2-1"),
		acceptor: on(func(_ *setup, _ *ledger, f forwarded) Verdict {
			if !f.from.header.ProxyAuthorization.Present() {
				return Idle
			}
			return Must(!f.to.header.ProxyAuthorization.Present())
		}),
	},
	{
		Name: "OwnedEndTogether",
		Says: "Once the upstream connection that is a client's own has closed, the client's connection is about to close before the next request comes on it; a response with which it closes says so to the client.",
		Rows: rows("R4559-6-5 RELAY-10"),
		acceptor: func(_ *setup, l *ledger, v any) Verdict {
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
	},
	{
		Name: "ClosingTakesNothing",
		Says: "A request on a connection that is about to close is neither forwarded nor answered.",
		Rows: rows("RELAY-10"),
		acceptor: func(_ *setup, l *ledger, v any) Verdict {
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
	},
	{
		Name: "RepeatedUpstreamOnce",
		Says: "A request goes upstream a second time only where it is idempotent and has no content, and the connection had been idle; then over a new one, and not a third time.",
		Rows: rows("RELAY-11"),
		acceptor: on(func(_ *setup, l *ledger, f forwarded) Verdict {
			if l.up.sent == 0 {
				return Idle
			}
			return Must(l.up.sent == 1 && l.up.lost && l.up.loss.idle && l.up.over == hop.Pooled && f.over == hop.New &&
				f.from.r.Method != "POST" && f.from.body == machine.Omit)
		}),
	},
	{
		Name: "UntouchedIsNotAnswered",
		Says: "Where the client's own upstream connection was gone before the request touched it, its connection closes without an answer; every other request gets one.",
		Rows: rows("RELAY-12"),
		acceptor: func(_ *setup, l *ledger, v any) Verdict {
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
	},
	{
		Name: "StripTakesBoundOnly",
		Says: "Where a proxy strips, the challenges of connection-bound schemes go if no connection can be kept for their handshakes, and no others.",
		Rows: rows("RELAY-13"),
		acceptor: on(func(c *setup, _ *ledger, r relayed) Verdict {
			from, to := r.from.header.WWWAuthenticate, r.to.header.WWWAuthenticate
			if !c.strip || r.from.close || offersOf(from)&bound == 0 {
				return Idle
			}
			if r.own || r.from.status != 401 {
				return Must(to == from)
			}
			var rest []header.Challenge
			for ch := range from.All() {
				if !bound.has(setOf(ch.Scheme())) {
					rest = append(rest, ch)
				}
			}
			return Must(to == header.ListOf(rest...))
		}),
	},
	{
		Name: "PooledIsOpen",
		Says: "A connection that ended with its response does not go back to the pool.",
		Rows: rows("RELAY-14"),
		state: func(w *System, s []uint32) Verdict {
			v := Idle
			for k := range w.slots {
				if w.setup.proxied && s[w.lease(k)] != 0 && ownerOf(s[w.lease(k)]) < 0 && userOf(s[w.lease(k)]) < 0 {
					v = worst(v, Must(w.packets.values[s[w.wire(k)]].kind != closed))
				}
			}
			return v
		},
	},
}

// sameLines reports whether two lists are the same challenges, whether they were made one
// by one or read from a field.
func sameLines(a, b header.Challenges) bool { return slices.Equal(texts(a), texts(b)) }

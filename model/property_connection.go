package model

import (
	"github.com/countersign-auth/countersign/machine"
)

// brokenHandshakeEndsConnection checks that a connection is not used again after a handshake that neither side
// completed: the server may hold a context, or an identity, that the client does not know of.
var brokenHandshakeEndsConnection = Property{
	Name:  "BrokenHandshakeEndsConnection",
	Says:  "A connection on which an exchange ended in the middle of a handshake, or without the proof that the peer owed, carries no further request.",
	needs: hasHandshakes | hasOrders,
	Rows:  rows("CONN-8"),
	client: func(_ *setup, t *clientHistory, v any) Verdict {
		if !t.left {
			return Idle
		}
		switch v.(type) {
		case machine.Retire, connected:
			return Holds
		case machine.Begin, machine.Send:
			return Falls
		}
		return Idle
	},
}

// noIdentityAfterItsEnd checks that an identity ends when it says, in worlds with a clock that moves.
var noIdentityAfterItsEnd = Property{
	Name:  "NoIdentityAfterItsEnd",
	Says:  "No request is admitted under an identity that has ended: neither one that the connection carries, nor one that the request's own credentials proved.",
	needs: hasEnds,
	Rows:  rows("CONN-7"),
	acceptor: on(func(_ *setup, l *acceptorHistory, a admitted) Verdict {
		end := a.info.Expires
		if !l.with {
			end = l.until
		}
		if a.anonymous || end == 0 {
			return Idle
		}
		return Must(a.at < end)
	}),
}

package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

var handshakeProperties = []Property{
	{
		Name: "BrokenHandshakeEndsConnection",
		Says: "A connection on which an exchange ended in the middle of a handshake, or without the proof that the peer owed, carries no further request.",
		Rows: rows("CONN-8"),
		client: func(_ *setup, t *trail, v any) Verdict {
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
	},
	{
		Name: "NothingAfterTheEnd",
		Says: "A response with one more token for a context that was complete is not delivered.",
		Rows: rows("NTHT-3.1.5.1-3"),
		client: on(func(c *setup, t *trail, _ machine.Deliver) Verdict {
			v := Idle
			for _, side := range sides {
				a := &t.side[side]
				toy, can := c.toyFor(side, nameOf(a.scheme))
				if !a.with || !bound.has(a.scheme) || !a.token.proof || !can || toy.mech.Final || toy.inside {
					continue
				}
				_, more := rawToken(field(t.answer.Header, side), a.scheme)
				v = worst(v, Must(!more))
			}
			return v
		}),
	},
	{
		Name: "EachRequestProvesItself",
		Says: "After a side took credentials that prove one request each, the exchange's next request over the same connection has its own for that side.",
		Rows: rows("R9110-11.5-1"),
		client: eachSide(func(_ *setup, t *trail, a *attempt, side gss.Side, creds header.Credentials) Verdict {
			if !a.passed {
				return Idle
			}
			return Must(creds.Present())
		}),
	},
}

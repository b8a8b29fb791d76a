package model

import (
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

var memoryProperties = []Property{
	{
		Name: "LeasesCountUp",
		Says: "No two requests are given the same count of the nonce that was given last, in whatever order requests that go out side by side come to their end.",
		Rows: rows("REPLAY-7"),
		client: on(func(c *setup, t *trail, b machine.Begin) Verdict {
			if l := &b.Lease.Memory; c.streams && l.Offer.Form() != header.Malformed {
				return Must(t.leased.with(l) != t.leased)
			}
			return Idle
		}),
	},
	{
		Name: "LeaseStaysInScope",
		Says: "What was learned for one part of an origin is used below that path and nowhere else.",
		Rows: rows("R9110-11.5-1"),
		client: withCredentials(func(_ *setup, t *trail, a *attempt, side gss.Side, s schemes, _ message) Verdict {
			scope := t.leaseFor(side).Memory.Scope
			if a.rounds > 0 || scope == "" {
				return Idle
			}
			uri := t.begin.Request.URI
			return Must(uri == scope || strings.HasPrefix(uri, scope+"/"))
		}),
	},
	{
		Name: "LearnsOnlyWhatWorked",
		Says: "An exchange teaches that a scheme works with a peer only where its credentials passed that peer, to the end of their handshake; that of a proxy that need not prove itself ends without a proof.",
		Rows: rows("R4559-4.2-6"),
		client: func(_ *setup, t *trail, v any) Verdict {
			var learned [2]machine.Facts
			switch v := v.(type) {
			case machine.Deliver:
				learned = [...]machine.Facts{gss.Origin: v.Learn, gss.Proxy: v.LearnProxy}
			case machine.Fail:
				learned = [...]machine.Facts{gss.Origin: v.Learn, gss.Proxy: v.LearnProxy}
			}
			verdict := Idle
			for _, side := range sides {
				a := &t.side[side]
				if s := setOf(learned[side].Scheme); s != 0 {
					verdict = worst(verdict, Must(a.worked.has(s)))
				}
			}
			return verdict
		},
	},
}

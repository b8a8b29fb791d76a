package model

import (
	rfc7616 "github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// askFirstSeenBeforeAccept checks RFC 4120 section 3.2.3 and RFC 7616 section 3.4: authenticators and nonce counts
// are taken once. The schemes that remember are Kerberos and Digest; a pedant is a Digest in name only.
var askFirstSeenBeforeAccept = Property{
	Name:  "AskFirstSeenBeforeAccept",
	Says:  "Where a scheme remembers what it has seen, credentials are accepted only after that memory said that they are new.",
	needs: hasReplays,
	Rows:  rows("R4120-3.2.3-2 R7616-3.4-3"),
	acceptor: on(func(c *setup, l *acceptorHistory, a admitted) Verdict {
		if own, _ := c.acceptorToy(l.side, c.nameOf(l.scheme)); own.own != nil {
			if a.anonymous || !l.with || !own.own.once {
				return Idle
			}
			return Must(l.fresh)
		}
		toy, ok := c.acceptorToy(l.side, scheme.Digest)
		if a.anonymous || !l.with || l.scheme != digest && !c.isKerberos(l.side, l.scheme) || l.scheme == digest && ok && toy.pedant {
			return Idle
		}
		return Must(l.fresh)
	}),
}

// replayQuestionNamesOwner checks that an entry of the replay memory is charged to the client that proved itself. A
// client could otherwise fill the memory at the expense of others, and so keep them out.
var replayQuestionNamesOwner = Property{
	Name:  "ReplayQuestionNamesOwner",
	Says:  "The question whether something is new names the client that the entry is charged to, which is the one that is accepted.",
	needs: hasReplays,
	Rows:  rows("REPLAY-1"),
	acceptor: func(c *setup, l *acceptorHistory, v any) Verdict {
		switch v := v.(type) {
		case machine.Ask:
			if need, ok := v.Question.(gss.NeedReplayCheck); ok {
				return Must(l.verified && need.Owner == l.owner(c, need))
			}
		}
		return Idle
	},
}

// unavailableAcceptsNothing checks the difference between a failure for all clients, a 503, and one for one user,
// which must look like that of an unknown user. What the history sees of it is the probe: machine.ProbeUser, a user
// of no store, gets an answer from a store that works.
var unavailableAcceptsNothing = Property{
	Name: "UnavailableAcceptsNothing",
	Says: "Where a question has no answer for any client, and for that of a user store that is one about a user that does not exist, the request is refused with 503 and no other one is: without a challenge, with the time after which to try again.",
	Rows: rows("REPLAY-3 REPLAY-4"),
	acceptor: func(c *setup, l *acceptorHistory, v any) Verdict {
		switch v := v.(type) {
		case admitted:
			return Must(!l.outage && !l.probed)
		case refused:
			if l.outage || v.Status == 503 {
				why := v.Fault.Code == gss.Unavailable && l.outage || v.Fault.Code == gss.NoEntropy && c.dry(l.side)
				return Must(why && v.Status == 503 && v.Challenges.Empty() && v.RetryAfter > 0)
			}
		}
		return Idle
	},
}

// leasesCountUp checks that requests which go out side by side do not get the same nonce count from a machine.Space,
// in worlds with streams of one connection for clients.
var leasesCountUp = Property{
	Name:  "LeasesCountUp",
	Says:  "No two requests are given the same count of the nonce that was given last, in whatever order requests that go out side by side come to their end.",
	needs: hasSharedMemory,
	Rows:  rows("REPLAY-7"),
	client: on(func(c *setup, t *clientHistory, b machine.Begin) Verdict {
		if l := &b.Lease.Memory; c.streams && l.Offer.Form() != header.Malformed {
			return Must(t.leased.with(l) != t.leased)
		}
		return Idle
	}),
}

// replayQuestionIsOfARightProof checks that only a verified proof reaches the replay memory (RFC 4120 section 3.2.3,
// RFC 7616 section 3.4), and that its entry lasts as long as a copy of the proof would be accepted.
var replayQuestionIsOfARightProof = Property{
	Name: "ReplayQuestionIsOfARightProof", Shipped: true,
	Says:  "Whether something is new is asked only about a proof that is right: for Digest about its nonce and its count, for Kerberos about the authenticator, for as long as a copy could be taken.",
	needs: hasProofs | hasReplays,
	Rows:  rows("REPLAY-1 R4120-3.2.3-2 R7616-3.4-3"),
	acceptor: on(func(c *setup, l *acceptorHistory, a machine.Ask) Verdict {
		q, ok := a.Question.(gss.NeedReplayCheck)
		if !ok {
			return Idle
		}
		if d := c.digestPeers(l.side); d != nil && l.scheme == digest {
			p, _ := claimOf(l.creds(&l.request))
			return Must(l.rightClaim(d, p) && d.offers(l.side, "nonce", p.nonce) && q.Key == p.nonce && rfc7616.FormatNC(q.Sequence) == p.nc &&
				q.Until >= q.Made+int64(nonceLifetime))
		}
		if c.reads(l.side, l.scheme) {
			_, right := c.claimIn(l.creds(&l.request), l.side, l.request.r)
			return Must(right)
		}
		if c.isKerberos(l.side, l.scheme) {
			r, ok := l.apReq()
			const skew = 300e9
			return Must(ok && r.right(l.side) && q.Sequence == 0 && len(q.Key) >= 32 && q.Until >= r.auth.Time.Nano()+skew)
		}
		return Idle
	}),
}

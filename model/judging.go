package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// on makes a judgement of one type of observation out of a function for it. The
// history is what was before it.
func on[H, T any](f func(c *setup, h *H, v T) Verdict) func(*setup, *H, any) Verdict {
	return func(c *setup, h *H, v any) Verdict {
		if v, ok := v.(T); ok {
			return f(c, h, v)
		}
		return Idle
	}
}

// worst returns the verdict of several: one that falls counts most, and one that holds more than
// none.
func worst(vs ...Verdict) Verdict { return slices.Max(vs) }

// sometimes returns Holds for a witness, and Idle for anything else.
func sometimes(ok bool) Verdict {
	if ok {
		return Holds
	}
	return Idle
}

// eachSide judges a Send for both sides.
func eachSide(f func(c *setup, t *clientHistory, a *attempt, side gss.Side, creds header.Credentials) Verdict) func(*setup, *clientHistory, any) Verdict {
	return on(func(c *setup, t *clientHistory, s machine.Send) Verdict {
		v := Idle
		for _, side := range sides {
			v = worst(v, f(c, t, &t.side[side], side, credentials(s, side)))
		}
		return v
	})
}

// withCredentials judges a Send for each side that has credentials in it, and hands in their scheme
// and their token.
func withCredentials(f func(c *setup, t *clientHistory, a *attempt, side gss.Side, s schemes, m message) Verdict) func(*setup, *clientHistory, any) Verdict {
	return eachSide(func(c *setup, t *clientHistory, a *attempt, side gss.Side, creds header.Credentials) Verdict {
		if !creds.Present() {
			return Idle
		}
		return f(c, t, a, side, c.setOf(creds.Scheme()), c.readCredentials(creds, side, t.begin.Request))
	})
}

// believed judges whenever a client acts on a side as authenticated without
// credentials in this exchange: it keeps silent where it could open, or delivers
// as authenticated.
func believed(f func(c *setup, t *clientHistory, side gss.Side) Verdict) func(*setup, *clientHistory, any) Verdict {
	return func(c *setup, t *clientHistory, v any) Verdict {
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

// onChallenges judges the challenges that an acceptor sends, with its own response or with the
// handler's.
func onChallenges(f func(c *setup, l *acceptorHistory, offers header.Challenges) Verdict) func(*setup, *acceptorHistory, any) Verdict {
	return func(c *setup, l *acceptorHistory, v any) Verdict {
		switch v := v.(type) {
		case refused:
			return f(c, l, v.Challenges)
		case finished:
			return f(c, l, v.Challenges)
		}
		return Idle
	}
}

// digestSent judges credentials of the shipped Digest, with the challenges that they may
// answer: the newest ones, or the one that was remembered.
func digestSent(f func(c *setup, t *clientHistory, side gss.Side, p claim, creds header.Credentials, offers header.Challenges) Verdict) func(*setup, *clientHistory, any) Verdict {
	return eachSide(func(c *setup, t *clientHistory, a *attempt, side gss.Side, creds header.Credentials) Verdict {
		p, ok := claimOf(creds)
		if !ok {
			return Idle
		}
		offers := a.digests
		// An exchange that goes on over another connection may begin anew.
		if lease := t.leaseFor(side).Memory.Offer; a.rounds == 0 || !t.spoke && p.answers(lease, creds) {
			offers = header.ListOf(lease)
		}
		if a.next != "" { // one side of an exchange may go on while the other begins
			offers = offers.Append(renewed(offers, a.next))
		}
		return f(c, t, side, p, creds, offers)
	})
}

// renewed returns challenges with another nonce.
func renewed(offers header.Challenges, nonce string) header.Challenges {
	var cs []header.Challenge
	for c := range offers.Of(scheme.Digest) {
		var b []byte
		for p := range c.Params() {
			if p.Name == "nonce" {
				p.Value = nonce
			}
			b = appendParam(b, p)
		}
		cs = append(cs, header.ParamChallenge(scheme.Digest, string(b)))
	}
	return header.ListOf(cs...)
}

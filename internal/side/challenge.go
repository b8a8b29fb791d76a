package side

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/scheme"
)

// A challenge, and what answers it: the next leg, the same scheme once more, another
// scheme, or nothing.

// receive notes a challenge. Only what it does to the exchange as a whole is decided here, so
// that the client can see to that before anything is given up for an answer.
func (s *Side) receive(a *About, offers header.Challenges) Verdict {
	s.persistent, s.challenged = false, true // N2HT-3.2.5-12 and HTA-10; the other side is left alone
	s.offers, s.count, s.tokenConsumed = offers, 0, false
	s.creds = header.Credentials{}
	// Counted before it is known what answers it: a peer that offers something else each time
	// is bounded as well as one that always wants one more leg.
	if s.Rounds >= a.MaxLegs { // HTA-6
		return fail(gss.LimitExceeded, "the peer goes on challenging: MaxLegs challenges were answered")
	}
	s.Rounds++
	// What is offered in the middle of a handshake is offered, too (HTA-13).
	s.Seen = s.best(a, offers).Seen
	return Verdict{}
}

// takeUp decides what answers the newest challenge.
func (s *Side) takeUp(env gss.Env, a *About) Verdict {
	if s.stage == Concluded || s.stage == Proven { // it passed this side before, and now begins anew (N2HT-2.2.2-2)
		s.drop()
	}
	if s.stage == Unused {
		return s.choose(a)
	}
	t := s.scheme.Traits()
	word := wordFor(s.offers, t.Name)
	if word == token && t.Opening == scheme.OpeningToken && tokenOf(s.offers, t.Name) == s.opening {
		word = bare // the first challenge once more is no continuation
	}
	leg := legged(t) && word == token
	if leg && a.Closes {
		// A handshake ends with its connection, and its continuation with it. One that
		// refuses the credentials is none, so that it counts as a try.
		if !s.refused(env) {
			return Verdict{Do: Reopen}
		}
		leg, word, s.tokenConsumed = false, bare, true
	}
	switch {
	case leg && !a.Affine: // R4559-6-7
		s.abandoned = true
		return s.rejected(a, gss.Fault{Code: gss.NotPermitted, Detail: "the proxy stopped saying Proxy-Support in the middle of a handshake, so the connection behind it may be shared"})
	case word != nothing && !legged(t) || word == token && s.state != gss.Complete: // R4559-4.2-5, R4559-5-5
		s.todo, s.tokenConsumed = scheme.Challenged, legged(t)
		return Verdict{}
	case word == token: // NTHT-3.1.5.1-3
		return fail(gss.Unexpected, "one more token was asked for after the context was complete")
	}
	return s.rejected(a, gss.Fault{Code: gss.Refused, Detail: t.Name + ": the peer refused the credentials"})
}

// refused reports whether the newest challenge's token refuses the context's credentials.
func (s *Side) refused(env gss.Env) bool {
	_, out, err := s.ctx.Step(env, scheme.InitiatorInput{Event: scheme.Challenged, Offer: s.offers})
	return err == nil && out.State == gss.Failed && out.Fault.Code == gss.Refused
}

// rejected deals with the failure of a scheme before a request: the same one again with
// other credentials, another scheme, or the end.
func (s *Side) rejected(a *About, f gss.Fault) Verdict {
	if s.Rounds > 0 && f.Code.Class() == gss.PeerMisbehaved {
		return Verdict{Do: Fail, Fault: f}
	}
	name := s.scheme.Traits().Name
	if f.Code == gss.Refused && s.asked && s.Tries+1 < a.MaxAttempts && wordFor(s.offers, name) != nothing {
		s.Fault = f
		if s.best(a, s.offers).Index != int(s.index) {
			// A lease, or fewer offers, had it taken up: by what is offered now it would
			// not be (N2HT-2.2.3-5, R4559-6-7, R7616-5.6-1).
			s.note(name, f)
			s.drop()
			return s.choose(a)
		}
		// The same scheme again, with a fresh context: the driver is asked anew, and told that the
		// last credentials were refused, so that it does not give the same ones for ever.
		event := scheme.Challenged
		if s.tokenConsumed { // the token in the offer was the old context's end, not an offer
			event = scheme.Start
		}
		s.Tries++
		s.Reprompt = true
		s.start(a, int(s.index), event)
		return Verdict{}
	}
	// The peer sent a token and waits for the next one. What takes the scheme's place must not
	// be sent where it would be taken for that.
	s.abandoned = s.abandoned || s.tokenConsumed
	s.giveUp(name, int(s.index), f)
	s.drop()
	if s.Rounds == 0 { // pre-emptive, before any challenge: the request goes bare
		return Verdict{}
	}
	return s.choose(a)
}

// choose takes up the best of the schemes on offer.
func (s *Side) choose(a *About) Verdict {
	ch := s.best(a, s.offers)
	s.Seen = ch.Seen
	switch {
	case ch.Index < 0 && s.Fault.IsZero():
		return Verdict{Do: Fail, Fault: ch.Fault}
	case ch.Index < 0: // what failed says more than that nothing is left
		return Verdict{Do: Fail, Fault: s.Fault}
	case ch.HTTP11: // HTA-4
		return Verdict{Do: ReopenHTTP11}
	}
	switch t := a.Schemes[ch.Index].Traits(); {
	case t.Opening == scheme.OpeningBare && wordFor(s.offers, t.Name) == token && !a.Policy.AcceptHint: // C3
		return fail(gss.Unexpected, t.Name+": the first challenge carries a token (Policy.AcceptHint takes it)")
	case t.OfferedOnly && a.Closes && !a.Retried:
		return Verdict{Do: RetryBare}
	case t.OfferedOnly && a.Closes:
		s.giveUp(t.Name, ch.Index, gss.Fault{Code: gss.Unexpected, Detail: "the server closes the connection on which it offers it"})
		return s.choose(a)
	}
	s.start(a, ch.Index, scheme.Challenged)
	return Verdict{}
}

// best returns the policy's choice among offers, by what this exchange has tried and seen.
func (s *Side) best(a *About, offers header.Challenges) choice.Result {
	k := a.Conditions
	k.Tried, k.Declined, k.Seen = s.Tried, s.Declined, s.Seen
	return choice.Choose(a.Policy, a.Schemes, offers, k)
}

// giveUp marks a scheme as tried, and as declined where there never were any credentials
// for it.
func (s *Side) giveUp(name string, i int, f gss.Fault) {
	s.note(name, f)
	s.Tried = s.Tried.With(i)
	if f.Code == gss.NoCredentials && !s.Reprompt { // HTA-13
		s.Declined = s.Declined.With(i)
	}
	if s.Fault.IsZero() || f.Code != gss.NoCredentials {
		s.Fault = f
	}
}

// note keeps why a scheme was given up, for the end of the exchange.
func (s *Side) note(name string, f gss.Fault) {
	if s.Reasons != "" {
		s.Reasons += "; "
	}
	s.Reasons += name + ": " + f.String()
}

// word is what a challenge says to a scheme with legs.
type word uint8

const (
	nothing word = iota
	bare
	token
)

// wordFor looks for the scheme among the challenges (C6). A malformed one counts as a
// token: the initiator refuses it.
func wordFor(offers header.Challenges, name string) word {
	w := nothing
	for c := range offers.Of(name) {
		if c.Form() == header.Bare {
			w = max(w, bare)
		} else {
			w = token
		}
	}
	return w
}

// tokenOf returns the token of the scheme's first challenge that has one.
func tokenOf(offers header.Challenges, name string) string {
	for c := range offers.Of(name) {
		if t, ok := c.Token(); ok {
			return t
		}
	}
	return ""
}

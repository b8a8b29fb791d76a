package side

import (
	"cmp"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/scheme"
)

// A challenge, and what answers it: the next leg, the same scheme once more, another scheme, or nothing.

// receive notes a challenge. Only what it does to the exchange as a whole is decided here, so that the client can see to that
// before anything is given up for an answer.
func (s *Side) receive(a *About, offers header.Challenges) Verdict {
	s.Persistent, s.Challenged = false, true // N2HT-3.2.5-12 and HTA-10; the other side is left alone
	s.offers, s.count, s.tokenConsumed = offers, 0, false
	s.Credentials = header.Credentials{}
	// Counted before it is known what answers it: a peer that offers something else each time is bounded as well as one that
	// always wants one more leg.
	if s.Rounds >= a.MaxLegs { // HTA-6
		return fail(gss.Fault{Code: gss.LimitExceeded, Detail: "the peer goes on challenging: MaxLegs challenges were answered"})
	}
	s.Rounds++
	s.Seen = s.best(a, offers).Seen // what is offered in the middle of a handshake is offered, too (HTA-13)
	return Verdict{}
}

// takeUp decides what answers the newest challenge.
func (s *Side) takeUp(env gss.Env, a *About) Verdict {
	if s.Stage != Halfway { // nothing runs, or it passed this side before, and now begins anew (N2HT-2.2.2-2)
		s.drop()
		return s.choose(a)
	}
	t := s.scheme.Traits()
	offered, more, token := offer(s.offers, t.Name)
	// The first challenge once more is no continuation.
	leg := legged(t) && more && !(t.Opening == scheme.OpeningToken && token == s.opening)
	// A handshake ends with its connection, and its continuation with it. One that refuses the credentials is none, so that it
	// counts as a try.
	refused := leg && a.Closes && s.refused(env)
	recalled := s.from != challenged && !leg
	if s.from = challenged; recalled { // R9110-11.5-2: the memory is not used again
		s.Forgotten = s.Forgotten.With(int(s.index))
	}
	switch {
	case recalled && s.unasked(env, offered):
		s.drop()
		return s.choose(a)
	case refused, !leg && (legged(t) || !offered):
		s.tokenConsumed = refused
		return s.rejected(a, gss.Fault{Code: gss.Refused, Detail: t.Name + ": the peer refused the credentials"})
	case leg && a.Closes:
		return Verdict{Do: Reopen}
	case leg && !a.Affine: // R4559-6-7
		s.Abandoned = true
		return s.rejected(a, gss.Fault{Code: gss.NotPermitted, Detail: "the proxy stopped saying Proxy-Support in the middle of a handshake, so the connection behind it may be shared"})
	case leg && s.state == gss.Complete: // NTHT-3.1.5.1-3
		return fail(gss.Fault{Code: gss.Unexpected, Detail: "one more token was asked for after the context was complete"})
	}
	s.Todo, s.tokenConsumed = scheme.Challenged, leg // R4559-4.2-5, R4559-5-5
	return Verdict{}
}

// unasked reports whether the newest challenge refuses credentials from memory because they are for another realm, or for a nonce
// that does not count any more. It then is the first challenge of this exchange, and says nothing of the user's password. Where it
// asks for what was just sent, word for word, it refuses that.
func (s *Side) unasked(env gss.Env, offered bool) bool {
	name := s.scheme.Traits().Name
	if s.remembered.Empty() { // there was no realm or nonce
		return false
	}
	for c := range s.offers.Of(name) {
		for r := range s.remembered.Of(name) {
			if c == r {
				return false
			}
		}
	}
	return !offered || s.refused(env)
}

// refused reports whether the newest challenge's token refuses the context's credentials.
func (s *Side) refused(env gss.Env) bool {
	_, out, err := s.Initiator.Step(env, scheme.InitiatorInput{Event: scheme.Challenged, Offer: s.offers})
	return err == nil && out.State == gss.Failed && out.Fault.Code == gss.Refused
}

// rejected deals with the failure of a scheme before a request: the same one again with other credentials, another scheme, or the
// end.
func (s *Side) rejected(a *About, f gss.Fault) Verdict {
	if s.from == leased { // R9110-11.5-3: it could not even begin, which is as if it had not been tried
		s.Forgotten = s.Forgotten.With(int(s.index))
		s.drop()
		return Verdict{}
	}
	if f.Code.Class() == gss.PeerMisbehaved {
		return fail(f)
	}
	i, name := int(s.index), s.scheme.Traits().Name
	offered, _, _ := offer(s.offers, name)
	switch {
	case !(f.Code == gss.Refused && s.asked && s.Tries+1 < a.MaxAttempts && offered):
		// The peer sent a token and waits for the next one. What takes the scheme's place must not be sent where it would be
		// taken for that.
		s.Abandoned = s.Abandoned || s.tokenConsumed
		s.giveUp(name, i, f)
	case s.best(a, s.offers).Index == i:
		// The same scheme again, with a fresh context: the driver is asked anew, and told that the last credentials were refused,
		// so that it does not give the same ones for ever.
		event := scheme.Challenged
		if s.tokenConsumed { // the token in the offer was the old context's end, not an offer
			event = scheme.Start
		}
		s.Tries++
		s.Fault, s.Refused = f, s.Refused.with(s.realm)
		s.note(name, f)
		s.start(a, i, event)
		return Verdict{}
	default:
		// A lease, or fewer offers, had it taken up: by what is offered now it would not be (N2HT-2.2.3-5, R4559-6-7,
		// R7616-5.6-1).
		s.Fault = f
		s.note(name, f)
	}
	s.drop()
	return s.choose(a)
}

// choose takes up the best of the schemes on offer.
func (s *Side) choose(a *About) Verdict {
	ch := s.best(a, s.offers)
	s.Seen = ch.Seen
	if ch.Index < 0 {
		s.say(ch.Passed)
		return fail(cmp.Or(s.Fault, ch.Fault)) // what failed says more than that nothing is left
	}
	t := a.Schemes[ch.Index].Traits()
	_, more, _ := offer(s.offers, t.Name)
	switch {
	case ch.HTTP11: // HTA-4
		return Verdict{Do: ReopenHTTP11}
	case t.Opening == scheme.OpeningBare && more && !a.Policy.AcceptHint: // C3
		return fail(gss.Fault{Code: gss.Unexpected, Detail: t.Name + ": the first challenge carries a token (Policy.AcceptHint takes it)"})
	case t.OfferedOnly && a.Closes && s.Retried:
		s.giveUp(t.Name, ch.Index, gss.Fault{Code: gss.Unexpected, Detail: "the server closes the connection on which it offers it"})
		return s.choose(a)
	case t.OfferedOnly && a.Closes: // the offer counts on its connection only
		s.Retried = true
		return Verdict{Do: Reopen}
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

// giveUp marks a scheme as tried, and as declined where there never were any credentials for it.
func (s *Side) giveUp(name string, i int, f gss.Fault) {
	if !(f.Code == gss.NoCredentials && s.Tries > 0) { // that there are no others does not say why
		s.note(name, f)
	}
	s.Tried = s.Tried.With(i)
	if f.Code == gss.NoCredentials && s.Tries == 0 { // HTA-13
		s.Declined = s.Declined.With(i)
	}
	if s.Fault.IsZero() || f.Code != gss.NoCredentials {
		s.Fault = f
	}
}

// note keeps why a scheme was given up, for the end of the exchange.
func (s *Side) note(name string, f gss.Fault) {
	s.say(name + ": " + f.String())
}

// say adds to the reasons what is not among them.
func (s *Side) say(reason string) {
	if !strings.Contains(s.Reasons, reason) {
		s.Reasons = strings.TrimPrefix(s.Reasons+"; "+reason, "; ")
	}
}

// offer looks for a scheme among the challenges (C6): whether it is there, whether with more than its name, and its first token.
// A malformed challenge has more than a name, and is left for the initiator to refuse.
func offer(offers header.Challenges, name string) (offered, more bool, token string) {
	for c := range offers.Of(name) {
		offered, more = true, more || c.Form() != header.Bare
		if t, ok := c.Token(); ok && token == "" {
			token = t
		}
	}
	return offered, more, token
}

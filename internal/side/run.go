package side

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// The run of a scheme, from its start to the response that passes this side.

// start begins a run of scheme i. Event is what its context gets before the next request.
func (s *Side) start(a *About, i int, event scheme.Event) {
	client := a.Schemes[i]
	s.run = run{stage: Starting, index: uint8(i), scheme: client, todo: event, state: gss.Continue}
	s.tokenConsumed = false
	if t := client.Traits(); event == scheme.Challenged && t.Opening == scheme.OpeningToken {
		s.opening = tokenOf(s.offers, t.Name)
	}
}

// drop ends the run of a scheme without success. What else is left of the run has no meaning
// until start replaces it.
func (s *Side) drop() {
	s.stage, s.index, s.scheme, s.todo, s.ctx = Unused, 0, nil, 0, nil
	s.creds = header.Credentials{}
}

// open starts pre-emptively where the peer is known to accept a scheme, and not at all
// where the connection carries its authentication (N2HT-3.2.5-9, N2HT-3.2.5-10).
func (s *Side) open(a *About, e *Event) {
	if s.persistent || e.Scheme == "" {
		return
	}
	known := e.Memory.Offer
	if known.Form() == header.Malformed {
		known = header.TokenChallenge(e.Scheme, "")
	}
	offers := header.ListOf(known)
	ch := s.best(a, offers)
	if ch.Index < 0 || ch.HTTP11 {
		return
	}
	if t := a.Schemes[ch.Index].Traits(); t.OfferedOnly || s.Tried.Has(ch.Index) { // N2HT-2.2.3-4, C4
		return
	}
	s.start(a, ch.Index, scheme.Start) // R4559-4.2-6
	s.offers, s.count = header.Challenges{}, e.Memory.Count
	if e.Memory.Offer.Form() != header.Malformed {
		s.offers = offers
	}
}

// prepare makes the credentials of the next request. Where the scheme fails another one may
// take its place, which is begun here, too; Tried and Tries see to it that this ends.
func (s *Side) prepare(env gss.Env, a *About, x scheme.Exchange) (Verdict, error) {
	for s.todo != 0 {
		if s.ctx == nil {
			s.ctx = s.scheme.Initiate(x)
		}
		in := scheme.InitiatorInput{Event: s.todo, Offer: s.offers, Count: s.count}
		s.todo = 0
		if v, err := s.feed(env, a, in); v.Do != GoOn || err != nil {
			return v, err
		}
	}
	return Verdict{}, nil
}

// feed steps the context. What comes out is credentials, or in stage Judging a judgement;
// there a proof that does not verify fails the exchange whatever the response says (C2),
// while before a request another scheme may do.
func (s *Side) feed(env gss.Env, a *About, in scheme.InitiatorInput) (Verdict, error) {
	ctx, out, err := s.ctx.Step(env, in)
	if err != nil {
		return Verdict{}, err
	}
	s.ctx, s.state = ctx, out.State
	switch {
	case out.State == gss.Waiting:
		return s.ask(a, out.Ask), nil
	case out.State == gss.Failed && s.stage == Judging:
		return Verdict{Do: Fail, Fault: out.Fault}, nil
	case out.State == gss.Failed:
		return s.rejected(a, out.Fault), nil
	case s.stage == Judging:
		s.conclude(a, &out)
	case a.Multiplexed && (ctx.Info().ConnectionBased || s.Legged() && out.State == gss.Continue): // HTA-4
		return Verdict{Do: ReopenHTTP11}, nil
	default:
		s.creds = out.Credentials
	}
	return Verdict{}, nil
}

// ask returns the verdict to put the scheme's question. Which attempt it is, only the side
// knows.
func (s *Side) ask(a *About, q gss.Question) Verdict {
	if need, ok := q.(gss.NeedCredential); ok {
		s.asked = true
		need.Side, need.Attempt, need.Rejected = a.Side, s.Tries, s.Reprompt
		if need.Scheme == "" { // a mechanism does not know under which scheme it runs
			need.Scheme = s.scheme.Traits().Name
		}
		q = need
	}
	return Verdict{Do: Ask, Question: q}
}

// sent notes that the credentials are on their way.
func (s *Side) sent(a *About) {
	s.stage = Halfway
	s.legs = max(s.legs, s.legs+1) // it does not start from 0 again
	if s.Legged() && s.state != gss.Continue && !a.Multiplexed {
		// Whatever it answers, the peer may hold the identity from here on (HTA-9).
		s.bound, s.identity = true, a.Identity
	}
}

// conclude ends a run with the response that passed this side.
func (s *Side) conclude(a *About, out *scheme.InitiatorOutput) {
	s.stage, s.memory, s.creds = Concluded, out.Memory, header.Credentials{}
	if out.State == gss.Complete || a.Lenient && out.State == gss.Ready { // C35
		s.stage = Proven
		s.establish(a)
	}
}

// establish keeps for the connection what a complete context gives it.
func (s *Side) establish(a *About) {
	if a.Multiplexed || !s.Legged() { // C18
		return
	}
	info := s.ctx.Info()
	switch a.Persist { // N2HT-3.2.5-3: only here, with the response that ends the exchange
	case header.PersistTrue: // N2HT-3.2.5-5
		s.persistent = true
	case header.PersistFalse: // N2HT-3.2.5-6
		s.persistent = false
	case header.PersistAbsent: // N2HT-3.2.5-8
		s.persistent = info.Mech == gss.NTLM
	}
	// Only the word that it does not last lets others have the connection.
	// Whether requests need no credentials is one thing, whether the peer holds an identity
	// another: a server that says nothing of Kerberos may hold one all the same.
	s.bound = a.Persist != header.PersistFalse || info.ConnectionBased
	s.identity, s.mech = a.Identity, info.Mech
}

// renew readies a side that the last response passed for the next request of the same
// exchange. Where the connection does not carry its authentication, the request needs a
// proof of its own.
func (s *Side) renew(a *About) {
	if s.persistent {
		return
	}
	i, t, m := int(s.index), s.scheme.Traits(), s.memory
	s.abandoned = s.Broken() // CONN-8: what was begun here was not ended
	offers, known := header.Challenges{}, header.ListOf(header.TokenChallenge(t.Name, ""))
	if m.Offer.Form() != header.Malformed {
		offers = header.ListOf(m.Offer)
		known = offers
	}
	// What was offered since it was taken up may be stronger (HTA-13).
	if s.state == gss.Continue || t.OfferedOnly || s.best(a, known).Index != i {
		s.drop()
		return
	}
	s.start(a, i, scheme.Start)
	s.offers, s.count = offers, m.Count+1
}

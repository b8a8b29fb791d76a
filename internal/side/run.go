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
	s.run = run{Stage: Starting, index: uint8(i), scheme: client, Todo: event, state: gss.Continue}
	s.tokenConsumed = false
	if t := client.Traits(); event == scheme.Challenged && t.Opening == scheme.OpeningToken {
		_, _, s.opening = offer(s.offers, t.Name)
	}
}

// drop ends the run of a scheme without success. What else is left of the run has no meaning until start replaces it.
func (s *Side) drop() {
	s.Stage, s.index, s.scheme, s.Todo, s.Initiator = Unused, 0, nil, 0, nil
	s.Credentials = header.Credentials{}
}

// recall begins a run of the named scheme by an old offer, and reports whether it could. It cannot where the policy forbids it by
// now: what was offered since it was taken up may be stronger (HTA-13).
func (s *Side) recall(a *About, from basis, name string, offers header.Challenges, count uint32) bool {
	ch := s.best(a, header.ListOf(header.TokenChallenge(name, "")))
	if ch.Index < 0 || ch.HTTP11 || a.Schemes[ch.Index].Traits().OfferedOnly { // N2HT-2.2.3-4, C4
		return false
	}
	// A lease that failed is the same on the exchange's next connection, and would fail there, too.
	if !opens(a.Schemes[ch.Index].Traits(), offers) || from == leased && s.Forgotten.Has(ch.Index) { // R9110-11.5-2, R9110-11.5-3
		return false
	}
	s.start(a, ch.Index, scheme.Start) // R4559-4.2-6
	s.from, s.remembered = from, offers
	s.offers, s.count = offers, count
	return true
}

// opens reports whether a scheme can begin with an old offer: one that answers the parameters of a challenge needs one.
func opens(t scheme.Traits, offers header.Challenges) bool {
	return t.Opening != scheme.OpeningParams || !offers.Empty()
}

// offerOf returns what a scheme remembers as an offer, which is empty if it remembers no challenge.
func offerOf(m scheme.Memory) header.Challenges {
	if m.Offer.Form() == header.Malformed {
		return header.Challenges{}
	}
	return header.ListOf(m.Offer)
}

// renew begins the scheme that worked once more for the exchange's next request, by what it remembers, and reports whether it could.
// One that remembers no challenge for other requests answers the last one again: this exchange has just passed with it.
func (s *Side) renew(a *About) bool {
	t, offers, count := s.scheme.Traits(), offerOf(s.memory), s.memory.Count+1
	if !opens(t, offers) {
		offers, count = s.offers, max(s.count, 1)+1
	}
	return s.recall(a, renewed, t.Name, offers, count)
}

// prepare makes the credentials of the next request. Where the scheme fails another one may take its place, which is begun here,
// too; Tried and Tries see to it that this ends.
func (s *Side) prepare(env gss.Env, a *About, x scheme.Exchange) (Verdict, error) {
	for s.Todo != 0 {
		if s.Initiator == nil {
			s.Initiator = s.scheme.Initiate(x)
		}
		in := scheme.InitiatorInput{Event: s.Todo, Offer: s.offers, Count: s.count}
		s.Todo = 0
		if v, err := s.feed(env, a, in); v.Do != GoOn || err != nil {
			return v, err
		}
	}
	return Verdict{}, nil
}

// feed steps the context. What comes out is credentials, or in stage Judging a judgement; there a proof that does not verify
// fails the exchange whatever the response says (C2), while before a request another scheme may do.
func (s *Side) feed(env gss.Env, a *About, in scheme.InitiatorInput) (Verdict, error) {
	ctx, out, err := s.Initiator.Step(env, in)
	if err != nil {
		return Verdict{}, err
	}
	s.Initiator, s.state = ctx, out.State
	switch judging := s.Stage == Judging; {
	case out.State == gss.Waiting:
		return s.ask(a, out.Ask), nil
	case out.State == gss.Failed && judging:
		return fail(out.Fault), nil
	case out.State == gss.Failed:
		return s.rejected(a, out.Fault), nil
	case judging:
		s.conclude(a, &out)
	case a.Multiplexed && (ctx.Info().ConnectionBased || s.Legged() && out.State == gss.Continue): // HTA-4
		return Verdict{Do: ReopenHTTP11}, nil
	default:
		s.Credentials = out.Credentials
	}
	return Verdict{}, nil
}

// ask returns the verdict to put the scheme's question. Which attempt it is, only the side knows.
func (s *Side) ask(a *About, q gss.Question) Verdict {
	if need, ok := q.(gss.NeedCredential); ok {
		s.asked, s.realm = true, need.Realm
		need.Side, need.Attempt, need.Rejected = a.Side, s.Tries, s.Refused.has(need.Realm)
		if need.Scheme == "" { // a mechanism does not know under which scheme it runs
			need.Scheme = s.scheme.Traits().Name
		}
		q = need
	}
	return Verdict{Do: Ask, Question: q}
}

// conclude ends a run with the response that passed this side, and keeps for the connection what a complete context gives it
// (N2HT-3.2.1-1, N2HT-3.2.1-2, N2HT-3.2.3-1).
func (s *Side) conclude(a *About, out *scheme.InitiatorOutput) {
	s.Stage, s.memory, s.Credentials = Concluded, out.Memory, header.Credentials{}
	if out.State != gss.Complete && !(a.Lenient && out.State == gss.Ready) { // C35
		return
	}
	s.Stage = Proven
	if a.Multiplexed || !s.Legged() { // C18
		return
	}
	info := s.Initiator.Info()
	switch a.Persist { // N2HT-3.2.5-3: only here, with the response that ends the exchange
	case header.PersistTrue: // N2HT-3.2.5-5
		s.Persistent = true
	case header.PersistFalse: // N2HT-3.2.5-6
		s.Persistent = false
	case header.PersistAbsent: // N2HT-3.2.5-8
		s.Persistent = info.Mech == gss.NTLM
	}
	// Whether requests need no credentials is one thing, whether the peer holds an identity another: a server that says nothing
	// of Kerberos may hold one all the same. Only the word that it does not last lets others have the connection.
	s.Bound = a.Persist != header.PersistFalse || info.ConnectionBased
	s.Identity, s.mech = a.Identity, info.Mech
}

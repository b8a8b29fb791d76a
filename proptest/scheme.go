package proptest

import (
	"encoding/binary"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/scheme"
)

// SchemePair is a scheme as both sides have it, able to complete with each other.
type SchemePair struct {
	_ struct{}

	Client scheme.Client
	Server scheme.Server
	// Exchange is what is authenticated.
	Exchange scheme.Exchange
	// Answers answers what either side asks, see [Pair].
	Answers func(gss.Question) gss.Answer
	// StrangerAnswers answers the client's questions with credentials that the
	// server must refuse. Nil leaves that out.
	StrangerAnswers func(gss.Question) gss.Answer
	// Peer is the name that the acceptor is to find, "" for any.
	Peer string
	// Secrets are what must never show, see [Pair].
	Secrets []string
	// Now is the time of the exchange, see [Pair].
	Now int64
	// NoReplayProtection and NoTamperProtection are what the scheme lacks, see [Pair].
	NoReplayProtection, NoTamperProtection bool
}

// Scheme holds an HTTP authentication scheme to the contract of package scheme,
// as [Mechanism] does for a mechanism. What both sides say goes through the text
// of the header fields on its way, and what the scheme's GSS contexts do is not
// looked at: run Mechanism on those.
//
//	func TestKit(t *testing.T) {
//		proptest.Scheme(t, func() proptest.SchemePair { return proptest.SchemePair{Client: …, Server: …} })
//	}
func Scheme(t *testing.T, pair func() SchemePair) {
	t.Helper()
	var r report
	schemes(&r, pair)
	r.publish(t, schemeRules)
	t.Run("events", func(t *testing.T) {
		t.Helper()
		rapid.Check(t, SchemeProperty(pair))
	})
}

// CheckScheme does what [Scheme] does, but for random events, where there is no testing.T to report
// to: the error joins everything that was found, and is nil if nothing was.
func CheckScheme(pair func() SchemePair) error {
	var r report
	schemes(&r, pair)
	return r.err(schemeRules)
}

func schemes(r *report, pair func() SchemePair) {
	honest := newTrip(r, pair())
	honest.probing = true
	honest.offers()
	honest.run()
	honest.judge()
	honest.hostile()
	honest.journal.replay()
	for _, part := range [...]func(*report, func() SchemePair, *trip){
		tamperScheme, replayScheme, strangeScheme, declineScheme, alikeScheme, endlessScheme, rememberScheme,
		statelessScheme, withholdScheme,
	} {
		part(r, pair, honest)
	}
}

// trip is an exchange of a scheme's two sides.
type trip struct {
	r       *report
	p       SchemePair
	journal *journal
	seeds   uint64
	zero    bool
	probing bool
	answers [2]func(gss.Question) gss.Answer
	alter   func(side, n int, text string) string

	i      scheme.Initiator
	a      scheme.Acceptor
	iOut   scheme.InitiatorOutput
	aOut   scheme.AcceptorOutput
	iPlace []iPlace
	aPlace []aPlace
	sent   [2][]string // texts of credentials, and of challenges after the first
	asked  [2][]gss.Question
	memory scheme.Memory
	done   bool // Concluded was reached
}

// iPlace and aPlace are states that an exchange came through.
type iPlace struct {
	i   scheme.Initiator
	env gss.Env
	in  scheme.InitiatorInput
	out scheme.InitiatorOutput
	by  scheme.Event // what began it, before any answers
}

type aPlace struct {
	a   scheme.Acceptor
	env gss.Env
	in  scheme.AcceptorInput
	out scheme.AcceptorOutput
	by  scheme.Event
}

func newTrip(r *report, p SchemePair) *trip {
	if p.Now == 0 {
		p.Now = someTime
	}
	k := &trip{r: r, p: p, journal: new(journal)}
	k.answers = [2]func(gss.Question) gss.Answer{p.Answers, p.Answers}
	k.afresh()
	return k
}

// afresh gives both sides a new exchange.
func (k *trip) afresh() {
	k.i, k.a = k.p.Client.Initiate(k.p.Exchange), k.p.Server.Accept(k.p.Exchange)
}

func (k *trip) env() gss.Env {
	e := gss.Env{Now: k.p.Now}
	if !k.zero {
		k.seeds++
		copy(e.Seed[:], "proptest: a seed for one step")
		binary.BigEndian.PutUint64(e.Seed[24:], k.seeds)
	}
	return e
}

func (k *trip) answer(side int, q gss.Question) gss.Answer {
	return answerBy(k.answers[side], q)
}

// offers looks at the first challenges (HTA-20).
func (k *trip) offers() {
	r, env := k.r, k.env()
	type offer struct {
		challenges header.Challenges
		fault      gss.Fault
	}
	at := func(env gss.Env) (offer, bool) {
		_, got, ok := step(r, k.journal, "offer", struct{}{}, false, func() (struct{}, offer, error) {
			c, f := k.p.Server.Offer(env, k.p.Exchange)
			return struct{}{}, offer{c, f}, nil
		})
		return got, ok
	}
	got, ok := at(env)
	if !ok {
		return
	}
	r.check(completes, got.fault.IsZero(), "the server offers nothing: %v", got.fault)
	zero, _ := at(gss.Env{Now: env.Now})
	r.check(zeroSeed, zero == got || zero.fault.Code == gss.NoEntropy, "offer: with the zero seed it is another one, or fails with %q", zero.fault.Code)
	r.hides("offer", got.challenges, k.p.Secrets)
	r.hides("server", k.p.Server, k.p.Secrets)
	r.hides("client", k.p.Client, k.p.Secrets)
	n, first := 0, k.p.Server.Traits().Opening
	for c := range got.challenges.All() {
		n++
		form := [...]header.Form{scheme.OpeningBare: header.Bare, scheme.OpeningToken: header.Token68, scheme.OpeningParams: header.Params}[first]
		r.check(firstOffer, c.Form() == form, "the form of challenge %d is %v, the traits want %v", n, c.Form(), form)
	}
	r.check(firstOffer, n > 0, "there is none")
	k.challenges("offer", got.challenges)
	ct, st := k.p.Client.Traits(), k.p.Server.Traits()
	r.check(ownName, ct.Name == st.Name && ct.Form == st.Form && ct.Opening == st.Opening, "the two sides' traits differ in name or form: %q, %q", ct.Name, st.Name)
}

// challenges looks at a server's field.
func (k *trip) challenges(who string, cs header.Challenges) {
	r, name := k.r, k.p.Server.Traits().Name
	for c := range cs.All() {
		r.check(ownName, c.Is(name), "%s: a challenge of %q, want %q", who, c.Scheme(), name)
		r.check(ownName, c.Form() != header.Malformed, "%s: a challenge that does not parse", who)
		b, _ := c.Token()
		r.check(bounded, len(b) <= bound.Token, "%s: a token of %d bytes", who, len(b))
	}
	_, cut := cs.Written()
	r.check(fitsOnWire, !cut, "%s: more challenges than a reader takes", who)
	k.wire(who, fieldOf(cs), func(text string) bool { return fieldOf(header.ParseChallenges(text)) == text })
}

// wire looks whether a field says the same when it is read.
func (k *trip) wire(who, text string, again func(string) bool) {
	k.r.check(fitsOnWire, again(text), "%s: read back it is another one", who)
}

// fieldOf returns the text of a field with these challenges.
func fieldOf(cs header.Challenges) string {
	var list []string
	for c := range cs.All() {
		list = append(list, c.Text())
	}
	return strings.Join(list, ", ")
}

// read returns a server's field as the client reads it.
func read(text string) header.Challenges {
	if text == "" {
		return header.Challenges{}
	}
	return header.ParseChallenges(text)
}

// run takes an exchange from the first challenge to the final response.
func (k *trip) run() {
	offer, f := k.p.Server.Offer(k.env(), k.p.Exchange)
	if !f.IsZero() {
		return
	}
	k.goOn(scheme.InitiatorInput{Event: scheme.Challenged, Offer: read(k.network(acceptor, fieldOf(offer), false)), Status: challengeStatus(k.p.Exchange)})
}

func challengeStatus(x scheme.Exchange) int {
	if x.Side == gss.Proxy {
		return 407
	}
	return 401
}

// network carries a text; count says that it is one of the exchange's own.
func (k *trip) network(side int, text string, count bool) string {
	n := -1
	if count {
		n = len(k.sent[side])
		k.sent[side] = append(k.sent[side], text)
	}
	if k.alter != nil {
		return k.alter(side, n, text)
	}
	return text
}

// goOn runs an exchange from the client's next input on.
func (k *trip) goOn(in scheme.InitiatorInput) {
	for range maxRounds {
		k.r.check(terminates, true, "")
		if !k.initiate(in) || k.iOut.State == gss.Failed {
			return
		}
		creds := header.ParseCredentials(k.network(initiator, k.iOut.Credentials.Text(), true))
		if !k.accept(scheme.AcceptorInput{Event: scheme.Presented, Credentials: creds}) {
			return
		}
		if k.aOut.State == gss.Failed {
			return
		}
		text := k.network(acceptor, fieldOf(k.aOut.Challenges), true)
		if k.aOut.State == gss.Complete {
			k.conclude(text)
			return
		}
		in = scheme.InitiatorInput{Event: scheme.Challenged, Offer: read(text), Status: challengeStatus(k.p.Exchange)}
	}
	k.r.check(terminates, false, "%d legs without an end", maxRounds)
}

// conclude gives the initiator the final response.
func (k *trip) conclude(challenges string) {
	if !k.accept(scheme.AcceptorInput{Event: scheme.Responding, Status: 200}) {
		return
	}
	info := k.aOut.Info.Text()
	if k.aOut.Info.Present() {
		k.r.check(fitsOnWire, !k.aOut.Info.Malformed(), "acceptor: an Info that breaks the grammar or a bound of its field")
		k.wire("acceptor", info, func(text string) bool { return header.ParseInfo(text).Text() == text })
	}
	in := scheme.InitiatorInput{Event: scheme.Concluded, Offer: read(challenges), Status: 200}
	if k.aOut.Info.Present() {
		in.Info = header.ParseInfo(k.network(acceptor, info, true))
	}
	if k.initiate(in) {
		k.done, k.memory = true, k.iOut.Memory
	}
}

// initiate steps the initiator, and answers it until it asks no more.
func (k *trip) initiate(in scheme.InitiatorInput) bool {
	event, leg := in.Event, len(k.asked[initiator])
	for range maxQuestions {
		env, old := k.env(), k.i
		next, out, ok := k.stepI(old, env, in, event)
		if !ok {
			return false
		}
		k.iPlace = append(k.iPlace, iPlace{old, env, in, out, event})
		k.i, k.iOut = next, out
		if k.probing {
			k.mistakes(initiator, out.State)
		}
		if out.State != gss.Waiting {
			return true
		}
		if out.Ask == nil {
			return false
		}
		k.ask(initiator, leg, out.Ask)
		in = scheme.InitiatorInput{Event: scheme.Answered, Answer: k.answer(initiator, out.Ask)}
	}
	k.r.check(terminates, false, "initiator: it asked %d questions in a row", maxQuestions)
	return false
}

// accept does the same for the acceptor.
func (k *trip) accept(in scheme.AcceptorInput) bool {
	event, leg := in.Event, len(k.asked[acceptor])
	for range maxQuestions {
		env, old := k.env(), k.a
		next, out, ok := k.stepA(old, env, in, event)
		if !ok {
			return false
		}
		k.aPlace = append(k.aPlace, aPlace{old, env, in, out, event})
		k.a, k.aOut = next, out
		if k.probing {
			k.mistakes(acceptor, out.State)
		}
		if out.State != gss.Waiting {
			return true
		}
		if out.Ask == nil {
			return false
		}
		k.ask(acceptor, leg, out.Ask)
		k.r.owned(env, out.Ask)
		in = scheme.AcceptorInput{Event: scheme.Answered, Answer: k.answer(acceptor, out.Ask), Status: in.Status}
	}
	k.r.check(terminates, false, "acceptor: it asked %d questions in a row", maxQuestions)
	return false
}

func (k *trip) ask(side, leg int, q gss.Question) {
	k.r.check(asksOnce, !repeats(k.asked[side], leg, q), "%s: %s was answered, and is asked again word for word", sideNames[side], nameOf(q))
	k.r.check(terminates, true, "")
	k.asked[side] = append(k.asked[side], q)
}

// mistakes makes the caller's, in the state that a side has reached.
func (k *trip) mistakes(side int, s gss.State) {
	switch s {
	case gss.Failed:
		return
	case gss.Waiting:
		k.foreignAnswer(side)
	}
	for _, m := range [...]struct {
		name string
		i    scheme.InitiatorInput
		a    scheme.AcceptorInput
	}{
		{"no event", scheme.InitiatorInput{}, scheme.AcceptorInput{}},
		{"an unknown event", scheme.InitiatorInput{Event: 200}, scheme.AcceptorInput{Event: 200}},
		{"an answer to no question", scheme.InitiatorInput{Event: scheme.Answered, Answer: gss.Declined{}}, scheme.AcceptorInput{Event: scheme.Answered, Answer: gss.Declined{}}},
	} {
		if m.i.Answer != nil && s == gss.Waiting {
			continue
		}
		env, i, a := k.env(), k.i, k.a
		if side == initiator {
			step(k.r, nil, "initiator, "+m.name, i, true, func() (scheme.Initiator, scheme.InitiatorOutput, error) { return i.Step(env, m.i) })
		} else {
			step(k.r, nil, "acceptor, "+m.name, a, true, func() (scheme.Acceptor, scheme.AcceptorOutput, error) { return a.Step(env, m.a) })
		}
	}
}

// foreignAnswer answers an open question by what no question takes. By then a side may
// have changed, and the mechanism inside of it, too. It may call that a misuse, and is
// what it was before; or it takes it for no answer, and fails.
func (k *trip) foreignAnswer(side int) {
	env, i, a := k.env(), k.i, k.a
	who, state, err := sideNames[side]+", an answer of a type that no question takes", gss.Failed, false
	if side == initiator {
		in := scheme.InitiatorInput{Event: scheme.Answered, Answer: foreignAnswer{}}
		out, misuse := perhapsMisuse(k.r, who, i, func() (scheme.Initiator, scheme.InitiatorOutput, error) { return i.Step(env, in) })
		state, err = out.State, misuse
	} else {
		in := scheme.AcceptorInput{Event: scheme.Answered, Answer: foreignAnswer{}}
		out, misuse := perhapsMisuse(k.r, who, a, func() (scheme.Acceptor, scheme.AcceptorOutput, error) { return a.Step(env, in) })
		state, err = out.State, misuse
	}
	k.r.check(declined, err || state == gss.Failed, "%s: %v", who, state)
}

// judge looks at how an honest exchange ended.
func (k *trip) judge() {
	r := k.r
	if !r.check(completes, k.done, "the exchange did not come to its final response: initiator %v %v, acceptor %v %v", k.iOut.State, k.iOut.Fault, k.aOut.State, k.aOut.Fault) {
		return
	}
	r.check(completes, k.iOut.State == gss.Complete, "the initiator is %v after the final response %v", k.iOut.State, k.iOut.Fault)
	info := k.a.Info()
	r.check(infoHonest, info.Anonymous || info.Peer != "", "the acceptor is complete and does not say with whom")
	r.check(infoHonest, k.p.Peer == "" || info.Peer == k.p.Peer, "the acceptor names %q, the pair says %q", info.Peer, k.p.Peer)
	r.check(infoHonest, info.Expires == 0 || info.Expires > k.p.Now, "the acceptor is complete, and expired already")
	if t := k.p.Server.Traits(); t.Affinity != scheme.ByMechanism {
		r.check(infoHonest, info.ConnectionBased == (t.Affinity == scheme.PerConnection), "bound to its connection: %v, the traits say %d", info.ConnectionBased, t.Affinity)
	}
}

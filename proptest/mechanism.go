package proptest

import (
	"encoding/binary"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/bound"
)

// Pair is a mechanism as both sides have it, able to complete with each other.
type Pair struct {
	_ struct{}

	Initiator, Acceptor gss.Mechanism
	// Target is the acceptor. Its Binding is left alone where Binding is false;
	// Want is the kit's.
	Target gss.Target
	// Answers answers what either side asks; nil declines everything. It is called
	// once for each question, so it may remember what was seen. It should know the
	// initiator's user and no other. See [Answers].
	Answers func(gss.Question) gss.Answer
	// Peer is the name that the acceptor is to find, "" for any.
	Peer string
	// Secrets are what must never show, of 6 bytes or more each: passwords and
	// keys, as they stand in Answers and configurations.
	Secrets []string
	// Stranger is an initiator that the acceptor must refuse: a wrong password, an
	// unknown key. Its questions are answered by StrangerAnswers, or by Answers
	// where that is nil.
	Stranger        gss.Mechanism
	StrangerAnswers func(gss.Question) gss.Answer
	// Binding: the mechanism supports channel bindings, and its acceptor refuses
	// what contradicts its own.
	Binding bool
	// Framed, if not empty, is the mechanism that the initial token is to name by
	// its OID, in the framing of RFC 2743 section 3.1 (SPNEGO, Kerberos).
	Framed gss.OID
	// Opens: an acceptor stepped without a token opens with a hint, and the
	// initiator takes it (NegTokenInit2).
	Opens bool
	// Now is the time of the exchange, in nanoseconds since the Unix epoch; 0 is
	// some time in 2026.
	Now int64
	// NoReplayProtection: a recorded exchange is accepted a second time, and the kit
	// does not ask for more. NoTamperProtection: what is established depends on bytes
	// that nothing protects.
	NoReplayProtection, NoTamperProtection bool
}

// someTime is 2026-03-01 12:00 UTC.
const someTime int64 = 1_772_366_400_000_000_000

// Mechanism holds a GSS mechanism to the contract of package gss. pair makes a
// fresh pair, with a fresh memory behind Answers, each time it is called; the
// pairs are equal to one another. Every rule is a subtest of its own and reports
// all that was found; "events" is the property of [MechanismProperty].
//
//	func TestKit(t *testing.T) {
//		proptest.Mechanism(t, func() proptest.Pair { return proptest.Pair{Initiator: …, Acceptor: …} })
//	}
//
// The kit only calls the mechanism and Answers. It opens no file and no
// connection, and looks at no clock.
func Mechanism(t *testing.T, pair func() Pair) {
	t.Helper()
	var r report
	mechanism(&r, pair)
	r.publish(t, mechanismRules)
	t.Run("events", func(t *testing.T) {
		t.Helper()
		rapid.Check(t, MechanismProperty(pair))
	})
}

// CheckMechanism does what [Mechanism] does, but for random events, where there is no testing.T to
// report to: the error joins everything that was found, and is nil if nothing was.
func CheckMechanism(pair func() Pair) error {
	var r report
	mechanism(&r, pair)
	return r.err(mechanismRules)
}

// mechanism runs everything but the random events.
func mechanism(r *report, pair func() Pair) {
	honest := newTalk(r, pair())
	honest.probing = true
	honest.run(honest.contexts(honest.p.Initiator))
	honest.judge()
	honest.hostile()
	honest.session()
	honest.journal.replay()
	for _, part := range [...]func(*report, func() Pair, *talk){tamper, replay, strange, decline, bind, opening} {
		part(r, pair, honest)
	}
}

// talk is an exchange between two contexts, and everything that was said in it.
type talk struct {
	r       *report
	p       Pair
	journal *journal
	seeds   uint64
	zero    bool // no entropy
	probing bool // make the caller's mistakes on the way
	answers [2]func(gss.Question) gss.Answer
	alter   func(side, n int, token string) (string, bool) // the network

	ctx    [2]gss.Context
	out    [2]gss.Output
	sent   [2][]string
	places []place // the states on the way, and what they took
	asked  [2][]gss.Question
	over   bool // it came to its end, one way or other
	left   bool // a token was left that no side waited for
}

// place is a state that an exchange came through.
type place struct {
	side int
	ctx  gss.Context
	env  gss.Env
	in   gss.Input
	out  gss.Output
}

// The sides of an exchange.
const (
	initiator = 0
	acceptor  = 1
)

var sideNames = [...]string{"initiator", "acceptor"}

// The bounds of an exchange.
const (
	maxRounds    = 64
	maxQuestions = 32
)

func newTalk(r *report, p Pair) *talk {
	if p.Now == 0 {
		p.Now = someTime
	}
	// Everything but Mutual, which is requested in any case (N2HT-5.1-1).
	p.Target.Want = gss.ReplayDetect | gss.Sequence | gss.Confidential | gss.Integrity
	k := &talk{r: r, p: p, journal: new(journal)}
	k.answers = [2]func(gss.Question) gss.Answer{p.Answers, p.Answers}
	return k
}

// contexts returns fresh contexts for both sides.
func (k *talk) contexts(i gss.Mechanism) (a, b gss.Context) {
	return i.Initiate(k.p.Target), k.p.Acceptor.Accept(k.p.Target)
}

// env returns a fresh Env.
func (k *talk) env() gss.Env {
	e := gss.Env{Now: k.p.Now}
	if !k.zero {
		k.seeds++
		copy(e.Seed[:], "proptest: a seed for one step")
		binary.BigEndian.PutUint64(e.Seed[24:], k.seeds)
	}
	return e
}

// run lets the two talk until one has nothing more to say.
func (k *talk) run(i, a gss.Context) {
	k.ctx = [2]gss.Context{i, a}
	var token gss.Token
	if k.p.Opens {
		_, out, ok := k.step(acceptor, a, k.env(), gss.Input{})
		if !ok || !out.Token.Present() {
			return
		}
		token = out.Token
	}
	for round := range maxRounds {
		k.r.check(terminates, true, "")
		side := round % 2
		if !k.drive(side, gss.Input{Token: token}) {
			return
		}
		token = k.out[side].Token
		if !token.Present() {
			k.over = true
			return
		}
		n := len(k.sent[side])
		k.sent[side] = append(k.sent[side], token.Bytes())
		if k.alter != nil {
			altered, ok := k.alter(side, n, token.Bytes())
			if !ok { // lost
				return
			}
			token = gss.TokenOf(altered)
		}
		if s := k.out[1-side].State; k.ctx[1-side] != nil && (s == gss.Complete || s == gss.Failed) && round > 0 {
			k.over, k.left = true, s == gss.Complete
			return
		}
	}
	k.r.check(terminates, false, "%d tokens were exchanged without an end", maxRounds)
}

// drive steps a side, and answers it until it asks no more.
func (k *talk) drive(side int, in gss.Input) bool {
	leg := len(k.asked[side])
	for range maxQuestions {
		env := k.env()
		next, out, ok := k.step(side, k.ctx[side], env, in)
		if !ok {
			return false
		}
		k.places = append(k.places, place{side, k.ctx[side], env, in, out})
		k.ctx[side], k.out[side] = next, out
		if k.probing {
			k.mistakes(side, next, out.State == gss.Waiting)
		}
		if out.State != gss.Waiting {
			return true
		}
		if out.Ask == nil {
			return false
		}
		k.r.check(asksOnce, !repeats(k.asked[side], leg, out.Ask), "%s: %s was answered, and is asked again word for word", sideNames[side], nameOf(out.Ask))
		k.asked[side] = append(k.asked[side], out.Ask)
		k.r.owned(env, out.Ask)
		k.r.check(terminates, true, "")
		in = gss.Input{Answer: k.answer(side, out.Ask)}
	}
	k.r.check(terminates, false, "%s: it asked %d questions in a row", sideNames[side], maxQuestions)
	return false
}

func (k *talk) answer(side int, q gss.Question) gss.Answer {
	return answerBy(k.answers[side], q)
}

// step takes one step that is no misuse, and checks what holds for each of them.
func (k *talk) step(side int, c gss.Context, env gss.Env, in gss.Input) (gss.Context, gss.Output, bool) {
	who, r := sideNames[side], k.r
	next, out, ok := step(r, k.journal, who, c, false, func() (gss.Context, gss.Output, error) { return c.Step(env, in) })
	if !ok {
		return c, out, false
	}
	if !r.check(shape, next != nil, "%s: the next context is nil", who) {
		return c, out, false
	}
	k.shape(who, out)
	r.check(bounded, len(out.Token.Bytes()) <= bound.Token, "%s: a token of %d bytes", who, len(out.Token.Bytes()))
	for _, v := range [...]any{next, out, out.Ask, out.Fault} {
		r.hides(who, v, k.p.Secrets)
	}
	k.reads(who, next, out)
	if out.State == gss.Failed {
		k.absorbing(who, next, out.Fault)
	}
	return next, out, true
}

// shape looks at whether an output is one.
func (k *talk) shape(who string, out gss.Output) {
	r := k.r
	r.check(shape, out.State <= gss.Waiting, "%s: there is no state %d", who, out.State)
	r.check(shape, (out.State == gss.Failed) == !out.Fault.IsZero(), "%s: %v with the fault %q", who, out.State, out.Fault)
	r.check(shape, out.State != gss.Failed || out.Fault.Code != gss.NoFault && out.Fault.Detail != "", "%s: a fault needs a code and words, it is %q", who, out.Fault)
	r.check(shape, (out.State == gss.Waiting) == (out.Ask != nil), "%s: %v with the question %s", who, out.State, nameOf(out.Ask))
	r.check(shape, out.State != gss.Waiting || !out.Token.Present(), "%s: a token beside a question", who)
	if out.State == gss.Continue || out.State == gss.Ready {
		r.check(shape, out.Token.Present() && out.Token.Bytes() != "", "%s: %v without a token", who, out.State)
	}
	r.check(shape, !out.Token.Present() || out.Token.Bytes() != "", "%s: an empty token, which HTTP cannot carry", who)
}

// reads asks a context what it is, which it must bear in every state.
func (k *talk) reads(who string, c gss.Context, out gss.Output) {
	type read struct {
		info    gss.Info
		session gss.Session
		ok      bool
	}
	got, _, panicked, err := try(func() (read, struct{}, error) {
		s, ok := c.Session()
		return read{c.Info(), s, ok}, struct{}{}, nil
	})
	if !k.r.check(noPanic, panicked == nil && err == nil, "%s: panic in Info or Session: %v", who, panicked) {
		return
	}
	k.r.check(sessionEarly, out.State == gss.Complete || !got.ok && got.session == nil, "%s: %v, and it gives a session", who, out.State)
	k.r.check(compares, isComparable(got.info) && isComparable(got.session), "%s: Info or Session do not compare with ==", who)
	k.r.hides(who, got.info, k.p.Secrets)
	k.r.hides(who, got.session, k.p.Secrets)
}

// absorbing looks at a failed context: nothing gets it to do anything else.
func (k *talk) absorbing(who string, c gss.Context, f gss.Fault) {
	for _, in := range [...]gss.Input{{}, {Token: gss.TokenOf("")}, {Token: gss.TokenOf("more")}} {
		env := k.env()
		next, out, panicked, err := try(func() (gss.Context, gss.Output, error) { return c.Step(env, in) })
		if !k.r.check(noPanic, panicked == nil, "%s, failed: panic: %v", who, panicked) || !isComparable(next) {
			return
		}
		k.r.check(absorbs, err == nil && out.State == gss.Failed && out.Fault == f && same(next, c),
			"%s: failed with %q, and after one more step %v with %q", who, f.Code, out.State, out.Fault.Code)
	}
}

// mistake is something that only a caller can do wrong.
type mistake struct {
	name string
	in   gss.Input
}

// foreignAnswer is an Answer of a type that no mechanism takes.
type foreignAnswer struct{}

func (foreignAnswer) Answer() {}

// mistakes makes those that can be made in a state.
func (k *talk) mistakes(side int, c gss.Context, waiting bool) {
	list := []mistake{
		{"a token and an answer at once", gss.Input{Token: gss.TokenOf("token"), Answer: gss.Declined{}}},
		{"an answer of a type that no question takes", gss.Input{Answer: foreignAnswer{}}},
	}
	switch {
	case waiting:
		list = append(list, mistake{"a token while a question is open", gss.Input{Token: gss.TokenOf("token")}},
			mistake{"nothing while a question is open", gss.Input{}})
	case k.out[side].State == gss.Failed:
		return // it gives its fault again
	default:
		list = append(list, mistake{"an answer to no question", gss.Input{Answer: gss.Declined{}}},
			mistake{"a password that was not asked for", gss.Input{Answer: gss.Password{User: "mallory", Password: gss.NewSecret("something")}}})
	}
	for _, m := range list {
		env := k.env()
		step(k.r, nil, sideNames[side]+", "+m.name, c, true, func() (gss.Context, gss.Output, error) { return c.Step(env, m.in) })
	}
}

// completed reports whether a side is established.
func (k *talk) completed(side int) bool {
	return k.ctx[side] != nil && k.out[side].State == gss.Complete
}

// judge looks at how an honest exchange ended.
func (k *talk) judge() {
	r := k.r
	for side, name := range sideNames {
		out := k.out[side]
		r.check(completes, k.completed(side), "the %s is %v at the end %v", name, out.State, out.Fault)
	}
	r.check(completes, !k.left, "a token is left over after its receiver was complete: one side is done before the other")
	traits := k.p.Initiator.Traits()
	n := len(k.sent[initiator])
	r.check(maxLegs, n >= 1 && n <= int(traits.MaxLegs), "the initiator sent %d tokens, the traits promise at most %d", n, traits.MaxLegs)
	if k.p.Framed != "" && n > 0 {
		r.check(initialFraming, framed(k.sent[initiator][0], k.p.Framed), "the first token does not start with 0x60, a DER length and the OID of %v", k.p.Framed)
	}
	if !k.completed(initiator) || !k.completed(acceptor) {
		return
	}
	for side, m := range [...]gss.Mechanism{k.p.Initiator, k.p.Acceptor} {
		k.info(side, m)
	}
	peer := k.ctx[acceptor].Info()
	r.check(infoHonest, peer.Anonymous || peer.Peer != "", "the acceptor is complete and does not say with whom")
	r.check(infoHonest, k.p.Peer == "" || peer.Peer == k.p.Peer, "the acceptor names %q, the pair says %q", peer.Peer, k.p.Peer)
}

// info compares what a context says of itself with its mechanism's traits.
func (k *talk) info(side int, m gss.Mechanism) {
	r, who, info, traits := k.r, sideNames[side], k.ctx[side].Info(), m.Traits()
	session, has := k.ctx[side].Session()
	r.check(infoHonest, info.Mech != "", "%s: complete, and of no mechanism", who)
	r.check(infoHonest, info.Expires == 0 || info.Expires > k.p.Now, "%s: complete, and expired already", who)
	r.check(infoHonest, !info.Flags.Has(gss.Mutual) || traits.Mutual, "%s: mutual, which the traits do not promise", who)
	r.check(infoHonest, has == (session != nil) && has == info.Flags.Has(gss.Integrity), "%s: it has a session: %v, and the flag Integrity: %v", who, has, info.Flags.Has(gss.Integrity))
	if info.Mech == m.Mech() { // its own leaf: what a negotiation ends in, the traits cannot know
		r.check(infoHonest, info.ConnectionBased == traits.ConnectionBased, "%s: bound to its connection: %v, the traits say %v", who, info.ConnectionBased, traits.ConnectionBased)
		r.check(infoHonest, has == traits.Integrity, "%s: it has a session: %v, the traits say %v", who, has, traits.Integrity)
	}
	if traits.Mutual {
		r.check(requestsMutual, info.Flags.Has(gss.Mutual), "%s: complete, and not mutual", who)
	}
}

// framed reports whether a token is an InitialContextToken of mech.
func framed(token string, mech gss.OID) bool {
	if len(token) < 4 || token[0] != 0x60 {
		return false
	}
	rest := token[1:]
	n := 1
	if rest[0]&0x80 != 0 {
		n += int(rest[0] & 0x7f)
	}
	return n < len(rest) && strings.HasPrefix(rest[n:], "\x06"+string(rune(len(mech)))+string(mech))
}

package proptest

import (
	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
)

// MechanismProperty holds a mechanism to the laws over random events: honest
// tokens, and those that a network makes of them, in any order, with questions
// answered in any way. Where the pair has a Stranger, half of the runs are
// about it, and it is never let in. For rapid.Check and rapid.MakeFuzz:
//
//	func FuzzMechanism(f *testing.F) { f.Fuzz(rapid.MakeFuzz(proptest.MechanismProperty(pair))) }
func MechanismProperty(pair func() Pair) func(*rapid.T) {
	return func(t *rapid.T) {
		var r report
		mechanismEvents(t, &r, pair)
		r.fail(t)
	}
}

// The kinds of events of a mechanism's run.
const (
	eventNext    = iota // the peer's last token
	eventSeen           // some token of the run
	eventAltered        // a token damaged
	eventBytes          // bytes
	eventEmpty          // an empty token, or none
	eventMistake        // a caller's
	eventRefusal        // the question is not answered
	eventMoment         // no entropy, or another time, from here on
	eventAfresh         // one side starts anew
	mechanismKinds
)

func mechanismEvents(t *rapid.T, r *report, pair func() Pair) {
	k := newTalk(r, pair())
	who := k.p.Initiator
	strangers := k.p.Stranger != nil && rapid.Bool().Draw(t, "stranger")
	if strangers {
		who = k.p.Stranger
		if k.p.StrangerAnswers != nil {
			k.answers[initiator] = k.p.StrangerAnswers
		}
	}
	var said pool
	kinds := newSwarm(t, mechanismKinds)
	var open [2]gss.Question
	var last [2]string // the last token of each side
	k.ctx[initiator], k.ctx[acceptor] = k.contexts(who)
	take := func(side int, in gss.Input) {
		next, out, ok := k.step(side, k.ctx[side], k.env(), in)
		if !ok {
			return
		}
		k.ctx[side], k.out[side], open[side] = next, out, out.Ask
		if out.Token.Present() {
			last[side] = out.Token.Bytes()
			said.add(out.Token.Bytes())
		}
	}
	take(initiator, gss.Input{})
	side := initiator
	for range rapid.IntRange(1, 24).Draw(t, "events") {
		if rapid.IntRange(0, 3).Draw(t, "turn") > 0 {
			side = 1 - side
		}
		kind := kinds.draw(t)
		if k.out[side].State == gss.Complete && kind != eventAfresh && rapid.Bool().Draw(t, "rest") {
			continue
		}
		if open[side] != nil && kind != eventMistake && kind != eventMoment && kind != eventAfresh {
			answer := k.answer(side, open[side])
			if kind == eventRefusal {
				answer = []gss.Answer{gss.Declined{}, gss.Unreachable{}}[rapid.IntRange(0, 1).Draw(t, "refusal")]
			}
			take(side, gss.Input{Answer: answer})
			k.letsIn(strangers)
			continue
		}
		switch kind {
		case eventNext, eventRefusal:
			if last[1-side] != "" {
				take(side, gss.Input{Token: gss.TokenOf(last[1-side])})
			}
		case eventSeen:
			take(side, gss.Input{Token: gss.TokenOf(said.seen(t))})
		case eventAltered:
			take(side, gss.Input{Token: gss.TokenOf(said.altered(t))})
		case eventBytes:
			take(side, gss.Input{Token: gss.TokenOf(drawBytes(t))})
		case eventEmpty:
			in := gss.Input{}
			if rapid.Bool().Draw(t, "present") {
				in.Token = gss.TokenOf("")
			}
			take(side, in)
		case eventMistake:
			k.mistakes(side, k.ctx[side], open[side] != nil)
		case eventMoment:
			k.zero = rapid.Bool().Draw(t, "no entropy")
			k.p.Now = instants.Draw(t, "now")
		case eventAfresh:
			i, a := k.contexts(who)
			k.ctx[side], k.out[side], open[side] = [...]gss.Context{i, a}[side], gss.Output{State: gss.Continue}, nil
			if side == initiator {
				take(side, gss.Input{})
			}
		}
		k.letsIn(strangers)
	}
	k.journal.replay()
}

// letsIn looks whether a stranger got in.
func (k *talk) letsIn(strangers bool) {
	if strangers {
		k.r.check(stranger, k.out[acceptor].State != gss.Complete, "the acceptor is complete, and all it ever heard came from a stranger")
	}
}

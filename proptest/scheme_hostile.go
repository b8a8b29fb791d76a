package proptest

import (
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/scheme"
)

// hostileValues are field values that break parsers; NAME is the scheme's.
var hostileValues = [...]string{
	"NAME", "NAME ", "NAME ,,,", "NAME =", "NAME ====", "NAME \"", "NAME username=\"", "NAME realm=\"r\", realm=\"r\"",
	"NAME Og==", "NAME AAAA", "NAME Ynl0ZXMtb2YtdGhlLXBlZXItN2YzYQ==", // the last is base64 of marker
	"NAME " + marker, "NAME a=" + marker, "NAME nonce=\"\"", "NAME nonce=\"n\", realm=\"\"", "NAME realm=\"r\", nonce=\"n\", qop=\"nothing\"",
	"NAME username=\"" + marker + "\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"00000000000000000000000000000000\"",
	"name TlRMTVNTUAABAAAA", "NAME " + "4oCm4oCm", "NAME x=\"\\\"", "\x00NAME", "NAME \x80\xff",
}

// hostile goes back to every state of the exchange with what it should not take.
func (k *trip) hostile() {
	name := k.p.Server.Traits().Name
	values := []string{"", strings.Repeat("NAME x=y, ", 300), "NAME " + strings.Repeat("A", 4*(bound.Token/3+2))}
	values = append(values, hostileValues[:]...)
	for _, p := range append([]iPlace(nil), k.iPlace...) {
		k.starveI(p)
		if p.in.Event == scheme.Answered {
			continue
		}
		for _, v := range values {
			offer := read(strings.ReplaceAll(v, "NAME", name))
			_, out, ok := k.stepI(p.i, k.env(), scheme.InitiatorInput{Event: p.in.Event, Offer: offer, Info: header.ParseInfo(strings.TrimPrefix(v, "NAME ")), Status: p.in.Status}, p.in.Event)
			k.r.check(faultQuiet, !ok || !strings.Contains(out.Fault.String(), marker), "initiator: the fault repeats what the peer sent")
		}
	}
	for _, p := range append([]aPlace(nil), k.aPlace...) {
		k.starveA(p)
		if p.in.Event != scheme.Presented {
			continue
		}
		for _, v := range values {
			text := strings.ReplaceAll(v, "NAME", name)
			out, complete := k.ends(p.a, text)
			k.r.check(garbage, !complete, "acceptor: it completes with %.40q", text)
			k.r.check(bounded, !complete, "acceptor: it completes with %d bytes", len(text))
			k.r.check(faultQuiet, !strings.Contains(out.Fault.String(), marker), "acceptor: the fault repeats what the peer sent")
		}
	}
}

// ends presents credentials to an acceptor, answers what it asks, and tells
// whether it accepted them.
func (k *trip) ends(a scheme.Acceptor, text string) (scheme.AcceptorOutput, bool) {
	in := scheme.AcceptorInput{Event: scheme.Presented, Credentials: header.ParseCredentials(text)}
	for range maxQuestions {
		next, out, ok := k.stepA(a, k.env(), in, scheme.Presented)
		if !ok {
			return out, false
		}
		if out.State != gss.Waiting || out.Ask == nil {
			return out, out.State == gss.Complete
		}
		a, in = next, scheme.AcceptorInput{Event: scheme.Answered, Answer: k.answer(acceptor, out.Ask)}
	}
	return scheme.AcceptorOutput{}, false
}

// starveI and starveA take a step without entropy (HTA-3).
func (k *trip) starveI(p iPlace) {
	i0, out0, ok := k.stepI(p.i, gss.Env{Now: p.env.Now}, p.in, p.by)
	if !ok {
		return
	}
	if out0.State == gss.Failed && p.out.State != gss.Failed {
		k.r.check(zeroSeed, out0.Fault.Code == gss.NoEntropy, "initiator: without entropy it fails with %q, want NoEntropy", out0.Fault.Code)
		return
	}
	i1, out1, ok := k.stepI(p.i, p.env, p.in, p.by)
	k.r.check(zeroSeed, !ok || same(i0, i1) && same(out0, out1), "initiator: it goes on with the zero seed although the step depends on the seed")
}

func (k *trip) starveA(p aPlace) {
	a0, out0, ok := k.stepA(p.a, gss.Env{Now: p.env.Now}, p.in, p.by)
	if !ok {
		return
	}
	if out0.State == gss.Failed && p.out.State != gss.Failed {
		k.r.check(zeroSeed, out0.Fault.Code == gss.NoEntropy, "acceptor: without entropy it fails with %q, want NoEntropy", out0.Fault.Code)
		return
	}
	a1, out1, ok := k.stepA(p.a, p.env, p.in, p.by)
	if p.by == scheme.Responding && len(out0.Info.Text()) < len(out1.Info.Text()) {
		return // it goes without what it has no entropy for, a nonce of the next request
	}
	k.r.check(zeroSeed, !ok || same(a0, a1) && same(out0, out1), "acceptor: it goes on with the zero seed although the step depends on the seed")
}

// tamperScheme alters each field on its way.
func tamperScheme(r *report, pair func() SchemePair, honest *trip) {
	if honest.p.NoTamperProtection || !honest.done {
		return
	}
	for side := range sideNames {
		for n, text := range honest.sent[side] {
			for m := range mutations(text) {
				k := newTrip(r, pair())
				k.alter = func(s, i int, t string) string {
					if s != side || i != n {
						return t
					}
					if ms := mutations(t); m < len(ms) { // another draw of entropy, the same place
						return ms[m]
					}
					return t + "\x00"
				}
				k.run()
				if k.aOut.State == gss.Complete {
					r.check(tampering, settled(k.a.Info()) == settled(honest.a.Info()),
						"acceptor: after field %d of the %s was altered it is complete with another name, mechanism or other flags", n+1, sideNames[side])
				}
				r.check(tampering, true, "")
			}
		}
	}
}

// replayScheme presents recorded credentials to fresh acceptors. Those that
// can be read off the wire are no use to protect.
func replayScheme(r *report, _ func() SchemePair, honest *trip) {
	if honest.p.NoReplayProtection || honest.p.Server.Traits().Cleartext || !honest.done {
		return
	}
	k := newTrip(r, honest.p)
	k.seeds = 1 << 32
	for _, text := range honest.sent[initiator] {
		if !k.accept(scheme.AcceptorInput{Event: scheme.Presented, Credentials: header.ParseCredentials(text)}) {
			break
		}
		if !r.check(replayed, k.aOut.State != gss.Complete, "acceptor: a fresh one accepts the recorded credentials of an earlier exchange") || k.aOut.State == gss.Failed {
			break
		}
	}
}

// strangeScheme checks that wrong credentials are not accepted.
func strangeScheme(r *report, pair func() SchemePair, _ *trip) {
	k := newTrip(r, pair())
	if k.p.StrangerAnswers == nil {
		return
	}
	k.answers[initiator] = k.p.StrangerAnswers
	k.run()
	r.check(stranger, k.aOut.State != gss.Complete, "the acceptor is complete with a stranger")
	r.unproven(k.asked[acceptor])
}

// declineScheme leaves the questions unanswered, from each of them on.
func declineScheme(r *report, pair func() SchemePair, honest *trip) {
	for side := range sideNames {
		for n, q := range honest.asked[side] {
			if !needed(q) {
				continue
			}
			for _, no := range [...]gss.Answer{gss.Declined{}, gss.Unreachable{}} {
				k := newTrip(r, pair())
				k.answers[side] = from(n, k.answers[side], no)
				k.run()
				state := [...]gss.State{k.iOut.State, k.aOut.State}[side]
				r.check(declined, state == gss.Failed, "%s: %v after question %d (%s) and all later ones were answered by %s", sideNames[side], state, n+1, nameOf(q), nameOf(no))
			}
		}
	}
}

// alikeScheme compares the refusals of an unknown user and of a wrong password
// (HTA-14).
func alikeScheme(r *report, pair func() SchemePair, honest *trip) {
	asks := false
	for _, q := range honest.asked[acceptor] {
		switch q.(type) {
		case gss.NeedVerifier, gss.NeedVerdict:
			asks = true
		}
	}
	if !asks {
		return
	}
	refusal := func(no func(gss.Question) gss.Answer) (scheme.AcceptorOutput, int) {
		k := newTrip(r, pair())
		usual := k.answers[acceptor]
		k.answers[acceptor] = func(q gss.Question) gss.Answer {
			if a := no(q); a != nil {
				return a
			}
			return answerBy(usual, q)
		}
		k.run()
		out := k.aOut
		out.Fault = gss.Fault{}
		return out, len(k.asked[acceptor])
	}
	unknown, askedUnknown := refusal(func(q gss.Question) gss.Answer {
		switch q.(type) {
		case gss.NeedVerifier, gss.NeedVerdict:
			return gss.Unknown{}
		}
		return nil
	})
	wrong, askedWrong := refusal(func(q gss.Question) gss.Answer {
		switch q.(type) {
		case gss.NeedVerifier:
			return gss.Password{User: honest.p.Peer, Password: gss.NewSecret("nobody's password")}
		case gss.NeedVerdict:
			return gss.Verdict{}
		}
		return nil
	})
	for _, no := range [...]gss.Answer{gss.Unverifiable{}, gss.Declined{}} { // what is missing for one user
		out, asked := refusal(func(q gss.Question) gss.Answer {
			switch q.(type) {
			case gss.NeedVerifier, gss.NeedVerdict:
				return no
			}
			return nil
		})
		r.check(refusalsAlike, out.State == gss.Failed && same(out, unknown) && asked == askedUnknown,
			"a user store that answers %s ends in %v after %d questions, an unknown user in %v after %d", nameOf(no), out.State, asked, unknown.State, askedUnknown)
	}
	r.check(refusalsAlike, unknown.State == gss.Failed && wrong.State == gss.Failed, "an unknown user ends in %v, a wrong password in %v", unknown.State, wrong.State)
	r.check(refusalsAlike, same(unknown, wrong), "the challenges or the info of the two differ")
	r.check(refusalsAlike, askedUnknown == askedWrong, "an unknown user takes %d questions, a wrong password %d", askedUnknown, askedWrong)
}

// endlessScheme answers every proof with a first challenge (V14).
func endlessScheme(r *report, pair func() SchemePair, _ *trip) {
	k := newTrip(r, pair())
	const most = 16
	for range most {
		offer, f := k.p.Server.Offer(k.env(), k.p.Exchange)
		if !f.IsZero() {
			return
		}
		if !k.initiate(scheme.InitiatorInput{Event: scheme.Challenged, Offer: read(fieldOf(offer)), Status: challengeStatus(k.p.Exchange)}) {
			return
		}
		if k.iOut.State == gss.Failed {
			r.check(refusalEnds, true, "")
			return
		}
	}
	r.check(refusalEnds, false, "initiator: %d times in a row it answered what the server sends at first", most)
}

// rememberScheme opens a second exchange from what the first one taught.
func rememberScheme(r *report, _ func() SchemePair, honest *trip) {
	if m := honest.memory; !honest.done || m.Offer == (header.Challenge{}) {
		return
	}
	k := newTrip(r, honest.p)
	k.seeds = 1 << 33
	offer := honest.memory.Offer
	k.wire("memory", offer.Text(), func(text string) bool { return fieldOf(header.ParseChallenges(text)) == text })
	k.goOn(scheme.InitiatorInput{Event: scheme.Start, Offer: header.ListOf(offer), Count: honest.memory.Count + 1})
	r.check(memoryOpens, k.done, "opened from memory it is not accepted: initiator %v %v, acceptor %v %v", k.iOut.State, k.iOut.Fault, k.aOut.State, k.aOut.Fault)
}

// statelessScheme answers an offer that is not the last one, to an acceptor that
// was made after all of them (HTA-20).
func statelessScheme(r *report, pair func() SchemePair, _ *trip) {
	k := newTrip(r, pair())
	first, f := k.p.Server.Offer(k.env(), k.p.Exchange)
	if _, f2 := k.p.Server.Offer(k.env(), k.p.Exchange); !f.IsZero() || !f2.IsZero() {
		return
	}
	k.afresh()
	k.goOn(scheme.InitiatorInput{Event: scheme.Challenged, Offer: read(fieldOf(first)), Status: challengeStatus(k.p.Exchange)})
	r.check(offerStateless, k.done, "the answer to an offer is not taken after another one was made: initiator %v %v, acceptor %v %v", k.iOut.State, k.iOut.Fault, k.aOut.State, k.aOut.Fault)
}

// withholdScheme takes the acceptor's last word off the final response, or puts
// another one there.
func withholdScheme(r *report, pair func() SchemePair, honest *trip) {
	if !honest.done || !honest.p.Client.Traits().Mutual {
		return
	}
	for _, word := range [...]string{"", honest.p.Server.Traits().Name + " Ym9ndXM="} {
		k := newTrip(r, pair())
		k.alter = func(side, _ int, text string) string {
			if side == acceptor && k.aOut.State == gss.Complete {
				return word
			}
			return text
		}
		k.run()
		r.check(concluded, !k.done || k.iOut.State != gss.Complete, "initiator: complete by a final response that says %q", word)
	}
}

// SchemeProperty holds a scheme to the laws over random fields: honest ones and
// those that a network makes of them, in any order. With StrangerAnswers, half
// of the runs are about a stranger, which is never accepted. For rapid.Check and
// rapid.MakeFuzz.
func SchemeProperty(pair func() SchemePair) func(*rapid.T) {
	return func(t *rapid.T) {
		var r report
		schemeEvents(t, &r, pair)
		r.fail(t)
	}
}

func schemeEvents(t *rapid.T, r *report, pair func() SchemePair) {
	k := newTrip(r, pair())
	strangers := k.p.StrangerAnswers != nil && rapid.Bool().Draw(t, "stranger")
	if strangers {
		k.answers[initiator] = k.p.StrangerAnswers
	}
	kinds := newSwarm(t, mechanismKinds)
	var pools [2]pool // what each side said
	status := challengeStatus(k.p.Exchange)
	offer := func() {
		if cs, f := k.p.Server.Offer(k.env(), k.p.Exchange); f.IsZero() {
			pools[acceptor].add(fieldOf(cs))
		}
	}
	offer()
	side, begun, ended := acceptor, false, false
	for range rapid.IntRange(1, 20).Draw(t, "events") {
		if rapid.IntRange(0, 3).Draw(t, "turn") > 0 {
			side = 1 - side
		}
		text := ""
		switch kinds.draw(t) {
		case eventNext:
			text = pools[1-side].last()
		case eventSeen:
			text = pools[1-side].seen(t)
		case eventAltered:
			text = pools[1-side].altered(t)
		case eventBytes:
			text = k.p.Server.Traits().Name + " " + drawBytes(t)
		case eventEmpty:
			text = strings.ReplaceAll(rapid.SampledFrom(hostileValues[:]).Draw(t, "value"), "NAME", k.p.Server.Traits().Name)
		case eventRefusal:
			usual := k.answers[side]
			k.answers[side] = func(gss.Question) gss.Answer { return gss.Declined{} }
			text = pools[1-side].last()
			defer func() { k.answers[side] = usual }()
		case eventMistake:
			k.mistakes(side, [...]gss.State{k.iOut.State, k.aOut.State}[side])
			continue
		case eventMoment:
			k.zero = rapid.Bool().Draw(t, "no entropy")
			k.p.Now = instants.Draw(t, "now")
			offer()
			continue
		case eventAfresh:
			k.afresh()
			k.asked = [2][]gss.Question{}
			begun, ended = false, false
			offer()
			continue
		}
		if side == initiator {
			in := scheme.InitiatorInput{Event: scheme.Challenged, Offer: read(text), Status: status}
			if begun && rapid.IntRange(0, 3).Draw(t, "final") == 0 {
				in.Event, in.Status, in.Info = scheme.Concluded, 200, header.ParseInfo(text)
			}
			begun = k.initiate(in)
			if k.iOut.Credentials.Present() {
				pools[initiator].add(k.iOut.Credentials.Text())
			}
			if in.Event == scheme.Concluded || k.iOut.State == gss.Failed {
				k.i, begun, k.asked[initiator] = k.p.Client.Initiate(k.p.Exchange), false, nil
			}
			k.iPlace = nil
			continue
		}
		if ended {
			k.a, ended, k.asked[acceptor] = k.p.Server.Accept(k.p.Exchange), false, nil
		}
		if !k.accept(scheme.AcceptorInput{Event: scheme.Presented, Credentials: header.ParseCredentials(text)}) {
			ended = true
			continue
		}
		pools[acceptor].add(fieldOf(k.aOut.Challenges))
		if strangers {
			r.check(stranger, k.aOut.State != gss.Complete, "the acceptor is complete, and all it ever heard came from a stranger")
		}
		ended = k.aOut.State == gss.Failed || k.aOut.State == gss.Complete
		if k.aOut.State == gss.Complete {
			k.accept(scheme.AcceptorInput{Event: scheme.Responding, Status: 200})
		}
		k.aPlace = nil
	}
	k.journal.replay()
}

// instants draws any time that is a second or more from the epoch: a question's Made that
// rounds to 0 would look as if it was left out.
var instants = rapid.Int64().Filter(func(now int64) bool {
	return now <= -int64(time.Second) || now >= int64(time.Second)
})

package proptest

import (
	"math"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/bound"
)

// marker stands in bytes of a peer, to be looked for in faults.
const marker = "bytes-of-the-peer-7f3a"

// nonsense are tokens that no mechanism takes.
var nonsense = [...]string{
	"\x00", "\xff\xff\xff\xff", "=", marker, marker + "\r\nX: y", strings.Repeat("\x30\x80", 40),
	"\x60\x84\xff\xff\xff\xff" + marker, "\xa1\x03\x30\x01\x00", "NTLMSSP\x00\x02\x00\x00\x00" + marker,
	"\x60\x06\x06\x04\x2a\x03\x04\x05", "\x6e\x82\x01\x00" + marker,
}

// hostile goes back to every state of the exchange and gives it what it should
// not take.
func (k *talk) hostile() {
	places := append([]place(nil), k.places...)
	for side := range sideNames { // and where it ended
		if c := k.ctx[side]; c != nil && k.out[side].State == gss.Complete {
			places = append(places, place{side: side, ctx: c, out: gss.Output{State: gss.Complete}})
		}
	}
	seen := [2]int{}
	for n, p := range places {
		switch {
		case p.in.Answer != nil: // it waits for its answer, and takes nothing else
		case p.env == (gss.Env{}):
			k.after(p)
		default:
			first := seen[p.side] == 0
			seen[p.side]++
			k.upset(p, first, k.told(places[:n], p.side))
		}
		if p.env != (gss.Env{}) {
			k.starve(p)
			k.hurry(p)
		}
	}
}

// told returns the tokens that a side took before.
func (k *talk) told(before []place, side int) (tokens []string) {
	for _, p := range before {
		if p.side == side && p.in.Token.Present() {
			tokens = append(tokens, p.in.Token.Bytes())
		}
	}
	return tokens
}

// ends steps a context with a token, answers what it asks, and tells whether it
// was established.
func (k *talk) ends(side int, c gss.Context, token gss.Token) (gss.Output, bool) {
	in := gss.Input{Token: token}
	for range maxQuestions {
		next, out, ok := k.step(side, c, k.env(), in)
		if !ok {
			return out, false
		}
		if out.State != gss.Waiting || out.Ask == nil {
			return out, out.State == gss.Complete
		}
		c, in = next, gss.Input{Answer: k.answer(side, out.Ask)}
	}
	return gss.Output{}, false
}

// upset gives a state that waits for a token some other ones.
func (k *talk) upset(p place, first bool, before []string) {
	r, who := k.r, sideNames[p.side]
	for _, text := range nonsense {
		out, complete := k.ends(p.side, p.ctx, gss.TokenOf(text))
		r.check(garbage, !complete, "%s: it completes with %q", who, text)
		r.check(faultQuiet, !strings.Contains(out.Fault.String(), marker), "%s: the fault repeats what the peer sent", who)
	}
	if h := p.in.Token.Bytes(); h != "" {
		out, _ := k.ends(p.side, p.ctx, gss.TokenOf(h+marker))
		r.check(faultQuiet, !strings.Contains(out.Fault.String(), marker), "%s: the fault repeats what the peer sent", who)
	}
	huge := p.in.Token.Bytes() + strings.Repeat("\x00", bound.Token+1)
	_, complete := k.ends(p.side, p.ctx, gss.TokenOf(huge))
	r.check(bounded, !complete, "%s: it completes with a token of %d bytes", who, len(huge))

	out, _ := k.ends(p.side, p.ctx, gss.TokenOf(""))
	r.check(emptyToken, out.State == gss.Failed, "%s: %v after an empty token", who, out.State)
	if !first {
		out, _ = k.ends(p.side, p.ctx, gss.Token{})
		r.check(absentToken, out.State == gss.Failed, "%s: %v after a step without a token", who, out.State)
	} else if p.side == acceptor && !p.in.Token.Present() {
		r.check(openingHint, p.out.State == gss.Continue, "acceptor: %v when asked to open", p.out.State)
	}
	for _, own := range k.sent[p.side] {
		_, complete := k.ends(p.side, p.ctx, gss.TokenOf(own))
		r.check(reflected, !complete, "%s: it completes with a token of its own", who)
	}
	for _, old := range before {
		_, complete := k.ends(p.side, p.ctx, gss.TokenOf(old))
		r.check(replayed, !complete, "%s: it completes with a token that it took before", who)
	}
}

// after gives a context that is complete one more token.
func (k *talk) after(p place) {
	for _, token := range append([]string{"more", marker}, append(k.sent[0], k.sent[1]...)...) {
		next, out, ok := k.step(p.side, p.ctx, k.env(), gss.Input{Token: gss.TokenOf(token)})
		if !ok {
			continue
		}
		k.r.check(afterComplete, out.State == gss.Failed, "%s: %v after one more token", sideNames[p.side], out.State)
		if _, has := next.Session(); has {
			k.r.check(sessionEarly, false, "%s: a session after a failure", sideNames[p.side])
		}
	}
}

// starve takes a step without entropy (HTA-3).
func (k *talk) starve(p place) {
	at := func(seed gss.Seed) (gss.Context, gss.Output, bool) {
		return k.step(p.side, p.ctx, gss.Env{Now: p.env.Now, Seed: seed}, p.in)
	}
	c0, out0, ok0 := at(gss.Seed{})
	if !ok0 {
		return
	}
	if out0.State == gss.Failed && p.out.State != gss.Failed {
		k.r.check(zeroSeed, out0.Fault.Code == gss.NoEntropy, "%s: without entropy it fails with %q, want NoEntropy", sideNames[p.side], out0.Fault.Code)
		return
	}
	c1, out1, ok1 := at(p.env.Seed)
	c2, out2, ok2 := at(gss.Seed{31: 1})
	k.r.check(zeroSeed, !ok1 || !ok2 || same(c0, c1) && same(out0, out1) && same(c1, c2) && same(out1, out2),
		"%s: it goes on with the zero seed although the step depends on the seed", sideNames[p.side])
}

// hurry takes a step at the ends of time, where only the laws hold.
func (k *talk) hurry(p place) {
	for _, now := range [...]int64{0, -1, math.MinInt64, math.MaxInt64} {
		k.step(p.side, p.ctx, gss.Env{Now: now, Seed: p.env.Seed}, p.in)
	}
}

// mutations returns a token altered in many ways: bits flipped, cut, and lengthened.
func mutations(token string) (out []string) {
	const most = 24 // positions
	stride := len(token)/most + 1
	for at := 0; at < len(token); at += stride {
		for _, bit := range [...]byte{0x01, 0x80} {
			out = append(out, token[:at]+string([]byte{token[at] ^ bit})+token[at+1:])
		}
		if at > 0 {
			out = append(out, token[:at])
		}
	}
	return append(out, token+"\x00", token+token)
}

// tamper alters each token on its way, and lets the rest be honest.
func tamper(r *report, pair func() Pair, honest *talk) {
	if honest.p.NoTamperProtection || !honest.completed(initiator) || !honest.completed(acceptor) {
		return
	}
	for side := range sideNames {
		for n, token := range honest.sent[side] {
			for m, altered := range mutations(token) {
				k := newTalk(r, pair())
				k.alter = func(s, i int, t string) (string, bool) {
					if s == side && i == n {
						if t == token {
							return altered, true
						}
						if ms := mutations(t); m < len(ms) { // another draw of entropy, the same place
							return ms[m], true
						}
						return t + "\x00", true
					}
					return t, true
				}
				k.run(k.contexts(k.p.Initiator))
				for s := range sideNames {
					if k.completed(s) {
						r.check(tampering, settled(k.ctx[s].Info()) == settled(honest.ctx[s].Info()),
							"%s: after token %d of the %s was altered it is complete with another name, mechanism or other flags", sideNames[s], n+1, sideNames[side])
					}
				}
				r.check(tampering, true, "")
			}
		}
	}
}

// established is the part of an Info that must not depend on an attacker in the middle.
type established struct {
	mech         gss.OID
	peer, domain string
	anonymous    bool
	flags        gss.Flags
	bound        bool
}

func settled(i gss.Info) established {
	return established{i.Mech, i.Peer, i.Domain, i.Anonymous, i.Flags, i.ConnectionBased}
}

// replay gives the tokens of one exchange to fresh contexts of the same pair.
func replay(r *report, _ func() Pair, honest *talk) {
	if honest.p.NoReplayProtection || !honest.completed(acceptor) {
		return
	}
	for side := range sideNames {
		if side == initiator && !honest.p.Initiator.Traits().Mutual {
			continue // it does not authenticate the acceptor, so the old word of any peer will do
		}
		k := newTalk(r, honest.p)
		k.seeds = 1 << 32 // other entropy than the first time
		k.ctx[initiator], k.ctx[acceptor] = k.contexts(k.p.Initiator)
		complete := false
		if side == initiator && !k.drive(side, gss.Input{}) {
			continue
		}
		for _, token := range honest.sent[1-side] {
			if !k.drive(side, gss.Input{Token: gss.TokenOf(token)}) || k.out[side].State == gss.Failed {
				break
			}
			complete = complete || k.completed(side)
		}
		r.check(replayed, !complete, "%s: a fresh one completes with the recorded tokens of an earlier exchange", sideNames[side])
	}
}

// strange checks that a stranger, which lacks the credentials, is not accepted.
func strange(r *report, pair func() Pair, _ *talk) {
	k := newTalk(r, pair())
	if k.p.Stranger == nil {
		return
	}
	if k.p.StrangerAnswers != nil {
		k.answers[initiator] = k.p.StrangerAnswers
	}
	k.run(k.contexts(k.p.Stranger))
	r.check(stranger, !k.completed(acceptor), "the acceptor is complete with a stranger")
	r.unproven(k.asked[acceptor])
	r.check(stranger, k.out[acceptor].State != gss.Complete || !k.completed(initiator), "the stranger is complete")
}

// owned looks at which client is charged for an entry in the memory of what was presented.
func (r *report) owned(env gss.Env, q gss.Question) {
	if need, ok := q.(gss.NeedReplayCheck); ok {
		r.check(ownerNamed, need.Owner != "", "a gss.NeedReplayCheck without an Owner: one client could use up the memory of all")
		r.check(ownerNamed, need.Now == env.Now && need.Made != 0, "a gss.NeedReplayCheck whose Now is not that of the step, or without Made")
	}
}

// unproven looks at what was asked for a client without the right proof.
func (r *report) unproven(asked []gss.Question) {
	for _, q := range asked {
		_, ok := q.(gss.NeedReplayCheck)
		r.check(ownerNamed, !ok, "gss.NeedReplayCheck is asked for a client whose proof is wrong")
	}
}

// needed reports whether no mechanism can do without an answer to q. Questions of a
// mechanism's own may be about what it can do without, a cache for instance.
func needed(q gss.Question) bool {
	switch q.(type) {
	case gss.NeedCredential, gss.NeedVerifier, gss.NeedVerdict, gss.NeedReplayCheck, gss.NeedExchange:
		return true
	}
	return false
}

// from answers the questions as usual up to one, and that one and all later ones
// by no.
func from(n int, usual func(gss.Question) gss.Answer, no gss.Answer) func(gss.Question) gss.Answer {
	count := 0
	return func(q gss.Question) gss.Answer {
		if count++; count > n {
			return no
		}
		return answerBy(usual, q)
	}
}

// decline leaves the questions unanswered, from each of them on. One alone would
// not do: there may be another way, another mechanism.
func decline(r *report, pair func() Pair, honest *talk) {
	for side := range sideNames {
		for n, q := range honest.asked[side] {
			if !needed(q) {
				continue
			}
			for _, no := range [...]gss.Answer{gss.Declined{}, gss.Unreachable{}} {
				k := newTalk(r, pair())
				k.answers[side] = from(n, k.answers[side], no)
				k.run(k.contexts(k.p.Initiator))
				r.check(declined, k.out[side].State == gss.Failed,
					"%s: %v after question %d (%s) and all later ones were answered by %s", sideNames[side], k.out[side].State, n+1, nameOf(q), nameOf(no))
			}
		}
	}
}

// bind runs the exchange over all pairs of channels (C30, HTA-19).
func bind(r *report, pair func() Pair, honest *talk) {
	if !honest.p.Binding {
		return
	}
	here, there := gss.BindingOf("tls-server-end-point:here"), gss.BindingOf("tls-server-end-point:there")
	either, err := gss.BindingAmong(gss.BindingOf("tls-server-end-point:also here"), here)
	if err != nil {
		return // cannot be
	}
	for _, ours := range [...]gss.Binding{here, either, gss.Undefined(), gss.NoBinding(), {}} {
		knows := ours == here || ours == either || ours == gss.Undefined()
		for _, theirs := range [...]gss.Binding{here, there, gss.NoBinding(), {}} {
			k := newTalk(r, pair())
			it, at := k.p.Target, k.p.Target
			it.Binding, at.Binding = theirs, ours
			k.run(k.p.Initiator.Initiate(it), k.p.Acceptor.Accept(at))
			bound := k.completed(acceptor) && k.ctx[acceptor].Info().Flags.Has(gss.ChannelBound)
			code := k.out[acceptor].Fault.Code
			switch {
			case theirs == here && (ours == here || ours == either):
				r.check(bindingMismatch, bound, "acceptor with a %v: %v and not ChannelBound, though the peer is on that channel %v", ours, k.out[acceptor].State, k.out[acceptor].Fault)
				continue
			case knows && theirs != (gss.Binding{}):
				r.check(bindingMismatch, !k.completed(acceptor) && code == gss.BadBinding,
					"acceptor with a %v: %v with %q for a peer with another, or with a word that there is none (%v); want BadBinding", ours, k.out[acceptor].State, code, theirs)
			case !k.completed(acceptor):
				r.check(bindingThree, code == gss.BadBinding || code == gss.NoFault, "acceptor with a %v: %q for a peer with a %v; want BadBinding where it is refused", ours, code, theirs)
			}
			r.check(bindingThree, !bound, "acceptor with a %v: ChannelBound with a peer that has a %v", ours, theirs)
		}
	}
}

// opening looks at the acceptor's hint (HTA-20).
func opening(r *report, pair func() Pair, _ *talk) {
	k := newTalk(r, pair())
	if !k.p.Opens {
		return
	}
	_, a := k.contexts(k.p.Initiator)
	next, out, ok := k.step(acceptor, a, k.env(), gss.Input{})
	if !ok {
		return
	}
	r.check(openingHint, out.State == gss.Continue && out.Token.Present(), "acceptor: %v when asked to open", out.State)
	// The honest exchange answered the hint of a context that was thrown away, so
	// here it is the one that gave the hint which has to take the answer.
	k.p.Opens = false
	k.ctx[initiator] = k.p.Initiator.Initiate(k.p.Target)
	k.ctx[acceptor] = next
	if !k.drive(initiator, gss.Input{Token: out.Token}) || !k.out[initiator].Token.Present() {
		return
	}
	k.drive(acceptor, gss.Input{Token: k.out[initiator].Token})
	r.check(openingHint, k.out[acceptor].State != gss.Failed, "the acceptor refuses the answer to its own hint: %v", k.out[acceptor].Fault)
}

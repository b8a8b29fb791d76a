package proptest

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/scheme"
)

// stepI takes one step of an initiator that is no misuse. event is what began it, before any
// answers.
func (k *trip) stepI(i scheme.Initiator, env gss.Env, in scheme.InitiatorInput, event scheme.Event) (scheme.Initiator, scheme.InitiatorOutput, bool) {
	r, who := k.r, sideNames[initiator]
	next, out, ok := step(r, k.journal, who, i, false, func() (scheme.Initiator, scheme.InitiatorOutput, error) { return i.Step(env, in) })
	if !ok || !r.check(shape, next != nil, "%s: the next one is nil", who) {
		return i, out, false
	}
	k.shape(who, out.State, out.Ask, out.Fault)
	creds := out.Credentials
	if event != scheme.Concluded && (out.State == gss.Continue || out.State == gss.Ready || out.State == gss.Complete) {
		t := k.p.Client.Traits()
		if r.check(shape, creds.Present(), "%s: %v, and nothing to send", who, out.State) {
			r.check(ownName, creds.Is(t.Name) && creds.Form() == t.Form, "%s: credentials of %q in the form %v, want %q, %v", who, creds.Scheme(), creds.Form(), t.Name, t.Form)
			b, _ := creds.Token()
			r.check(bounded, len(b) <= bound.Token, "%s: a token of %d bytes", who, len(b))
			k.wire(who, creds.Text(), func(text string) bool { return header.ParseCredentials(text).Text() == text })
		}
	} else {
		r.check(shape, !creds.Present(), "%s: credentials beside %v", who, out.State)
	}
	for _, v := range [...]any{next, out, creds, out.Ask, out.Fault} {
		r.hides(who, v, k.p.Secrets)
	}
	k.reads(who, func() (gss.Info, gss.Context) { return next.Info(), next.Context() })
	if out.State == gss.Failed {
		for _, in := range [...]scheme.InitiatorInput{
			{Event: scheme.Challenged, Offer: header.ListOf(header.TokenChallenge(k.p.Client.Traits().Name, "")), Status: 401},
			{Event: scheme.Concluded, Status: 200},
		} {
			env := k.env()
			_, out, panicked, _ := try(func() (scheme.Initiator, scheme.InitiatorOutput, error) { return next.Step(env, in) })
			r.check(noPanic, panicked == nil, "%s, failed: panic: %v", who, panicked)
			r.check(absorbs, out.State == gss.Failed, "%s: failed, and after one more step %v", who, out.State)
		}
	}
	return next, out, true
}

// stepA takes one step of an acceptor that is no misuse. event is what began it, before any
// answers.
func (k *trip) stepA(a scheme.Acceptor, env gss.Env, in scheme.AcceptorInput, event scheme.Event) (scheme.Acceptor, scheme.AcceptorOutput, bool) {
	r, who := k.r, sideNames[acceptor]
	next, out, ok := step(r, k.journal, who, a, false, func() (scheme.Acceptor, scheme.AcceptorOutput, error) { return a.Step(env, in) })
	if !ok || !r.check(shape, next != nil, "%s: the next one is nil", who) {
		return a, out, false
	}
	k.shape(who, out.State, out.Ask, out.Fault)
	if out.State == gss.Continue || out.State == gss.Ready {
		r.check(shape, event == scheme.Presented && out.Challenges.Len() > 0, "%s: %v without a challenge, or after Responding", who, out.State)
	}
	r.check(shape, out.State == gss.Complete || !out.Info.Present(), "%s: an Info beside %v", who, out.State)
	k.challenges(who, out.Challenges)
	for _, v := range [...]any{next, out, out.Ask, out.Fault} {
		r.hides(who, v, k.p.Secrets)
	}
	k.reads(who, func() (gss.Info, gss.Context) { return next.Info(), next.Context() })
	if out.State != gss.Complete && event == scheme.Presented {
		info := next.Info()
		r.check(infoHonest, info.Peer == "" && !info.Anonymous, "%s: %v, and Info names somebody", who, out.State)
	}
	if out.State == gss.Failed && len(k.sent[initiator]) > 0 {
		again := scheme.AcceptorInput{Event: scheme.Presented, Credentials: header.ParseCredentials(k.sent[initiator][0])}
		env := k.env()
		_, out, panicked, _ := try(func() (scheme.Acceptor, scheme.AcceptorOutput, error) { return next.Step(env, again) })
		r.check(noPanic, panicked == nil, "%s, failed: panic: %v", who, panicked)
		r.check(absorbs, out.State == gss.Failed, "%s: failed, and after one more step %v", who, out.State)
	}
	return next, out, true
}

func (k *trip) shape(who string, s gss.State, ask gss.Question, f gss.Fault) {
	r := k.r
	r.check(shape, s <= gss.Waiting, "%s: there is no state %d", who, s)
	r.check(shape, (s == gss.Failed) == !f.IsZero(), "%s: %v with the fault %q", who, s, f)
	r.check(shape, s != gss.Failed || f.Code != gss.NoFault && f.Detail != "", "%s: a fault needs a code and words, it is %q", who, f)
	r.check(shape, (s == gss.Waiting) == (ask != nil), "%s: %v with the question %s", who, s, nameOf(ask))
}

// reads asks a state what it is.
func (k *trip) reads(who string, get func() (gss.Info, gss.Context)) {
	info, ctx, panicked, _ := try(func() (gss.Info, gss.Context, error) { i, c := get(); return i, c, nil })
	k.r.check(noPanic, panicked == nil, "%s: panic in Info or Context: %v", who, panicked)
	k.r.check(compares, isComparable(info) && isComparable(ctx), "%s: Info or Context do not compare with ==", who)
	k.r.hides(who, info, k.p.Secrets)
}

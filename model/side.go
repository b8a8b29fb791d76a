package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/side"
	"github.com/countersign-auth/countersign/scheme"
)

// A side of a client alone, with a peer, a network and a scheme that do what they like.
// Nothing of it is rationed: what bounds the world are the bounds of the side itself.

// sideWorld is the world of one side. A state is the side, what the client does next, and
// what it has used up.
type sideWorld struct {
	config side.Config
	leases []string            // what may be known of the peer
	offers []header.Challenges // what it may ask for
	sides  table[side.Side]
	labels table[sideStep]
}

// sideStep is one step of a side: what a check may look at.
type sideStep struct {
	from          side.Stage
	event         side.Kind
	to            side.Stage
	idle          bool // the side has no part in the event
	do            side.Do
	rounds, tries uint8
	kept          bool // the connection has an identity, or may have
	persistent    bool
	before        bool // it was persistent before
}

// What a client does next.
const (
	sideBegins   uint32 = iota
	sidePrepares        // and sends, where nothing is to be prepared
	sideAnswers
	sideWaits   // for a response
	sideTakesUp // the challenge
	sidePassed  // and the exchange ends, or needs one more request
	sideEnds
	sideReopens
)

// What an exchange has used up, and what it is like.
const (
	sideShared   uint32 = 1 << iota // other requests share the connection
	sideCloses                      // it ends with the response
	sideRepeated                    // the request was sent again
	sideRenewed                     // one more request followed
)

// whim is a scheme with contexts that do what gss.Env.Now says.
type whim struct {
	name  string
	begun bool // it has sent credentials, or asked
}

// What a whim may do in a step.
const (
	whimAsks int64 = iota
	whimContinues
	whimIsReady
	whimCompletes
	whimRefuses
	whimLacks
	whimFindsWrong
	whimRefusesLater // and a new context asks
	whims
)

func (w whim) Traits() scheme.Traits {
	t := traitsOf(w.name)
	t.Mutual = true
	return t
}

func (w whim) Initiate(scheme.Exchange) scheme.Initiator { return w }
func (whim) Context() gss.Context                        { return nil }

func (w whim) Info() gss.Info {
	if w.name == scheme.NTLM {
		return gss.Info{Mech: gss.NTLM, ConnectionBased: true}
	}
	return gss.Info{}
}

// Step does what env.Now says.
func (w whim) Step(env gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	does := env.Now
	if does == whimRefusesLater {
		if does = whimAsks; w.begun {
			does = whimRefuses
		}
	}
	w.begun = true
	var out scheme.InitiatorOutput
	switch does {
	case whimAsks:
		out.State, out.Ask = gss.Waiting, gss.NeedCredential{}
		return w, out, nil
	case whimRefuses:
		out.State, out.Fault.Code = gss.Failed, gss.Refused
		return w, out, nil
	case whimLacks:
		out.State, out.Fault.Code = gss.Failed, gss.NoCredentials
		return w, out, nil
	case whimFindsWrong:
		out.State, out.Fault.Code = gss.Failed, gss.NotAuthentic
		return w, out, nil
	}
	out.State = [...]gss.State{whimContinues: gss.Continue, whimIsReady: gss.Ready, whimCompletes: gss.Complete}[does]
	if in.Event == scheme.Concluded && traitsOf(w.name).Form == header.Params {
		out.Memory.Offer = header.TokenChallenge(w.name, "")
	} else if in.Event != scheme.Concluded {
		out.Credentials = header.TokenCredentials(w.name, "t")
	}
	return w, out, nil
}

// tuple implements [world].
func (*sideWorld) tuple() int { return 3 }

// starts implements [world].
func (w *sideWorld) starts(yield func([]uint32)) {
	yield([]uint32{w.sides.ID(side.Side{}), sideBegins, 0})
}

// steps implements [world].
func (w *sideWorld) steps(state []uint32, yield func(uint32, []uint32)) {
	s, phase, flags := w.sides.At(state[0]), state[1], state[2]
	// tell steps the side, once for each whim if its context may have a say.
	tell := func(e side.Event, flags, then uint32, whims int64) {
		for now := range whims {
			next, v, err := s.Step(gss.Env{Now: now}, w.about(flags), e)
			if err != nil {
				panic(err) // a whim reports no misuse
			}
			label := w.labels.ID(sideStep{
				s.Stage, e.Kind, next.Stage, next == s && v == side.Verdict{}, v.Do,
				next.Rounds, next.Tries, next.Kept(), next.Persistent, s.Persistent,
			})
			phase, flags := after(v, then, flags)
			if phase == sideReopens {
				next.Abandoned = false // it ends with its connection
			}
			yield(label, []uint32{w.sides.ID(next), phase, flags})
		}
	}
	challenge := func() {
		for _, offers := range w.offers {
			tell(side.Event{Kind: side.Challenged, Offers: offers}, flags, sideTakesUp, 1)
			tell(side.Event{Kind: side.Challenged, Offers: offers}, flags|sideCloses, sideTakesUp, 1)
		}
	}
	switch phase {
	case sideBegins, sideReopens:
		if phase == sideReopens { // over another connection, with what the exchange takes along
			s = side.Side{History: s.History}
		}
		for _, lease := range w.leases {
			e := side.Event{Kind: side.Open, Scheme: lease}
			if traitsOf(lease).Form == header.Params {
				e.Memory.Offer = header.TokenChallenge(lease, "")
			}
			tell(e, flags, sidePrepares, 1)
			if phase == sideBegins {
				tell(e, flags|sideShared, sidePrepares, 1)
			}
		}
	case sidePrepares:
		if s.Todo != 0 {
			tell(side.Event{Kind: side.Prepare}, flags, sidePrepares, whims)
			return
		}
		tell(side.Event{Kind: side.Sent}, flags, sideWaits, 1)
	case sideAnswers:
		then := sidePrepares
		if s.Stage == side.Judging {
			then = sidePassed
		}
		tell(side.Event{Kind: side.Answered, Answer: gss.Declined{}}, flags, then, whims)
	case sideWaits:
		challenge()
		tell(side.Event{Kind: side.Passed, Status: 200}, flags, sidePassed, whims)
		if !s.Tied() && s.InProgress() && flags&sideRepeated == 0 {
			tell(side.Event{Kind: side.Repeat}, flags|sideRepeated, sidePrepares, 1)
		}
	case sideTakesUp:
		tell(side.Event{Kind: side.TakeUp}, flags, sidePrepares, whims)
	case sidePassed:
		if flags&sideRenewed == 0 {
			tell(side.Event{Kind: side.Renew}, flags|sideRenewed, sidePrepares, 1)
		}
		challenge() // a client renews it before, but the side does not rely on that
		tell(side.Event{Kind: side.End}, 0, sideBegins, 1)
	case sideEnds:
		broken := s.Broken()
		if tell(side.Event{Kind: side.End}, 0, sideBegins, 1); broken {
			yield(w.labels.ID(sideStep{idle: true}), []uint32{w.sides.ID(side.Side{}), sideBegins, 0})
		}
	}
}

// about returns the circumstances of a step.
func (w *sideWorld) about(flags uint32) side.About {
	a := side.About{Config: &w.config, Identity: "alice", Closes: flags&sideCloses != 0}
	a.Secure, a.Affine, a.Multiplexed = true, true, flags&sideShared != 0
	return a
}

// after returns what a client does next after a verdict.
func after(v side.Verdict, then, flags uint32) (uint32, uint32) {
	switch v.Do {
	case side.Ask:
		return sideAnswers, flags
	case side.Fail:
		return sideEnds, 0
	case side.Reopen:
		return sideReopens, flags &^ sideCloses
	case side.ReopenHTTP11:
		return sideReopens, flags &^ (sideCloses | sideShared)
	}
	if then == sidePrepares && flags&sideCloses != 0 { // the next request goes over another connection
		return then, flags &^ sideCloses
	}
	return then, flags
}

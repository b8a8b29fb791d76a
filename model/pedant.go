package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// pedant is a scheme, under Digest's name, that proves each request alone and asks a
// question when all is over: each side while the response is judged. How it goes
// otherwise is a matter of the client's name; see tempers. A mute one has nothing to
// offer, for the reason given.
type pedant struct{ mute gss.Code }

// pedantOffer is the challenge of a pedant, which is all that it remembers.
var pedantOffer = header.ParamChallenge(scheme.Digest, `realm="r"`)

// temper is what becomes of a client with a pedant.
type temper struct {
	unproven  bool     // the server does not prove itself
	asked     bool     // the server asks a question before it judges the credentials
	more      bool     // then it wants one more leg, which there is not
	refused   gss.Code // or it refuses
	anonymous bool     // or it accepts without a name, and says so
	nameless  bool     // or it accepts without a name, and does not
}

var tempers = map[string]temper{
	"bob":   {unproven: true},
	"carol": {refused: gss.WrongTarget},
	"dave":  {asked: true, more: true},
	"erin":  {asked: true, refused: gss.WrongTarget},
	"frank": {asked: true, anonymous: true},
	"grace": {refused: gss.NoEntropy},
	"heidi": {anonymous: true},
	"ivan":  {nameless: true},
}

func (pedant) Traits() scheme.Traits { return traitsOf(scheme.Digest) }

func (pedant) Initiate(x scheme.Exchange) scheme.Initiator {
	return pedantClient{name: x.Target.Identity}
}

func (pedant) Accept(scheme.Exchange) scheme.Acceptor { return pedantServer{} }

func (p pedant) Offer(gss.Env, scheme.Exchange) (header.Challenges, gss.Fault) {
	if p.mute != gss.NoFault {
		return header.Challenges{}, gss.Fault{Code: p.mute, Detail: "pedant: mute"}
	}
	return header.ListOf(pedantOffer), gss.Fault{}
}

type pedantClient struct {
	name string
	sent bool
}

func (pedantClient) Info() gss.Info       { return gss.Info{} }
func (pedantClient) Context() gss.Context { return nil }

func (c pedantClient) Step(_ gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	switch {
	case in.Event == scheme.Concluded:
		return c, scheme.InitiatorOutput{State: gss.Waiting, Ask: lastWord{}}, nil
	case in.Event == scheme.Answered && tempers[c.name].unproven:
		return c, scheme.InitiatorOutput{Fault: gss.Fault{Code: gss.NotAuthentic, Detail: "pedant: the server did not prove itself"}}, nil
	case in.Event == scheme.Answered:
		return c, scheme.InitiatorOutput{State: gss.Complete, Memory: scheme.Memory{Offer: pedantOffer}}, nil
	case c.sent:
		return c, scheme.InitiatorOutput{Fault: gss.Fault{Code: gss.Refused, Detail: "pedant: refused"}}, nil
	}
	c.sent = true
	return c, scheme.InitiatorOutput{State: gss.Complete, Credentials: header.ParseCredentials(scheme.Digest + " " + "username=" + c.name)}, nil
}

type pedantServer struct{ name string }

func (s pedantServer) Info() gss.Info {
	switch t := tempers[s.name]; {
	case t.anonymous:
		return gss.Info{Anonymous: true}
	case t.nameless:
		return gss.Info{}
	}
	return gss.Info{Peer: s.name}
}

func (pedantServer) Context() gss.Context { return nil }

func (s pedantServer) Step(_ gss.Env, in scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	switch in.Event {
	case scheme.Responding:
		return s, scheme.AcceptorOutput{State: gss.Waiting, Ask: lastWord{}}, nil
	case scheme.Presented:
		s.name, _ = in.Credentials.Param("username")
	}
	switch t := tempers[s.name]; {
	case t.asked && in.Event == scheme.Presented:
		return s, scheme.AcceptorOutput{State: gss.Waiting, Ask: lastWord{}}, nil
	case t.refused != gss.NoFault:
		return s, scheme.AcceptorOutput{Fault: gss.Fault{Code: t.refused, Detail: "pedant: refused"}}, nil
	case t.more:
		return s, scheme.AcceptorOutput{State: gss.Continue, Challenges: header.ListOf(pedantOffer)}, nil
	}
	return s, scheme.AcceptorOutput{State: gss.Complete}, nil
}

// lastWord is a pedant's question. No source knows an answer, so that it is declined.
type lastWord struct{}

func (lastWord) Question() {}

package broken

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// SchemeDefect is one thing that a scheme may do wrong beside what its
// mechanism does: see [Mechanism] for those.
type SchemeDefect uint8

const (
	// OthersName sends credentials and challenges under another scheme's name.
	OthersName SchemeDefect = iota
	// OtherFirst offers at first what its traits do not say.
	OtherFirst
	// BreaksLine writes control characters into its last word.
	BreaksLine
	// CountsOffers takes the answer to its last offer only.
	CountsOffers
	// ForgetsItself gives a memory that is of no use.
	ForgetsItself
	// TellsUnknown refuses an unknown user in another way than a wrong password.
	TellsUnknown
	// NeverGivesUp answers every refusal anew.
	NeverGivesUp
	// BelievesAnything is complete by any final response.
	BelievesAnything
	// PrintsSecret prints the password that it was given.
	PrintsSecret
	// MistakeMoves moves on where the caller made a mistake.
	MistakeMoves
	// AnswerMoves moves on where it is answered by what it did not ask for.
	AnswerMoves
	// MistakeFails fails where the caller made a mistake.
	MistakeFails
	// NamesEarly names the peer before it is authenticated.
	NamesEarly
	// ForgetsFailure goes on after it failed as if it had not.
	ForgetsFailure
	// NamesNoOwner asks whether something is new and does not say for which client.
	NamesNoOwner
	// RemembersEarly asks so before it has authenticated the client.
	RemembersEarly
	// SchemeDefects is how many there are.
	SchemeDefects
)

var schemeDefectNames = [SchemeDefects]string{
	"OthersName", "OtherFirst", "BreaksLine", "CountsOffers", "ForgetsItself", "TellsUnknown", "NeverGivesUp", "BelievesAnything",
	"PrintsSecret", "MistakeMoves", "AnswerMoves", "MistakeFails", "NamesEarly", "ForgetsFailure", "NamesNoOwner", "RemembersEarly",
}

// String returns the name of the constant.
func (m SchemeDefect) String() string {
	if m < SchemeDefects {
		return schemeDefectNames[m]
	}
	return "unknown defect"
}

// Client returns the client half c with a fault. Never use it to authenticate.
func Client(c scheme.Client, how SchemeDefect) scheme.Client {
	return bentClient{c, how}
}

// Server returns the server half s with a fault. Never use it to authenticate.
func Server(s scheme.Server, how SchemeDefect) scheme.Server {
	return bentServer{s, how, new(int)}
}

// others is the name of no scheme.
const others = "Others"

type bentClient struct {
	scheme.Client
	how SchemeDefect
}

func (c bentClient) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "client: %v", c.how) }

func (c bentClient) Initiate(x scheme.Exchange) scheme.Initiator {
	i := c.Client.Initiate(x)
	return bentInitiator{Initiator: i, first: i, how: c.how}
}

type bentInitiator struct {
	scheme.Initiator
	first  scheme.Initiator
	how    SchemeDefect
	secret string
	moved  bool
	asks   bool
}

func (i bentInitiator) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "initiator: %v%s", i.how, i.secret)
}

func (i bentInitiator) Step(env gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	old := i
	if p, ok := in.Answer.(gss.Password); ok && i.how == PrintsSecret {
		i.secret = p.Password.Reveal()
	}
	if i.how == BelievesAnything && in.Event == scheme.Concluded {
		return i, scheme.InitiatorOutput{State: gss.Complete}, nil
	}
	next, out, err := i.Initiator.Step(env, in)
	if out.State == gss.Failed && err == nil && i.how == NeverGivesUp && in.Event == scheme.Challenged {
		next, out, err = i.first.Step(env, in)
	}
	switch {
	case err != nil && (i.how == MistakeMoves || i.how == AnswerMoves && i.asks && in.Event == scheme.Answered):
		old.moved = true
		return old, out, err
	case err != nil && i.how == MistakeFails:
		return old, scheme.InitiatorOutput{Fault: gss.Fault{Code: gss.Unexpected, Detail: "the caller made a mistake"}}, nil
	case err != nil:
		return old, scheme.InitiatorOutput{}, err
	}
	i.asks = out.State == gss.Waiting
	if i.how != ForgetsFailure || out.State != gss.Failed {
		i.Initiator = next
	}
	if out.Credentials.Present() && i.how == OthersName {
		token, _ := out.Credentials.Token()
		out.Credentials = header.TokenCredentials(others, token)
	}
	if in.Event == scheme.Concluded && i.how == ForgetsItself {
		out.Memory.Offer = header.TokenChallenge(others, "")
	}
	return i, out, nil
}

type bentServer struct {
	scheme.Server
	how    SchemeDefect
	offers *int
}

func (s bentServer) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "server: %v", s.how) }

func (s bentServer) Offer(env gss.Env, x scheme.Exchange) (header.Challenges, gss.Fault) {
	*s.offers++
	cs, f := s.Server.Offer(env, x)
	switch name := s.Traits().Name; {
	case !f.IsZero():
	case s.how == OthersName:
		return header.ListOf(header.TokenChallenge(others, "")), f
	case s.how == OtherFirst:
		return header.ListOf(header.ParamChallenge(name, `a="b"`)), f
	}
	return cs, f
}

func (s bentServer) Accept(x scheme.Exchange) scheme.Acceptor {
	return bentAcceptor{Acceptor: s.Server.Accept(x), how: s.how, name: s.Traits().Name, late: s.how == CountsOffers && *s.offers > 1}
}

type bentAcceptor struct {
	scheme.Acceptor
	how    SchemeDefect
	name   string
	late   bool // its offer is not the last one
	moved  bool
	asks   bool
	secret string
	asked  gss.Question // put off until something else was asked
}

func (a bentAcceptor) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "acceptor: %v%s", a.how, a.secret) }

func (a bentAcceptor) Info() gss.Info {
	info := a.Acceptor.Info()
	if a.how == NamesEarly {
		info.Peer = "somebody"
	}
	return info
}

func (a bentAcceptor) Step(env gss.Env, in scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	old := a
	if a.late {
		return a, scheme.AcceptorOutput{Fault: gss.Fault{Code: gss.Expired, Detail: "another offer was made since"}}, nil
	}
	if p, ok := in.Answer.(gss.Password); ok && a.how == PrintsSecret {
		a.secret = p.Password.Reveal()
	}
	if _, ok := in.Answer.(gss.ReplayVerdict); ok && a.asked != nil {
		out := scheme.AcceptorOutput{State: gss.Waiting, Ask: a.asked}
		a.asked = nil
		return a, out, nil
	}
	next, out, err := a.Acceptor.Step(env, in)
	switch {
	case err != nil && (a.how == MistakeMoves || a.how == AnswerMoves && a.asks && in.Event == scheme.Answered):
		old.moved = true
		return old, out, err
	case err != nil && a.how == MistakeFails:
		return old, scheme.AcceptorOutput{Fault: gss.Fault{Code: gss.Unexpected, Detail: "the caller made a mistake"}}, nil
	case err != nil:
		return old, scheme.AcceptorOutput{}, err
	}
	a.asks = out.State == gss.Waiting
	if a.how != ForgetsFailure || out.State != gss.Failed {
		a.Acceptor = next
	}
	if need, ok := out.Ask.(gss.NeedReplayCheck); ok && a.how == NamesNoOwner {
		need.Owner = ""
		out.Ask = need
	}
	if need, ok := out.Ask.(gss.NeedVerifier); ok && a.how == RemembersEarly {
		a.asked = out.Ask
		out.Ask = gss.NeedReplayCheck{Scope: need.Realm, Owner: need.User, Made: env.Now, Now: env.Now, Until: env.Now}
	}
	if a.how == BreaksLine && in.Event == scheme.Responding {
		out.Info = header.ParseInfo("a=\"b\r\nX-Injected: c\"")
	}
	if a.how == TellsUnknown && in.Answer == (gss.Unknown{}) {
		out.Challenges = header.ListOf(header.TokenChallenge(a.name, ""))
	}
	return a, out, nil
}

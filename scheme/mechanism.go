package scheme

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/bound"
)

// MechanismClient returns the client half of the scheme with the given traits over a GSS
// mechanism: SPNEGO for Negotiate and Nego2, NTLM for NTLM. Its contexts ask for mutual
// authentication and for the services of want, gss.Delegate for instance, which the
// mechanism's own policy then grants or not. What the mechanism cannot do is an error of
// the machine's constructor, see [Checker].
func MechanismClient(t Traits, m gss.Mechanism, want ...gss.Flags) Client {
	if m != nil {
		t.Mutual, t.ConnectionBased = m.Traits().Mutual, m.Traits().ConnectionBased
	}
	c := mechanismClient{t, m, gss.Mutual} // N2HT-5.1-1, SPNG-3.3.3-1
	for _, w := range want {
		c.want |= w
	}
	return c
}

// MechanismServer returns the server half of the scheme with the given traits over a GSS
// mechanism. What the mechanism cannot do is an error of the machine's constructor, see
// [Checker].
func MechanismServer(t Traits, m gss.Mechanism) Server {
	if m != nil {
		t.ConnectionBased = m.Traits().ConnectionBased
	}
	return mechanismServer{t, m}
}

type mechanismClient struct {
	traits Traits
	mech   gss.Mechanism
	want   gss.Flags
}

func (c mechanismClient) Traits() Traits { return c.traits }

// Format implements fmt.Formatter: a mechanism may hold secrets.
func (c mechanismClient) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%s client", c.traits.Name) }

func (c mechanismClient) Initiate(x Exchange) Initiator {
	x.Target.Want |= c.want
	return mechanismInitiator{name: c.traits.Name, ifOffered: x.Target.MutualIfOffered, ctx: c.mech.Initiate(x.Target)}
}

// mechanismInitiator drives an initiator's gss.Context by HTTP messages (RFC
// 4559 section 4, MS-N2HT section 2.2.3).
type mechanismInitiator struct {
	name      string
	ifOffered bool // the peer may leave out its proof
	ctx       gss.Context
	state     gss.State
	ending    bool // ctx was given the final token
}

func (i mechanismInitiator) Info() gss.Info { return i.ctx.Info() }

func (i mechanismInitiator) Context() gss.Context { return i.ctx }

// Format implements fmt.Formatter: a context may hold secrets.
func (i mechanismInitiator) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s initiator(%v)", i.name, i.state)
}

// Step implements [Initiator].
func (i mechanismInitiator) Step(env gss.Env, in InitiatorInput) (Initiator, InitiatorOutput, error) {
	return absorbInitiator(i.step(env, in))
}

func (i mechanismInitiator) step(env gss.Env, in InitiatorInput) (Initiator, InitiatorOutput, error) {
	var input gss.Input
	switch in.Event {
	case Start:
	case Challenged:
		token, fault := peerToken(in.Offer, i.name)
		if !fault.IsZero() {
			return i, InitiatorOutput{Fault: fault}, nil
		}
		input.Token = token // N2HT-2.2.3-3
	case Answered:
		input.Answer = in.Answer
	case Concluded:
		return i.conclude(env, in)
	default:
		return i, InitiatorOutput{}, gss.Misuse("initiator: unknown event")
	}
	ctx, out, err := i.ctx.Step(env, input)
	if err != nil {
		return i, InitiatorOutput{}, err
	}
	i.ctx, i.state = ctx, out.State
	if i.ending {
		return i, i.end(out), nil
	}
	switch out.State {
	case gss.Waiting:
		return i, InitiatorOutput{State: out.State, Ask: out.Ask}, nil
	case gss.Continue, gss.Ready, gss.Complete:
		switch { // base64 of nothing is nothing
		case out.Token.Bytes() != "":
		case out.State != gss.Complete: // which gss.Output forbids
			return i, InitiatorOutput{Fault: gss.Fault{Code: gss.Bug, Detail: i.name + ": the mechanism wants more but has nothing to say"}}, nil
		default:
			return i, InitiatorOutput{Fault: gss.Fault{Code: gss.Unexpected, Detail: i.name + ": the challenge leaves nothing to send, though the server wants more"}}, nil
		}
		return i, InitiatorOutput{State: out.State, Credentials: header.TokenCredentials(i.name, out.Token.Bytes())}, nil
	}
	return i, InitiatorOutput{Fault: out.Fault}, nil
}

// conclude runs the final token, if there is one, through the context before
// the response is used (R4559-4.1-8, R4559-5-9).
func (i mechanismInitiator) conclude(env gss.Env, in InitiatorInput) (Initiator, InitiatorOutput, error) {
	token, fault := peerToken(in.Offer, i.name)
	if !fault.IsZero() {
		return i, InitiatorOutput{Fault: fault}, nil
	}
	if !token.Present() {
		return i, i.unanswered(in.Status), nil
	}
	if i.state != gss.Ready && i.state != gss.Continue {
		return i, InitiatorOutput{Fault: gss.Fault{Code: gss.Unexpected, Detail: i.name + ": a token came with the final response after the context was complete"}}, nil
	}
	ctx, out, err := i.ctx.Step(env, gss.Input{Token: token})
	if err != nil {
		return i, InitiatorOutput{}, err
	}
	i.ctx, i.state, i.ending = ctx, out.State, true
	return i, i.end(out), nil
}

// ower is a context that tells what its peer owes it beside the mechanism's proof: SPNEGO's, the mechListMIC that
// RFC 4178 section 5 requires.
type ower interface {
	// Owed returns the fault of an exchange that ends without another token, zero if nothing is owed.
	Owed() gss.Fault
}

// unanswered returns the outcome of a final response without a token. What is to come of a missing proof is the
// machine's to judge. But a peer that may leave out its proof may not leave out what protects the choice of the
// mechanism: otherwise an attacker that forced a weaker one would take away the token that shows it. An error, which
// a server may send before it authenticates, is not read for what it lacks.
func (i mechanismInitiator) unanswered(status int) InitiatorOutput {
	if o, ok := i.ctx.(ower); ok && i.ifOffered && i.state == gss.Ready && status < 400 {
		if fault := o.Owed(); !fault.IsZero() { // PROOF-5
			return InitiatorOutput{Fault: fault}
		}
	}
	return InitiatorOutput{State: i.state}
}

// end returns the outcome after the context took the final token. A context that completed without the peer's proof
// is one that still waits for it, as far as the machine's policy goes.
func (i mechanismInitiator) end(out gss.Output) InitiatorOutput {
	switch {
	case out.State == gss.Complete && !out.Token.Present() && i.ctx.Info().Unproven:
		return InitiatorOutput{State: gss.Ready}
	case out.State == gss.Complete && !out.Token.Present():
		return InitiatorOutput{State: gss.Complete}
	case out.State == gss.Waiting:
		return InitiatorOutput{State: gss.Waiting, Ask: out.Ask}
	case out.State == gss.Failed:
		return InitiatorOutput{Fault: out.Fault}
	}
	return InitiatorOutput{Fault: gss.Fault{Code: gss.Unexpected, Detail: i.name + ": the final response's token did not complete the context"}}
}

// peerToken returns the token for a scheme in a field's challenges (C6): equal ones count
// once, a token goes before a bare challenge, two different tokens are unexpected.
func peerToken(offers header.Challenges, name string) (gss.Token, gss.Fault) {
	var token gss.Token
	for c := range offers.Of(name) {
		switch c.Form() {
		case header.Bare:
			continue
		case header.Token68:
			b, ok := c.Token()
			if !ok || len(b) > bound.Token {
				return gss.Token{}, gss.Fault{Code: gss.Malformed, Detail: name + ": the challenge's token is no base64, or too long"}
			}
			if t := gss.TokenOf(b); token.Present() && token != t {
				return gss.Token{}, gss.Fault{Code: gss.Unexpected, Detail: name + ": two different tokens in one response"}
			} else {
				token = t
			}
		default:
			return gss.Token{}, gss.Fault{Code: gss.Malformed, Detail: name + ": the challenge does not parse"}
		}
	}
	return token, gss.Fault{}
}

type mechanismServer struct {
	traits Traits
	mech   gss.Mechanism
}

func (s mechanismServer) Traits() Traits { return s.traits }

// Format implements fmt.Formatter: a mechanism may hold secrets.
func (s mechanismServer) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%s server", s.traits.Name) }

// Offer implements [Server]. The first challenge is bare (N2HT-2.2.1-3, R4559-4.1-3,
// R4559-4.1-6, NTHT-2.2.1-2, NTHT-2.2.3-2), or for a scheme that opens with a token the
// output of a fresh acceptor without input (N2HT-2.1-2, N2HT-2.2.1-4, SPNG-3.2.5.2-1).
// The acceptor is discarded: no state is kept (HTA-20).
func (s mechanismServer) Offer(env gss.Env, x Exchange) (header.Challenges, gss.Fault) {
	if s.traits.Opening != OpeningToken {
		return header.ListOf(header.TokenChallenge(s.traits.Name, "")), gss.Fault{}
	}
	_, out, err := s.mech.Accept(x.Target).Step(env, gss.Input{})
	if err != nil || out.State != gss.Continue || !out.Token.Present() {
		return header.Challenges{}, gss.Fault{Code: gss.Unsupported, Detail: s.traits.Name + ": the mechanism has no token to open with"}
	}
	return header.ListOf(header.TokenChallenge(s.traits.Name, out.Token.Bytes())), gss.Fault{}
}

func (s mechanismServer) Accept(x Exchange) Acceptor {
	return mechanismAcceptor{name: s.traits.Name, ctx: s.mech.Accept(x.Target)}
}

// mechanismAcceptor drives an acceptor's gss.Context by HTTP messages.
type mechanismAcceptor struct {
	name     string
	ctx      gss.Context
	complete bool
}

func (a mechanismAcceptor) Info() gss.Info { return a.ctx.Info() }

func (a mechanismAcceptor) Context() gss.Context { return a.ctx }

// Format implements fmt.Formatter: a context may hold secrets.
func (a mechanismAcceptor) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%s acceptor", a.name) }

// Step implements [Acceptor].
func (a mechanismAcceptor) Step(env gss.Env, in AcceptorInput) (Acceptor, AcceptorOutput, error) {
	return absorbAcceptor(a.step(env, in))
}

func (a mechanismAcceptor) step(env gss.Env, in AcceptorInput) (Acceptor, AcceptorOutput, error) {
	var input gss.Input
	switch in.Event {
	case Presented:
		b, ok := in.Credentials.Token()
		if !ok || len(b) > bound.Token {
			return a, AcceptorOutput{Fault: gss.Fault{Code: gss.Malformed, Detail: a.name + ": credentials need one base64 token"}}, nil
		}
		input.Token = gss.TokenOf(b) // R4559-5-3
	case Answered:
		input.Answer = in.Answer
	case Responding:
		if !a.complete {
			return a, AcceptorOutput{}, gss.Misuse("acceptor: there is nothing to respond to before Complete")
		}
		return a, AcceptorOutput{State: gss.Complete}, nil
	default:
		return a, AcceptorOutput{}, gss.Misuse("acceptor: unknown event")
	}
	ctx, out, err := a.ctx.Step(env, input)
	if err != nil {
		return a, AcceptorOutput{}, err
	}
	a.ctx, a.complete = ctx, out.State == gss.Complete
	ao := AcceptorOutput{State: out.State, Ask: out.Ask, Fault: out.Fault}
	switch {
	case out.Token.Bytes() != "": // R4559-4.1-5
		ao.Challenges = header.ListOf(header.TokenChallenge(a.name, out.Token.Bytes()))
	case out.State == gss.Continue, out.State == gss.Ready:
		ao = AcceptorOutput{Fault: gss.Fault{Code: gss.Bug, Detail: a.name + ": the mechanism wants more but has nothing to say"}}
	}
	return a, ao, nil
}

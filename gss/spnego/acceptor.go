package spnego

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/negtoken"
)

// acceptor is the side that is spoken to, before it has taken anything.
type acceptor struct {
	cfg    *config
	target gss.Target
}

// Step takes the first token, whatever its framing (C33). Without a token it opens
// with a NegTokenInit2, which is a constant and leaves the context as it was
// (SPNG-3.2.5.2-1, HTA-20).
func (c acceptor) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("spnego", false); err != nil {
		return c, gss.Output{}, err
	}
	if !in.Token.Present() {
		return c, gss.Output{State: gss.Continue, Token: gss.TokenOf(c.cfg.hint)}, nil
	}
	switch framing, mech := negtoken.FramingOf(in.Token.Bytes()); framing {
	case negtoken.Initial:
		return c.negotiate(env, in.Token.Bytes())
	case negtoken.Response:
		return fail(gss.Unexpected, "expected the first message, a NegTokenResp came")
	case negtoken.Raw:
		if c.cfg.RefuseRaw {
			return fail(gss.NotPermitted, "a bare token of a mechanism came in place of SPNEGO, which Config.RefuseRaw refuses")
		}
		return c.raw(env, mech, in)
	case negtoken.APREQ:
		if !c.cfg.TakeAPREQ {
			return fail(gss.NotPermitted, "a Kerberos AP-REQ without framing came, which only Config.TakeAPREQ accepts")
		}
		return c.raw(env, mech, in)
	}
	return failWith(negtoken.Malformed("expected a NegTokenInit or a bare NTLM or Kerberos token, something else came"))
}

// raw hands the exchange over to a mechanism that speaks without SPNEGO. It is
// answered in kind from here on, since what the next step steps is its own context.
func (c acceptor) raw(env gss.Env, mech gss.OID, in gss.Input) (gss.Context, gss.Output, error) {
	i := c.cfg.find(mech)
	if i < 0 {
		return fail(gss.Unsupported, "a bare token came of a mechanism that is not configured")
	}
	leaf, out, err := c.cfg.mechs[i].Accept(c.target).Step(env, in)
	if err != nil {
		return fail(gss.Unsupported, "the mechanism reported misuse for a token")
	}
	return leaf, out, nil
}

// negotiate takes a NegTokenInit. Its reqFlags are not looked at (R4178-4.2.1-1),
// nor its hints.
func (c acceptor) negotiate(env gss.Env, token string) (gss.Context, gss.Output, error) {
	m, fault := negtoken.ParseInit(token)
	if fault.IsZero() && m.MechTypes.Len() == 0 {
		fault = negtoken.ErrNoMechs
	}
	if !fault.IsZero() {
		return reject(fault, gss.Token{})
	}
	i, oid, place := c.cfg.choose(m.MechTypes)
	if i < 0 {
		return reject(gss.Fault{Code: gss.Unsupported, Detail: "spnego: the initiator's list has no mechanism that is configured here"}, gss.Token{})
	}
	next := accepting{leaf: c.cfg.mechs[i].Accept(c.target), oid: strings.Clone(oid)}
	next.mics.list = strings.Clone(m.MechTypes.DER())
	// R4178-3.2-1: not the preferred mechanism of both sides.
	next.requested = place > 0 || i > 0 && (c.cfg.OwnOrder || !c.cfg.Fallback)
	if place > 0 || m.MechToken.Bytes() == "" { // its token, if any, is for another mechanism
		return next.send(negtoken.Resp{})
	}
	return next.receive(env, m.MechToken, m.MechListMIC) // R4178-3.2-2
}

// choose picks a mechanism from the initiator's list: ours, as it is called there,
// and its place (R4178-3.1-3).
func (c *config) choose(list negtoken.MechTypes) (i int, oid string, place int) {
	i = -1
	n := 0
	for m := range list.All() {
		if j := c.find(m); j >= 0 && (i < 0 || c.OwnOrder && j < i) {
			i, oid, place = j, string(m), n
		}
		n++
	}
	return i, oid, place
}

// Info implements gss.Context.
func (acceptor) Info() gss.Info { return pending{}.Info() }

// Session implements gss.Context.
func (acceptor) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter.
func (acceptor) Format(f fmt.State, _ rune) { fmt.Fprint(f, "spnego acceptor(start)") }

// reject ends a context with a last word for the peer. token is the mechanism's,
// if it has one.
func reject(fault gss.Fault, token gss.Token) (gss.Context, gss.Output, error) {
	if len(token.Bytes()) > maxLeaf || token.Bytes() == "" {
		token = gss.Token{}
	}
	m := negtoken.Resp{State: negtoken.Reject, ResponseToken: token}
	return failed{fault}, gss.Output{Fault: fault, Token: gss.TokenOf(m.Encode())}, nil
}

// accepting has chosen its mechanism.
type accepting struct {
	leaf      gss.Context
	mics      mics
	oid       string // of the mechanism as the initiator called it (SPNG-3.2.5-1); "" once the first reply has said it
	complete  bool   // leaf is
	requested bool   // MICs are required, and our first reply says so (R4178-5-2)
	waiting   bool   // leaf has asked a question
	hasMIC    bool   // the message that leaf works on had a MIC
	mic       string
}

// Step takes a message of the initiator, or the answer that the mechanism asked for.
func (c accepting) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("spnego", c.waiting); err != nil {
		return c, gss.Output{}, err
	}
	if c.waiting {
		leaf, out, err := c.leaf.Step(env, in)
		if err != nil {
			return c, gss.Output{}, err
		}
		c.waiting = false
		return c.stepped(leaf, out)
	}
	if !in.Token.Present() {
		return fail(gss.Unexpected, "the initiator went on without a token")
	}
	m, fault := reply(in.Token, false)
	switch {
	case !fault.IsZero():
		return reject(fault, gss.Token{})
	case m.State == negtoken.Reject:
		return fail(gss.Refused, "the initiator rejected the negotiation")
	case m.State == negtoken.RequestMIC: // R4178-4.2.2-1
		return reject(gss.Fault{Code: gss.Unexpected, Detail: "spnego: request-mic is for acceptors only"}, gss.Token{})
	}
	return c.receive(env, m.ResponseToken, m.MechListMIC)
}

// receive takes what a message holds.
func (c accepting) receive(env gss.Env, token, mic gss.Token) (gss.Context, gss.Output, error) {
	c.hasMIC, c.mic = mic.Present(), strings.Clone(mic.Bytes())
	switch {
	case token.Present():
		leaf, out, err := c.leaf.Step(env, gss.Input{Token: token})
		if err != nil {
			return fail(gss.Unsupported, "the mechanism reported misuse for a token")
		}
		return c.stepped(leaf, out)
	case c.complete:
		return c.settle(gss.Token{})
	}
	return reject(gss.Fault{Code: gss.Unexpected, Detail: "spnego: the initiator's message has no token where the mechanism waits for one"}, gss.Token{})
}

// stepped continues with the output of the mechanism for a token or an answer.
func (c accepting) stepped(leaf gss.Context, out gss.Output) (gss.Context, gss.Output, error) {
	c.leaf = leaf
	switch {
	case out.State == gss.Waiting:
		c.waiting = true
		return c, out, nil
	case out.State == gss.Failed:
		return reject(out.Fault, out.Token)
	case len(out.Token.Bytes()) > maxLeaf:
		return reject(gss.Fault{Code: gss.LimitExceeded, Detail: "spnego: the mechanism's token is too long"}, gss.Token{})
	case out.State == gss.Complete:
		c.complete = true
		return c.settle(out.Token)
	case c.hasMIC:
		return reject(earlyMIC, gss.Token{})
	case out.Token.Bytes() == "":
		return reject(gss.Fault{Code: gss.Unexpected, Detail: "spnego: the mechanism is not complete, and has no token"}, gss.Token{})
	}
	return c.send(negtoken.Resp{ResponseToken: out.Token})
}

// settle does section 5 for an acceptor after its mechanism completed. token is the
// mechanism's last one, if the acceptor sends that.
func (c accepting) settle(token gss.Token) (gss.Context, gss.Output, error) {
	_, integrity := c.leaf.Session()
	m := negtoken.Resp{State: negtoken.AcceptCompleted, SupportedMech: gss.OID(c.oid), ResponseToken: token}
	switch {
	case c.hasMIC && !integrity:
		return reject(earlyMIC, gss.Token{})
	case c.hasMIC:
		verified, fault := c.mics.verify(c.leaf, c.mic)
		if !fault.IsZero() {
			return reject(fault, gss.Token{})
		}
		c.mics = verified
		if verified.sent { // ours went before: all is said
			return established{c.leaf, c.mics}, gss.Output{State: gss.Complete}, nil
		}
		if c.mics, m.MechListMIC, fault = verified.make(c.leaf); !fault.IsZero() {
			return reject(fault, gss.Token{})
		}
	case integrity && (c.requested || requiresMIC(c.leaf)):
		if c.replied() && token.Bytes() == "" { // R4178-5-3, SPNG-3.1.5.1-1
			return reject(noMIC, gss.Token{})
		}
		// Section 5 b, and c IV: ours goes first, with the last token or the first reply.
		var fault gss.Fault
		if c.mics, m.MechListMIC, fault = c.mics.make(c.leaf); !fault.IsZero() {
			return reject(fault, gss.Token{})
		}
		return c.send(m)
	}
	return established{c.leaf, c.mics}, gss.Output{State: gss.Complete, Token: gss.TokenOf(m.Encode())}, nil
}

// replied reports whether the first reply is out.
func (c accepting) replied() bool { return c.oid == "" }

// send sends a message that is not the last one.
func (c accepting) send(m negtoken.Resp) (gss.Context, gss.Output, error) {
	m.State, m.SupportedMech = negtoken.AcceptIncomplete, gss.OID(c.oid)
	if c.requested && !c.replied() { // R4178-4.2.2-1
		m.State = negtoken.RequestMIC
	}
	c.oid, c.hasMIC, c.mic = "", false, ""
	return c, gss.Output{State: gss.Continue, Token: gss.TokenOf(m.Encode())}, nil
}

// Info implements gss.Context.
func (c accepting) Info() gss.Info { return unprovenInfo(c.leaf) }

// Session implements gss.Context: there is none before the negotiation is complete,
// even if the mechanism is (R4178-3.1-2, C26).
func (accepting) Session() (gss.Session, bool) { return nil, false }

// Format implements fmt.Formatter: the mechanism's context may hold secrets.
func (c accepting) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "spnego acceptor(%v)", c.leaf.Info().Mech)
}

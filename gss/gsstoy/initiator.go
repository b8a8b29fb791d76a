package gsstoy

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
)

// initiator is the side that opens.
//
//	start    --nothing or a hint-->  asking (Asks)
//	start    --nothing or a hint-->  talking, or complete (one leg, not Final)
//	asking   --Password-->           talking, or complete (one leg, not Final)
//	talking  --c<leg>-->             talking, or complete (last leg, not Final)
//	talking  --f, after the last-->  complete
//	any      --anything else-->      failed
type initiator struct {
	toy    Toy
	target gss.Target
	phase  phase
	leg    uint8 // tokens sent
	user   string
	secret gss.Secret
	nonce  string // ours
	echo   string // the acceptor's last
	first  string // the acceptor's first: part of the session key
	mutual bool
	lacks  bool // the acceptor's proof, which the target lets it leave out
	ends   int64
	fault  gss.Fault
	heard  tokens
}

// Step implements gss.Context.
func (c initiator) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := c.phase.misuse(in); err != nil {
		return c, gss.Output{}, err
	}
	switch c.phase {
	case start:
		return c.open(env, in.Token)
	case asking:
		return c.answered(env, in.Answer)
	case talking:
		return c.heed(env, in.Token)
	case complete:
		return c.fail(gss.Unexpected, "toy: a token after the end")
	default:
		return c, gss.Output{Fault: c.fault}, nil
	}
}

// open takes the first step, with or without a hint.
func (c initiator) open(env gss.Env, hint gss.Token) (gss.Context, gss.Output, error) {
	if !c.toy.alive() {
		return c.fail(gss.NotPermitted, "toy: not configured, it has 1 to 3 legs")
	}
	if hint.Present() {
		m, fault := read(c.toy.tag(), hint)
		if !fault.IsZero() {
			return c.fail(fault.Code, fault.Detail)
		}
		if m != (message{kind: 'h'}) {
			return c.fail(gss.Unexpected, "toy: only a hint may come before the first token")
		}
		c.heard = c.heard.add(hint)
	}
	if !c.toy.Asks {
		return c.begin(env, c.toy.Identity, c.toy.Secret)
	}
	c.phase = asking
	ask := gss.NeedCredential{Mech: c.toy.Mech(), Target: c.target}
	return c, gss.Output{State: gss.Waiting, Ask: ask}, nil
}

// answered takes the answer to NeedCredential.
func (c initiator) answered(env gss.Env, answer gss.Answer) (gss.Context, gss.Output, error) {
	switch a := answer.(type) {
	case gss.Password:
		return c.begin(env, a.User, a.Password)
	case gss.Declined:
		return c.fail(gss.NoCredentials, "toy: the credential question was declined")
	case gss.Unreachable:
		return c.fail(gss.QuestionFailed, "toy: the credential source did not answer")
	default:
		return c, gss.Output{}, gss.Misuse("toy: NeedCredential takes Password, Declined or Unreachable")
	}
}

// begin sends the first token in the name of user.
func (c initiator) begin(env gss.Env, user string, secret gss.Secret) (gss.Context, gss.Output, error) {
	if !named(user) || !named(secret.Reveal()) {
		return c.fail(gss.NoCredentials, "toy: name and secret are 1 to 64 bytes")
	}
	if c.toy.Fresh {
		nonce, ok := draw(env, "initiator")
		if !ok { // HTA-3
			return c.fail(gss.NoEntropy, "toy: the seed of this step is zero")
		}
		c.nonce = nonce
	}
	c.user, c.secret = user, secret
	return c.speak(env)
}

// speak sends the next token.
func (c initiator) speak(env gss.Env) (gss.Context, gss.Output, error) {
	c.leg++
	c.phase = talking
	m := message{kind: 'i', leg: c.leg, user: c.user, echo: c.echo}
	if c.leg == 1 {
		m.nonce = c.nonce
	}
	state := gss.Continue
	switch last := c.leg == c.toy.Legs; {
	case last && c.toy.Final:
		state = gss.Ready
	case last:
		state = gss.Complete
		c.phase, c.ends = complete, c.toy.expiry(env)
	case c.toy.Early && c.leg+1 == c.toy.Legs:
		state = gss.Ready
	}
	if c.leg == c.toy.Legs {
		m.proof, m.channel = c.secret.Reveal(), channel(c.target.Binding)
	}
	return c, gss.Output{State: state, Token: m.token(c.toy.tag())}, nil
}

// heed takes a token of the acceptor.
func (c initiator) heed(env gss.Env, token gss.Token) (gss.Context, gss.Output, error) {
	switch {
	case !token.Present() && c.target.MutualIfOffered && c.toy.Mutual && c.leg == c.toy.Legs:
		c.lacks, c.phase, c.ends = true, complete, c.toy.expiry(env)
		return c, gss.Output{State: gss.Complete}, nil
	case !token.Present():
		return c.fail(gss.Refused, "toy: the peer went on without a token")
	}
	m, fault := read(c.toy.tag(), token)
	if !fault.IsZero() {
		return c.fail(fault.Code, fault.Detail)
	}
	switch last := c.leg == c.toy.Legs; {
	case m == message{kind: 'x'}:
		return c.fail(gss.Refused, "toy: the peer refused with a last token")
	case m == message{kind: 'c', leg: m.leg, nonce: m.nonce} && m.leg == c.leg && !last:
		if c.leg == 1 {
			c.first = m.nonce
		}
		c.echo = m.nonce
		c.heard = c.heard.add(token)
		return c.speak(env)
	case m.kind == 'c' && m.leg < c.leg:
		return c.fail(gss.Replayed, "toy: a challenge that was answered already")
	case m == message{kind: 'f', user: m.user, echo: m.echo, proof: m.proof} && last:
		return c.conclude(env, token, m)
	}
	return c.fail(gss.Unexpected, "toy: not the token that comes now")
}

// conclude takes the final token.
func (c initiator) conclude(env gss.Env, token gss.Token, m message) (gss.Context, gss.Output, error) {
	if m.echo != c.nonce {
		return c.fail(gss.Replayed, "toy: the final token answers another first token")
	}
	proven := m.user == c.user && gss.Equal(m.proof, c.secret.Reveal())
	if !proven && (c.toy.Mutual || m.proof != "" || m.user != "") {
		return c.fail(gss.NotAuthentic, "toy: the acceptor did not prove itself")
	}
	c.mutual = proven
	c.heard = c.heard.add(token)
	c.phase, c.ends = complete, c.toy.expiry(env)
	return c, gss.Output{State: gss.Complete}, nil
}

// fail forgets everything but the fault, so that all failures of a kind are one
// state and nothing of the exchange is left to be used.
func (c initiator) fail(code gss.Code, detail string) (gss.Context, gss.Output, error) {
	fault := gss.Fault{Code: code, Detail: detail}
	return initiator{toy: c.toy, target: c.target, phase: failed, fault: fault}, gss.Output{Fault: fault}, nil
}

// Info implements gss.Context. The acceptor's name is its service principal
// name, once it proved itself.
func (c initiator) Info() gss.Info {
	info := gss.Info{Mech: c.toy.Mech(), ConnectionBased: c.toy.Bound}
	if c.phase != complete {
		return info
	}
	info.Flags, info.Expires, info.Unproven = c.toy.established(), c.ends, c.lacks
	if c.mutual {
		info.Flags |= gss.Mutual
		info.Peer = c.target.SPN()
	}
	return info
}

// Session implements gss.Context.
func (c initiator) Session() (gss.Session, bool) {
	if c.phase != complete || !c.toy.Integrity {
		return nil, false
	}
	return session{key: key(c.user, c.secret, c.nonce, c.first), initiator: true}, true
}

// Format implements fmt.Formatter: fmt does not find the Secret's own Format in
// a field that is not exported, so the context hides it.
func (c initiator) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "toy initiator(%s, leg %d of %d)", phaseNames[c.phase], c.leg, c.toy.Legs)
}

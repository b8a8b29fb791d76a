package gsstoy

import (
	"crypto/fips140"
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// acceptor is the side that is spoken to.
//
//	start    --nothing-->            start, with a hint (OpensWithToken)
//	start    --i1-->                 talking, asking (Asks) or complete
//	talking  --i<leg+1>-->           talking, asking (Asks) or complete
//	asking   --Password, right-->    complete
//	any      --anything else-->      failed
type acceptor struct {
	toy     Toy
	target  gss.Target
	phase   phase
	leg     uint8 // tokens taken
	user    string
	secret  gss.Secret // asking: the peer's proof; complete: the secret
	channel string     // asking: what the peer says of the channel
	nonce   string     // ours
	echo    string     // the initiator's
	bound   bool
	ends    int64
	fault   gss.Fault
	heard   tokens
}

// Step implements gss.Context.
func (c acceptor) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := c.phase.misuse(in); err != nil {
		return c, gss.Output{}, err
	}
	switch c.phase {
	case start:
		if !c.toy.alive() {
			return c.fail(gss.NotPermitted, "toy: not configured, it has 1 to 3 legs")
		}
		if c.toy.OpensWithToken && !in.Token.Present() {
			// The hint is a constant: it leaves nothing half open (HTA-20).
			return c, gss.Output{State: gss.Continue, Token: message{kind: 'h'}.token(c.toy.tag())}, nil
		}
		return c.heed(env, in.Token)
	case talking:
		return c.heed(env, in.Token)
	case asking:
		return c.answered(env, in.Answer)
	case complete:
		return c.fail(gss.Unexpected, "toy: a token after the end")
	default:
		return c, gss.Output{Fault: c.fault}, nil
	}
}

// heed takes a token of the initiator.
func (c acceptor) heed(env gss.Env, token gss.Token) (gss.Context, gss.Output, error) {
	m, fault := read(c.toy.tag(), token)
	switch {
	case !fault.IsZero():
		return c.fail(fault.Code, fault.Detail)
	case m.kind != 'i':
		return c.fail(gss.Unexpected, "toy: an acceptor takes an initiator's tokens")
	case m.leg <= c.leg:
		return c.fail(gss.Replayed, "toy: a leg that was taken already")
	case m.leg != c.leg+1:
		return c.fail(gss.Unexpected, "toy: a leg was left out")
	case m.leg > 1 && m.nonce != "" || m.user == "":
		return c.fail(gss.Malformed, "toy: a name in every token, a nonce in the first alone")
	case m.leg > 1 && m.user != c.user:
		return c.fail(gss.Unexpected, "toy: the name changed between legs")
	case m.echo != c.nonce:
		return c.fail(gss.Replayed, "toy: the token answers another challenge")
	}
	c.leg, c.user = m.leg, m.user
	if m.leg == 1 {
		c.echo = m.nonce
	}
	c.heard = c.heard.add(token)
	if c.leg == c.toy.Legs {
		return c.judge(env, m)
	}
	if m.proof != "" || m.channel != "" {
		return c.fail(gss.Unexpected, "toy: the proof came before the last leg")
	}
	if c.toy.Fresh && c.leg == 1 {
		nonce, ok := draw(env, "acceptor")
		if !ok { // HTA-3
			return c.fail(gss.NoEntropy, "toy: the seed of this step is zero")
		}
		c.nonce = nonce
	}
	c.phase = talking
	challenge := message{kind: 'c', leg: c.leg, nonce: c.nonce}
	return c, gss.Output{State: gss.Continue, Token: challenge.token(c.toy.tag())}, nil
}

// judge takes the last token: it checks the proof, or asks for what checks it
// (HTA-14).
func (c acceptor) judge(env gss.Env, m message) (gss.Context, gss.Output, error) {
	if m.proof == "" {
		return c.fail(gss.BadCredentials, "toy: the last leg came without a proof")
	}
	c.secret, c.channel = gss.NewSecret(m.proof), m.channel
	if !c.toy.Asks {
		if !named(c.toy.Secret.Reveal()) {
			return c.fail(gss.NotPermitted, "toy: the acceptor has no secret to check with, 1 to 64 bytes")
		}
		return c.verify(env, c.toy.Secret)
	}
	c.phase = asking
	return c, gss.Output{State: gss.Waiting, Ask: gss.NeedVerifier{User: c.user, Kind: "toy"}}, nil
}

// answered takes the answer to NeedVerifier.
func (c acceptor) answered(env gss.Env, answer gss.Answer) (gss.Context, gss.Output, error) {
	switch a := answer.(type) {
	case gss.Password:
		return c.verify(env, a.Password)
	case gss.Unknown:
		return c.fail(gss.UnknownUser, "toy: no such user")
	case gss.Declined, gss.Unverifiable:
		return c.fail(gss.QuestionFailed, "toy: the user store could not verify this user")
	case gss.Unreachable:
		return c.fail(gss.Unavailable, "toy: the user store did not respond")
	default:
		return c, gss.Output{}, gss.Misuse("toy: NeedVerifier takes Password, Unknown, Unverifiable, Declined or Unreachable")
	}
}

// verify checks proof and channel, and completes.
func (c acceptor) verify(env gss.Env, secret gss.Secret) (gss.Context, gss.Output, error) {
	// The peer's proof is never empty here, so an empty secret matches none.
	if !c.secret.Equal(secret) {
		return c.fail(gss.BadCredentials, "toy: the proof does not match")
	}
	theirs, _ := strings.CutPrefix(c.channel, "+")
	bound, why := c.target.Binding.Admit(gss.IfAvailable, fips140.Enforced(), c.channel != "", unhex(theirs))
	if why != "" {
		return c.fail(gss.BadBinding, "toy: "+why)
	}
	c.bound = bound
	if c.toy.Refuses {
		return c.fail(gss.NotPermitted, "toy: configured to refuse")
	}
	c.phase, c.ends, c.channel = complete, c.toy.expiry(env), ""
	out := gss.Output{State: gss.Complete}
	if c.toy.Final {
		m := message{kind: 'f', echo: c.echo}
		if c.toy.Mutual {
			m.user, m.proof = c.user, secret.Reveal()
		}
		out.Token = m.token(c.toy.tag())
	}
	return c, out, nil
}

// fail forgets everything but the fault. A toy that ends with a token refuses
// with one as well.
func (c acceptor) fail(code gss.Code, detail string) (gss.Context, gss.Output, error) {
	fault := gss.Fault{Code: code, Detail: detail}
	out := gss.Output{Fault: fault}
	if c.toy.Final {
		out.Token = message{kind: 'x'}.token(c.toy.tag())
	}
	return acceptor{toy: c.toy, target: c.target, phase: failed, fault: fault}, out, nil
}

// Info implements gss.Context.
func (c acceptor) Info() gss.Info {
	info := gss.Info{Mech: c.toy.Mech(), ConnectionBased: c.toy.Bound}
	if c.phase != complete {
		return info
	}
	info.Flags, info.Expires = c.toy.established(), c.ends
	info.Domain, info.Peer = split(c.user)
	if c.toy.Mutual && c.toy.Final {
		info.Flags |= gss.Mutual
	}
	if c.bound {
		info.Flags |= gss.ChannelBound
	}
	return info
}

// Session implements gss.Context.
func (c acceptor) Session() (gss.Session, bool) {
	if c.phase != complete || !c.toy.Integrity {
		return nil, false
	}
	return session{key: key(c.user, c.secret, c.echo, c.nonce)}, true
}

// Format implements fmt.Formatter, see [initiator.Format].
func (c acceptor) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "toy acceptor(%s, leg %d of %d)", phaseNames[c.phase], c.leg, c.toy.Legs)
}

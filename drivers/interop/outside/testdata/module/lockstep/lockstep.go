// Package lockstep is a GSS mechanism that countersign does not have: both sides prove by
// a MAC over their nonces that they know the user's password.
//
//	initiator  1 <nonce> <user>
//	acceptor   2 <nonce>
//	initiator  3 <channel binding> <proof>
//	acceptor   4 <proof>
package lockstep

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// OID is 1.3.6.1.4.1.32473.1, of the number that is reserved for examples (RFC 5612).
const OID gss.OID = "\x2b\x06\x01\x04\x01\x81\xfd\x59\x01"

const (
	nonceSize = 16
	maxUser   = 256
)

// Mechanism implements gss.Mechanism.
type Mechanism struct{}

// Mech implements gss.Mechanism.
func (Mechanism) Mech() gss.OID { return OID }

// Traits implements gss.Mechanism.
func (Mechanism) Traits() gss.Traits {
	return gss.Traits{ConnectionBased: true, Mutual: true, MaxLegs: 2}
}

// Initiate implements gss.Mechanism.
func (Mechanism) Initiate(t gss.Target) gss.Context { return side{target: t, initiator: true} }

// Accept implements gss.Mechanism.
func (Mechanism) Accept(t gss.Target) gss.Context { return side{target: t} }

type stage uint8

const (
	begun   stage = iota
	asking        // for the initiator's password, or for the acceptor's copy of it
	waiting       // for the peer's second token
	done
	failed
)

// side is a context of either side.
type side struct {
	target       gss.Target
	initiator    bool
	stage        stage
	user         string
	password     gss.Secret
	ours, theirs string // nonces
	channel      string // the initiator's channel binding
	claimed      string // the initiator's proof, until it is verified
	channelBound bool
	fault        gss.Fault
}

// Format implements fmt.Formatter: the password does not show.
func (s side) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "lockstep(initiator %t, stage %d)", s.initiator, s.stage)
}

// Info implements gss.Context.
func (s side) Info() gss.Info {
	info := gss.Info{Mech: OID, ConnectionBased: true}
	if s.stage != done {
		return info
	}
	info.Flags, info.Peer = gss.Mutual, s.user
	if s.initiator {
		info.Peer = s.target.SPN()
	} else if s.channelBound {
		info.Flags |= gss.ChannelBound
	}
	return info
}

// Session implements gss.Context: messages are not protected.
func (side) Session() (gss.Session, bool) { return nil, false }

// Step implements gss.Context.
func (s side) Step(env gss.Env, in gss.Input) (gss.Context, gss.Output, error) {
	if err := in.Check("lockstep", s.stage == asking); err != nil {
		return s, gss.Output{}, err
	}
	switch {
	case s.stage == failed:
		return s, gss.Output{Fault: s.fault}, nil
	case s.stage == done:
		return s.fail(gss.Unexpected, "a token after the last one")
	case s.stage == asking && s.initiator:
		return s.begin(env, in.Answer)
	case s.stage == asking:
		return s.verify(in.Answer)
	case s.stage == begun && s.initiator && !in.Token.Present():
		s.stage = asking
		return s, gss.Output{State: gss.Waiting, Ask: gss.NeedCredential{Mech: OID, Target: s.target}}, nil
	}
	kind, rest, _ := strings.Cut(in.Token.Bytes(), " ")
	switch {
	case s.stage == begun && !s.initiator && kind == "1":
		return s.challenge(env, rest)
	case s.stage == waiting && s.initiator && s.theirs == "" && kind == "2":
		return s.prove(rest)
	case s.stage == waiting && !s.initiator && kind == "3":
		return s.proof(rest)
	case s.stage == waiting && s.initiator && s.theirs != "" && kind == "4":
		return s.finish(rest)
	}
	return s.fail(gss.Unexpected, "a token that does not come now")
}

// begin is the initiator's first token.
func (s side) begin(env gss.Env, a gss.Answer) (gss.Context, gss.Output, error) {
	switch a := a.(type) {
	case gss.Password:
		s.user, s.password = a.User, a.Password
	case gss.Unreachable:
		return s.fail(gss.QuestionFailed, "the source of credentials did not respond")
	case gss.Declined:
		return s.fail(gss.NoCredentials, "there is no password")
	default:
		return s, gss.Output{}, gss.Misuse("lockstep: NeedCredential takes Password, Unreachable or Declined")
	}
	nonce, ok := env.Bytes("lockstep", nonceSize)
	switch {
	case !ok:
		return s.fail(gss.NoEntropy, "the seed of this step is zero")
	case s.user == "" || len(s.user) > maxUser:
		return s.fail(gss.NoCredentials, "a name has 1 to 256 bytes")
	}
	s.ours, s.stage = hex.EncodeToString([]byte(nonce)), waiting
	return s, gss.Output{State: gss.Continue, Token: gss.TokenOf("1 " + s.ours + " " + s.user)}, nil
}

// challenge is the acceptor's first token.
func (s side) challenge(env gss.Env, rest string) (gss.Context, gss.Output, error) {
	nonce, user, _ := strings.Cut(rest, " ")
	if len(nonce) != 2*nonceSize || user == "" || len(user) > maxUser {
		return s.fail(gss.Malformed, "the first token has a nonce and a name")
	}
	ours, ok := env.Bytes("lockstep", nonceSize)
	if !ok {
		return s.fail(gss.NoEntropy, "the seed of this step is zero")
	}
	s.user, s.theirs, s.ours, s.stage = user, nonce, hex.EncodeToString([]byte(ours)), waiting
	return s, gss.Output{State: gss.Continue, Token: gss.TokenOf("2 " + s.ours)}, nil
}

// prove is the initiator's second token.
func (s side) prove(nonce string) (gss.Context, gss.Output, error) {
	if len(nonce) != 2*nonceSize {
		return s.fail(gss.Malformed, "the acceptor's token has a nonce")
	}
	s.theirs, s.channel = nonce, "-"
	if sum, aware := s.target.Binding.Hash(fips140.Enforced()); aware {
		s.channel = hex.EncodeToString(sum[:])
	}
	return s, gss.Output{State: gss.Ready, Token: gss.TokenOf("3 " + s.channel + " " + s.mac("initiator"))}, nil
}

// proof takes the initiator's second token.
func (s side) proof(rest string) (gss.Context, gss.Output, error) {
	s.channel, s.claimed, _ = strings.Cut(rest, " ")
	if s.channel == "" || s.claimed == "" {
		return s.fail(gss.Malformed, "the second token has a channel binding and a proof")
	}
	s.stage = asking
	return s, gss.Output{State: gss.Waiting, Ask: gss.NeedVerifier{User: s.user}}, nil
}

// verify is the acceptor's last token.
func (s side) verify(a gss.Answer) (gss.Context, gss.Output, error) {
	switch a := a.(type) {
	case gss.Password:
		s.password = a.Password
	case gss.Unknown: // the same work, without a password
	case gss.Unreachable:
		return s.fail(gss.Unavailable, "the user store did not respond")
	case gss.Declined, gss.Unverifiable:
		return s.fail(gss.QuestionFailed, "the user store could not verify this user")
	default:
		return s, gss.Output{}, gss.Misuse("lockstep: NeedVerifier takes Password, Unknown, Unverifiable, Unreachable or Declined")
	}
	right := gss.Equal(s.mac("initiator"), s.claimed)
	switch {
	case s.password.IsEmpty():
		return s.fail(gss.UnknownUser, "there is no such user")
	case !right:
		return s.fail(gss.BadCredentials, "the proof is wrong")
	}
	sum, err := hex.DecodeString(s.channel)
	bound, why := s.target.Binding.Admit(gss.IfAvailable, fips140.Enforced(), err == nil, string(sum))
	if why != "" {
		return s.fail(gss.BadBinding, why)
	}
	s.channelBound, s.stage = bound, done
	return s, gss.Output{State: gss.Complete, Token: gss.TokenOf("4 " + s.mac("acceptor"))}, nil
}

// finish takes the acceptor's proof.
func (s side) finish(proof string) (gss.Context, gss.Output, error) {
	if !gss.Equal(s.mac("acceptor"), proof) {
		return s.fail(gss.NotAuthentic, "the acceptor's proof is wrong")
	}
	s.stage = done
	return s, gss.Output{State: gss.Complete}, nil
}

// mac is the proof of a side.
func (s side) mac(of string) string {
	first, second := s.ours, s.theirs
	if !s.initiator {
		first, second = second, first
	}
	m := hmac.New(sha256.New, []byte(s.password.Reveal()))
	fmt.Fprintf(m, "%q %q %q %q %q", of, s.user, first, second, s.channel)
	return hex.EncodeToString(m.Sum(nil))
}

func (s side) fail(code gss.Code, detail string) (gss.Context, gss.Output, error) {
	fault := gss.Fault{Code: code, Detail: "lockstep: " + detail}
	return side{target: s.target, initiator: s.initiator, stage: failed, fault: fault}, gss.Output{Fault: fault}, nil
}

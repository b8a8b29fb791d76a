package gsstoy

import (
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// OID is the toy's own mechanism, 1.3.6.1.4.1.32473.1, under the enterprise
// number that is set aside for examples (RFC 5612). It is used where [Toy.OID]
// is empty.
const OID gss.OID = "\x2b\x06\x01\x04\x01\x81\xfd\x59\x01"

// The bounds (law L9).
const (
	maxLegs  = 3   // tokens of an initiator
	maxName  = 64  // bytes of a name or a secret
	maxToken = 512 // bytes of a token; longer ones are malformed
)

// Toy is a mechanism. The zero Toy, and one with Legs outside of 1..3, is not
// usable: its contexts fail at their first step.
type Toy struct {
	_ struct{}

	// OID is the mechanism that the toy says it is; "" is [OID]. A toy that
	// poses as gss.NTLM is for rules about the leaf mechanism.
	OID gss.OID
	// Legs is how many tokens the initiator sends, 1..3.
	Legs uint8
	// Final: the acceptor completes with a token of its own, and also refuses
	// with one. The initiator is Ready after its last token, and Complete only
	// after the final one; without Final it is Complete with its last token.
	Final bool
	// Bound is gss.Traits.ConnectionBased.
	Bound bool
	// Mutual: the acceptor proves itself, the initiator insists. The proof is in
	// the final token; with Mutual and without Final the traits promise what no
	// context then keeps, as an acceptor may that leaves its token out.
	Mutual bool
	// Integrity: established contexts have a gss.Session.
	Integrity bool
	// Asks tells that the initiator asks NeedCredential before its first token, and the
	// acceptor NeedVerifier before it completes. Otherwise the initiator uses Identity
	// and Secret, and the acceptor accepts every user with its Secret.
	Asks bool
	// Refuses tells that the acceptor refuses even a right proof.
	Refuses bool
	// OpensWithToken tells that an acceptor returns a hint in a step without a token, as
	// for Nego2, and stays unchanged. An initiator accepts a hint, and nothing else, in
	// its first step in any case.
	OpensWithToken bool
	// Early tells that the initiator is Ready with its last token but one, and so goes
	// back from Ready, as SPNEGO may after a reselection.
	Early bool
	// Fresh tells that this side draws a nonce from Env.Seed and accepts only tokens
	// that return it, so that tokens recorded elsewhere are Replayed. It fails with
	// NoEntropy on a zero seed. An acceptor with one leg has no token for its nonce, and
	// draws none.
	Fresh bool
	// Lasts is how long an established context holds, in nanoseconds from the
	// step that completed it; 0 is forever.
	Lasts int64
	// Identity is the name that the initiator claims, DOMAIN\user for one with a
	// domain; Secret is what both sides know, 1..64 bytes each. An initiator
	// that has either not, and does not ask, fails with NoCredentials; an acceptor
	// without a Secret that does not ask fails with NotPermitted: an empty secret
	// opens nothing.
	Identity string
	Secret   gss.Secret
}

// CheckInitiate implements [gss.Checker]: a toy has 1 to 3 legs.
func (t Toy) CheckInitiate() error {
	if t.Legs == 0 || t.Legs > maxLegs {
		return gss.Misuse("toy: not configured, it has 1 to 3 legs")
	}
	return nil
}

// CheckAccept implements [gss.Checker].
func (t Toy) CheckAccept() error { return t.CheckInitiate() }

// Mech implements gss.Mechanism.
func (t Toy) Mech() gss.OID {
	if t.OID == "" {
		return OID
	}
	return t.OID
}

// Traits implements gss.Mechanism.
func (t Toy) Traits() gss.Traits {
	return gss.Traits{ConnectionBased: t.Bound, Mutual: t.Mutual, Integrity: t.Integrity, MaxLegs: t.Legs}
}

// Initiate implements gss.Mechanism.
func (t Toy) Initiate(target gss.Target) gss.Context { return initiator{toy: t, target: target} }

// Accept implements gss.Mechanism.
func (t Toy) Accept(target gss.Target) gss.Context { return acceptor{toy: t, target: target} }

// Heard lists the tokens that a context took in, in order: what a test looks at
// to see that a challenge reached the mechanism. A failed context, and one that
// is no toy's, has heard nothing.
func Heard(c gss.Context) []string {
	switch c := c.(type) {
	case initiator:
		return c.heard.list()
	case acceptor:
		return c.heard.list()
	}
	return nil
}

// tokens are the tokens heard: at most a hint, maxLegs-1 challenges and a final.
type tokens struct {
	n uint8
	a [maxLegs + 1]string
}

func (t tokens) add(token gss.Token) tokens {
	if int(t.n) < len(t.a) {
		t.a[t.n] = token.Bytes()
		t.n++
	}
	return t
}

func (t tokens) list() []string { return append([]string(nil), t.a[:t.n]...) }

// alive reports whether t can run at all.
func (t Toy) alive() bool { return 1 <= t.Legs && t.Legs <= maxLegs }

// tag starts every token of t.
func (t Toy) tag() string {
	if t.Mech() == OID {
		return "toy"
	}
	return "toy/" + t.Mech().String()
}

// draw returns a nonce of two bytes in hexadecimal digits: short, so that a model with
// few seeds has few states.
func draw(env gss.Env, label string) (string, bool) {
	b, ok := env.Bytes("gsstoy "+label, 2)
	return hexOf(b), ok
}

// named reports whether s can be a name or a secret here.
func named(s string) bool { return 0 < len(s) && len(s) <= maxName }

// split takes a name of the form DOMAIN\user apart. Any other has no domain.
func split(name string) (domain, user string) {
	if domain, user, ok := strings.Cut(name, `\`); ok && domain != "" && user != "" {
		return domain, user
	}
	return "", name
}

// phase is what a context is at; its other fields are only meaningful together
// with it. The zero phase is the start, which a dead Toy does not get past.
type phase uint8

const (
	start phase = iota
	talking
	asking
	complete
	failed
)

var phaseNames = [...]string{start: "start", talking: "talking", asking: "asking", complete: "complete", failed: "failed"}

// misuse tells whether the caller broke the contract of Step.
func (p phase) misuse(in gss.Input) error {
	switch {
	case in.Answer != nil && in.Token.Present():
		return gss.Misuse("toy: a token and an answer at once")
	case in.Answer != nil && p != asking:
		return gss.Misuse("toy: an answer that no question asked for")
	case in.Answer == nil && p == asking:
		return gss.Misuse("toy: a question is open, and only its answer may come")
	}
	return nil
}

// established returns the services of a complete context.
func (t Toy) established() gss.Flags {
	if !t.Integrity {
		return 0
	}
	return gss.ReplayDetect | gss.Sequence | gss.Confidential | gss.Integrity
}

// expiry returns the end of a context that completes now.
func (t Toy) expiry(env gss.Env) int64 {
	if t.Lasts == 0 {
		return 0
	}
	return env.Now + t.Lasts
}

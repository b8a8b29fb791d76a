package gss

import "strings"

// State is how far a context has come. The zero State is Failed, so that an output
// that was not filled in authenticates nothing.
type State uint8

const (
	// Failed is final: Output.Fault says why, and Output.Token may hold a last
	// token for the peer (a SPNEGO reject, a KRB-ERROR).
	Failed State = iota
	// Continue means that another token of the peer is needed. Output.Token is present.
	Continue
	// Ready is Continue where, as far as this side knows, only the peer's last
	// token is missing, so that an HTTP body may go out with Output.Token. It is
	// not GSS prot_ready: per-message calls are refused until Complete (RFC 4178
	// section 3.1). A mechanism may go back to Continue and ask for one more leg.
	Ready
	// Complete means that the context is established. Output.Token, if present, is for
	// the peer.
	Complete
	// Waiting means that Output.Ask must be answered before anything else.
	Waiting
	states
)

var stateNames = [states]string{"failed", "continue", "ready", "complete", "waiting"}

// String returns the name of the state in lower case.
func (s State) String() string {
	if s < states {
		return stateNames[s]
	}
	return "unknown state"
}

// Context is one side of a security context (RFC 2743 section 2.2) as an
// immutable value: Step computes the next one and leaves the receiver unchanged.
// Every implementation is comparable with ==, down to what its interfaces hold.
//
// Step takes the peer's token, or the answer to the question just asked, never
// both. The first Step of an initiator has an absent token (or, with Nego2, the token
// of the first challenge), and so may that of an acceptor that is to open with a hint
// (NegTokenInit2). A Context is established when Output.State
// is Complete; nothing else means authenticated.
//
// What a peer can cause is an outcome, never misuse: a token after Complete fails the
// context, and so does an absent token where one was expected. A failed context stays
// unchanged and returns its Fault again. Misuse is what only the caller can cause: a
// token or nothing while a question is open, an answer that no question asked for or of
// a type that the question does not take, or a token and an answer at once.
type Context interface {
	Step(Env, Input) (Context, Output, error)
	// Info describes the context as far as it is known.
	Info() Info
	// Session returns message protection, and false before Complete or if the mechanism
	// has none.
	Session() (Session, bool)
}

// Input is one event for a Context. At most one field is set.
type Input struct {
	Token  Token
	Answer Answer
}

// Check reports whether the caller broke the contract of Step: a token and an answer at
// once, an answer that no question asked for, or none while one is open, as asking
// tells. The error is a [Misuse] that begins with the given name of the context, nil if
// the contract is kept.
func (in Input) Check(who string, asking bool) error {
	switch {
	case in.Answer != nil && in.Token.Present():
		return Misuse(who + ": a token and an answer at once")
	case in.Answer != nil && !asking:
		return Misuse(who + ": an answer that no question asked for")
	case in.Answer == nil && asking:
		return Misuse(who + ": a question is open, and only its answer may come")
	}
	return nil
}

// Output is what a Step returns beside the next Context.
type Output struct {
	State State
	Token Token    // for the peer
	Ask   Question // Waiting only
	Fault Fault    // Failed only
}

// Fail returns the output of a context that failed without a last token. Detail holds
// nothing of the peer, see [Fault].
func Fail(code Code, detail string) Output { return Output{Fault: Fault{code, detail}} }

// Mechanism makes contexts. It is immutable and comparable, as they are; its
// configuration may be behind a pointer through which nothing is written.
type Mechanism interface {
	Mech() OID
	Traits() Traits
	Initiate(Target) Context
	Accept(Target) Context
}

// Checker is implemented by a [Mechanism] whose configuration may leave out one side, or
// both: the zero value of a type that has a constructor, or an acceptor without a name.
// CheckInitiate and CheckAccept return nil for a side that can run, and otherwise a
// [Misuse] that says what is missing. The constructors of machines ask by it, and
// SPNEGO asks the mechanisms in it.
type Checker interface {
	CheckInitiate() error
	CheckAccept() error
}

// Traits describe a mechanism before a context exists.
type Traits struct {
	// ConnectionBased tells that the legs, and what they establish, belong to one
	// connection (NTLM). It is false for mechanisms that prove each request alone.
	ConnectionBased bool
	// Mutual tells that the acceptor can prove itself.
	Mutual bool
	// Integrity tells that an established context has MIC and Wrap.
	Integrity bool
	// MaxLegs is the largest number of tokens the initiator sends.
	MaxLegs uint8
}

// Info describes a context. Before Complete nothing in it is proven.
type Info struct {
	// Mech is the leaf mechanism, which for NTLM inside SPNEGO is NTLM.
	Mech OID
	// Peer is the authenticated name of the other side, in the mechanism's own
	// form; empty when the mechanism does not prove it. Domain is its realm. Two
	// clients of different realms may have the same Peer: see Name.
	Peer, Domain string
	// Anonymous tells that the initiator was authenticated without a name.
	Anonymous bool
	// Flags are the services that are active.
	Flags Flags
	// Unproven tells that the acceptor could have proven itself and did not, which
	// [Target].MutualIfOffered allows. Flags are without Mutual then, and Peer and Domain are
	// empty.
	Unproven bool
	// ConnectionBased is as in [Traits], for the leaf mechanism.
	ConnectionBased bool
	// Expires is the end of the context, in nanoseconds since the Unix epoch; 0 means
	// that it has none.
	Expires int64
	// Delegated holds the credentials that the initiator delegated, nil if none.
	Delegated Answer
}

// Name returns the name of the other side to show, log and compare. Domains, and the
// realms on a path, may each have a user of that name, so that the name has where it is
// known: for Kerberos user@REALM (RFC 1964 section 2.1.1), for NTLM DOMAIN\user, otherwise
// Peer. It is empty where Peer is.
func (i Info) Name() string { // R1964-2.1.1-1
	switch {
	case i.Peer == "" || i.Domain == "":
		return i.Peer
	case i.Mech == Kerberos:
		return i.Peer + "@" + QuoteName(i.Domain)
	case i.Mech == NTLM:
		return i.Domain + `\` + i.Peer
	}
	return i.Peer
}

// QuoteName returns a component of a Kerberos name, or a realm, with what would
// be taken for a separator behind a backslash (RFC 1964 section 2.1.1).
func QuoteName(s string) string { return nameQuoter.Replace(s) }

var nameQuoter = strings.NewReplacer(`\`, `\\`, `/`, `\/`, `@`, `\@`, "\n", `\n`, "\t", `\t`, "\b", `\b`)

// Flags are the services of a context, RFC 2743 section 1.2 (values of RFC
// 4121 section 4.1.1.1).
type Flags uint16

const (
	Delegate     Flags = 0x01
	Mutual       Flags = 0x02
	ReplayDetect Flags = 0x04
	Sequence     Flags = 0x08
	Confidential Flags = 0x10
	Integrity    Flags = 0x20
	// ChannelBound: both sides named the same channel.
	ChannelBound Flags = 0x800
)

// Has reports whether every flag of f is set in s.
func (s Flags) Has(f Flags) bool { return s&f == f }

package gss

import "fmt"

// Question is what a Step asks of the driver when it needs something that is
// not in its values: a credential, a stored verifier, a KDC's answer, memory of
// what was seen. The set is open: a mechanism or scheme may define its own, in
// its own package. A driver answers what it does not know with [Declined].
//
// Questions are comparable and say everything that the answer depends on.
type Question interface{ Question() }

// Answer is what a driver answers to a [Question]. The set is open as well.
// Answers are comparable; one that holds secrets redacts them.
type Answer interface{ Answer() }

// Side tells the two authentications apart that one request can carry.
type Side uint8

const (
	// Origin is 401, WWW-Authenticate, Authorization (RFC 9110 section 11.6).
	Origin Side = iota
	// Proxy is 407, Proxy-Authenticate, Proxy-Authorization (section 11.7).
	Proxy
)

// String is "origin" or "proxy".
func (s Side) String() string {
	if s == Proxy {
		return "proxy"
	}
	return "origin"
}

// NeedCredential asks an initiator's user for credentials. The answer counts
// for this side, target, scheme and realm and must not be used for another
// (R9110-11.5-1). Answers: [Password], a type of the mechanism's own,
// [Declined] (there are none), [Unreachable].
type NeedCredential struct {
	Scheme   string // auth-scheme that asks, as registered
	Mech     Mech   // mechanism inside it, if any
	Side     Side
	Target   Target // whom the credentials will be shown to
	Realm    string // as the challenge has it, "" if it has none
	Attempt  uint8  // 0 for the first time in this exchange
	Rejected bool   // the answer to attempt-1 was refused by the peer
}

// NeedVerifier asks an acceptor's user store for what verifies User's proof.
// Answers: [Password], a type of the scheme's own (a hash), [Unknown],
// [Unreachable]. A store must not answer Unknown with an empty password.
type NeedVerifier struct {
	Scheme string
	Realm  string
	// User is the name that the peer claims; treat it as hostile input.
	User string
	// Hashed: User is not the name but its hash (userhash, RFC 7616 section
	// 3.4.4), to be looked up as such.
	Hashed bool
	// Kind names the verifier that is wanted where there are several, for
	// instance the Digest algorithm.
	Kind string
}

// NeedVerdict hands a whole proof out to whoever can judge it: htpasswd, LDAP,
// PAM, a domain controller. Answers: [Verdict], [Unknown], [Unreachable]. The
// source does the same work for an unknown user as for a wrong password; whoever
// asks cannot do it.
type NeedVerdict struct {
	Scheme string
	Realm  string
	User   string // as the peer claims it
	Proof  Secret // Basic: the password
}

// NeedFirstSeen asks a store that remembers whether (Scope, Key, Sequence) is
// new, and to remember it until Until; test and insert are one atomic act.
// With Sequence 0 the key alone counts. Otherwise Key is a nonce and Sequence
// its count, and the store keeps a [Window] for the nonce, so that parallel
// requests may come out of order. Answers: [FirstSeen], [Unreachable].
type NeedFirstSeen struct {
	Scope    string // who shares the memory, for instance a realm or a service principal
	Key      string
	Sequence uint32
	Until    int64 // nanoseconds since the Unix epoch
}

// NeedExchange asks for one round trip with a third party: a KDC, a domain
// controller. Answers: [Reply], [Unreachable]. The request may hold proofs of
// passwords, so it shows its length only.
type NeedExchange struct {
	Service string // "kdc", "netlogon"
	Realm   string
	Request string
}

// Format implements fmt.Formatter, see [Secret] for how far that reaches.
func (q NeedExchange) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "exchange(%s of %q, %d bytes)", q.Service, q.Realm, len(q.Request))
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (q NeedExchange) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", q), nil }

// Declined: the driver has no answer, or does not know the question.
type Declined struct{}

// Unreachable: the one who would know did not answer. It refuses.
type Unreachable struct{}

// Unknown: there is no such user. It is never an empty password.
type Unknown struct{}

// Password is a user's name and password, for an initiator to use or an
// acceptor to verify against (User is then ignored).
type Password struct {
	User     string
	Domain   string // "" if none; schemes without domains ignore it
	Password Secret
}

// Verdict is the judgement on a [NeedVerdict]. User is the name to go on with,
// "" for the one that was claimed.
type Verdict struct {
	Accepted bool
	User     string
}

// FirstSeen answers [NeedFirstSeen]. Since is when the memory began, in
// nanoseconds since the Unix epoch, 0 if it was never lost (C34).
type FirstSeen struct {
	First bool
	Since int64
}

// Reply is the third party's answer to a [NeedExchange], as it came. It may
// hold session keys (netlogon does), so it shows its length only.
type Reply struct{ Data string }

// Format implements fmt.Formatter, see [Secret] for how far that reaches.
func (r Reply) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "reply(%d bytes)", len(r.Data)) }

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (r Reply) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", r), nil }

func (NeedCredential) Question() {}
func (NeedVerifier) Question()   {}
func (NeedVerdict) Question()    {}
func (NeedFirstSeen) Question()  {}
func (NeedExchange) Question()   {}

func (Declined) Answer()    {}
func (Unreachable) Answer() {}
func (Unknown) Answer()     {}
func (Password) Answer()    {}
func (Verdict) Answer()     {}
func (FirstSeen) Answer()   {}
func (Reply) Answer()       {}

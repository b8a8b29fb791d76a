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

// Derived is implemented by questions whose answers follow from what was answered
// before: they say nothing new about the user whose credentials are used. A driver
// that asks again for the user of a connection leaves them out.
type Derived interface {
	Question
	Derived()
}

// Named is implemented by questions that name the user whose credentials they ask
// for. An answer that is this [Subject]'s, or that there is none, says nothing new
// about whose they are.
type Named interface {
	Question
	// Named is the user's name as Subject has it.
	Named() string
}

// Subject is implemented by answers that hold pointers, or whose content changes,
// and still are the same user's.
type Subject interface {
	Answer
	// Subject names the user whom the peer will see. It holds no secret.
	Subject() string
}

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
// [Unverifiable], [Unreachable]. A store must not answer Unknown with an empty password.
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
// PAM, a domain controller. Answers: [Verdict], [Unknown], [Unverifiable],
// [Unreachable]. The source does the same work for an unknown user as for a wrong
// password; the scheme cannot do it.
type NeedVerdict struct {
	Scheme string
	Realm  string
	User   string // as the peer claims it
	Proof  Secret // Basic: the password
}

// NeedFirstSeen asks a store that remembers whether (Scope, Owner, Key,
// Sequence) is new, and to remember it until Until; test and insert are one
// atomic act. With Sequence 0 the key alone counts. Otherwise Key is a nonce and
// Sequence its count, and the store keeps a [Window] for the nonce, so that
// parallel requests may come out of order. A scheme asks only once the client's
// proof was right, so that no other client can use up entries. Answers:
// [FirstSeen], [Unreachable].
type NeedFirstSeen struct {
	Scope string // what shares the memory, for instance a realm or a service principal
	// Owner is the client that the entry is charged to, as the scheme
	// authenticated it: see [OwnerOf]. It is never empty, and the same whenever the
	// same thing is presented again. A store gives each owner a share, so that no
	// client can bring about that others are refused.
	Owner    string
	Key      string
	Sequence uint32
	Made     int64 // when the nonce or the request was made, in nanoseconds since the Unix epoch
	Now      int64 // the Env.Now of the step that asks: entries expire by it, in the same unit
	Until    int64 // the same: from then on the scheme refuses the key by itself
	// Forgettable tells that a store without room may forget the entries of the
	// owner that holds the most, and answer Since for that owner from then on: the
	// scheme can have its client begin anew, as Digest can by stale=true. Without
	// it the store must refuse ([FirstSeen].Full).
	Forgettable bool
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

// Unreachable tells that the service that could answer did not respond, whichever
// the client is. The exchange fails. An acceptor's fault is then [Unavailable]
// and a server answers 503, for a question about a user after a second one, about
// a user that does not exist: only if that has no answer either can no client be
// judged. What cannot be had for one user is [Unverifiable].
type Unreachable struct {
	// RetryAfter is after how many seconds it may be tried again; 0 stands for
	// DefaultRetryAfter.
	RetryAfter uint16
}

// DefaultRetryAfter is what [Unreachable] stands for without a time of its own,
// in seconds.
const DefaultRetryAfter = 5

// Unverifiable tells that what verifies this one user cannot be had: its record
// is damaged, or the directory of its domain does not respond. It answers
// [NeedVerifier] and [NeedVerdict] and refuses; outside it looks like [Unknown].
type Unverifiable struct{}

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

// FirstSeen answers [NeedFirstSeen]. First reports that it is new and is
// remembered from now on.
type FirstSeen struct {
	First bool
	// Full: it was not remembered, and must not be taken, because the owner holds
	// its full share. First is false.
	Full bool
	// Since is when the memory of this owner begins, in nanoseconds since the Unix
	// epoch: what was made then or before may have been seen and forgotten. 0 where
	// nothing was lost (C34).
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

// Derived implements [Derived]: it is asked in the name that the request holds.
func (NeedExchange) Derived() {}

func (Declined) Answer()     {}
func (Unreachable) Answer()  {}
func (Unknown) Answer()      {}
func (Unverifiable) Answer() {}
func (Password) Answer()     {}
func (Verdict) Answer()      {}
func (FirstSeen) Answer()    {}
func (Reply) Answer()        {}

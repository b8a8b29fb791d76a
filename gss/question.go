package gss

import "fmt"

// Question is what a Step asks of the driver when it needs something that its values do
// not hold: a credential, a stored verifier, a KDC's reply, a replay check. The set is
// open: a mechanism or scheme may define questions of its own, in its own package. A
// driver answers a question that it does not know with [Declined].
//
// Questions are comparable and hold everything that the answer depends on.
type Question interface{ Question() }

// Answer is a driver's answer to a [Question]. The set is open as well. Answers are
// comparable; one that holds secrets redacts them.
type Answer interface{ Answer() }

// Derived is implemented by questions with answers that follow from earlier ones: they
// say nothing new about the user of the credentials. A driver that asks again for the
// user of a connection leaves them out.
type Derived interface {
	Question
	Derived()
}

// Named is implemented by questions that ask for the credentials of a named user. An
// answer for this [Subject], or that there is none, says nothing new about the user.
type Named interface {
	Question
	// Named returns the user's name as Subject returns it.
	Named() string
}

// Subject is implemented by answers that hold pointers, or change in content, and still
// are the same user's.
type Subject interface {
	Answer
	// Subject returns the name of the user that the peer will see. It holds no secret.
	Subject() string
}

// Side is one of the two authentications that one request can carry.
type Side uint8

const (
	// Origin is 401, WWW-Authenticate, Authorization (RFC 9110 section 11.6).
	Origin Side = iota
	// Proxy is 407, Proxy-Authenticate, Proxy-Authorization (section 11.7).
	Proxy
)

// String returns "origin" or "proxy".
func (s Side) String() string {
	if s == Proxy {
		return "proxy"
	}
	return "origin"
}

// NeedCredential asks an initiator's user for credentials. The answer is for this side,
// target, scheme and realm and must not be used for another (RFC 9110 section 11.5).
//
// Asked by: scheme, Basic's client when it is challenged, or begins with a remembered
// challenge; digest, the client likewise; ntlm, the initiator before its first message;
// kerberos, the initiator before it gets a ticket.
//
// Answers: [Password], digest.HA1, ntlm.Hash, ntlm.Anonymous, ntlm.External,
// kerberos.Keys, kerberos.Tickets, [Unreachable], [Declined].
//
// Declined: there are no credentials, and the scheme fails with [NoCredentials]. The
// client tries the next scheme that is offered, and may fall to a weaker one.
type NeedCredential struct {
	Scheme   string // auth-scheme that asks, as registered
	Mech     OID    // mechanism inside it, if any
	Side     Side
	Target   Target // the acceptor that will see the credentials
	Realm    string // as the challenge has it, "" if it has none
	Attempt  uint8  // how many answers the peer has refused in this exchange
	Rejected bool   // one of them was for this Realm: the same answer would be refused again
	// UTF8 tells that the realm asks for UTF-8 (charset=UTF-8, RFC 7617 section 2.1, RFC 7616
	// section 3.3): name and password are then to be in Unicode's Normalization Form C. Only
	// Basic and Digest set it.
	UTF8 bool
}

// NeedVerifier asks an acceptor's user store for the verifier of User's proof. A store
// must not answer with an empty password for a user that it does not know.
//
// Asked by: scheme, Basic's server with AskVerifier for each request; digest, the server
// for each response that is well formed; ntlm, the acceptor when the AUTHENTICATE message has
// arrived, without Config.PassThrough; machine, the server about ProbeUser after a store
// answered Unreachable for a user.
//
// Answers: [Password], digest.HA1, ntlm.Hash, [Unknown], [Unverifiable], [Unreachable],
// [Declined].
//
// Declined: the request is refused with 401, as for an unknown user.
type NeedVerifier struct {
	Scheme string
	Realm  string
	// User is the name that the peer claims; treat it as hostile input.
	User string
	// Hashed tells that User is not the name but its hash (userhash, RFC 7616 section
	// 3.4.4), to be looked up as such.
	Hashed bool
	// Kind names the verifier that is wanted where there are several, for
	// instance the Digest algorithm.
	Kind string
}

// NeedVerdict passes a whole proof to a store that judges it itself: htpasswd, LDAP,
// PAM, a domain controller. The source does the same work for an unknown user as for a
// wrong password; the scheme cannot do it.
//
// Asked by: scheme, Basic's server with AskVerdict for each request; machine, the server
// about ProbeUser after a store answered Unreachable for a user.
//
// Answers: [Verdict], [Unknown], [Unverifiable], [Unreachable], [Declined].
//
// Declined: the request is refused with 401, as for an unknown user.
type NeedVerdict struct {
	Scheme string
	Realm  string
	User   string // as the peer claims it
	Proof  Secret // Basic: the password
}

// NeedReplayCheck asks a replay memory whether (Scope, Owner, Key, Sequence) is new, and
// to remember it until Until; test and insert are atomic. With Sequence 0 the key alone
// counts. Otherwise Key is a nonce and Sequence its count, and the memory keeps a
// [Window] for the nonce, so that parallel requests may arrive out of order. A scheme
// asks only after it has verified the client's proof, so that no other client can use up
// entries.
//
// Asked by: digest, the server for each response that verifies, unless AllowReplay leaves
// it out; kerberos, the acceptor for each AP-REQ that verifies.
//
// Answers: [ReplayVerdict], [Unreachable], [Declined].
//
// Declined: no client can be judged, and the server responds with 503.
type NeedReplayCheck struct {
	Scope string // the space of keys, for instance a realm or a service principal
	// Owner is the client to which the entry is charged, as the scheme authenticated
	// it: see [OwnerOf]. It is never empty, and the same whenever the same proof is
	// presented again. A store gives each owner a share, so that no client can cause
	// others to be refused.
	Owner    string
	Key      string
	Sequence uint32
	Made     int64 // when the nonce or the request was made, in nanoseconds since the Unix epoch
	Now      int64 // the Env.Now of the step that asks: entries expire by it, in the same unit
	Until    int64 // the end of the entry, in the same unit: after it the scheme itself refuses the key
	// Forgettable tells that a store without room may forget the entries of the owner
	// that holds the most, and answer Since for that owner from then on: the scheme can
	// make its client start over, as Digest can by stale=true. Otherwise the store must
	// refuse ([ReplayVerdict].Full).
	Forgettable bool
}

// NeedExchange asks for one round trip with a third party: a KDC, a domain
// controller. The request may hold proofs of passwords, so it shows its length only.
//
// Asked by: ticket, an Exchange for each message to a KDC, also inside of a Kerberos
// initiator that has no ticket.
//
// Answers: [Reply], [Unreachable], [Declined].
//
// Declined: there is no ticket, and the exchange fails with [QuestionFailed].
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

// Declined answers a question for which the driver has no answer, or that it does not
// know.
type Declined struct{}

// Unreachable tells that the service that could answer did not respond, for any client.
// The exchange fails. An acceptor's fault is then [Unavailable], and a server responds
// with 503; after a question about a user it asks a second one, about a user that does
// not exist, and only if that is not answered either is no client judged. For a verifier
// that one user lacks, see [Unverifiable].
type Unreachable struct {
	// RetryAfter is the number of seconds after which to try again; 0 is
	// DefaultRetryAfter.
	RetryAfter uint16
}

// DefaultRetryAfter is the time of an [Unreachable] that has none, in seconds.
const DefaultRetryAfter = 5

// Unverifiable tells that the verifier of this one user is not available: its record is
// damaged, or the directory of its domain does not respond. It answers [NeedVerifier]
// and [NeedVerdict]; the user is refused, and the peer cannot tell it from [Unknown].
type Unverifiable struct{}

// Unknown tells that there is no such user. It is not the same as an empty password.
type Unknown struct{}

// Password is a user's name and password, for an initiator to use or an acceptor to verify
// against. NTLM's acceptor then takes User and Domain for the account's name, unless User is empty,
// since clients may write it in several ways; other acceptors ignore them.
type Password struct {
	User     string
	Domain   string // "" if none; schemes without domains ignore it
	Password Secret
}

// Verdict is the judgement on a [NeedVerdict]. User is the name to use from then on, ""
// for the claimed one.
type Verdict struct {
	Accepted bool
	User     string
}

// ReplayVerdict answers [NeedReplayCheck]. First reports that the key is new and is remembered
// from now on.
type ReplayVerdict struct {
	First bool
	// Full tells that the key was not remembered, and must not be accepted, because the
	// owner's share is full. First is then false.
	Full bool
	// Since is the start of this owner's memory, in nanoseconds since the Unix epoch: what
	// was made then or before may have been seen and forgotten. It is 0 if nothing was
	// forgotten.
	Since int64
}

// Reply is the third party's reply to a [NeedExchange], unchanged. It may hold session
// keys (netlogon's does), so that it shows its length only.
type Reply struct{ Data string }

// Format implements fmt.Formatter, see [Secret] for how far that reaches.
func (r Reply) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "reply(%d bytes)", len(r.Data)) }

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (r Reply) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", r), nil }

func (NeedCredential) Question()  {}
func (NeedVerifier) Question()    {}
func (NeedVerdict) Question()     {}
func (NeedReplayCheck) Question() {}
func (NeedExchange) Question()    {}

// Derived implements [Derived]: the request holds the user's name already.
func (NeedExchange) Derived() {}

func (Declined) Answer()      {}
func (Unreachable) Answer()   {}
func (Unknown) Answer()       {}
func (Unverifiable) Answer()  {}
func (Password) Answer()      {}
func (Verdict) Answer()       {}
func (ReplayVerdict) Answer() {}
func (Reply) Answer()         {}

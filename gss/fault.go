package gss

// Code is the kind of a fault. The zero Code is none.
type Code uint8

const (
	NoFault        Code = iota
	Malformed           // the peer's message does not parse, or breaks a bound
	Unexpected          // well formed, but not allowed now
	Refused             // the peer refused, and offered nothing to go on with
	BadCredentials      // the peer's proof does not match its secret
	UnknownUser         // no such user; the peer cannot tell it from BadCredentials
	NoCredentials       // the credential question was declined
	Unanswered          // a question could not be answered: a KDC, a credential source, one user's verifier
	BadBinding          // channel bindings differ, or are missing where required
	Replayed            // seen before
	Expired             // nonce, ticket or context is past its time
	ClockSkew           // the clocks of the two sides are too far apart
	NoEntropy           // the zero Seed was given where entropy was needed
	NotPermitted        // local policy forbids it
	Unsupported         // an algorithm or option that is not implemented, or not allowed in FIPS mode
	NotAuthentic        // the peer failed to prove itself (mutual authentication)
	TooMany             // legs, attempts or reconnects passed their bound
	WrongResource       // the credentials are for another resource or method
	BodySpent           // a body that cannot be replayed was sent, and is needed again
	Unavailable         // the credentials cannot be judged now, right or wrong: a store or replay memory is down, or the client's share of it is full
	codes
)

var codeNames = [codes]string{
	NoFault: "no fault", Malformed: "malformed message", Unexpected: "unexpected message", Refused: "refused by the peer",
	BadCredentials: "bad credentials", UnknownUser: "unknown user", NoCredentials: "no credentials", Unanswered: "question not answered",
	BadBinding: "bad channel binding", Replayed: "replayed", Expired: "expired", ClockSkew: "clock skew", NoEntropy: "no entropy",
	NotPermitted: "not permitted by policy", Unsupported: "unsupported", NotAuthentic: "peer not authentic", TooMany: "bound exceeded",
	WrongResource: "credentials for another resource", BodySpent: "request body spent", Unavailable: "cannot be judged now",
}

// String returns the name of the code in lower case.
func (c Code) String() string {
	if c < codes {
		return codeNames[c]
	}
	return "unknown fault"
}

// Fault is a typed failure: its kind, and in Detail what was expected, what was received
// and what the caller can do. Detail never holds a byte of the peer or a secret. The zero
// Fault means that nothing failed. A Fault is an error, so that a driver can return it
// unchanged.
type Fault struct {
	Code   Code
	Detail string
}

// IsZero reports whether nothing failed.
func (f Fault) IsZero() bool { return f == Fault{} }

// Error implements error.
func (f Fault) Error() string {
	if f.Detail == "" {
		return f.Code.String()
	}
	return f.Code.String() + ": " + f.Detail
}

// Misuse is the only Go error of the core: the caller broke the contract of a Step,
// which returned its state unchanged. A peer cannot cause it.
type Misuse string

// Error implements error.
func (m Misuse) Error() string { return "misuse: " + string(m) }

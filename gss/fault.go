package gss

// Code says what kind of trouble ended an exchange. The zero Code is none.
type Code uint8

const (
	NoFault        Code = iota
	Malformed           // the peer's message does not parse, or breaks a bound
	Unexpected          // well formed, but not what may come now (NTHT-3.1.5.1-1)
	Refused             // the peer refused us, and gave no more to go on
	BadCredentials      // the peer's proof does not match its secret
	UnknownUser         // nobody of that name; outside it looks like BadCredentials
	NoCredentials       // the credential question was declined
	Unanswered          // a question could not be answered: a KDC, a credential source, one user's verifier
	BadBinding          // channel bindings differ, or are missing where required
	Replayed            // seen before
	Expired             // nonce, ticket or context is past its time
	ClockSkew           // the clocks of the two sides are too far apart
	NoEntropy           // the zero Seed came where entropy was needed (HTA-3)
	NotPermitted        // local policy forbids it
	Unsupported         // an algorithm or option that we lack, or that FIPS mode bars
	NotAuthentic        // the peer failed to prove itself (mutual authentication)
	TooMany             // legs, attempts or reconnects passed their bound
	WrongResource       // the credentials are for another resource or method
	BodySpent           // a body that cannot be replayed has gone out, and is wanted again (HTA-22)
	Unavailable         // it cannot be judged now, and says nothing of the client's credentials: a store or memory is down, or the client's share of it is full
	codes
)

var codeNames = [codes]string{
	NoFault: "no fault", Malformed: "malformed message", Unexpected: "unexpected message", Refused: "refused by the peer",
	BadCredentials: "bad credentials", UnknownUser: "unknown user", NoCredentials: "no credentials", Unanswered: "question not answered",
	BadBinding: "bad channel binding", Replayed: "replayed", Expired: "expired", ClockSkew: "clock skew", NoEntropy: "no entropy",
	NotPermitted: "not permitted by policy", Unsupported: "unsupported", NotAuthentic: "peer not authentic", TooMany: "bound exceeded",
	WrongResource: "credentials for another resource", BodySpent: "request body spent", Unavailable: "cannot be judged now",
}

// String names the code in lower case.
func (c Code) String() string {
	if c < codes {
		return codeNames[c]
	}
	return "unknown fault"
}

// Fault is a typed refusal: what kind, and in our own words what was expected,
// what came, and what the caller can do. Detail never holds a byte from the
// peer, nor a secret. The zero Fault means that nothing is wrong. A Fault is
// an error, so that a driver can hand it on as it is.
type Fault struct {
	Code   Code
	Detail string
}

// IsZero reports whether nothing is wrong.
func (f Fault) IsZero() bool { return f == Fault{} }

// Error implements error.
func (f Fault) Error() string {
	if f.Detail == "" {
		return f.Code.String()
	}
	return f.Code.String() + ": " + f.Detail
}

// Misuse is the only Go error of the core: the caller broke the contract of a
// Step, and the state is the one it passed in. A peer cannot cause it (L3).
type Misuse string

// Error implements error.
func (m Misuse) Error() string { return "misuse: " + string(m) }

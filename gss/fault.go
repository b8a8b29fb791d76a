package gss

// Code is the kind of a fault. The zero Code is none. A Code is an error, so that
// errors.Is finds it in what [Fault.Err] returns. A later version may add codes; their
// Class is one of those that there are.
type Code uint8

const (
	NoFault        Code = iota
	Malformed           // the peer's message does not parse, or breaks a bound
	Unexpected          // well formed, but not allowed now
	Refused             // the peer refused, and offered nothing to go on with
	BadCredentials      // the peer's proof does not match its secret
	UnknownUser         // no such user; the peer cannot tell it from BadCredentials
	NoCredentials       // there are none: the credential question was declined, or the request has none
	QuestionFailed      // a question could not be answered: a KDC, a credential source, one user's verifier
	BadBinding          // channel bindings differ, or are missing where required
	Replayed            // seen before
	Expired             // nonce, ticket or context is past its time
	ClockSkew           // the clocks of the two sides are too far apart
	NoEntropy           // the zero Seed was given where entropy was needed
	NotPermitted        // local policy forbids it
	Unsupported         // an algorithm or option that is not implemented, or not allowed in FIPS mode
	NotAuthentic        // the peer failed to prove itself (mutual authentication)
	LimitExceeded       // legs, attempts or reconnects passed their bound
	WrongTarget         // the credentials are for another resource or method
	BodySpent           // a body that cannot be replayed was sent, and is needed again
	Unavailable         // the credentials cannot be judged now, right or wrong: a store or replay memory is down, or the client's share of it is full
	Bug                 // a machine, scheme, mechanism or driver broke its own contract; no peer can cause it
	codes
)

// Class groups codes by what has to change before the exchange can succeed. The zero
// Class is that of [NoFault]. A Class is an error, so that errors.Is finds it in what
// [Fault.Err] returns.
type Class uint8

const (
	noClass Class = iota
	// PeerMisbehaved means that the peer broke the protocol, or did not prove itself. It is
	// defective, misconfigured or attacked; other credentials or another scheme do not help.
	PeerMisbehaved
	// PeerRefused means that credentials were rejected, by the peer or, on a server, those
	// of the peer. The protocol was kept; other or newer credentials may be accepted.
	PeerRefused
	// Policy means that the configuration or the state of this side does not permit what the
	// exchange needs: a scheme, an algorithm, a request without credentials, one more leg.
	Policy
	// Environment means that something around the exchange is missing: an answer, a store,
	// entropy, a clock that is right, a body that can be sent again. Later it may succeed.
	Environment
	// Internal means that this library, or a scheme or mechanism that it was given, has a
	// defect.
	Internal
	classes
)

// codeTable holds the name and the class of each code, and is the only place for both.
var codeTable = [codes]struct {
	name  string
	class Class
}{
	NoFault:        {"no fault", noClass},
	Malformed:      {"malformed message", PeerMisbehaved},
	Unexpected:     {"unexpected message", PeerMisbehaved},
	Refused:        {"refused by the peer", PeerRefused},
	BadCredentials: {"bad credentials", PeerRefused},
	UnknownUser:    {"unknown user", PeerRefused},
	NoCredentials:  {"no credentials", Policy},
	QuestionFailed: {"question not answered", Environment},
	BadBinding:     {"bad channel binding", PeerMisbehaved},
	Replayed:       {"replayed", PeerMisbehaved},
	Expired:        {"expired", PeerRefused},
	ClockSkew:      {"clock skew", Environment},
	NoEntropy:      {"no entropy", Environment},
	NotPermitted:   {"not permitted by policy", Policy},
	Unsupported:    {"unsupported", Policy},
	NotAuthentic:   {"peer not authentic", PeerMisbehaved},
	LimitExceeded:  {"bound exceeded", Policy},
	WrongTarget:    {"credentials for another resource", PeerMisbehaved},
	BodySpent:      {"request body spent", Environment},
	Unavailable:    {"cannot be judged now", Environment},
	Bug:            {"internal error", Internal},
}

var classNames = [classes]string{"no class", "peer misbehaved", "peer refused", "policy", "environment", "internal"}

// String returns the name of the code in lower case.
func (c Code) String() string {
	if c < codes {
		return codeTable[c].name
	}
	return "unknown fault"
}

// Error implements error. It returns what String returns.
func (c Code) Error() string { return c.String() }

// Class returns the class of the code. That of a code that does not exist is [Internal].
func (c Code) Class() Class {
	if c < codes {
		return codeTable[c].class
	}
	return Internal
}

// String returns the name of the class in lower case.
func (c Class) String() string {
	if c < classes {
		return classNames[c]
	}
	return "unknown class"
}

// Error implements error. It returns what String returns.
func (c Class) Error() string { return c.String() }

// Fault is a typed failure: its kind, and in Detail what was expected, what was received
// and what the caller can do. Detail never holds a byte of the peer or a secret. The zero
// Fault means that nothing failed.
//
// A Fault is an outcome and no Go error, since the zero Fault would be one that is not
// nil. [Fault.Err] makes an error of it.
type Fault struct {
	Code   Code
	Detail string
}

// IsZero reports whether nothing failed.
func (f Fault) IsZero() bool { return f == Fault{} }

// String returns the name of the code, and the detail if there is one.
func (f Fault) String() string {
	if f.Detail == "" {
		return f.Code.String()
	}
	return f.Code.String() + ": " + f.Detail
}

// Err returns the fault as an error, nil for the zero Fault. The error is a [FaultError].
// errors.Is matches it with its Code and with the Class of that, errors.As gives the
// FaultError and with it the Detail:
//
//	errors.Is(err, gss.BadBinding)
//	errors.Is(err, gss.PeerMisbehaved)
//	f, ok := errors.AsType[gss.FaultError](err)
func (f Fault) Err() error {
	if f.IsZero() {
		return nil
	}
	return FaultError{f}
}

// FaultError is a [Fault] as an error, see [Fault.Err]. It compares with ==.
type FaultError struct{ Fault }

// Error implements error. It returns the fault's text.
func (e FaultError) Error() string { return e.Fault.String() }

// Is reports whether target is the Code of the fault, or the class of it. It serves
// errors.Is.
func (e FaultError) Is(target error) bool {
	switch t := target.(type) {
	case Code:
		return t == e.Code
	case Class:
		return t == e.Code.Class()
	}
	return false
}

// Misuse is the error of a caller that broke a contract, which a peer cannot cause: an event
// that cannot come now, to a Step, which then returned its state unchanged; or a
// configuration that cannot work, to a constructor. In the second case its text says which
// field, which value came and what to do. Constructors of the drivers return it as well.
type Misuse string

// Error implements error.
func (m Misuse) Error() string { return "misuse: " + string(m) }

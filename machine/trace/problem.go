package trace

import "strconv"

// Problem is what is wrong with a trace, or with what is to be recorded. It is
// an error itself, so that errors.Is finds it in an [Error].
type Problem uint8

// The problems. The zero Problem is none.
const (
	// Malformed: not a trace, or a line that was not written by this package.
	Malformed Problem = iota + 1
	// OtherVersion: a trace of another version of the format.
	OtherVersion
	// WrongKey: the key does not open the trace, or its first line was changed.
	WrongKey
	// Tampered: a line was changed, cut, moved or left out.
	Tampered
	// NotSealed: a key was given for a redacted trace, which nothing protects.
	NotSealed
	// UnknownType: a question or answer that the vocabulary lacks, or a value
	// that cannot be written down.
	UnknownType
	// NoEntropy tells that there was no seed for the salt of a sealed trace.
	NoEntropy
	// BadKey: a key is 32 bytes, and not all zero.
	BadKey
	// NoCipher: the cipher is barred, for instance in FIPS-only mode.
	NoCipher
	problems
)

var problemNames = [problems]string{
	0: "no problem", Malformed: "malformed", OtherVersion: "another version", WrongKey: "wrong key", Tampered: "tampered",
	NotSealed: "not sealed", UnknownType: "unknown type", NoEntropy: "no entropy", BadKey: "bad key", NoCipher: "no cipher",
}

// Error implements error.
func (p Problem) Error() string {
	if p < problems {
		return problemNames[p]
	}
	return "unknown problem"
}

// Error is the error of this package. Its text holds nothing of the trace.
type Error struct {
	Problem Problem
	Line    int // of the trace, from 1; 0 where it is about none
	Detail  string
}

func problem(p Problem, detail string) error { return Error{Problem: p, Detail: detail} }

// at returns err with the number of the line.
func at(line int, err error) error {
	if e, ok := err.(Error); ok {
		e.Line = line
		return e
	}
	return err
}

// Error implements error.
func (e Error) Error() string {
	s := "trace: "
	if e.Line > 0 {
		s += "line " + strconv.Itoa(e.Line) + ": "
	}
	return s + e.Problem.Error() + ": " + e.Detail
}

// Unwrap gives the Problem.
func (e Error) Unwrap() error { return e.Problem }

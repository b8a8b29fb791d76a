package trace

import (
	"errors"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
)

// What is wrong with a trace, for errors.Is: [Decode] returns an error that wraps one of these, or the [gss.Misuse] of a caller whose key or vocabulary
// cannot be right. Its text names the line and holds nothing of the trace.
var (
	// ErrMalformed tells that it is no trace, or has a line that was not written by this package.
	ErrMalformed = errors.New("malformed")
	// ErrVersion tells that it is a trace of another version of the format.
	ErrVersion = errors.New("another version")
	// ErrTampered tells that the trace is not the one that was sealed with the key: the key is another one, the trace is not sealed, or a line was
	// changed, cut, moved or left out.
	ErrTampered = errors.New("tampered")
)

// problem returns an error that says in detail what is wrong with a trace.
func problem(kind error, detail string) error { return fmt.Errorf("%w: %s", kind, detail) }

// at returns err with the number of the line.
func at(line int, err error) error { return fmt.Errorf("trace: line %d: %w", line, err) }

// misuse returns the error of a caller that hands in what cannot be written or read.
func misuse(detail string) error { return gss.Misuse("trace: " + detail) }

package drive

import (
	"errors"
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/gss"
)

// Error says why an exchange ended without a response that may be used. It
// unwraps to its gss.Fault, and to Err.
type Error struct {
	// Side is whose authentication failed.
	Side gss.Side
	// Fault is why. It is zero where the authentication was not the trouble: a proxy
	// refused to open a tunnel, with Status.
	Fault gss.Fault
	// Tried names the schemes that were tried, strongest first.
	Tried string
	// Reasons says why each of them was given up, in our own words.
	Reasons string
	// Status is that of the last response, 0 if there was none.
	Status int
	// Err is what became of the connection. Where it is not nil, that is the
	// trouble rather than anybody's credentials.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Fault.IsZero() { // what the proxy wrote is not in it, or it would be taken for the origin's
		return fmt.Sprintf("connect: the proxy answered %d and opened no tunnel", e.Status)
	}
	s := fmt.Sprintf("%v authentication: %v", e.Side, e.Fault)
	if e.Status != 0 {
		s += fmt.Sprintf(" (status %d", e.Status)
		if e.Tried != "" {
			s += ", tried " + e.Tried
		}
		if strings.Contains(e.Reasons, "; ") { // more than the Fault says
			s += ": " + e.Reasons
		}
		s += ")"
	}
	if e.Err != nil {
		s += ": " + hidden.Redact(e.Err.Error())
	}
	return s
}

// Unwrap gives the fault, unless it is zero, and the connection's error.
func (e *Error) Unwrap() (all []error) {
	if !e.Fault.IsZero() {
		all = append(all, e.Fault)
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// Timeout reports whether the connection's error was a timeout, as net.Error has
// it.
func (e *Error) Timeout() bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](e.Err)
	return ok && t.Timeout()
}

package drive

import (
	"errors"
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/gss"
)

// Error describes why an exchange ended without a usable response. It unwraps to the
// error of its Fault, so that errors.Is finds its gss.Code and gss.Class, and to Err.
type Error struct {
	// Side is the side on which authentication failed.
	Side gss.Side
	// Fault is the reason. It is zero if authentication did not fail but a proxy
	// refused to open a tunnel, with Status.
	Fault gss.Fault
	// Tried lists the schemes that were tried, strongest first.
	Tried string
	// Reasons describes why each scheme was given up. It contains no text of the peer.
	Reasons string
	// Status is the status of the last response, 0 if there was none.
	Status int
	// Err is the error of the connection. If it is not nil, the connection failed
	// rather than the credentials.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Fault.IsZero() { // the proxy's content is left out: it could be taken for the origin's
		return fmt.Sprintf("connect: the proxy answered %d and opened no tunnel", e.Status)
	}
	s := fmt.Sprintf("%v authentication: %v", e.Side, e.Fault)
	if e.Status != 0 {
		s += fmt.Sprintf(" (status %d", e.Status)
		if e.Tried != "" {
			s += ", tried " + e.Tried
		}
		if strings.Contains(e.Reasons, "; ") { // if it says more than the Fault
			s += ": " + e.Reasons
		}
		s += ")"
	}
	if e.Err != nil {
		s += ": " + hidden.Redact(e.Err.Error())
	}
	return s
}

// Unwrap returns the fault, unless it is zero, and the connection's error.
func (e *Error) Unwrap() (all []error) {
	if !e.Fault.IsZero() {
		all = append(all, e.Fault.Err())
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// Timeout reports whether the connection's error was a timeout, as in net.Error.
func (e *Error) Timeout() bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](e.Err)
	return ok && t.Timeout()
}

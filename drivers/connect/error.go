package connect

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// Error says why a proxy gave no tunnel. The proxy's own text is not in it: it
// is not the origin's, and nobody should take it for that.
type Error struct {
	// Status is that of the proxy's last response, 0 if there was none.
	Status int
	// Fault is why the authentication failed. It is zero where that was not the
	// trouble: the proxy refused the tunnel as such, with Status.
	Fault gss.Fault
	// Tried names the schemes that were tried.
	Tried string
	// Reasons says why each of them was given up, in our own words.
	Reasons string
	// Err is what became of the connection, nil if nothing did.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	s := "connect: "
	if e.Fault.IsZero() {
		return fmt.Sprintf("%sthe proxy answered %d and opened no tunnel", s, e.Status)
	}
	s += "proxy authentication: " + e.Fault.Error()
	if e.Tried != "" {
		s += " (tried " + e.Tried
		if strings.Contains(e.Reasons, "; ") { // more than the Fault says
			s += ": " + e.Reasons
		}
		s += ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the fault, as a gss.Fault, and the connection's error.
func (e *Error) Unwrap() []error {
	var all []error
	if !e.Fault.IsZero() {
		all = append(all, e.Fault)
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

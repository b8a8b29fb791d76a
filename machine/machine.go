package machine

import (
	"github.com/countersign-auth/countersign/gss"
)

// Machine is what [Client], [Server] and [Proxy] have in common: a comparable value with
// a pure function Step. A Go error is a [gss.Misuse]: the driver broke the contract, and
// the returned machine equals the old one. Nothing that a peer sends causes one.
type Machine[M any] interface { // L1, L2, HTA-1, HTA-2
	comparable
	Step(gss.Env, Event) (M, Actions, error)
}

// phase is what a machine waits for. The zero phase of a machine without a
// configuration takes nothing.
type phase uint8

const (
	idle     phase = iota // Begin or Received
	asking                // the answer to the Ask
	sent                  // Response
	handling              // Responding
	dead                  // nothing: the connection is gone
)

var phaseNames = [...]string{"idle", "asking", "sent", "handling", "dead"}

func (p phase) String() string { return phaseNames[p] }

// noEvent returns the misuse of an event that is not allowed in a phase.
func noEvent(machine string, p phase) error {
	return gss.Misuse(machine + ": this event cannot come in phase " + p.String())
}

// origin is a URI's scheme and authority.
type origin struct {
	scheme, host string
	port         uint16
}

// informational reports whether a status is no final one. 101 is the last word of
// HTTP on its connection (RFC 9110 section 15.2.2).
func informational(status int) bool { return status < 200 && status != 101 }

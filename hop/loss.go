package hop

import "github.com/countersign-auth/countersign/machine"

// Loss is a client's connection that is gone while a request was to get its response.
type Loss struct {
	// Idle: it was idle before, and this was the first request on it since.
	Idle bool
	// Served: a response came on it in this exchange.
	Served bool
	// Unsent: not an octet of the request was written.
	Unsent bool
	// Heard: a part of a response came.
	Heard bool
	// Pinned is that of the machine's Send.
	Pinned bool
}

// Next is what a client does after a Loss.
type Next uint8

const (
	// Tell: tell the machine, with [Loss.Event].
	Tell Next = iota
	// Anew: begin the exchange on a new connection, as if this one had not been there.
	Anew
	// Again: send the same request on a new connection, for the same machine. Where
	// there is none, or one that the machine could tell from the old one, tell the machine.
	Again
)

// Next returns what to do. What was not written can go out elsewhere without being sent
// twice, unless a handshake ties it to its connection.
func (l Loss) Next() Next {
	switch {
	case !l.Unsent:
		return Tell
	case l.Idle:
		return Anew
	case l.Served && !l.Pinned: // HTA-5
		return Again
	}
	return Tell
}

// Event is what the machine is told.
func (l Loss) Event() machine.Lost { // PROOF-1
	return machine.Lost{Idle: l.Idle, Silent: !l.Heard, Unsent: l.Unsent}
}

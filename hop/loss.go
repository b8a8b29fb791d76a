package hop

import "github.com/countersign-auth/countersign/machine"

// Loss describes a client's connection that is gone before a request got its response.
type Loss struct {
	// Idle tells that it was idle before, and that this was the first request on it since.
	Idle bool
	// Served tells that a response came on it in this exchange.
	Served bool
	// Unsent tells that not an octet of the request was written.
	Unsent bool
	// Heard tells that a part of a response came.
	Heard bool
	// Pinned is that of the machine's Send.
	Pinned bool
}

// Next is what a client does after a Loss.
type Next uint8

const (
	// Tell means to tell the machine, with [Loss.Event].
	Tell Next = iota
	// Anew means to begin the exchange on a new connection, as if this one had not been
	// there.
	Anew
	// Again means to send the same request on a new connection, for the same machine. If
	// none can be opened, or the machine could tell it from the old one, tell the machine.
	Again
)

// Next returns what to do. A request that was not written can be sent elsewhere without
// being sent twice, unless a handshake ties it to its connection.
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

// Event returns the event for the machine.
func (l Loss) Event() machine.Lost { // PROOF-1
	return machine.Lost{Idle: l.Idle, Silent: !l.Heard, Unsent: l.Unsent}
}

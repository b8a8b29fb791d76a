package model

import "github.com/countersign-auth/countersign/gss"

// The events of clients, servers and proxies, as they are numbered for the memo. The low
// 24 bits are for what is said beside each, bits 28 and up for what timed and serverMove add.
const (
	evBegin    uint32 = iota << 24 // + order
	evTake                         // + packet
	evAnswer                       // + which answer
	evClosed                       // + 1 where nothing of the request was written
	evReceived                     // + packet
	evUpstream                     // + packet, and whether the connection is its own
	evLost                         // + idle and unsent: the connection that carries the request upstream is gone
	evShut                         // the client's connection was idle, and closes
	evOwnLost                      // the upstream connection that is the client's own is gone
	evCancel                       // the client gives its exchange up
)

// maxHours is what timed has room for, and maxStatuses what is left beside it.
const (
	maxHours    = 3
	maxStatuses = 4
)

// timed returns an event with the hour in which it happens, since what a step does depends on both.
func (w *World) timed(event uint32) uint32 { return event | w.hour<<30 }

// now returns what a step in this hour may know of the world.
func (w *World) now() gss.Env {
	e := env
	e.Now += int64(w.hour)
	return e
}

// Package bounds gives the bounds that several packages of drivers keep to.
package bounds

const (
	// Questions bounds the questions that may follow one event, so that a scheme cannot
	// ask for ever.
	Questions = 64
	// Peers bounds the peers that are remembered. If a peer is forgotten the next
	// request starts without credentials, which costs one more round trip.
	Peers = 1024
	// Replays bounds the entries of a replay memory.
	Replays = 1 << 30
)

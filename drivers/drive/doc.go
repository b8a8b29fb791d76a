// Package drive is what all drivers have in common: how a machine is run and its questions
// answered, how its actions become fields, what is remembered of peers, and who may have a
// connection. A driver adds what its library's messages and connections look like.
//
//	file         what
//	run.go       a machine's step and the questions that come of it
//	exchange.go  a client's exchange, over as many connections as it takes
//	pool.go      a client's connections, idle and multiplexed
//	identify.go  which answers a connection was opened by
//	server.go    a server's door: a machine for each connection
//	fields.go    actions as fields, names and ports
//	conn.go      turns, a client's channel binding
//	binding.go   a server's: which certificate it showed
//	limits.go    what clients may cost that are not authenticated
//	answer.go    answers that a driver gives itself
//	key.go       what connections and memory are found by
//	spaces.go    what outlives connections
//	identity.go  who made a request
//	error.go     why an exchange failed
//
// The guide docs/transport.md shows a driver of sixty lines.
package drive

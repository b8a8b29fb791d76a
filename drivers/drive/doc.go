// Package drive contains what drivers have in common: running a machine and answering
// its questions, turning its actions into fields, remembering facts about peers, and
// deciding which requests may use a connection. A driver adds the message and
// connection types of its library.
//
//	file         contents
//	run.go       steps a machine and answers its questions
//	exchange.go  a client's exchange, over as many connections as it needs
//	pool.go      a client's connections, idle and multiplexed
//	identify.go  the answers that opened a connection
//	server.go    a server's state for each connection
//	fields.go    replies, host names and ports
//	conn.go      serialized requests, a client's channel binding
//	binding.go   a server's channel binding: which certificate it showed
//	limits.go    limits for unauthenticated clients
//	answer.go    questions that a driver answers itself
//	key.go       keys of connections and remembered facts
//	spaces.go    facts that outlive connections
//	identity.go  the identity of a request
//	error.go     why an exchange failed
//
// The guide docs/transport.md contains a driver of sixty lines.
package drive

// Package drive contains what drivers have in common: running a machine and answering
// its questions, turning its actions into fields, remembering facts about peers, and
// deciding which requests may use a connection. A driver adds the message and
// connection types of its library.
//
// The driver of a client has a type for its connections, and two functions that dial
// and send:
//
//	Conn, Streams         implemented by the driver's connections
//	BindingOf             the channel binding of a connection
//	NewKeys, Destination  all on which dialing depends
//	Client, Exchange.Run  the client's state, and one request with all its legs
//	Loss                  returned by Send for a request that got no response
//	Held.Keep, Held.Close what becomes of the connection afterwards
//	Error                 returned by Run if authentication failed
//
// The driver of a server has a state for each connection, or for each request on a
// multiplexed one, and passes it what arrives:
//
//	NewServer             the configuration
//	Server.Connection, Server.Stream, Server.Detached
//	                      the state of a connection or of a request
//	WithChannel, ChannelFrom, ChannelOf, Channel.Binding
//	                      the channel binding, see BindTLS
//	ServerConn.Run        passes the request and the handler's status to the machine
//	ServerConn.Lock, Unlock, Reset, Closed
//	                      for concurrent requests, after a failure, and at the end
//	Refusal, ReplyText, IdentityOf
//	                      what to respond, and what to tell the handler
//	Limits, Drain         bounds for unauthenticated clients
//
// Both call Ask and BodyHash to answer questions.
//
// The guide docs/transport.md contains a driver of sixty lines.
package drive

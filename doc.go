// Package countersign is the manual for those who drive the machines of this
// module from a transport of their own. It holds no code; the code is in the
// packages below, and drivers for net/http are in the nested module drivers.
//
// # What there is
//
//	header    field values to and from text
//	gss       security contexts, questions and answers, as values
//	scheme    HTTP authentication schemes, policy, Basic
//	digest    the Digest scheme
//	gss/spnego, ntlm   mechanisms for Negotiate, Nego2 and NTLM
//	machine   Client, Server and Proxy: what to do next, for one connection
//	hop       which connection a request goes out on, what becomes of it, which fields go
//	machine/trace   records of what machines did, replayed or drawn
//	model     the worlds in which the machines are explored
//	proptest  conformance kits for mechanisms, schemes and machines of your own
//
// Data flows one way. A driver reads a message, parses the fields of
// authentication with header.ParseResponse or header.ParseRequest, and tells a
// machine the event. Step returns the next machine and actions. The driver does
// the actions in order; an Ask it answers with another event.
//
//	wire text -> header.Parse... -> Event -> machine.Step -> Actions -> header text -> wire
//	                                  ^                         |
//	                                  +------- Answered <-- Ask-+
//
// # Rules for a driver
//
// One machine per connection, or per stream of a multiplexed connection. A
// machine is a value: keep the newest, drop the old, and never feed one from two
// goroutines at once. What outlives a connection is in machine.Space, one per
// origin and route and one per proxy, under the driver's lock.
//
// Every Step gets a fresh gss.Env: the time now, and 32 bytes from a
// cryptographic random source that are used once. With a zero seed everything
// that needs entropy fails closed.
//
// A Go error from Step is a bug in the driver; the machine is as it was. Nothing
// that a peer sends makes one. What the peer did wrong comes as an action.
//
// A client's loop:
//
//	Begin        the request is to be sent; take a Lease from each Space
//	  Send       put the credentials in their fields and send; then tell Response.
//	             Body says Omit, Whole or Expect. Pinned must use this connection;
//	             if that is gone tell Lost, and so where no response comes.
//	  Ask        answer with Answered{ID}. Declined is always an answer.
//	  Deliver    give the response to the application, and Learn to the Space
//	  Fail       the exchange is over; Fault says why, and what may help
//	  Reopen     begin anew on another connection with a fresh machine and Resume
//	  Retire     do not use this connection again
//
// Before a leg goes out on the same connection the body of the last response has
// to be read, up to a bound; beyond it, close and tell Lost.
//
// A server's loop:
//
//	Received     a request came in
//	  Reply      send that status with those challenges; the handler does not run.
//	             Read what is left of the request body first, up to a bound.
//	  Ask        as above
//	  Accept     run the handler as Info.Name; when its status is known and nothing
//	             has left yet, tell
//	Responding
//	  Finish     add these fields, then let the response go
//
// A proxy gets Received, and Response from its upstream, and says Reply, Ask,
// Forward, Relay and Retire. Forward and Relay say which upstream connection is
// whose; that is the part that keeps identities apart. hop.Front does what they say:
// a proxy's driver tells it what happens, and carries out its orders.
//
// # What only a driver can know
//
// Four facts decide about safety and come from the driver alone, in
// machine.Request and machine.Received. Multiplexed: other requests share the
// connection. SharedFront: other clients do. Binding: the channel below, which is
// one of none, bytes, or unavailable (the zero value; say NoBinding only where
// there is no TLS), or at a server that does not know which of its certificates it
// showed, one of several (gss.BindingAmong). And the identity on whose behalf a client acts.
//
// The example of this package is a whole driver over in-memory messages.
package countersign

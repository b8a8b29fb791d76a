// Package countersign explains how to write a driver: a program that runs the machines of
// this module over a transport of its own. It holds no code. The code is in the packages
// below, and drivers for net/http and others are in the nested modules drivers,
// drivers/fasthttp and drivers/http3.
//
// # Packages
//
//	header    field values to and from text
//	gss       security contexts, questions and answers, as values
//	scheme    HTTP authentication schemes, policy, Basic
//	digest    the Digest scheme
//	gss/spnego, ntlm   mechanisms for Negotiate, Nego2 and NTLM
//	machine   Client, Server and Proxy: the next actions for one connection
//	hop       which connection a request goes over, what becomes of it, which fields are sent
//	machine/trace   records of what machines did, replayed or drawn
//	model     the worlds in which the machines are explored
//	proptest  conformance kits for mechanisms, schemes and machines of your own
//
// Data flows one way. A driver reads a message, parses the fields of authentication with
// header.ParseResponse or header.ParseRequest, and passes the event to a machine. Step
// returns the next machine and actions. The driver executes the actions in order, and
// answers an Ask with another event.
//
//	wire text -> header.Parse... -> Event -> machine.Step -> Actions -> header text -> wire
//	                                  ^                         |
//	                                  +------- Answered <-- Ask-+
//
// # Rules for a driver
//
// There is one machine per connection, or per stream of a multiplexed connection. A machine
// is a value: keep the newest, drop the old ones, and never step one from two goroutines at
// once. State that outlives a connection is in machine.Space, one per origin and route and
// one per proxy, under the driver's lock.
//
// Every Step needs a fresh gss.Env: the current time, and 32 bytes from a cryptographic
// random source that are used once. With a zero seed, steps that need entropy fail closed.
//
// A Go error from Step is a bug in the driver, and leaves the machine unchanged. Nothing
// that a peer sends causes one. Errors of the peer are reported by actions.
//
// A client's loop:
//
//	Begin        starts a request; take a Lease from each Space
//	  Send       put the credentials in their fields, send the request, and pass
//	             the Response. Body is Omit, Whole or Expect. A Pinned leg must use
//	             this connection. If that is closed, or no response comes, pass Lost.
//	  Ask        answer with Answered{ID}. Declined is always a valid answer.
//	  Deliver    return the response to the application, and pass Learn to the Space
//	  Fail       the exchange has failed; Fault has the reason, and what may help
//	  Reopen     begin again on another connection, with a fresh machine and Resume
//	  Retire     do not use this connection again
//
// Before a leg is sent on the same connection, read the body of the last response, up to a
// bound. Beyond it, close the connection and pass Lost.
//
// A server's loop:
//
//	Received     a request was received
//	  Reply      send the status with the challenges; the handler does not run.
//	             Read the rest of the request body first, up to a bound.
//	  Ask        as above
//	  Accept     run the handler as Info.Name; when its status is known and before
//	             the response is sent, pass
//	Responding
//	  Finish     add these fields, then send the response
//
// A proxy takes Received, and Response from its upstream, and returns Reply, Ask, Forward,
// Relay and Retire. Forward and Relay tell which upstream connection belongs to which
// client, which keeps identities apart. hop.Front carries that out on values: a proxy's
// driver passes it what happens, and does what it orders.
//
// # Facts from the driver
//
// Security depends on four facts that only the driver knows, in machine.Request and
// machine.Received. Multiplexed: other requests share the connection. SharedFront: other
// clients share it. Binding: that of the TLS channel, which is none, bytes, or unavailable
// (the zero value; use NoBinding only without TLS), or at a server that does not know which
// of its certificates it used, one of several (gss.BindingAmong). Identity: the one for
// which a client acts.
//
// The example of this package is a complete driver over in-memory messages.
package countersign

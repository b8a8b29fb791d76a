// Package machine decides what to do next in HTTP authentication: [Client], [Server]
// and [Proxy] are the machines of one connection, or of one stream of a multiplexed
// connection, and [Space] is what a client remembers beyond it.
//
// A machine is an immutable value. It does no I/O, reads no clock and draws no random
// numbers: a driver tells it an [Event], and its Step returns the next machine and
// [Actions]. What the machine needs to know, it asks with [Ask], and the driver answers
// with [Answered].
//
//	              events                                    actions
//	Client        Begin, Response, Answered, Closed, Lost   Send, Ask, Deliver, Reopen, Retire, Fail
//	Server        Received, Responding, Answered, Closed    Ask, Reply, Accept, Finish
//	Proxy         Received, Response, Answered, Closed      Ask, Reply, Forward, Relay, Retire
//
// # Driving a machine
//
// A driver has the connections, and four responsibilities.
//
// First, it makes a machine for each connection, or for each stream of a multiplexed one, and
// after each Step keeps the machine that Step returned in place of the old one. Events come
// one at a time: a driver does not step one machine from two goroutines at once. Each Step gets
// a [gss.Env] of its own: the time now, and a seed from a cryptographic random source that is
// used once. A zero seed means that there is no entropy, and what needs some fails.
//
// Second, it does the actions of a Step in their order, and has the next event from the last
// of them.
//
// Third, it answers every question, with the ID of its [Ask]. While a question is open, only
// its answer, [Closed] and [Lost] may come. [gss.Declined] is always a valid answer.
//
// Fourth, it states four facts that only it knows, on which security depends:
// [Request].Multiplexed, [Request].Binding, [Received].SharedFront, and the [Begin].Identity
// under which a client acts.
//
// A Go error of a Step is a [gss.Misuse]: the driver broke one of these rules, and the machine
// is as it was. Nothing that a peer sends causes one; what a peer did wrong is an action.
//
// # A client
//
// The driver of a client does this for each request.
//
//  1. It takes a [Lease] from the [Space] of the origin, and from that of the proxy if there
//     is one, and steps the client of an idle connection, or a new client, with [Begin].
//  2. [Send]: it puts the credentials into their fields, sends the request with as much of its
//     body as Send.Body says, and passes the [Response]. Before it sends again on the same
//     connection, it reads the rest of the last response, up to a bound. Beyond the bound, or
//     if there is no response, it closes the connection and passes [Lost].
//  3. [Ask]: it answers the question with [Answered].
//  4. [Reopen]: it applies the facts, closes the connection, and goes to step 1 with a new
//     connection, a new client and the action's [Resume].
//  5. [Retire]: it does not use the connection again after this request.
//  6. [Deliver]: it applies the facts to the Space with Learn, and returns the response to the
//     application.
//  7. [Fail]: it applies the facts and returns the fault to the application. No response may be
//     used.
//
// When an idle connection is closed, it passes [Closed] or drops the client. The loop, without
// the driver's own code:
//
//	for event := machine.Event(machine.Begin{…}); event != nil; {
//		next, actions, err := client.Step(env(), event)
//		if err != nil {
//			return err // a bug of the driver: client is as it was
//		}
//		client, event = next, nil
//		for action := range actions.All() {
//			switch a := action.(type) {
//			case machine.Send: // write the request with these fields, read the response
//				event = send(a) // Response, or Lost
//			case machine.Ask: // a credential, a KDC's reply, the hash of a body
//				event = machine.Answered{ID: a.ID, Answer: answer(a.Question)}
//			case machine.Reopen: // continue over another connection
//				client, event = fresh, machine.Begin{Resume: a.Resume, …}
//			case machine.Retire:
//				retired = true
//			case machine.Deliver: // the response is the application's
//				space = space.Learn(a.Learn)
//			case machine.Fail: // a protocol outcome, not a Go error
//				failure = a.Fault
//			default: // an action of a later version
//				failure, retired = unknownAction, true
//			}
//		}
//	}
//
// # A server
//
// The driver of a server does this for each request on a connection, one after the other.
//
//  1. It passes [Received], with the [Request] that [Incoming] makes of the request line.
//  2. [Ask]: it answers the question with [Answered].
//  3. [Reply]: it reads the rest of the request's body, up to a bound, and sends the status with
//     the challenges. The handler does not run, and the request ends here.
//  4. [Accept]: it runs the handler for the client that Accept.Info names. When the status of
//     the response is known, and before any of it is sent, it passes [Responding].
//  5. [Finish]: it adds the fields and sends the response.
//
// When the connection is closed, it passes [Closed] or drops the server.
//
// # A proxy
//
// The driver of a proxy does this for each request on a client's connection. Package hop does
// the same on values, down to the connections upstream; a driver that uses it only carries out
// orders.
//
//  1. It passes [Received].
//  2. [Ask] and [Reply]: it does what a server's driver does.
//  3. [Forward]: it sends the request upstream, over the connection that Forward.Pin allows,
//     and passes the [Response].
//  4. [Relay]: it passes the response on, with the fields that Relay adds and removes. With
//     Relay.Keep the upstream connection is from then on this client's alone.
//  5. [Retire]: it closes the connection at that [End] when it is idle.
//
// When a connection at either end is closed, it passes [Closed] with that End.
//
// # What may grow
//
// A minor version may add fault codes, events, actions and questions, and fields to structs. A
// driver that was written before them stays correct if it has a default for each:
//
//   - An action that it does not know it treats as [Fail]: the request ends with an error, at a
//     server or proxy with status 500, and the connection is closed.
//   - A question that it does not know it answers with [gss.Declined].
//   - A fault code that it does not know is a failure like others.
//   - An event that it does not know it need not send.
//
// # Bounds
//
// A machine holds no more than its bounds allow, whatever the peer sends: see the
// fields of [ClientConfig] and [ServerConfig] that begin with Max, and the bounds of
// package header. It imports no scheme and no mechanism; they are passed to it as
// scheme.Client and scheme.Server. All that the machines do is declared in a table, to
// which the worlds of package model hold them.
//
// The example of this package is a client's and a server's loop.
package machine

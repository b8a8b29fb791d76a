// Package machine decides what to do next in HTTP authentication: [Client], [Server]
// and [Proxy] are the machines of one connection, or of one stream of a multiplexed
// connection, and [Space] is what a client remembers beyond it.
//
// A machine is an immutable value. It does no I/O, reads no clock and draws no random
// numbers: a driver tells it an [Event], and its Step returns the next machine and
// [Actions]. What the machine wants to know, it asks with [Ask], and the driver answers
// with [Answered].
//
//	              events                                actions
//	Client        Begin, Response, Answered, Closed     Send, Ask, Deliver, Reopen, Retire, Fail
//	Server        Received, Responding, Answered,       Ask, Reply, Accept, Finish
//	              Closed
//	Proxy         Received, Response, Answered,         Ask, Reply, Forward, Relay, Retire
//	              Closed
//
// # The loop
//
// One loop drives any machine. It steps, keeps the next machine, does the actions in
// order, and has the next event from the last of them. A client's:
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
//				event = send(a) // Response, or Closed
//			case machine.Ask: // a credential, a KDC's reply, the hash of a body
//				event = machine.Answered{ID: a.ID, Answer: answer(a.Question)}
//			case machine.Deliver: // the response is the application's
//				space = space.Learn(a.Learn)
//			case machine.Fail: // a protocol outcome, not a Go error
//				failure = a.Fault
//			case machine.Reopen: // go on over another connection
//				client, event = fresh, machine.Begin{Resume: a.Resume, …}
//			case machine.Retire:
//				retired = true
//			}
//		}
//	}
//
// The example of this package is this loop, for a client and a server. A server's ends
// in Reply, or in Accept; then the handler runs, and [Responding] begins it once more
// for the fields of the response.
//
// # Rules
//
// Each Step gets a [gss.Env] of its own: the time now, and a seed that is used once. A
// zero seed means that there is no entropy, and what needs some fails. Events come one
// at a time; while a question is open only its answer and Closed may come. A Go error
// means that the driver broke such a rule. Nothing from a peer causes one: what the
// peer did wrong is an action.
//
// A machine holds no more than its bounds allow, whatever the peer sends: see the
// fields of [ClientConfig] and [ServerConfig] that begin with Max, and the bounds of
// package header. It imports no scheme and no mechanism; they are handed in as
// scheme.Client and scheme.Server. All that the machines do is declared in
// transitions.go, and package model explores it.
package machine

// Package hop decides what a party to HTTP does with connections and fields on its own
// hop: which connection a request goes over, what happens to that connection afterwards,
// which fields a message is sent with, and what a client does after the loss of a
// connection. Package machine decides about authentication; this package decides what
// every driver would otherwise have to work out around it.
//
// [Front] is a proxy's part on one client connection, together with the connections
// upstream: an immutable comparable value. Its Step takes an event and returns [Orders],
// which the driver carries out:
//
//	Received   a request came
//	  Ask      answer with Answered
//	  Reply    respond with it, then pass Ended
//	  Send     send the request upstream, over the connection that Over names; then pass
//	           Response, or Lost if there is none
//	Response
//	  Pass     pass the response on, with the fields of Pass.Apply; then pass Ended
//	  Abort    close the client's connection without a response, and pass Ended
//
// Closed and OwnLost may come at any time: the client's connection is gone, or the one
// upstream that is this client's own.
//
// A pool of idle connections asks [Pick] which of them a request gets, and [Evict] which
// one makes room. A client asks [Loss.Next] what to do if a connection was lost in place
// of a response. [ApplySend] and the functions beside it put actions of the machines into
// fields.
//
// A driver adds nothing to these decisions: package model explores the same values that
// drivers carry out.
package hop

// Package hop decides what a party to HTTP does with connections and with fields on
// its own hop: which connection a request goes out on, what becomes of that connection
// afterwards, which fields leave with a message, and what a client does where a
// connection is lost. Package machine decides about authentication; this package
// decides about what a driver would otherwise have to work out around it.
//
// [Front] is a proxy's part on one client connection, the connections upstream
// included: an immutable comparable value. Its Step takes what happened and gives
// [Orders], which the driver carries out as they stand:
//
//	Received   a request came in
//	  Ask      answer with Answered
//	  Reply    send it in place of a response, then tell Ended
//	  Send     send the request upstream, over the connection that Over says; then
//	           tell Response, or Lost where none comes
//	Response
//	  Pass     pass the response on, with the fields of Pass.Apply; then tell Ended
//	  Abort    close the client's connection without a response, and tell Ended
//
// Closed and OwnLost may be told at any time: the client's connection is gone, or the
// one upstream that is this client's own.
//
// A pool of idle connections asks [Pick] which of them a request gets, and [Evict]
// which one makes room. A client asks [Loss.Next] what to do where a connection was
// lost in place of a response. [ApplySend] and its like put the actions of machines
// into fields.
//
// A driver adds nothing to these decisions: what package model explores is what ships.
package hop

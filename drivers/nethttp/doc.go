// Package nethttp drives the machines of this module over net/http. [Transport]
// is an http.RoundTripper that answers 401 and 407; [Authenticator] is a server
// middleware, and [Proxy] a handler, that ask for it.
//
// All decisions are the machines'. What is here is what they leave to a driver:
// connections and who may use them, bodies that are sent again, the channel
// bindings of TLS, and the questions, which go to an answer.Source.
//
// # Client
//
// A Transport keeps connections of its own (http.Transport.NewClientConn), each
// with the machine that belongs to it. A connection is one identity's, for one
// origin or plain proxy, and runs one exchange at a time; HTTP/2 connections run
// many, each with a machine of its own, and what cannot run there goes on over
// HTTP/1.1. What was learned outlives connections: a nonce, or which scheme a
// server takes, so that the next request starts with credentials.
//
// Bodies with GetBody are sent as often as it takes. One without goes out once at
// most: it waits for 100 (Continue), so that a challenge finds it whole, and if
// it is wanted a second time the exchange fails with gss.BodySpent.
// [ClientConfig].BufferBody makes such bodies replayable.
//
// Host names are taken as they are; those that are not ASCII must come in their
// A-label form (RFC 5890).
package nethttp

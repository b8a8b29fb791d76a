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
// # Server
//
// Wrap a handler, and Install the Authenticator in the server:
//
//	server := &http.Server{Addr: addr, Handler: auth.Wrap(app)}
//	auth.Install(server)
//	err := server.ListenAndServeTLS("cert.pem", "key.pem")
//
// Install gives the Authenticator the server's connections, bounds what clients may
// cost that are not authenticated ([Limits]), and leaves out HTTP/2 where a scheme may
// need a connection of its own: NTLM, and Negotiate with NTLM among its mechanisms.
// A server that says h2 in ALPN beside them loses clients that go on with HTTP/2 in
// place of coming back over HTTP/1.1, as curl does with --negotiate and --anyauth.
// Negotiate with Kerberos alone, Digest and Basic run over HTTP/2. Where the logins
// of such schemes are taken by another server, on HTTP/1.1, set Protocols.
//
// Channel bindings are compared with the certificates that [ServerConfig].Certificate
// lists. A server with several of them, or that renews them, knows which one each
// connection showed, also on resumed sessions, with
//
//	server.TLSConfig, err = drive.BindTLS(tlsConfig)
//
// # Names
//
// Host names are taken as they are; those that are not ASCII must come in their
// A-label form (RFC 5890).
package nethttp

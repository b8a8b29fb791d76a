// Package nethttp drives the machines of this module over net/http. [Transport] is an
// http.RoundTripper that answers 401 and 407 responses; [Authenticator] is server
// middleware, and [Proxy] an http.Handler, that send them.
//
// The machines make all decisions. This package does what they leave to a driver: it
// owns the connections and decides which requests may use them, sends bodies again,
// obtains the channel bindings of TLS, and passes questions to an answer.Source.
//
// # Client
//
// A Transport has connections of its own (http.Transport.NewClientConn), each with its
// machine. A connection belongs to one identity and to one origin or plain proxy, and
// runs one exchange at a time. HTTP/2 connections run many exchanges, each with its own
// machine; an exchange that is not possible there continues over HTTP/1.1. Facts about
// a server, such as a nonce or the scheme that it accepts, outlive the connection, so
// that the next request starts with credentials.
//
// A body with GetBody is sent as often as the exchange needs. A body without it is sent
// at most once: it waits for 100 (Continue), so that a challenge does not consume it,
// and if the server needs it a second time the exchange fails with gss.BodySpent.
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
// Install connects the Authenticator to the server's connections and bounds what
// unauthenticated clients may cost ([Limits]). It disables HTTP/2 if a scheme may need
// a connection of its own: NTLM, and Negotiate with NTLM among its mechanisms. A server
// that offers h2 in ALPN together with such a scheme loses the clients that stay on
// HTTP/2 instead of retrying over HTTP/1.1, as curl does with --negotiate and
// --anyauth. Negotiate with Kerberos alone, Digest and Basic run over HTTP/2. If
// another server, on HTTP/1.1, handles the logins of connection-bound schemes, set
// Protocols.
//
// Channel bindings are compared with the certificates listed in
// [ServerConfig].Certificate. A server that has several certificates, or renews them,
// tracks which one each connection showed, resumed sessions included, with
//
//	server.TLSConfig, err = drive.BindTLS(tlsConfig)
//
// # Frameworks
//
// Wrap is middleware for routers of http.Handlers, such as chi, and for echo by its
// WrapMiddleware. Around gin it wraps the whole engine, since gin's handlers write to a
// writer of gin's. [Authenticator.Begin] is for frameworks without an http.ResponseWriter,
// such as hertz. Package fasthttp is for fiber. The module drivers/examples has a server on
// each.
//
// # Names
//
// Host names are used as given; internationalized names must be in A-label form (RFC
// 5890).
package nethttp

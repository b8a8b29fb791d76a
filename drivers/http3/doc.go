// Package http3 authenticates over HTTP/3, with github.com/quic-go/quic-go: a client that is
// nethttp's Transport over QUIC, and a server that is nethttp's Authenticator behind it.
//
// A client:
//
//	dialer := &http3.Dialer{}
//	transport, err := nethttp.NewTransport(nethttp.ClientConfig{Machine: schemes, Source: login, Multiplexed: dialer.Connect})
//
// A server:
//
//	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: schemes, Source: users, Certificate: nethttp.Served(certificate)})
//	server := &quichttp3.Server{Handler: auth.Wrap(app), TLSConfig: tlsConfig}
//	err = http3.Serve(ctx, socket, server, drive.Limits{}, grace)
//
// [Serve] bounds what clients cost that are not authenticated, handshakes that come to nothing included. quic-go's own Serve does not.
//
// Each stream is an exchange of its own. Digest, Basic and mechanisms of one leg, such as Kerberos,
// run on it. What belongs to a connection does not: such schemes are not offered by the server, and for
// a client that meets one the exchange goes on over HTTP/1.1, or ends in a typed error with
// OnlyMultiplexed.
//
// Without a QUICConfig quic-go's own Serve takes 0-RTT, and [Serve] does not. Requests in it may be replays. Authenticator answers
// 425 (Too Early) to those that have credentials, or a method that is not safe, until the handshake is
// over (RFC 8470); what else a handler does for anonymous clients is safe to do twice only if it says so. The
// Dialer sends no early data. A Multiplexed of your own that does implements nethttp.Handshaker.
//
// Channel bindings are tls-server-end-point here too: tls-exporter is for one authentication on a
// connection at most (RFC 9266 section 4.1, C31). A server with several certificates, or with
// GetCertificate, uses drive.BindTLS; Serve has the place where that notes the certificate, see [ConnContext].
package http3

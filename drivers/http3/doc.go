// Package http3 authenticates over HTTP/3, with github.com/quic-go/quic-go. Its client
// is nethttp's Transport over QUIC, and its server uses nethttp's Authenticator.
//
// A client:
//
//	dialer := &http3.Dialer{}
//	transport, err := nethttp.NewTransport(nethttp.ClientConfig{Machine: schemes, Source: login, Multiplexed: dialer.Connect})
//
// A server:
//
//	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: schemes, Source: users, Certificate: drive.CertificatesOf(certificate)})
//	server := &quichttp3.Server{Handler: auth.Wrap(app), TLSConfig: tlsConfig}
//	err = http3.Serve(ctx, socket, server, drive.Limits{}, grace)
//
// [Serve] bounds what unauthenticated clients may cost, including handshakes that never
// complete. quic-go's own Serve does not.
//
// Each stream is a separate exchange. Digest, Basic and mechanisms of one leg, such as
// Kerberos, work on a stream. Connection-bound schemes do not: the server does not
// offer them, and if a client meets one the exchange continues over HTTP/1.1, or with
// OnlyMultiplexed ends in a typed error.
//
// Without a QUICConfig quic-go's own Serve accepts 0-RTT, and [Serve] does not.
// Requests in 0-RTT may be replays. Until the handshake is complete, Authenticator
// answers with 425 (Too Early) if a request has credentials or an unsafe method (RFC
// 8470). A handler for anonymous clients must itself make sure that everything else it
// does may safely happen twice. The Dialer sends no early data. A Multiplexed of your
// own that does must implement nethttp.Handshaker.
//
// Channel bindings are of the type tls-server-end-point here, too: tls-exporter may be
// used for at most one authentication on a connection (RFC 9266 section 4.1). A server
// with several certificates, or with GetCertificate, needs drive.BindTLS; Serve
// provides the Channel that it needs, see [ConnContext].
package http3

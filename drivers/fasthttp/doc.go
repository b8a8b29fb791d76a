// Package fasthttp authenticates with github.com/valyala/fasthttp. It has server
// middleware and a RoundTripper for clients.
//
// A server:
//
//	auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: schemes, Source: users})
//	server := &fast.Server{Handler: auth.Wrap(app), ReadBufferSize: 128 << 10}
//	auth.Install(server)
//	err = server.Serve(drive.RetryAccept(listener, nil))
//
// A client:
//
//	transport, err := fasthttp.NewTransport(fasthttp.ClientConfig{Machine: schemes, Source: login})
//	client := &fast.Client{Transport: transport}
//
// By default fasthttp has no time limits. Before it calls a handler it reads bodies of
// up to 4 MB and forms of any size, and it sends 100 (Continue) to every client that
// waits for it. When the process has no descriptor left, Serve returns. Install and
// drive.RetryAccept correct this. ReadBufferSize bounds the header, and its default of 4
// KiB is too small for Kerberos: a token of 64 KiB has 87,384 characters.
//
// With StreamRequestBody the handler reads bodies as they arrive, and fasthttp does not
// report whether a chunk was malformed, after which the start of the next request is
// unknown. The connection is therefore closed after a request with chunks that the
// handler read, and an NTLM login on it ends.
//
// To bind to the certificate that a connection showed, the certificate must be recorded
// for each connection. fasthttp has no context for that, but a listener can do it:
//
//	bound, err := drive.BindTLS(tlsConfig)
//	err = server.Serve(tls.NewListener(drive.NoteListener(listener), bound))
//
// Values from buffers that fasthttp reuses are copied before they are kept.
package fasthttp

// Package fasthttp authenticates with github.com/valyala/fasthttp: a server middleware and a
// client's RoundTripper.
//
// A server:
//
//	auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: schemes, Source: users})
//	server := &fast.Server{Handler: auth.Wrap(app), ReadBufferSize: 64 << 10}
//	auth.Install(server)
//	err = server.Serve(drive.Patient(listener, nil))
//
// A client:
//
//	transport, err := fasthttp.NewTransport(fasthttp.ClientConfig{Machine: schemes, Source: login})
//	client := &fast.Client{Transport: transport}
//
// By itself fasthttp has no limit in time, reads bodies of up to 4 MB, and forms of any size, before it calls
// a handler, sends 100 (Continue) to each client that waits for it, and ends its service when the
// process has no descriptor left. Install and drive.Patient see to that; ReadBufferSize bounds the
// header, and its default of 4 KiB is too small for Kerberos.
//
// With StreamRequestBody the handler reads bodies as they come, and fasthttp does not tell whether a chunk was
// malformed, behind which no request can be found: the connection closes after a request whose chunks the handler
// had, and an NTLM login that the connection carried ends with it.
//
// Where channel bindings are to be those of the certificate that a connection showed, fasthttp has no
// context to note it in. A listener has:
//
//	bound, err := drive.BindTLS(tlsConfig)
//	err = server.Serve(tls.NewListener(drive.NoteListener(listener), bound))
//
// What fasthttp pools is copied before it is kept.
package fasthttp

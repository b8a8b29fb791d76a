// Package fasthttp authenticates with github.com/valyala/fasthttp: a server middleware and a
// client's RoundTripper.
//
//	auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: schemes, Source: users})
//	server := &fast.Server{Handler: auth.Wrap(app)}
//	auth.Install(server) // who belongs to which connection
//
//	transport, err := fasthttp.NewTransport(fasthttp.ClientConfig{Machine: schemes, Source: login})
//	client := &fast.Client{Transport: transport}
//
// What fasthttp pools is copied before it is kept.
package fasthttp

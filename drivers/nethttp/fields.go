package nethttp

import (
	"net/http"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// This file is all that turns net/http's messages into what machines read, and
// machines' actions into fields.

// requestHeader is what a request's fields say about authentication.
func requestHeader(h http.Header) header.Request { return header.ParseRequest(h.Values) }

// responseHeader is what a response's fields say about authentication.
func responseHeader(h http.Header) header.Response { return header.ParseResponse(h.Values) }

// incoming is a request that came in, as it was written.
func incoming(r *http.Request, b gss.Binding) machine.Incoming {
	in := machine.Incoming{
		Method: r.Method, Target: r.RequestURI, Authority: r.Host, Secure: r.TLS != nil,
		Binding: b, Multiplexed: r.ProtoMajor > 1,
		EarlyData: r.TLS != nil && !r.TLS.HandshakeComplete, // RFC 8470 section 3
	}
	if in.Target == "" { // not read off a wire
		in.Target = r.URL.RequestURI()
	}
	return in
}

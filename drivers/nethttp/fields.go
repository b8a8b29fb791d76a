package nethttp

import (
	"net/http"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// This file converts net/http messages for the machines. Package hop converts actions
// into fields.

// requestHeader returns the authentication fields of a request.
func requestHeader(h http.Header) header.Request { return header.ParseRequest(h.Values) }

// responseHeader returns the authentication fields of a response.
func responseHeader(h http.Header) header.Response { return header.ParseResponse(h.Values) }

// incoming returns a received request with the target as it was sent.
func incoming(r *http.Request, b gss.Binding) machine.Incoming {
	in := machine.Incoming{
		Method: r.Method, Target: r.RequestURI, Authority: r.Host, Secure: r.TLS != nil,
		Binding: b, Multiplexed: r.ProtoMajor > 1,
		EarlyData: r.TLS != nil && !r.TLS.HandshakeComplete, // RFC 8470 section 3
	}
	if in.Target == "" { // not received over a connection
		in.Target = r.URL.RequestURI()
	}
	return in
}

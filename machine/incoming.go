package machine

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/reqtarget"
)

// Incoming is a request as it came in: what a driver reads of it before anything is
// known of what it asks for. [Incoming.AtOrigin] and [Incoming.AtProxy] turn it into
// the [Request] of a Received, or refuse it, so that what a machine judges, what a
// handler sees and what a proxy forwards are one resource. A driver adds nothing of
// its own to that, and takes nothing from a URL that another parser made.
type Incoming struct {
	_ struct{}

	Method string
	// Target is the request-target as it was written. Of HTTP/2 and HTTP/3 it is
	// :path, and for a CONNECT without one :authority.
	Target string
	// Authority is the value of Host, or :authority. It may be empty. It does not
	// count where the request-target has an authority of its own (RFC 9112 section
	// 3.3).
	Authority string
	// Secure tells that the request came over TLS that ends at this listener. It alone
	// decides the scheme at an origin server (RFC 9112 section 3.3), not what a peer
	// writes.
	Secure bool
	// AnyScheme takes an absolute form that names another scheme than Secure says, as a
	// front that ends TLS, or adds it, may send it. Otherwise it is refused with 421
	// (Misdirected Request), since a request for an https resource must not be served
	// without TLS (RFC 9110 section 7.4).
	AnyScheme bool

	// Binding, Multiplexed and EarlyData are those of the Request.
	Binding     gss.Binding
	Multiplexed bool
	EarlyData   bool
}

// The statuses with which an Incoming is refused.
const (
	statusBadRequest  = 400
	statusMisdirected = 421
)

// AtOrigin returns the request as an origin server, or a reverse proxy in front of
// one, has to judge it, and 0. A request that cannot be judged gives the zero Request
// and the status to answer with, in place of everything else that would be done with
// it: 400 where the request-target or the authority is invalid (RFC 9112 section 3.2),
// 421 where the scheme is another than that of the connection.
//
// The resource of an absolute form is its path and query; its host and port stand in
// place of Authority. For CONNECT, URI is the authority.
func (in Incoming) AtOrigin() (Request, int) { // R9112-3.2-1, TARGET-1
	q, t := in.request(), in.target()
	switch t.Form {
	case reqtarget.Invalid:
		return Request{}, statusBadRequest
	case reqtarget.Absolute, reqtarget.Authority:
		q.Host, q.Port = t.Host, t.Port
	default:
		var ok bool
		if q.Host, q.Port, ok = reqtarget.ParseAuthority(in.Authority); !ok && in.Authority != "" {
			return Request{}, statusBadRequest
		}
	}
	if t.Scheme != "" && t.Scheme != q.Scheme && !in.AnyScheme { // TARGET-2
		return Request{}, statusMisdirected
	}
	q.URI, q.Port = t.Resource, portOf(q.Scheme, q.Port)
	return q, 0
}

// AtProxy returns the request as a forward proxy has to judge it, and 0: its scheme,
// host and port are those of the request-target, which is in absolute form, or for
// CONNECT in authority form (RFC 9112 sections 3.2.2 and 3.2.3). Every other request
// gives the zero Request and 400.
func (in Incoming) AtProxy() (Request, int) { // R9112-3.2-1
	q, t := in.request(), in.target()
	switch t.Form {
	case reqtarget.Absolute:
		q.Scheme = t.Scheme
	case reqtarget.Authority:
	default:
		return Request{}, statusBadRequest
	}
	q.URI, q.Host, q.Port = t.Resource, t.Host, portOf(q.Scheme, t.Port)
	return q, 0
}

// request returns the part of the Request that does not depend on the target.
func (in *Incoming) request() Request {
	q := Request{Method: in.Method, Scheme: "http", Binding: in.Binding, Multiplexed: in.Multiplexed, EarlyData: in.EarlyData}
	if in.Secure {
		q.Scheme = "https"
	}
	return q
}

// target returns the request-target, or an invalid one if the version of HTTP has no
// such form.
func (in *Incoming) target() reqtarget.Target {
	method := in.Method
	if in.Multiplexed && method == "CONNECT" && len(in.Target) > 0 && in.Target[0] == '/' {
		method = "" // an extended CONNECT has a path (RFC 8441 section 4, RFC 9220 section 3)
	}
	t := reqtarget.Parse(method, in.Target)
	if in.Multiplexed && t.Form == reqtarget.Absolute { // RFC 9113 section 8.3.1, RFC 9114 section 4.3.1
		return reqtarget.Target{}
	}
	return t
}

// portOf fills in the port of a scheme.
func portOf(scheme string, port uint16) uint16 {
	switch {
	case port != 0:
		return port
	case scheme == "https":
		return 443
	}
	return 80
}

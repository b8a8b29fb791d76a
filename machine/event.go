package machine

import (
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
)

// Event is what a driver tells a machine. The set is sealed.
type Event interface{ event() }

// Request is what a machine must know of an HTTP request, and of the connection
// that it is to travel on or came in on.
type Request struct {
	Method string
	// URI is the request-target as the origin sees it: path and query as they were
	// written, or "*"; for CONNECT host:port. For a request that came in it is what
	// [Incoming] makes of it.
	URI string
	// Scheme, Host and Port are the origin's: "http" or "https", lower-case host
	// without brackets, port with the default filled in.
	Scheme string
	Host   string
	Port   uint16
	// Binding is the channel binding of the TLS connection that ends at the one
	// who authenticates here: the origin, or for a request through a plain-HTTP
	// proxy, and for CONNECT, the proxy.
	Binding gss.Binding
	// Multiplexed: other requests share the connection at the same time (HTTP/2,
	// HTTP/3). No connection-bound authentication runs there (HTA-4).
	Multiplexed bool
	// EarlyData tells that the request came before the TLS handshake of its connection
	// was over, so that it may be a replay (RFC 8470 section 3). It is for requests that
	// came in; what an Early-Data field says is in [header.Request].
	EarlyData bool
}

// target is the request-target as side s receives it: the origin the origin-form,
// a proxy the absolute form, and for CONNECT the authority (C29, RFC 9112 section
// 3.2).
func (q *Request) target(s gss.Side) string {
	if s == gss.Origin || q.Method == "CONNECT" {
		return q.URI
	}
	if q.URI == "*" { // RFC 9112 section 3.2.4
		return q.Scheme + "://" + q.authority()
	}
	return q.Scheme + "://" + q.authority() + q.URI
}

// authority is host[:port], the port left out where it is the scheme's own and
// brackets put around an IPv6 address (RFC 9110 section 4.2).
func (q *Request) authority() string {
	host := q.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if q.Port == 0 || q.Scheme == "http" && q.Port == 80 || q.Scheme == "https" && q.Port == 443 {
		return host
	}
	return host + ":" + strconv.Itoa(int(q.Port))
}

// Route is how a client's request reaches its origin.
type Route uint8

const (
	// Direct: the connection ends at the origin, or is a tunnel to it (HTA-15).
	Direct Route = iota
	// Forwarded: through an HTTP proxy that forwards this request.
	Forwarded
	// Tunneling: this request is the CONNECT that asks a proxy for a tunnel.
	Tunneling
)

// Via is the client's proxy, if any.
type Via struct {
	Route Route
	// Scheme, Host, Port are the proxy's own.
	Scheme string
	Host   string
	Port   uint16
	// Explicit: the proxy was configured by hand, not found by the network (C1).
	Explicit bool
}

// Body is a request's content as authentication sees it.
type Body uint8

const (
	NoBody     Body = iota
	Replayable      // may be sent again from its start
	Once            // can go on the wire at most once (HTA-22)
)

// Begin: the application wants a request sent on this connection. Client only.
type Begin struct {
	Request Request
	Via     Via
	// Identity is the local name to act under; a connection that belongs to
	// another one is not used (HTA-9).
	Identity string
	Body     Body
	// Lease is what earlier exchanges with the origin taught, ProxyLease with
	// the proxy. Zero: nothing.
	Lease, ProxyLease Lease
	// Resume comes from a Reopen, when the exchange goes on here.
	Resume Resume
}

// Sent tells how much of a request body was written before the response came.
type Sent uint8

const (
	SentNone Sent = iota
	SentSome
	SentAll
)

// Response: a response came. Client, and Proxy from its upstream. 1xx may be
// left out; they change nothing (HTA-11).
type Response struct {
	Status   int
	Header   header.Response
	BodySent Sent // of a request with a body that was to be sent
	// Close: the connection ends with this response.
	Close bool
}

// Received: a request came in. Server and Proxy.
type Received struct {
	Request Request
	Header  header.Request
	// SharedFront: the one who connected here is a front that carries several
	// clients' requests, which the driver knows without a Via (HTA-18).
	SharedFront bool
}

// Responding: the handler's response is about to leave, nothing of it has.
// Server only.
type Responding struct{ Status int }

// Answered: the answer to the Ask with that ID.
type Answered struct {
	ID     uint16
	Answer gss.Answer
}

// End is an end of a proxy.
type End uint8

const (
	Downstream End = iota // towards the client
	Upstream              // towards the origin
)

// Closed: a connection is gone. A client's and a server's has only one; a proxy
// tells which. A driver of a client that knows more about it tells Lost instead.
type Closed struct{ End End }

// Lost: the connection is gone, and the request on its way has got no response.
// Client only. It decides whether the request may be sent once more; the zero Lost
// is Closed, and allows least.
type Lost struct {
	// Idle: the connection had been idle, and this was the first request on it
	// since. The peer may have closed it before the request came (RFC 9112 section
	// 9.5).
	Idle bool
	// Silent: not an octet of a response came.
	Silent bool
	// Unsent: not an octet of the request was written, so that nothing is repeated.
	Unsent bool
}

func (Begin) event()      {}
func (Response) event()   {}
func (Received) event()   {}
func (Responding) event() {}
func (Answered) event()   {}
func (Closed) event()     {}
func (Lost) event()       {}

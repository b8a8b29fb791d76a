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
	// without brackets, port with the default filled in. Another protocol with a method and
	// a URI has its own scheme, and counts as one without TLS.
	Scheme string
	Host   string
	Port   uint16
	// Binding is the channel binding of the TLS connection to the peer that is
	// authenticated: the origin, or the proxy for a request through a plain-HTTP proxy
	// and for CONNECT.
	Binding gss.Binding
	// Multiplexed tells that other requests share the connection at the same time
	// (HTTP/2, HTTP/3). No connection-bound authentication runs there.
	Multiplexed bool
	// EarlyData tells that the request came before the TLS handshake of its connection
	// was over, so that it may be a replay (RFC 8470 section 3). It is for requests that
	// came in; what an Early-Data field says is in [header.Request].
	EarlyData bool
}

// target returns the request-target as side s receives it: the origin-form for an
// origin, the absolute form for a proxy, and the authority for CONNECT (C29, RFC 9112
// section 3.2).
func (q *Request) target(s gss.Side) string {
	if s == gss.Origin || q.Method == "CONNECT" {
		return q.URI
	}
	if q.URI == "*" { // RFC 9112 section 3.2.4
		return q.Scheme + "://" + q.authority()
	}
	return q.Scheme + "://" + q.authority() + q.URI
}

// authority returns host[:port], without the scheme's default port and with brackets
// around an IPv6 address (RFC 9110 section 4.2).
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

// RouteKind is how a client's request reaches its origin.
type RouteKind uint8

const (
	// Direct means that the connection ends at the origin, or is a tunnel to it.
	Direct RouteKind = iota
	// Forwarded means through an HTTP proxy that forwards this request.
	Forwarded
	// Tunneling means that this request is the CONNECT that asks a proxy for a tunnel.
	Tunneling
)

// Route is the client's proxy, if any.
type Route struct {
	Kind RouteKind
	// Scheme, Host, Port are the proxy's own.
	Scheme string
	Host   string
	Port   uint16
	// Explicit tells that the proxy was configured by hand, not found in the network.
	Explicit bool
}

// Body is a request's content as authentication sees it.
type Body uint8

const (
	NoBody     Body = iota
	Replayable      // may be sent again from its start
	Once            // may be sent at most once
)

// Begin tells a client that the application wants a request sent on this connection.
type Begin struct {
	Request Request
	Route   Route
	// Identity is the local name to act under. A connection that belongs to another one
	// is not used.
	Identity string
	Body     Body
	// Lease is what earlier exchanges with the origin taught, ProxyLease those with the
	// proxy. The zero Lease is nothing.
	Lease, ProxyLease Lease
	// Resume is that of the Reopen after which the exchange goes on here.
	Resume Resume
}

// Sent is how much of a request body was written before the response came.
type Sent uint8

const (
	SentNone Sent = iota
	SentSome
	SentAll
)

// Response tells a client that a response came, or a proxy that one came from its
// upstream. Those with a 1xx status may be left out; they change nothing.
type Response struct {
	Status   int
	Header   header.Response
	BodySent Sent // of a request with a body that was to be sent
	// Close tells that the connection ends with this response.
	Close bool
}

// Received tells a server or proxy that a request came.
type Received struct {
	Request Request
	Header  header.Request
	// SharedFront tells that an intermediary made the connection, which carries the
	// requests of several clients. A driver may know that without a Via field.
	SharedFront bool
	// Session is what the driver remembers of this client. A proxy has no sessions.
	Session Session
}

// Session is the identity of a session, which the driver began after an [Accept] and finds
// again by something that the request carries, such as a sealed cookie. It stands for
// credentials: a server accepts it for a request that has none, if its scheme is still
// configured and its context has not ended. The zero Session is none.
type Session struct {
	Scheme string   // of the Accept that it began with
	Info   gss.Info // of that Accept; Peer is required
}

// Responding tells a server that the handler's response is about to be sent, and that
// nothing of it has been.
type Responding struct{ Status int }

// Answered delivers the answer to the Ask with that ID.
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

// Closed tells that a connection is gone. A client and a server have only one; for a
// proxy End tells which. A client's driver that knows more about it sends Lost instead.
type Closed struct{ End End }

// Lost tells a client that the connection is gone without a response to the request on
// its way. It decides whether the request may be sent once more; the zero Lost is
// Closed, and allows the least.
type Lost struct {
	// Idle tells that this was the first request after the connection had been idle.
	// The peer may have closed it before the request came (RFC 9112 section 9.5).
	Idle bool
	// Silent tells that not an octet of a response came.
	Silent bool
	// Unsent tells that not an octet of the request was written, so that nothing is
	// repeated.
	Unsent bool
}

func (Begin) event()      {}
func (Response) event()   {}
func (Received) event()   {}
func (Responding) event() {}
func (Answered) event()   {}
func (Closed) event()     {}
func (Lost) event()       {}

package machine

import (
	"fmt"
	"iter"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
)

// Action is what a machine tells its driver to do. The set is sealed, and typed
// by role: a client's actions hold no challenges and a server's no credentials,
// so that a field cannot be sent in the wrong direction.
type Action interface{ action() } // N2HT-3.2.5-1, N2HT-3.3.5-1, NTHT-3.1.5-1, NTHT-3.1.5-2

// maxActions bounds the actions of one Step.
const maxActions = 2

// Actions are the actions of one Step, two at most, in the order in which the driver
// does them: a comparable value.
type Actions struct {
	n uint8
	a [maxActions]Action
}

// Do returns the list of the given actions, two at most.
func Do(actions ...Action) Actions {
	var as Actions
	as.n = uint8(copy(as.a[:], actions))
	return as
}

// All iterates over the actions in order.
func (as Actions) All() iter.Seq[Action] {
	return func(yield func(Action) bool) {
		for _, a := range as.a[:as.n] {
			if !yield(a) {
				return
			}
		}
	}
}

// Len returns the number of actions.
func (as Actions) Len() int { return int(as.n) }

// At returns action i, nil if there is none.
func (as Actions) At(i int) Action {
	if i < 0 || i >= int(as.n) {
		return nil
	}
	return as.a[i]
}

// Format implements fmt.Formatter: actions print one by one, each redacting
// what it must.
func (as Actions) Format(f fmt.State, verb rune) {
	fmt.Fprint(f, "[")
	for i, a := range as.a[:as.n] {
		if i > 0 {
			fmt.Fprint(f, " ")
		}
		fmt.Fprintf(f, "%T%+v", a, a)
	}
	fmt.Fprint(f, "]")
}

// BodyUse is what a driver does with the request's body when it sends the request.
type BodyUse uint8

const (
	// Omit means Content-Length: 0, or no body for a request without one.
	Omit BodyUse = iota
	// Whole means to send it from its start.
	Whole
	// Expect means to send it after Expect: 100-continue, and not at all if the
	// final status comes first.
	Expect
)

// Send tells a client's driver to send the request.
type Send struct {
	Authorization      header.Credentials // absent: no field
	ProxyAuthorization header.Credentials
	Body               BodyUse
	// Pinned tells that the request must be sent on this connection; if that is gone,
	// the event is Lost. Otherwise a new connection for the same machine will do.
	Pinned bool
	// Probe tells to send it as HEAD, without the body, to authenticate the connection
	// first (policy Strict).
	Probe bool
	// AfterHandshake tells to send it when the TLS handshake of its connection is over,
	// since the peer took it for early data, which may be a replay (RFC 8470 section
	// 5.2). Only a driver that sends early data has to wait.
	AfterHandshake bool
}

// Deliver tells a client's driver to pass the last response to the application.
type Deliver struct {
	// Authenticated tells that the exchange's security context is complete, or that the
	// connection has one that is. It is false for a response that needed none, and for one
	// of a peer that did not prove itself, of which Info.Unproven tells.
	Authenticated bool
	Info          gss.Info
	Context       gss.Context // established, nil if there is none
	// Learn holds facts for the origin's Space, ProxyFacts for the proxy's.
	OriginFacts, ProxyFacts Facts
}

// Ask tells the driver of any machine to answer the question with Answered{ID}. No
// event but Closed or Lost may come before the answer. IDs count up within one exchange.
type Ask struct {
	ID       uint16
	Question gss.Question
}

// Reply tells the driver of a server or proxy to respond with Status (400, 401, 403,
// 407, 425, 502, 503) and the challenges in Side's field, without running the handler.
// A 503 says that no client can be judged now: it has no challenges, so that no client
// takes its password for wrong, and always a RetryAfter.
type Reply struct {
	Status     int
	Side       gss.Side
	Challenges header.Challenges
	RetryAfter uint16    // seconds for Retry-After (RFC 9110 section 10.2.3), 0 for no such field
	Fault      gss.Fault // for the log; the peer learns nothing of it
	Close      bool      // close the connection after the response
}

// Accept tells a server's driver to run the handler. Anonymous occurs with
// ServerConfig.Optional alone: the request did not authenticate, then there is no
// Scheme, or it authenticated without a name.
type Accept struct {
	Scheme    string
	Info      gss.Info
	Anonymous bool
	Context   gss.Context
	// Session tells that the identity is that of [Received].Session.
	Session bool
}

// Finish tells a server's driver to send the response with these fields added.
type Finish struct {
	Challenges     header.Challenges // a final token, or offers for the handler's own 401
	Info           header.Info
	PersistentAuth header.PersistentAuth
	Close          bool
}

// Forward tells a proxy's driver to send the request upstream, without
// Proxy-Authorization and with Authorization unchanged (RFC 9110 sections 11.6.2 and
// 11.7.2).
type Forward struct { // R9110-11.6.2-1, R9110-11.7.2-1
	Pin Pin
	// Scheme and Info identify the client to this proxy, if it authenticated.
	Scheme string
	Info   gss.Info
}

// Pin is which upstream connection a request may use.
type Pin uint8

const (
	// Shared means any one of a pool.
	Shared Pin = iota
	// Fresh means a new one, or an idle one that was never pinned, which belongs to
	// this client alone from now on.
	Fresh
	// Same means the one that is pinned already.
	Same
	// Tunnel means a tunnel (CONNECT), of which the machine sees nothing more.
	Tunnel
)

// Relay tells a proxy's driver to pass the upstream's response on. The origin's fields
// stay unchanged. Fields of one hop are removed: those that Connection names (RFC 9110
// section 7.6.1), Proxy-Support always, and without ProxyConfig.Chain Proxy-Authenticate
// and Proxy-Authentication-Info, which Challenges and Info replace.
type Relay struct {
	// SessionBased tells to add Proxy-Support: Session-Based-Authentication, and to list
	// it in Connection.
	SessionBased bool
	// Keep pins the upstream connection of this response to the client.
	Keep bool
	// Strip removes connection-bound challenges (reverse proxy, or by option).
	Strip bool
	// Info is this proxy's own Proxy-Authentication-Info, Challenges its final
	// token in Proxy-Authenticate.
	Info       header.Info
	Challenges header.Challenges
	Close      bool
}

// Reopen tells a client's driver to close this connection and to go on over a new one
// with a new machine and Begin{Resume}.
type Reopen struct {
	Resume Resume
	// HTTP11 tells that the new connection must not be multiplexed.
	HTTP11 bool
	// Learn and ProxyFacts are facts to apply before the new leases are taken.
	OriginFacts, ProxyFacts Facts
}

// Retire tells a driver not to use this connection again and to close it when it is
// idle.
type Retire struct{ End End }

// Fail tells a client's driver that the exchange ended without a response that may be
// used.
type Fail struct {
	Side  gss.Side
	Fault gss.Fault
	// Tried names the schemes that were tried, for the message. Reasons says why each
	// one was given up that another followed, as "name: fault; name: fault", and where
	// nothing is left to be tried also why each other one that is offered is passed over.
	Tried, Reasons          string
	OriginFacts, ProxyFacts Facts
}

func (Send) action()    {}
func (Deliver) action() {}
func (Ask) action()     {}
func (Reply) action()   {}
func (Accept) action()  {}
func (Finish) action()  {}
func (Forward) action() {}
func (Relay) action()   {}
func (Reopen) action()  {}
func (Retire) action()  {}
func (Fail) action()    {}

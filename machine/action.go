package machine

import (
	"fmt"
	"iter"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
)

// Action is what a machine tells its driver to do. The set is sealed, and typed
// by role: a client's actions hold no challenges and a server's no credentials,
// so that a field cannot travel the wrong way (N2HT-3.2.5-1, N2HT-3.3.5-1,
// NTHT-3.1.5-1, NTHT-3.1.5-2).
type Action interface{ action() }

// MaxActions is how many actions one Step can give.
const MaxActions = 2

// Actions are the actions of one Step, in the order in which they are to be
// done: a comparable value.
type Actions struct {
	n uint8
	a [MaxActions]Action
}

// Do is the list of the given actions.
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

// Len is the number of actions.
func (as Actions) Len() int { return int(as.n) }

// At is action i, nil if there is none.
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

// BodyUse tells what to do with the request's body when sending.
type BodyUse uint8

const (
	// Omit: send Content-Length: 0 (or no body where there is none).
	Omit BodyUse = iota
	// Whole: send it from its start.
	Whole
	// Expect: send it with Expect: 100-continue, and not at all if the final
	// status comes first.
	Expect
)

// Send: send the request. Client.
type Send struct {
	Authorization      header.Credentials // absent: no field
	ProxyAuthorization header.Credentials
	Body               BodyUse
	// Pinned: it must go out on this very connection (HTA-5); where that has
	// gone, tell Closed. Otherwise a fresh one for the same machine will do.
	Pinned bool
	// Probe: send it as HEAD, without the body, to authenticate the connection
	// first (policy Strict).
	Probe bool
	// AfterHandshake: send it when the TLS handshake of its connection is over, since
	// the peer took it for early data, which may be a replay (RFC 8470 section 5.2).
	// Only a driver that sends early data has anything to wait for.
	AfterHandshake bool
}

// Deliver: hand the last response to the application. Client.
type Deliver struct {
	// Authenticated: the exchange's security context is complete, or the
	// connection carries one that is. False for a response that needed none.
	Authenticated bool
	Info          gss.Info
	Context       gss.Context // established, nil if there is none
	// Learn is for the origin's Space, LearnProxy for the proxy's.
	Learn, LearnProxy Facts
}

// Ask: answer the question with Answered{ID}. All machines. Nothing else but
// Closed may come before the answer. IDs count up within one exchange.
type Ask struct {
	ID       uint16
	Question gss.Question
}

// Reply: answer the request with Status (401, 407, 400, 403, 425, 503) and the
// challenges in Side's field; the handler does not run. Server and Proxy. A 503
// says that no client can be judged now: it has no challenges, so that no client
// takes its password for wrong, and always a RetryAfter.
type Reply struct {
	Status     int
	Side       gss.Side
	Challenges header.Challenges
	RetryAfter uint16    // seconds for Retry-After (RFC 9110 section 10.2.3), 0 for no such field
	Fault      gss.Fault // for the log; the peer learns nothing of it
	Close      bool      // and close the connection after it
}

// Accept: run the handler. Server. Anonymous is for ServerConfig.Optional alone:
// the request did not authenticate, then there is no Scheme; or it did, as nobody
// in particular.
type Accept struct {
	Scheme    string
	Info      gss.Info
	Anonymous bool
	Context   gss.Context
}

// Finish: let the response leave with these fields added. Server.
type Finish struct {
	Challenges     header.Challenges // a final token, or the handler's own 401 made a challenge
	Info           header.Info
	PersistentAuth header.PersistentAuth
	Close          bool
}

// Forward: send the request upstream. Proxy. Proxy-Authorization is removed,
// Authorization left as it is (R9110-11.6.2-1, R9110-11.7.2-1).
type Forward struct {
	Pin Pin
	// Scheme and Info are who the client is to this proxy, if it authenticated.
	Scheme string
	Info   gss.Info
}

// Pin tells which upstream connection a request may use.
type Pin uint8

const (
	// Shared: any, from a pool.
	Shared Pin = iota
	// Fresh: a new one, or an idle one that was never pinned, for this client
	// alone from now on.
	Fresh
	// Same: the one that is pinned already.
	Same
	// Tunnel: a tunnel (CONNECT); the machine has nothing more to say.
	Tunnel
)

// Relay: pass the upstream's response on. Proxy. Challenges, credentials' info
// and everything else of the origin pass untouched. What the upstream said for
// one hop is removed: what Connection names (R9110-7.6.1-1), Proxy-Support
// always (HTA-17), and without ProxyConfig.Chain Proxy-Authenticate and
// Proxy-Authentication-Info, in whose place stand Challenges and Info.
type Relay struct {
	// SessionBased: add Proxy-Support: Session-Based-Authentication, and list it
	// in Connection.
	SessionBased bool
	// Keep: the upstream connection of this response is pinned to this client
	// from now on.
	Keep bool
	// Strip: remove connection-bound challenges (reverse proxy, or by option).
	Strip bool
	// Info is this proxy's own Proxy-Authentication-Info, Challenges its final
	// token in Proxy-Authenticate.
	Info       header.Info
	Challenges header.Challenges
	Close      bool
}

// Reopen: close this connection and go on over a new one with a new machine and
// Begin{Resume}. Client.
type Reopen struct {
	Resume Resume
	// HTTP11: the new connection must not be multiplexed (HTA-4).
	HTTP11 bool
	// Learn, LearnProxy are facts to apply before the new leases are taken.
	Learn, LearnProxy Facts
}

// Retire: do not use this connection again, close it when it is idle.
type Retire struct{ End End }

// Fail: the exchange ended without a response that may be used. Client.
type Fail struct {
	Side  gss.Side
	Fault gss.Fault
	// Tried names the schemes that were tried, for the message; Reasons says why
	// each was given up that was followed by another one, "name: fault; name: fault".
	Tried, Reasons    string
	Learn, LearnProxy Facts
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

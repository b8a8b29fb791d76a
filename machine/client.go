package machine

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/scheme"
)

// Client is the client's half of HTTP authentication on one connection, or on
// one stream of a multiplexed one: an immutable comparable value. Make the
// first with [NewClient]; the zero Client takes nothing.
//
// A driver tells it Begin, does what it says, tells it what came back, and so
// on until Deliver, Fail or Reopen. One exchange at a time.
type Client struct {
	conf  *clientConf
	phase phase
	asker gss.Side // the side of the context that asked
	owner origin   // the origin that the origin side belongs to
	sides [2]side
	ex    exchange
}

// exchange is what a client keeps from Begin to Deliver, Fail or Reopen, both
// sides together.
type exchange struct {
	request  Request
	via      Via
	identity string
	id       uint16 // of the last Ask
	body     Body
	use      BodyUse // of the last Send
	probe    bool    // the last Send was a probe
	spent    bool    // a body of which there is only one is, or may be, on the wire
	resent   bool    // the body was sent after an empty leg was answered
	judging  bool    // contexts judge the response, they do not make credentials
	retried  bool    // the bare retry after a closed offer was used up
	late     bool    // the request was sent again because it had come too early
	broken   bool    // a handshake was left in its middle
	repeated bool    // the request was sent again because its connection was lost
	reopened uint8   // connections used up
	session  SessionWord
	heard    bool // session is the proxy's own word of this exchange, not the lease's
	response Response
}

// Resume is what an exchange takes along when it goes on over another
// connection: what was tried and used up. Never a context, a token or an offer.
type Resume struct {
	valid                 bool
	identity              string
	spent, retried, late  bool
	repeated              bool
	reopened              uint8
	again                 [2]bool
	rounds, tries         [2]uint8
	tried, declined, seen [2]scheme.Set
	fault                 [2]gss.Fault
	why                   [2]string
}

// Format implements fmt.Formatter: a client shows its phase and what its
// connection carries, and none of the secrets inside.
func (c Client) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "client(%v", c.phase)
	for s := range c.sides {
		if sd := &c.sides[s]; sd.bound || sd.persistent || sd.scheme != 0 {
			fmt.Fprintf(f, " %v{persistent=%t bound=%t scheme=%d state=%v legs=%d}", gss.Side(s), sd.persistent, sd.bound, sd.scheme, sd.state, sd.legs)
		}
	}
	fmt.Fprint(f, ")")
}

// Bound reports whether the peer keeps an identity for this connection, or may: it may
// carry out further requests under the identity that was authenticated here, so that a
// driver must know that they are the same user's.
func (c Client) Bound() bool { // HTA-9
	for s := range c.sides {
		if c.sides[s].bound || c.sides[s].persistent {
			return true
		}
	}
	return false
}

// Step computes the next client. See [Machine].
func (c Client) Step(env gss.Env, e Event) (Client, Actions, error) {
	next := c
	acts, err := next.step(env, e)
	if err != nil {
		return c, Actions{}, err // L3: the old one, untouched
	}
	return next, acts, nil
}

func (c *Client) step(env gss.Env, e Event) (Actions, error) {
	if c.conf == nil {
		return Actions{}, gss.Misuse("client: made without NewClient")
	}
	switch e := e.(type) {
	case Begin:
		if c.phase != idle {
			break
		}
		return c.begin(env, &e)
	case Response:
		if c.phase != sent {
			break
		}
		if informational(e.Status) { // HTA-11
			return Actions{}, nil
		}
		c.ex.response = e
		return c.respond(env)
	case Answered:
		if c.phase != asking || e.ID != c.ex.id || e.Answer == nil {
			break
		}
		return c.answered(env, e.Answer)
	case Closed:
		return c.closed(env, &Lost{})
	case Lost:
		return c.closed(env, &e)
	}
	return Actions{}, noEvent("client", c.phase)
}

package machine

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/internal/side"
	"github.com/countersign-auth/countersign/scheme"
)

// Client is the client's half of HTTP authentication on one connection, or on one stream of a multiplexed one: an immutable
// comparable value. Make the first with [NewClient]; the zero Client takes nothing.
//
// A driver tells it Begin, does what it says, tells it what came back, and so on until Deliver, Fail or Reopen. One exchange at a
// time.
type Client struct {
	conf  *clientConf
	phase phase
	asker gss.Side // the side that asked
	owner origin   // the origin that the origin side belongs to
	sides [2]side.Side
	ex    exchange
}

// exchange is what a client keeps from Begin to Deliver, Fail or Reopen, both sides together.
type exchange struct {
	carried
	request  Request
	route    Route
	body     Body
	id       uint16  // of the last Ask
	use      BodyUse // of the last Send
	probe    bool    // the last Send was a probe
	resent   bool    // the body was sent after an empty leg was answered
	session  SessionWord
	heard    bool // session is the proxy's own word of this exchange, not the lease's
	response Response
	// abandoned tells that a handshake was given up that a peer may be in the middle of.
	abandoned bool
}

// carried is the part of an exchange that goes on over another connection.
type carried struct {
	identity string
	spent    bool  // a body of which there is only one is, or may be, on the wire
	late     bool  // the request was sent again because it had come too early
	repeated bool  // the request was sent again because its connection was lost
	reopened uint8 // connections used up
}

// Format implements fmt.Formatter: a client shows its phase and what its connection carries, and none of the secrets inside.
func (c Client) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "client(%v", c.phase)
	for s, sd := range c.sides {
		if sd.Kept() || sd.Stage != side.Unused {
			fmt.Fprintf(f, " %v%v", gss.Side(s), sd)
		}
	}
	fmt.Fprint(f, ")")
}

// ConnectionBased reports whether the peer keeps an identity for this connection, or may: it may carry out further requests under
// the identity that was authenticated here, so that a driver must know that they are the same user's.
func (c Client) ConnectionBased() bool { // HTA-9
	o, p := c.both()
	return o.Kept() || p.Kept()
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
		if c.phase == idle {
			return c.begin(env, &e)
		}
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
		if c.phase == asking && e.ID == c.ex.id && e.Answer != nil {
			return c.answered(env, e.Answer)
		}
	case Closed:
		return c.closed(env, &Lost{})
	case Lost:
		return c.closed(env, &e)
	}
	return Actions{}, noEvent("client", c.phase)
}

// both returns the two sides.
func (c *Client) both() (origin, proxy *side.Side) {
	return &c.sides[gss.Origin], &c.sides[gss.Proxy]
}

// tell steps side s and carries out its verdict; no actions mean to go on. Nothing else asks, fails or reopens for a side alone.
func (c *Client) tell(env gss.Env, s gss.Side, e side.Event) (Actions, error) {
	next, v, err := c.sides[s].Step(env, c.about(s), e)
	c.ex.abandoned, next.Abandoned = c.ex.abandoned || next.Abandoned, false // one note for both: it is of their connection
	if c.sides[s] = next; err != nil {
		return Actions{}, err
	}
	switch v.Do {
	case side.Ask:
		c.phase, c.asker = asking, s
		c.ex.id++
		return Do(Ask{c.ex.id, v.Question}), nil
	case side.Fail:
		return c.fail(env, s, v.Fault), nil
	case side.Reopen, side.ReopenHTTP11:
		return c.reopen(env, s, v.Do == side.ReopenHTTP11), nil
	}
	return Actions{}, nil
}

// judging reports whether the question is about a response, which is kept until the answer comes, and not about credentials for a
// request.
func (c *Client) judging() bool {
	return c.phase == asking && c.sides[c.asker].Stage == side.Judging
}

// about returns the circumstances of a step of side s.
func (c *Client) about(s gss.Side) side.About {
	x := &c.ex
	a := side.About{Config: &c.conf.sides[s], Identity: x.identity, Closes: x.response.Close}
	// What the server says of its connection, N2HT-3.2.5-2.
	a.Persist = x.response.Header.PersistentAuth
	if a.Persist == header.PersistInvalid && c.conf.InvalidPersistence { // N2HT-3.2.5-7, C7
		a.Persist = header.PersistAbsent
	}
	a.Conditions = choice.Conditions{Side: s, Multiplexed: x.request.Multiplexed, ExplicitProxy: x.route.Explicit, Secure: x.request.Scheme == "https", Affine: true}
	switch {
	case s == gss.Proxy: // which cannot speak of its connection: Persistent-Auth is the origin's field (HTA-16)
		a.Secure, a.Persist = x.route.Scheme == "https", header.PersistAbsent
	case x.route.Kind == Forwarded: // R4559-6-7, C12
		a.Secure, a.Affine = false, x.session == Supported
	}
	return a
}

// exchangeOf returns what a scheme is told of this exchange.
func (c *Client) exchangeOf(s gss.Side) scheme.Exchange {
	q, v := &c.ex.request, &c.ex.route
	x := scheme.Exchange{Side: s, Method: q.Method, URI: q.target(s), Authority: q.authority()}
	x.Target = gss.Target{Service: "HTTP", Scheme: q.Scheme, Host: q.Host, Port: q.Port, Identity: c.ex.identity, Binding: q.Binding}
	// A proxy that need not prove itself is taken for proven with what it sends now; see StrictProxy.
	x.Target.MutualIfOffered = c.conf.MutualIfOffered && !c.conf.sides[s].Lenient
	switch {
	case s == gss.Proxy:
		x.Target.Scheme, x.Target.Host, x.Target.Port = v.Scheme, v.Host, v.Port
	// The channel below ends at the proxy: nothing is known of what lies behind it, but that it is no TLS for http.
	case v.Kind == Forwarded && q.Scheme == "http":
		x.Target.Binding = gss.NoBinding()
	case v.Kind == Forwarded:
		x.Target.Binding = gss.Binding{}
	}
	if name := c.conf.ServiceName; name != nil { // NAMES-2
		service, host := name(s, x.Target)
		x.Target.ServiceHost = host
		if service != "" {
			x.Target.Service = service
		}
	}
	return x
}

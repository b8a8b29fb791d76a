package machine

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/side"
)

// The way out: from Begin, or from a challenge that was taken up, to Send.

// begin opens an exchange, or goes on with one of another connection.
func (c *Client) begin(env gss.Env, b *Begin) (Actions, error) {
	x, q := &c.ex, &b.Request
	if q.Host == "" || q.Method == "" {
		return Actions{}, gss.Misuse("client: Begin needs a method and a host")
	}
	if b.Resume.valid && b.Resume.identity != b.Identity {
		return Actions{}, gss.Misuse("client: an exchange cannot go on under another identity")
	}
	*x = exchange{request: *q, route: b.Route, body: b.Body, carried: b.Resume.carried}
	x.identity = b.Identity
	o, p := c.both()
	o.History, p.History = b.Resume.history[gss.Origin], b.Resume.history[gss.Proxy]
	// The peer may carry out whatever comes on this connection under the identity that it has for it, with or without
	// credentials. So not a single request of another one goes there, nor one for another origin. An origin side that is not
	// bound follows the request: a plain proxy's connection serves many origins.
	owner := origin{q.Scheme, q.Host, q.Port}
	for s, sd := range c.sides {
		if sd.Bound && (sd.Identity != x.identity || gss.Side(s) == gss.Origin && c.owner != owner) { // HTA-9
			return c.reopen(env, gss.Origin, false), nil
		}
	}
	c.owner = owner
	if b.Lease.SessionBased && b.Route.Kind != Tunneling {
		x.session = Supported
	}
	for _, s := range proxyFirst {
		if l := b.lease(s); !c.conf.NoMemory { // R9110-11.5-4
			c.tell(env, s, side.Event{Kind: side.Open, Scheme: l.Scheme, Memory: l.Memory})
		}
	}
	return c.proceed(env)
}

// lease returns what an exchange may use of what is known of side s's peer, which is nothing where the request does not reach it.
func (b *Begin) lease(s gss.Side) Lease {
	switch {
	case s == gss.Proxy && b.Route.Kind != Direct:
		return b.ProxyLease
	case s == gss.Origin && b.Route.Kind != Tunneling:
		return b.Lease
	}
	return Lease{}
}

// proceed has the sides make their credentials, the proxy's first, and sends the request when neither has a question. After a
// question the answer leads here again, where only what is left is done.
func (c *Client) proceed(env gss.Env) (Actions, error) {
	for _, s := range proxyFirst {
		if c.sides[s].Todo == 0 {
			continue
		}
		if acts, err := c.tell(env, s, side.Event{Kind: side.Prepare, Exchange: c.exchangeOf(s)}); acts.Len() > 0 || err != nil {
			return acts, err
		}
	}
	return c.send(env), nil
}

// proxyFirst is the order in which a request and its response concern the sides.
var proxyFirst = [...]gss.Side{gss.Proxy, gss.Origin}

// answered passes the answer to the side that asked, either for credentials or while it judges a response.
func (c *Client) answered(env gss.Env, a gss.Answer) (Actions, error) {
	judging := c.judging()
	acts, err := c.tell(env, c.asker, side.Event{Kind: side.Answered, Answer: a})
	switch {
	case acts.Len() > 0 || err != nil:
		return acts, err
	case judging:
		return c.respond(env)
	}
	return c.proceed(env)
}

// send sends the request with what the sides have made ready.
func (c *Client) send(env gss.Env) Actions {
	x := &c.ex
	o, p := c.both()
	out := Send{Authorization: o.Credentials, ProxyAuthorization: p.Credentials, AfterHandshake: x.late}
	out.Pinned = o.Pinned() || p.Pinned() // before they are sent, since that may bind the connection
	c.tell(env, gss.Origin, side.Event{Kind: side.Sent})
	c.tell(env, gss.Proxy, side.Event{Kind: side.Sent})
	ready := !o.Pending() && !p.Pending()
	// The body goes with the request only if no further leg is expected, since each leg would need it again. The rule is the same
	// for both sides, because there is only one request.
	switch policy := c.conf.Bodies; {
	case x.body == NoBody:
	case policy == Strict && !x.resent && (p.Pending() || !o.Complete()): // R4559-6-8
		out.Probe = true
	case !ready && !(policy == Optimistic && x.body == Replayable):
		// An empty leg; it always carries a token (HTA-22).
	case x.body == Once && !o.Challenged:
		out.Body = Expect // the origin has yet to say whether it wants credentials, or other ones
	default:
		out.Body = Whole
	}
	if x.body == Once && out.Body != Omit {
		if x.spent { // HTA-22
			return c.fail(env, gss.Origin, bodySpent)
		}
		x.spent = true
	}
	x.use, x.probe, x.response = out.Body, out.Probe, Response{}
	c.phase = sent
	return Do(out)
}

var bodySpent = gss.Fault{Code: gss.BodySpent, Detail: "one more request is asked for after a body that cannot be replayed was sent: make the body replayable, or authenticate first (Strict)"}

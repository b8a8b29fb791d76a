package machine

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/side"
)

// The way out: from Begin, or from a challenge that was taken up, to Send.

// begin opens an exchange.
func (c *Client) begin(env gss.Env, b *Begin) (Actions, error) {
	if b.Request.Host == "" || b.Request.Method == "" {
		return Actions{}, gss.Misuse("client: Begin needs a method and a host")
	}
	if b.Resume.valid && b.Resume.identity != b.Identity {
		return Actions{}, gss.Misuse("client: an exchange cannot go on under another identity")
	}
	c.ex = exchange{request: b.Request, route: b.Route, identity: b.Identity, body: b.Body}
	c.resume(&b.Resume)
	// The peer may carry out whatever comes on this connection under the identity that it has
	// for it, with or without credentials. So not a single request of another one goes there.
	if c.foreign() { // HTA-9
		return c.reopen(env, gss.Origin, false), nil
	}
	c.owner = origin{b.Request.Scheme, b.Request.Host, b.Request.Port}
	if b.Lease.SessionBased && b.Route.Kind != Tunneling {
		c.ex.session = Supported
	}
	if b.Route.Kind != Direct {
		c.tell(env, gss.Proxy, side.Event{Kind: side.Open, Scheme: b.ProxyLease.Scheme, Memory: b.ProxyLease.Memory})
	}
	if b.Route.Kind != Tunneling {
		c.tell(env, gss.Origin, side.Event{Kind: side.Open, Scheme: b.Lease.Scheme, Memory: b.Lease.Memory})
	}
	return c.proceed(env)
}

// foreign reports whether this connection belongs to another identity or, on
// the origin side, to another origin. An origin side that is not bound follows
// the request: a plain proxy's connection serves many origins.
func (c *Client) foreign() bool {
	for s, sd := range c.sides {
		identity, bound := sd.Bound()
		q := &c.ex.request
		if bound && (identity != c.ex.identity || gss.Side(s) == gss.Origin && c.owner != origin{q.Scheme, q.Host, q.Port}) {
			return true
		}
	}
	return false
}

// proceed has the sides make their credentials, the proxy's first, and sends the request
// when neither has a question.
func (c *Client) proceed(env gss.Env) (Actions, error) {
	// A question stops here, and the answer leads here again: the side that asked has its
	// credentials then, and only what is left is done.
	for _, s := range [...]gss.Side{gss.Proxy, gss.Origin} {
		if !c.sides[s].Unprepared() {
			continue
		}
		v, err := c.tell(env, s, side.Event{Kind: side.Prepare, Exchange: c.exchangeOf(s)})
		if v.Do != side.GoOn || err != nil {
			return c.act(env, s, v), err
		}
	}
	return c.send(env), nil
}

// answered passes the answer to the side that asked, either for credentials or while it
// judges a response.
func (c *Client) answered(env gss.Env, a gss.Answer) (Actions, error) {
	judging := c.judging()
	v, err := c.tell(env, c.asker, side.Event{Kind: side.Answered, Answer: a})
	switch {
	case v.Do != side.GoOn || err != nil:
		return c.act(env, c.asker, v), err
	case judging:
		return c.respond(env)
	}
	return c.proceed(env)
}

// send sends the request with what the sides have made ready.
func (c *Client) send(env gss.Env) Actions {
	x := &c.ex
	o, p := c.both()
	out := Send{Authorization: o.Credentials(), ProxyAuthorization: p.Credentials(), AfterHandshake: x.late}
	out.Pinned = o.Pinned() || p.Pinned() // before they are sent, since that may bind the connection
	c.tell(env, gss.Origin, side.Event{Kind: side.Sent})
	c.tell(env, gss.Proxy, side.Event{Kind: side.Sent})
	ready := !o.Pending() && !p.Pending()
	// The body goes with the request only if no further leg is expected, since each leg would
	// need it again. The rule is the same for both sides, because there is only one request.
	switch policy := c.conf.Bodies; {
	case x.body == NoBody:
	case policy == Strict && !x.resent && (p.Pending() || !o.Complete()): // R4559-6-8
		out.Probe = true
	case !ready && !(policy == Optimistic && x.body == Replayable):
		// An empty leg; it always carries a token (HTA-22).
	case x.body == Once && !o.Challenged():
		// The origin has yet to say whether it wants credentials, or other ones.
		out.Body = Expect
	default:
		out.Body = Whole
	}
	if x.body == Once && out.Body != Omit {
		if x.spent { // HTA-22
			return c.fail(env, gss.Origin, bodySpent)
		}
		x.spent = true
	}
	x.use, x.probe = out.Body, out.Probe
	x.response = Response{}
	c.phase = sent
	return Do(out)
}

var bodySpent = gss.Fault{Code: gss.BodySpent, Detail: "one more request is asked for after a body that cannot be replayed was sent: make the body replayable, or authenticate first (Strict)"}

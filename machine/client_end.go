package machine

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/side"
)

// The end of an exchange: delivered, failed, or continued over another
// connection.

// deliver hands the response to the application.
func (c *Client) deliver(env gss.Env) Actions {
	s := gss.Origin
	if c.ex.route.Kind == Tunneling {
		s = gss.Proxy
	}
	var d Deliver
	d.Authenticated, d.Info, d.Context = c.sides[s].Result()
	d.OriginFacts, d.ProxyFacts = c.learn(env, gss.Origin), c.learn(env, gss.Proxy)
	if c.end(env) {
		return Do(d, Retire{})
	}
	return Do(d)
}

// learn returns the facts that this exchange taught about side s's peer.
func (c *Client) learn(env gss.Env, s gss.Side) Facts {
	var f Facts
	if s == gss.Origin && c.ex.heard {
		f.At, f.Session = env.Now, c.ex.session
	}
	if name, memory := c.sides[s].Learned(); name != "" {
		f.At, f.Scheme, f.Memory = env.Now, name, memory
	}
	return f
}

// end wipes the exchange, and reports whether the connection is of no use any
// more: it closes, or a peer was left in the middle of a handshake.
func (c *Client) end(env gss.Env) bool {
	o, p := c.both()
	// A handshake that was left in its middle makes the connection useless even if the peer
	// keeps it open: the peer takes the next request for the missing leg.
	broken := c.ex.response.Close || c.ex.abandoned || o.Broken() || p.Broken()
	c.tell(env, gss.Origin, side.Event{Kind: side.End})
	c.tell(env, gss.Proxy, side.Event{Kind: side.End})
	c.phase, c.ex = idle, exchange{}
	if broken {
		c.die()
	}
	return broken
}

// die forgets everything but the configuration: nothing can be done any more with
// what belonged to the connection, and all clients in this phase are equal (PROOF-3).
func (c *Client) die() { *c = Client{conf: c.conf, phase: dead} }

// fail ends the exchange without a usable response.
func (c *Client) fail(env gss.Env, s gss.Side, f gss.Fault) Actions {
	sd := &c.sides[s]
	out := Fail{Side: s, Fault: f, Tried: sd.Names(c.conf.sides[s].Schemes), Reasons: sd.Reasons}
	out.OriginFacts, out.ProxyFacts = c.learn(env, gss.Origin), c.learn(env, gss.Proxy)
	// A lease that led to a failure must not lead to the next one. The facts of the other side
	// are those of its own exchange, and still hold.
	if s == gss.Origin { // whatever was known to work does not any more
		out.OriginFacts = Facts{At: env.Now, Forget: true, Session: out.OriginFacts.Session}
	} else {
		out.ProxyFacts = Facts{At: env.Now, Forget: true}
	}
	if c.end(env) {
		return Do(out, Retire{})
	}
	return Do(out)
}

// reopen goes on over another connection, which side s needs.
func (c *Client) reopen(env gss.Env, s gss.Side, http11 bool) Actions {
	x := &c.ex
	// Each way to come here is bounded by itself, but not all of them together: a peer that
	// closes after each leg could go on for ever.
	if x.reopened >= c.conf.MaxReconnects { // HTA-6
		return c.fail(env, s, gss.Fault{Code: gss.LimitExceeded, Detail: "MaxReconnects connections were used up"})
	}
	x.reopened++
	r := Resume{valid: true, identity: x.identity, spent: x.spent, retried: x.retried, late: x.late, repeated: x.repeated, reopened: x.reopened}
	for s, sd := range c.sides {
		r.history[s] = sd.History
	}
	out := Reopen{Resume: r, HTTP11: http11}
	if x.heard {
		out.OriginFacts = Facts{At: env.Now, Session: x.session}
	}
	c.die()
	return Do(out)
}

// resume takes up what another connection's exchange left.
func (c *Client) resume(r *Resume) {
	if !r.valid {
		return
	}
	x := &c.ex
	x.spent, x.retried, x.late, x.repeated, x.reopened = r.spent, r.retried, r.late, r.repeated, r.reopened
	o, p := c.both()
	// Only the histories: no context, no token and no offer means anything on another
	// connection, and what was authenticated on the last one is gone.
	o.History, p.History = r.history[gss.Origin], r.history[gss.Proxy]
}

// closed deals with the loss of the connection.
func (c *Client) closed(env gss.Env, l *Lost) (Actions, error) {
	var acts Actions
	switch s := c.underWay(); {
	case c.judging(): // the response is here, only its judgement is not
		c.ex.response.Close = true
		return Actions{}, nil
	case c.phase == asking:
		acts = c.reopen(env, s, false)
	// Nothing was written, so that nothing is repeated, and a body sent once is still whole.
	case c.phase == sent && l.Unsent:
		c.ex.spent = c.ex.spent && c.ex.use == Omit
		acts = c.reopen(env, s, false)
	case c.phase == sent && c.ex.repeated: // R9110-9.2.2-2
		acts = c.fail(env, s, gss.Fault{Code: gss.LimitExceeded, Detail: "the request was repeated because its connection closed before the response, and the next one closed as well"})
	// What answers challenges alone needs no new exchange, just another connection, which the
	// driver has or makes. Everything else begins anew there, with what it has used up.
	case c.phase == sent && c.repeatable(l):
		c.ex.repeated = true
		if c.loose() {
			return c.repeat(env)
		}
		acts = c.reopen(env, s, false)
	case c.phase == sent:
		acts = c.fail(env, s, gss.Fault{Code: gss.QuestionFailed, Detail: "the connection closed before the response, and the request may have been carried out"})
	}
	c.die()
	return acts, nil
}

// loose reports whether nothing but challenges ties the exchange to its connection:
// what answered them proves one request each, and can answer them over any other.
func (c *Client) loose() bool {
	o, p := c.both()
	return !o.Tied() && !p.Tied() && (o.InProgress() || p.InProgress())
}

// repeat sends the request once more, over whatever connection the driver has for it,
// with proofs made anew for the same challenges.
func (c *Client) repeat(env gss.Env) (Actions, error) {
	c.ex.response = Response{}
	c.tell(env, gss.Origin, side.Event{Kind: side.Repeat})
	c.tell(env, gss.Proxy, side.Event{Kind: side.Repeat})
	return c.proceed(env)
}

// underWay returns the side that a loss of the connection concerns (PROOF-2): the
// proxy's as long as its own authentication is open and no challenge of the origin
// has come from behind it.
func (c *Client) underWay() gss.Side {
	o, p := c.both()
	if c.ex.route.Kind == Tunneling || p.InProgress() && !o.Challenged() {
		return gss.Proxy
	}
	return gss.Origin
}

// repeatable reports whether the request on the wire may be sent once more, with
// credentials made anew: it is idempotent (R9110-9.2.2-1), or it was a leg that no
// server carries out.
//
// A proof of a password that may have arrived may also have been counted. It goes
// out once more only where nothing says that the peer dealt with it, and that of a
// handshake only where the connection is likely to have been gone before (PROOF-1,
// C36).
func (c *Client) repeatable(l *Lost) bool {
	for _, sd := range c.sides {
		if proof, handshake := sd.Proof(); proof && (!l.Silent || handshake && !l.Idle) {
			return false
		}
	}
	o, _ := c.both()
	if c.ex.probe || c.ex.use == Omit && c.ex.body != NoBody || o.Halfway() && o.Pending() {
		return true
	}
	switch c.ex.request.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "CONNECT":
		return true
	}
	return false
}

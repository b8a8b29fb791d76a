package machine

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/side"
)

// The end of an exchange: delivered, failed, or continued over another connection.

// deliver hands the response to the application.
func (c *Client) deliver(env gss.Env) Actions {
	s := gss.Origin
	if c.ex.route.Kind == Tunneling {
		s = gss.Proxy
	}
	var d Deliver
	d.Authenticated, d.Info, d.Context = c.sides[s].Result()
	d.OriginFacts, d.ProxyFacts = c.learn(env, gss.Origin), c.learn(env, gss.Proxy)
	return c.end(env, d)
}

// fail ends the exchange without a usable response.
func (c *Client) fail(env gss.Env, s gss.Side, f gss.Fault) Actions {
	sd := &c.sides[s]
	facts := [...]Facts{c.learn(env, gss.Origin), c.learn(env, gss.Proxy)}
	// A lease that led to a failure must not lead to the next one: whatever was known to work does not any more. The facts of the
	// other side are those of its own exchange, and still hold.
	facts[s] = Facts{At: env.Now, Forget: true, Session: facts[s].Session}
	return c.end(env, Fail{
		Side: s, Fault: f, Tried: sd.Names(c.conf.sides[s].Schemes), Reasons: sd.Reasons,
		OriginFacts: facts[gss.Origin], ProxyFacts: facts[gss.Proxy],
	})
}

// learn returns the facts that this exchange taught about side s's peer, of its schemes none without memory.
func (c *Client) learn(env gss.Env, s gss.Side) (f Facts) {
	if s == gss.Origin && c.ex.heard {
		f.At, f.Session = env.Now, c.ex.session
	}
	if name, memory, forget := c.sides[s].Learned(); !c.conf.NoMemory && (name != "" || forget) {
		f.At, f.Scheme, f.Memory, f.Forget = env.Now, name, memory, forget
	}
	return f
}

// end wipes the exchange, and retires a connection that is of no use any more: it closes, or a peer was left in the middle of a
// handshake. That makes it useless even if the peer keeps it open: the peer takes the next request for the missing leg.
func (c *Client) end(env gss.Env, last Action) Actions {
	o, p := c.both()
	broken := c.ex.response.Close || c.ex.abandoned || o.Broken() || p.Broken()
	c.tell(env, gss.Origin, side.Event{Kind: side.End})
	c.tell(env, gss.Proxy, side.Event{Kind: side.End})
	c.phase, c.ex = idle, exchange{}
	if !broken {
		return Do(last)
	}
	c.die()
	return Do(last, Retire{})
}

// die forgets everything but the configuration: nothing can be done any more with what belonged to the connection, and all
// clients in this phase are equal (PROOF-3).
func (c *Client) die() { *c = Client{conf: c.conf, phase: dead} }

// reopen goes on over another connection, which side s needs.
func (c *Client) reopen(env gss.Env, s gss.Side, http11 bool) Actions {
	x := &c.ex
	// Each way to come here is bounded by itself, but not all of them together: a peer that closes after each leg could go on for
	// ever.
	if x.reopened >= c.conf.MaxReconnects { // HTA-6
		return c.fail(env, s, gss.Fault{Code: gss.LimitExceeded, Detail: "MaxReconnects connections were used up"})
	}
	x.reopened++
	out := Reopen{Resume: Resume{valid: true, carried: x.carried}, HTTP11: http11}
	for s, sd := range c.sides {
		out.Resume.history[s] = sd.History
	}
	if x.heard {
		out.OriginFacts = Facts{At: env.Now, Session: x.session}
	}
	c.die()
	return Do(out)
}

// closed deals with the loss of the connection.
func (c *Client) closed(env gss.Env, l *Lost) (acts Actions, err error) {
	x := &c.ex
	o, p := c.both()
	switch s := c.underWay(); {
	case c.judging(): // the response is here, only its judgement is not
		x.response.Close = true
		return Actions{}, nil
	case c.phase == asking:
		acts = c.reopen(env, s, false)
	case c.phase != sent:
	// Nothing was written, so that nothing is repeated, and a body sent once is still whole.
	case l.Unsent:
		x.spent = x.spent && x.use == Omit
		acts = c.reopen(env, s, false)
	case x.repeated: // R9110-9.2.2-2
		acts = c.fail(env, s, gss.Fault{Code: gss.LimitExceeded, Detail: "the request was repeated because its connection closed before the response, and the next one closed as well"})
	case !c.repeatable(l):
		acts = c.fail(env, s, gss.Fault{Code: gss.QuestionFailed, Detail: "the connection closed before the response, and the request may have been carried out"})
	// What answers challenges alone needs no new exchange, just another connection, which the driver has or makes: the proofs are
	// made anew for the same challenges. Everything else begins anew there, with what it has used up.
	case !o.Tied() && !p.Tied() && (o.InProgress() || p.InProgress()):
		x.repeated = true
		c.tell(env, gss.Origin, side.Event{Kind: side.Repeat})
		c.tell(env, gss.Proxy, side.Event{Kind: side.Repeat})
		return c.proceed(env)
	default:
		x.repeated = true
		acts = c.reopen(env, s, false)
	}
	c.die()
	return acts, nil
}

// underWay returns the side that a loss of the connection concerns (PROOF-2): the proxy's as long as its own authentication is
// open and no challenge of the origin has come from behind it.
func (c *Client) underWay() gss.Side {
	o, p := c.both()
	if c.ex.route.Kind == Tunneling || p.InProgress() && !o.Challenged {
		return gss.Proxy
	}
	return gss.Origin
}

// repeatable reports whether the request on the wire may be sent once more, with credentials made anew: it is idempotent
// (R9110-9.2.2-1), or it was a leg that no server carries out.
//
// A proof of a password that may have arrived may also have been counted. It goes out once more only where nothing says that the
// peer dealt with it, and that of a handshake only where the connection is likely to have been gone before (PROOF-1, C36).
func (c *Client) repeatable(l *Lost) bool {
	for _, sd := range c.sides {
		if proof, handshake := sd.Proof(); proof && (!l.Silent || handshake && !l.Idle) {
			return false
		}
	}
	o, _ := c.both()
	if c.empty() || o.Legged() && o.Pending() {
		return true
	}
	switch c.ex.request.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "CONNECT":
		return true
	}
	return false
}

// empty reports whether the request on the wire is a leg without the body that it is for.
func (c *Client) empty() bool { return c.ex.body != NoBody && c.ex.use == Omit }

package machine

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/scheme"
)

// The end of an exchange: delivered, failed, or continued over another
// connection.

// deliver hands the response to the application.
func (c *Client) deliver(env gss.Env) Actions {
	s := gss.Origin
	if c.ex.via.Route == Tunneling {
		s = gss.Proxy
	}
	sd := &c.sides[s]
	d := Deliver{Authenticated: sd.proven || sd.scheme == 0 && sd.persistent}
	switch {
	case sd.proven && sd.state == gss.Complete:
		d.Info, d.Context = sd.ctx.Info(), sd.ctx.Context()
	case sd.proven: // a proxy that did not prove itself: nothing of the context holds
		d.Info = gss.Info{Mech: sd.ctx.Info().Mech}
	case d.Authenticated:
		d.Info = gss.Info{Mech: sd.mech, ConnectionBound: true}
	}
	d.Learn, d.LearnProxy = c.learn(env, gss.Origin), c.learn(env, gss.Proxy)
	if c.end() {
		return Do(d, Retire{})
	}
	return Do(d)
}

// learn returns the facts that this exchange taught about side s's peer.
func (c *Client) learn(env gss.Env, s gss.Side) Facts {
	sd := &c.sides[s]
	var f Facts
	if s == gss.Origin && c.ex.heard {
		f.At, f.Session = env.Now, c.ex.session
	}
	if sd.proven && !c.traits(s).OfferedOnly {
		f.At, f.Scheme, f.Memory = env.Now, c.traits(s).Name, sd.memory
	}
	return f
}

// end wipes the exchange, and reports whether the connection is of no use any
// more: it closes, or the peer was left in the middle of a handshake.
func (c *Client) end() bool {
	c.phase = idle
	broken := c.ex.response.Close || c.ex.broken
	for s := range c.sides {
		sd := &c.sides[s]
		broken = broken || sd.scheme != 0 && sd.sent && !sd.proven && c.traits(gss.Side(s)).Legged() // CONN-8
		sd.attempt = attempt{}
	}
	c.ex = exchange{}
	if broken {
		c.die()
	}
	return broken
}

// die forgets everything but the configuration: nothing can be done any more with
// what belonged to the connection, and all dead clients are equal (PROOF-3).
func (c *Client) die() { *c = Client{conf: c.conf, phase: dead} }

// fail ends the exchange without a usable response.
func (c *Client) fail(env gss.Env, s gss.Side, f gss.Fault) Actions {
	out := Fail{Side: s, Fault: f, Tried: c.tried(s), Reasons: c.sides[s].why}
	out.Learn, out.LearnProxy = c.learn(env, gss.Origin), c.learn(env, gss.Proxy)
	if s == gss.Origin { // whatever was known to work does not any more
		out.Learn = Facts{At: env.Now, Forget: true, Session: out.Learn.Session}
	} else {
		out.LearnProxy = Facts{At: env.Now, Forget: true}
	}
	if c.end() {
		return Do(out, Retire{})
	}
	return Do(out)
}

// tried names the schemes that side s tried.
func (c *Client) tried(s gss.Side) string {
	sd, names := &c.sides[s], ""
	for i, client := range c.conf.schemes[s] {
		if !sd.tried.Has(i) && i != int(sd.scheme)-1 {
			continue
		}
		if names != "" {
			names += ", "
		}
		names += client.Traits().Name
	}
	return names
}

// reopen goes on over another connection, which side s needs.
func (c *Client) reopen(env gss.Env, s gss.Side, http11 bool) Actions {
	x := &c.ex
	if x.reopened >= c.conf.MaxReconnects { // HTA-6
		return c.fail(env, s, gss.Fault{Code: gss.TooMany, Detail: "MaxReconnects connections were used up"})
	}
	x.reopened++
	r := Resume{valid: true, identity: x.identity, spent: x.spent, retried: x.retried, late: x.late, repeated: x.repeated, reopened: x.reopened}
	for s := range c.sides {
		a := &c.sides[s].attempt
		r.again[s], r.rounds[s], r.tries[s] = a.again, a.rounds, a.tries
		r.tried[s], r.declined[s], r.seen[s], r.fault[s], r.why[s] = a.tried, a.declined, a.seen, a.fault, a.why
	}
	out := Reopen{Resume: r, HTTP11: http11}
	if x.heard {
		out.Learn = Facts{At: env.Now, Session: x.session}
	}
	c.end()
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
	for s := range c.sides {
		a := &c.sides[s].attempt
		a.again, a.rounds, a.tries = r.again[s], r.rounds[s], r.tries[s]
		a.tried, a.declined, a.seen, a.fault, a.why = r.tried[s], r.declined[s], r.seen[s], r.fault[s], r.why[s]
	}
}

// closed deals with the loss of the connection.
func (c *Client) closed(env gss.Env, l *Lost) (Actions, error) {
	var acts Actions
	switch s := c.underWay(); {
	case c.phase == asking && c.ex.judging: // the response is here, only its judgement is not
		c.ex.response.Close = true
		return Actions{}, nil
	case c.phase == asking:
		acts = c.reopen(env, s, false)
	case c.phase == sent && l.Unsent:
		c.ex.spent = c.ex.spent && c.ex.use == Omit
		acts = c.reopen(env, s, false)
	case c.phase == sent && c.ex.repeated: // R9110-9.2.2-2
		acts = c.fail(env, s, gss.Fault{Code: gss.TooMany, Detail: "the request was repeated because its connection closed before the response, and the next one closed as well"})
	case c.phase == sent && c.repeatable(l):
		c.ex.repeated = true
		if c.loose() {
			return c.repeat(env)
		}
		acts = c.reopen(env, s, false)
	case c.phase == sent:
		acts = c.fail(env, s, gss.Fault{Code: gss.Unanswered, Detail: "the connection closed before the response, and the request may have been carried out"})
	}
	c.die()
	return acts, nil
}

// loose reports whether nothing but challenges ties the exchange to its connection:
// what answered them proves one request each, and can answer them over any other.
func (c *Client) loose() bool {
	answering := false
	for s := range c.sides {
		sd := &c.sides[s]
		if sd.bound || sd.persistent || sd.scheme != 0 && (!sd.met || sd.ended || c.traits(gss.Side(s)).Legged()) {
			return false
		}
		answering = answering || sd.scheme != 0
	}
	return answering
}

// repeat sends the request once more, over whatever connection the driver has for it,
// with proofs made anew for the same challenges.
func (c *Client) repeat(env gss.Env) (Actions, error) {
	c.ex.response = Response{}
	for s := range c.sides {
		if sd := &c.sides[s]; sd.scheme != 0 {
			count := max(sd.count, 1) + 1
			c.start(gss.Side(s), int(sd.scheme)-1, scheme.Start)
			sd.count = count
		}
	}
	return c.proceed(env)
}

// underWay returns the side that a loss of the connection concerns (PROOF-2): the
// proxy's as long as its own authentication is open and no challenge of the origin
// has come from behind it.
func (c *Client) underWay() gss.Side {
	p := &c.sides[gss.Proxy]
	if c.ex.via.Route == Tunneling || p.scheme != 0 && !p.ended && !c.sides[gss.Origin].met {
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
	for s := range c.sides {
		if proof, handshake := c.proof(gss.Side(s)); proof && (!l.Silent || handshake && !l.Idle) {
			return false
		}
	}
	if c.ex.probe || c.ex.use == Omit && c.ex.body != NoBody || c.halfway(gss.Origin) && c.sides[gss.Origin].state == gss.Continue {
		return true
	}
	switch c.ex.request.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "CONNECT":
		return true
	}
	return false
}

// proof reports whether the last request carried what proves side s's password, as
// the last leg of several does, and whether that belongs to a handshake.
func (c *Client) proof(s gss.Side) (proof, handshake bool) {
	sd := &c.sides[s]
	if sd.scheme == 0 || !sd.sent || sd.ended || !sd.creds.Present() {
		return false, false
	}
	return sd.state != gss.Continue, sd.legs > 1 || sd.ctx.Info().ConnectionBound
}

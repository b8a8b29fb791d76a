package machine

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
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
	c.ex = exchange{request: b.Request, via: b.Via, identity: b.Identity, body: b.Body}
	c.resume(&b.Resume)
	if c.foreign() { // HTA-9
		return c.reopen(env, gss.Origin, false), nil
	}
	c.owner = origin{b.Request.Scheme, b.Request.Host, b.Request.Port}
	if b.Via.Route != Direct {
		c.open(gss.Proxy, &b.ProxyLease)
	}
	if b.Via.Route != Tunneling {
		c.open(gss.Origin, &b.Lease)
	}
	return c.proceed(env)
}

// foreign reports whether this connection belongs to another identity or, on
// the origin side, to another origin. An origin side that is not bound follows
// the request: a plain proxy's connection serves many origins.
func (c *Client) foreign() bool {
	for s := range c.sides {
		if sd := &c.sides[s]; sd.bound && sd.identity != c.ex.identity {
			return true
		}
	}
	o := &c.sides[gss.Origin]
	q := &c.ex.request
	return o.bound && c.owner != origin{q.Scheme, q.Host, q.Port}
}

// open starts a side of an exchange: not at all where the connection carries
// its authentication (N2HT-3.2.5-9, N2HT-3.2.5-10), pre-emptively where a lease
// allows it, else bare.
func (c *Client) open(s gss.Side, l *Lease) {
	sd := &c.sides[s]
	if s == gss.Origin && l.SessionBased {
		c.ex.session = Supported
	}
	if sd.persistent || l.Scheme == "" {
		return
	}
	known := l.Memory.Offer
	if known.Form() == header.Malformed {
		known = header.BareChallenge(l.Scheme)
	}
	offer := header.ListOf(known)
	ch := c.conf.Policy.Choose(c.conf.schemes[s], offer, c.conditions(s))
	if ch.Index < 0 || ch.HTTP11 {
		return
	}
	client := c.conf.schemes[s][ch.Index]
	if t := client.Traits(); t.OfferedOnly || sd.tried.Has(ch.Index) { // N2HT-2.2.3-4, C4
		return
	}
	c.start(s, ch.Index, scheme.Start) // R4559-4.2-6
	sd.offer, sd.count = header.Challenges{}, l.Memory.Count
	if l.Memory.Offer.Form() != header.Malformed {
		sd.offer = offer
	}
}

// conditions returns the conditions of a choice on side s.
func (c *Client) conditions(s gss.Side) scheme.Conditions {
	sd, q, v := &c.sides[s], &c.ex.request, &c.ex.via
	k := scheme.Conditions{
		Side: s, Multiplexed: q.Multiplexed, ExplicitProxy: v.Explicit,
		Secure: q.Scheme == "https", Affine: true,
		Tried: sd.tried, Declined: sd.declined, Seen: sd.seen,
	}
	if s == gss.Proxy {
		k.Secure = v.Scheme == "https"
	} else if v.Route == Forwarded { // R4559-6-7, C12
		k.Secure, k.Affine = false, c.ex.session == Supported
	}
	return k
}

// exchangeOf returns what a scheme is told of this exchange.
func (c *Client) exchangeOf(s gss.Side) scheme.Exchange {
	q, v := &c.ex.request, &c.ex.via
	x := scheme.Exchange{Side: s, Method: q.Method, URI: q.target(s), Authority: q.authority()}
	x.Target = gss.Target{Service: "HTTP", Scheme: q.Scheme, Host: q.Host, Port: q.Port, Identity: c.ex.identity, Binding: q.Binding}
	if s == gss.Proxy {
		x.Target.Scheme, x.Target.Host, x.Target.Port = v.Scheme, v.Host, v.Port
	} else if v.Route == Forwarded {
		// The channel below ends at the proxy: nothing is known of what lies behind
		// it, but that it is no TLS for http.
		x.Target.Binding = gss.Binding{}
		if q.Scheme == "http" {
			x.Target.Binding = gss.NoBinding()
		}
	}
	return x
}

// proceed feeds the sides that have something to do, the proxy's first, and
// sends the request when neither has.
func (c *Client) proceed(env gss.Env) (Actions, error) {
	for _, s := range [...]gss.Side{gss.Proxy, gss.Origin} {
		sd := &c.sides[s]
		for sd.todo != 0 {
			in := scheme.InitiatorInput{Event: sd.todo, Offer: sd.offer, Count: sd.count}
			sd.todo = 0
			if acts, stop, err := c.feed(env, s, in); stop || err != nil {
				return acts, err
			}
		}
	}
	return c.send(env), nil
}

// feed steps side s's context before its request is sent, and deals with what
// comes out. It stops when there are actions to be done first.
func (c *Client) feed(env gss.Env, s gss.Side, in scheme.InitiatorInput) (Actions, bool, error) {
	sd := &c.sides[s]
	ctx, out, err := sd.ctx.Step(env, in)
	if err != nil {
		return Actions{}, true, err
	}
	sd.ctx, sd.state = ctx, out.State
	switch out.State {
	case gss.Waiting:
		return c.ask(s, out.Ask), true, nil
	case gss.Failed:
		acts, stop := c.rejected(env, s, out.Fault)
		return acts, stop, nil
	}
	if c.ex.request.Multiplexed && (ctx.Info().ConnectionBound || c.traits(s).Legged() && out.State == gss.Continue) { // HTA-4
		return c.reopen(env, s, true), true, nil
	}
	sd.creds = out.Credentials
	return Actions{}, false, nil
}

// ask puts a side's question to the driver. Which attempt it is, only the
// machine knows.
func (c *Client) ask(s gss.Side, q gss.Question) Actions {
	sd := &c.sides[s]
	if need, ok := q.(gss.NeedCredential); ok {
		sd.asked = true
		need.Side, need.Attempt, need.Rejected = s, sd.tries, sd.again
		if need.Scheme == "" { // a mechanism does not know under which scheme it runs
			need.Scheme = c.traits(s).Name
		}
		q = need
	}
	c.phase, c.asker = asking, s
	c.ex.id++
	return Do(Ask{c.ex.id, q})
}

// answered passes the answer to the side that asked, either for credentials or while it
// judges a response.
func (c *Client) answered(env gss.Env, a gss.Answer) (Actions, error) {
	in := scheme.InitiatorInput{Event: scheme.Answered, Answer: a}
	step, then := c.feed, c.proceed
	if c.ex.judging {
		step, then = c.judge, c.respond
	}
	if acts, stop, err := step(env, c.asker, in); stop || err != nil {
		return acts, err
	}
	return then(env)
}

// send sends the request with what the sides have made ready.
func (c *Client) send(env gss.Env) Actions {
	x := &c.ex
	out := Send{AfterHandshake: x.late}
	ready := true
	for s := range c.sides {
		sd := &c.sides[s]
		out.Pinned = out.Pinned || sd.persistent || sd.bound
		if sd.scheme == 0 || sd.ended {
			continue
		}
		sd.sent = true
		sd.legs = max(sd.legs, sd.legs+1)
		ready = ready && sd.state != gss.Continue
		if t := c.traits(gss.Side(s)); t.Legged() {
			// HTA-5; and an offer that counts on its connection only (C4).
			out.Pinned = out.Pinned || sd.legs > 1 || t.OfferedOnly
			if sd.state != gss.Continue && !x.request.Multiplexed {
				// Whatever it answers, the peer may hold the identity from here on (HTA-9).
				sd.bound, sd.identity = true, x.identity
			}
		}
	}
	out.Authorization = c.sides[gss.Origin].creds
	out.ProxyAuthorization = c.sides[gss.Proxy].creds
	switch policy := c.conf.Bodies; {
	case x.body == NoBody:
	case policy == Strict && !c.complete() && !x.resent: // R4559-6-8
		out.Probe = true
	case !ready && !(policy == Optimistic && x.body == Replayable):
		// An empty leg; it always carries a token (HTA-22).
	case x.body == Once && !c.sides[gss.Origin].met:
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
	x.use, x.probe, x.judging = out.Body, out.Probe, false
	x.response = Response{}
	c.phase = sent
	return Do(out)
}

var bodySpent = gss.Fault{Code: gss.BodySpent, Detail: "one more request is asked for after a body that cannot be replayed was sent: make the body replayable, or authenticate first (Strict)"}

// complete reports whether nothing but a proxy's final proof is missing on either
// side, so that user data may go even under Strict. A scheme that proves each
// request by itself is complete with the request.
func (c *Client) complete() bool {
	o, p := &c.sides[gss.Origin], &c.sides[gss.Proxy]
	switch {
	case p.scheme != 0 && !p.ended && p.state == gss.Continue:
		return false
	case o.scheme == 0 || o.ended:
		return o.persistent || o.ended && !c.traits(gss.Origin).Legged()
	}
	return o.state == gss.Complete || !c.traits(gss.Origin).Legged()
}

// traits returns those of the scheme that side s has chosen.
func (c *Client) traits(s gss.Side) scheme.Traits {
	return c.conf.schemes[s][c.sides[s].scheme-1].Traits()
}

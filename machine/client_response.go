package machine

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// The way back: what a response means for each side, and what comes next.

// respond goes through a response: the proxy's side first, then the origin's.
func (c *Client) respond(env gss.Env) (Actions, error) {
	x := &c.ex
	r := &x.response
	x.judging = true
	if x.use != Omit && r.BodySent == SentNone { // of this request; an empty leg gives nothing back
		x.spent = false
	}
	if r.Status == statusTooEarly && !x.late && !x.spent { // R8470-5.2-2
		return c.tooEarly(env)
	}
	if r.Status == 407 {
		if x.via.Route == Direct {
			return c.fail(env, gss.Proxy, gss.Fault{Code: gss.Unexpected, Detail: "407 without a proxy, or from inside a tunnel"}), nil
		}
		return c.challenged(env, gss.Proxy, r.Header.ProxyAuthenticate)
	}
	if acts, stop, err := c.conclude(env, gss.Proxy, r.Header.ProxyAuthenticate, r.Header.ProxyAuthenticationInfo); stop || err != nil {
		return acts, err
	}
	if r.Status == 401 && x.via.Route != Tunneling { // N2HT-2.2.3-7
		if x.via.Route == Forwarded {
			x.session, x.heard = Unsupported, true
			if r.Header.SessionBased {
				x.session = Supported
			}
		}
		return c.challenged(env, gss.Origin, r.Header.WWWAuthenticate)
	}
	if acts, stop, err := c.conclude(env, gss.Origin, r.Header.WWWAuthenticate, r.Header.AuthenticationInfo); stop || err != nil {
		return acts, err
	}
	return c.settle(env)
}

// tooEarly sends the request again, once, after a 425. Nothing was done with it, so
// that a handshake stands where it stood and the same leg goes once more; what proves
// each request by itself proves this one anew. Where the peer closes, the exchange goes
// on over another connection, there after the TLS handshake, too.
func (c *Client) tooEarly(env gss.Env) (Actions, error) {
	x := &c.ex
	if x.response.Close {
		x.late = true
		return c.reopen(env, c.underWay(), false), nil
	}
	for _, s := range [...]gss.Side{gss.Proxy, gss.Origin} {
		sd := &c.sides[s]
		if sd.scheme == 0 || !sd.sent || c.traits(s).Legged() {
			continue
		}
		if acts, stop, err := c.conclude(env, s, header.Challenges{}, header.Info{}); stop || err != nil {
			return acts, err // after an answer it is here again
		}
		c.renew(s)
	}
	x.late, x.judging = true, false
	return c.proceed(env)
}

// challenged deals with the challenge status of side s.
func (c *Client) challenged(env gss.Env, s gss.Side, offers header.Challenges) (Actions, error) {
	x, sd := &c.ex, &c.sides[s]
	x.judging = false
	sd.persistent, sd.met = false, true // N2HT-3.2.5-12 and HTA-10; the other side is left alone
	sd.offer, sd.count, sd.fed = offers, 0, false
	sd.creds = header.Credentials{}
	if sd.rounds >= c.conf.MaxLegs { // HTA-6
		return c.fail(env, s, gss.Fault{Code: gss.TooMany, Detail: "the peer goes on challenging: MaxLegs challenges were answered"}), nil
	}
	sd.rounds++
	// What is offered in the middle of a handshake is offered, too (HTA-13).
	sd.seen = c.conf.Policy.Choose(c.conf.schemes[s], offers, c.conditions(s)).Seen
	if x.spent { // HTA-22: whatever comes of it, the body would be wanted again
		return c.fail(env, s, bodySpent), nil
	}
	if s == gss.Origin && !sd.proven {
		x.resent = false // what answered an empty leg did not ask for what is asked for now
	}
	if sd.ended { // it passed this side before, and now begins anew (N2HT-2.2.2-2)
		sd.drop()
	}
	legged, word := false, nothing
	if sd.scheme != 0 {
		t := c.traits(s)
		legged, word = t.Legged(), hear(offers, t.Name)
		if word == token && t.First == scheme.FirstToken && tokenOf(offers, t.Name) == sd.opening {
			word = bare // the first challenge once more is no continuation
		}
	}
	lost := false // a handshake dies with its connection
	if x.response.Close {
		if legged && word == token && c.refused(env, s) { // no continuation, so it counts as a try
			word, sd.fed = bare, true
		}
		lost = legged && word == token || c.halfway(1-s)
		for i := range c.sides {
			c.sides[i].standing = standing{}
		}
	}
	if s == gss.Origin {
		c.renew(gss.Proxy)
	}
	var acts Actions
	var stop bool
	switch {
	case sd.scheme == 0:
		acts, stop = c.choose(env, s)
	case lost && legged && word == token:
	case legged && word == token && !c.conditions(s).Affine: // R4559-6-7
		x.broken = true
		acts, stop = c.rejected(env, s, gss.Fault{Code: gss.NotPermitted, Detail: "the proxy stopped saying Proxy-Support in the middle of a handshake, so the connection behind it may be shared"})
	case word != nothing && !legged || word == token && sd.state != gss.Complete: // R4559-4.2-5, R4559-5-5
		sd.todo, sd.fed = scheme.Challenged, legged
	case word == token: // NTHT-3.1.5.1-3
		return c.fail(env, s, gss.Fault{Code: gss.Unexpected, Detail: "one more token was asked for after the context was complete"}), nil
	default:
		acts, stop = c.rejected(env, s, gss.Fault{Code: gss.Refused, Detail: c.traits(s).Name + ": the peer refused the credentials"})
	}
	switch {
	case stop:
		return acts, nil
	case lost:
		return c.reopen(env, s, false), nil
	}
	return c.proceed(env)
}

// refused reports whether the newest challenge's token refuses side s's context.
func (c *Client) refused(env gss.Env, s gss.Side) bool {
	_, out, err := c.sides[s].ctx.Step(env, scheme.InitiatorInput{Event: scheme.Challenged, Offer: c.sides[s].offer})
	return err == nil && out.State == gss.Failed && out.Fault.Code == gss.Refused
}

// halfway reports whether side s is in the middle of a handshake.
func (c *Client) halfway(s gss.Side) bool {
	sd := &c.sides[s]
	return sd.scheme != 0 && sd.sent && !sd.ended && c.traits(s).Legged()
}

// rejected deals with the failure of side s's scheme: the same one again with
// other credentials, another scheme, or the end.
func (c *Client) rejected(env gss.Env, s gss.Side, f gss.Fault) (Actions, bool) {
	sd := &c.sides[s]
	// The peer broke the protocol or did not prove itself: no other scheme makes that good.
	if sd.rounds > 0 && f.Code.Class() == gss.PeerMisbehaved { // NTHT-3.1.5.1-1, NTHT-3.1.5.1-3
		return c.fail(env, s, f), true
	}
	i := int(sd.scheme) - 1
	if f.Code == gss.Refused && sd.asked && sd.tries+1 < c.conf.MaxAttempts && hear(sd.offer, c.traits(s).Name) != nothing {
		if best := c.conf.Policy.Choose(c.conf.schemes[s], sd.offer, c.conditions(s)).Index; best != i {
			// A lease, or fewer offers, had it taken up: by what is offered now it would
			// not be (N2HT-2.2.3-5, R4559-6-7, R7616-5.6-1).
			sd.fault = f
			sd.note(c.traits(s).Name, f)
			sd.drop()
			return c.choose(env, s)
		}
		event := scheme.Challenged
		if sd.fed { // the token in the offer was the old context's end, not an offer
			event = scheme.Start
		}
		sd.fault = f
		sd.tries++
		sd.again = true
		c.start(s, i, event)
		return Actions{}, false
	}
	c.ex.broken = c.ex.broken || sd.fed
	sd.done(c.traits(s).Name, f)
	sd.drop()
	if sd.rounds == 0 { // pre-emptive, before any challenge
		return Actions{}, false
	}
	return c.choose(env, s)
}

// choose takes up the best of the schemes on offer.
func (c *Client) choose(env gss.Env, s gss.Side) (Actions, bool) {
	sd, x := &c.sides[s], &c.ex
	ch := c.conf.Policy.Choose(c.conf.schemes[s], sd.offer, c.conditions(s))
	sd.seen = ch.Seen
	if ch.Index < 0 {
		f := ch.Fault
		if !sd.fault.IsZero() {
			f = sd.fault
		}
		return c.fail(env, s, f), true
	}
	if ch.HTTP11 { // HTA-4
		return c.reopen(env, s, true), true
	}
	client := c.conf.schemes[s][ch.Index]
	t := client.Traits()
	switch {
	case t.First == scheme.FirstBare && hear(sd.offer, t.Name) == token && !c.conf.Policy.AcceptHint: // C3
		return c.fail(env, s, gss.Fault{Code: gss.Unexpected, Detail: t.Name + ": the first challenge carries a token (Policy.AcceptHint takes it)"}), true
	case t.OfferedOnly && x.response.Close && !x.retried:
		// Its offer counts on this connection only: ask anew over another one, once.
		x.retried = true
		return c.reopen(env, s, false), true
	case t.OfferedOnly && x.response.Close:
		sd.scheme = uint8(ch.Index) + 1
		sd.done(t.Name, gss.Fault{Code: gss.Unexpected, Detail: "the server closes the connection on which it offers it"})
		sd.drop()
		return c.choose(env, s)
	}
	c.start(s, ch.Index, scheme.Challenged)
	return Actions{}, false
}

// start makes a fresh context of scheme i for side s, to be fed event.
func (c *Client) start(s gss.Side, i int, event scheme.InitiatorEvent) {
	sd, client := &c.sides[s], c.conf.schemes[s][i]
	sd.choose(i, client.Initiate(c.exchangeOf(s)), event)
	if t := client.Traits(); event == scheme.Challenged && t.First == scheme.FirstToken {
		sd.opening = tokenOf(sd.offer, t.Name)
	}
}

// renew readies a side that the last response passed for the next request of
// the same exchange. Where the connection does not carry its authentication,
// the request needs a proof of its own.
func (c *Client) renew(s gss.Side) {
	sd := &c.sides[s]
	if !sd.ended || sd.persistent {
		return
	}
	i, t, m := int(sd.scheme)-1, c.traits(s), sd.memory
	c.ex.broken = c.ex.broken || !sd.proven && t.Legged() // CONN-8: what was begun here was not ended
	offer, known := header.Challenges{}, header.ListOf(header.BareChallenge(t.Name))
	if m.Offer.Form() != header.Malformed {
		offer = header.ListOf(m.Offer)
		known = offer
	}
	// What was offered since it was taken up may be stronger (HTA-13).
	if sd.state == gss.Continue || t.OfferedOnly || c.conf.Policy.Choose(c.conf.schemes[s], known, c.conditions(s)).Index != i {
		sd.drop()
		return
	}
	c.start(s, i, scheme.Start)
	sd.offer, sd.count = offer, m.Count+1
}

// conclude lets side s's context judge the response that passed its side.
func (c *Client) conclude(env gss.Env, s gss.Side, offers header.Challenges, info header.Info) (Actions, bool, error) {
	sd := &c.sides[s]
	if sd.scheme == 0 || !sd.sent || sd.ended {
		return Actions{}, false, nil
	}
	return c.judge(env, s, scheme.InitiatorInput{Event: scheme.Concluded, Offer: offers, Info: info, Status: c.ex.response.Status})
}

// judge steps side s's context after the request was sent. A proof that does not
// verify fails the exchange whatever the status (C2).
func (c *Client) judge(env gss.Env, s gss.Side, in scheme.InitiatorInput) (Actions, bool, error) {
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
		return c.fail(env, s, out.Fault), true, nil
	}
	sd.ended, sd.memory = true, out.Memory
	sd.proven = out.State == gss.Complete || s == gss.Proxy && out.State == gss.Ready && !c.conf.StrictProxy // C35
	sd.creds = header.Credentials{}
	if sd.proven {
		c.establish(s)
	}
	return Actions{}, false, nil
}

// establish keeps for the connection what side s's complete context gives it.
func (c *Client) establish(s gss.Side) {
	sd := &c.sides[s]
	if c.ex.request.Multiplexed || c.traits(s).Bound == scheme.PerRequest { // C18
		return
	}
	info := sd.ctx.Info()
	// What the server hints, N2HT-3.2.5-2.
	said := header.PersistAbsent
	if s == gss.Origin { // HTA-16
		said = c.ex.response.Header.PersistentAuth
	}
	switch said { // N2HT-3.2.5-3: only here, with the response that ends the exchange
	case header.PersistTrue: // N2HT-3.2.5-5
		sd.persistent = true
	case header.PersistFalse: // N2HT-3.2.5-6
		sd.persistent = false
	case header.PersistAbsent: // N2HT-3.2.5-8
		sd.persistent = info.Mech == gss.NTLM
	}
	// Only the word that it does not last lets others have the connection.
	sd.bound = said != header.PersistFalse || info.ConnectionBound
	sd.identity, sd.mech = c.ex.identity, info.Mech
}

// settle ends an exchange with a response that is no challenge.
func (c *Client) settle(env gss.Env) (Actions, error) {
	x := &c.ex
	status := x.response.Status
	for s := range c.sides {
		sd := &c.sides[s]
		if sd.scheme != 0 && sd.ended && !sd.proven && status < 400 &&
			c.conf.Mutual == MutualRequired && c.traits(gss.Side(s)).Mutual { // R4559-4.1-10, R4559-4.1-11
			return c.fail(env, gss.Side(s), gss.Fault{Code: gss.NotAuthentic, Detail: "the peer did not prove itself: no final token came (MutualIfOffered accepts such responses)"}), nil
		}
	}
	empty := x.body != NoBody && x.use == Omit
	if empty && (x.probe && !x.resent || status < 300) {
		if o := &c.sides[gss.Origin]; x.probe && o.proven && c.traits(gss.Origin).Legged() {
			switch {
			case !o.persistent:
				return c.fail(env, gss.Origin, gss.Fault{Code: gss.NotPermitted, Detail: "Strict needs a server that keeps the connection authenticated, and this one does not"}), nil
			case x.response.Close: // what was authenticated is gone, and the body has nothing to go over
				return c.reopen(env, gss.Origin, false), nil
			}
		}
		x.resent, x.judging = true, false
		if x.response.Close {
			for i := range c.sides {
				c.sides[i].standing = standing{}
			}
		}
		c.renew(gss.Proxy)
		c.renew(gss.Origin)
		return c.proceed(env)
	}
	return c.deliver(env), nil
}

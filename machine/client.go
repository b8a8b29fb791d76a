package machine

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
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
	asker gss.Side // whose context asked
	id    uint16   // of the last Ask
	owner origin   // whom the origin side belongs to
	sides [2]side
	ex    exchange
}

// origin is a URI's scheme and authority.
type origin struct {
	scheme, host string
	port         uint16
}

// exchange is what a client keeps from Begin to Deliver, Fail or Reopen, both
// sides together.
type exchange struct {
	request  Request
	via      Via
	identity string
	body     Body
	use      BodyUse // of the last Send
	probe    bool    // the last Send was a probe
	spent    bool    // a body of which there is only one is, or may be, on the wire
	resent   bool    // the body was sent after an empty leg was answered
	judging  bool    // contexts judge the response, they do not make credentials
	retried  bool    // the bare retry after a closed offer was used up
	broken   bool    // a handshake was left in its middle
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
	spent, retried        bool
	reopened              uint8
	again                 [2]bool
	rounds, tries         [2]uint8
	tried, declined, seen [2]scheme.Set
	fault                 [2]gss.Fault
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
		if e.Status < 200 && e.Status != 101 { // HTA-11
			return Actions{}, nil
		}
		c.ex.response = e
		return c.respond(env)
	case Answered:
		if c.phase != asking || e.ID != c.id || e.Answer == nil {
			break
		}
		return c.answered(env, e.Answer)
	case Closed:
		return c.closed(env)
	}
	return Actions{}, noEvent("client", c.phase)
}

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
		return c.reopen(env, false), nil
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

// conditions are the circumstances of a choice on side s.
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

// exchangeOf is what a scheme is told of this exchange.
func (c *Client) exchangeOf(s gss.Side) scheme.Exchange {
	q, v := &c.ex.request, &c.ex.via
	x := scheme.Exchange{Side: s, Method: q.Method, URI: q.URI, Authority: authority(q.Scheme, q.Host, q.Port)}
	x.Target = gss.Target{Service: "HTTP", Scheme: q.Scheme, Host: q.Host, Port: q.Port, Identity: c.ex.identity, Binding: q.Binding}
	if s == gss.Proxy {
		x.Target.Scheme, x.Target.Host, x.Target.Port = v.Scheme, v.Host, v.Port
		if v.Route == Forwarded { // what the proxy receives, C29
			x.URI = q.Scheme + "://" + x.Authority + q.URI
		}
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
		return c.reopen(env, true), true, nil
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
	c.id++
	return Do(Ask{c.id, q})
}

// answered feeds the answer to whoever asked: a side that makes credentials, or
// one that judges the response.
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
	var out Send
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

// traits are those of the scheme that side s has chosen.
func (c *Client) traits(s gss.Side) scheme.Traits {
	return c.conf.schemes[s][c.sides[s].scheme-1].Traits()
}

// respond goes through a response: the proxy's side first, then the origin's.
func (c *Client) respond(env gss.Env) (Actions, error) {
	x := &c.ex
	r := &x.response
	x.judging = true
	if x.use != Omit && r.BodySent == SentNone { // of this request; an empty leg gives nothing back
		x.spent = false
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
	if x.spent { // HTA-22: whatever comes of it, the body would be wanted again
		return c.fail(env, s, bodySpent), nil
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
		acts, stop = c.rejected(env, s, gss.Fault{Code: gss.NotPermitted, Detail: "the proxy stopped saying Proxy-Support in the middle of a handshake, so the connection behind it may be anyone's"})
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
		return c.reopen(env, false), nil
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
	if sd.rounds > 0 && final(f) {
		return c.fail(env, s, f), true
	}
	i := int(sd.scheme) - 1
	if f.Code == gss.Refused && sd.asked && sd.tries+1 < c.conf.MaxAttempts && hear(sd.offer, c.traits(s).Name) != nothing {
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
	sd.done(f)
	sd.drop()
	if sd.rounds == 0 { // pre-emptive, and nobody has asked for it yet
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
		return c.reopen(env, true), true
	}
	client := c.conf.schemes[s][ch.Index]
	t := client.Traits()
	switch {
	case t.First == scheme.FirstBare && hear(sd.offer, t.Name) == token && !c.conf.Policy.AcceptHint: // C3
		return c.fail(env, s, gss.Fault{Code: gss.Unexpected, Detail: t.Name + ": the first challenge carries a token (Policy.AcceptHint takes it)"}), true
	case t.OfferedOnly && x.response.Close && !x.retried:
		// Its offer counts on this connection only: ask anew over another one, once.
		x.retried = true
		return c.reopen(env, false), true
	case t.OfferedOnly && x.response.Close:
		sd.scheme = uint8(ch.Index) + 1
		sd.done(gss.Fault{Code: gss.Unexpected, Detail: t.Name + ": the server closes the connection on which it offers it"})
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
	i := int(sd.scheme) - 1
	if sd.state == gss.Continue || c.traits(s).OfferedOnly {
		sd.drop()
		return
	}
	m := sd.memory
	c.start(s, i, scheme.Start)
	sd.offer, sd.count = header.Challenges{}, m.Count+1
	if m.Offer.Form() != header.Malformed {
		sd.offer = header.ListOf(m.Offer)
	}
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
	sd.ended, sd.proven, sd.memory = true, out.State == gss.Complete, out.Memory
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
	sd.bound = sd.bound || sd.persistent || info.ConnectionBound
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
			return c.fail(env, gss.Side(s), gss.Fault{Code: gss.NotAuthentic, Detail: "the peer did not prove itself: no final token came (MutualIfOffered takes such answers)"}), nil
		}
	}
	empty := x.body != NoBody && x.use == Omit
	if empty && !x.resent && (x.probe || status < 300) {
		if x.probe && c.lapsed() {
			return c.fail(env, gss.Origin, gss.Fault{Code: gss.NotPermitted, Detail: "Strict needs a server that keeps the connection authenticated, and this one does not"}), nil
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

// lapsed reports whether a context was completed that the connection does not
// keep.
func (c *Client) lapsed() bool {
	sd := &c.sides[gss.Origin]
	return sd.proven && !sd.persistent && c.traits(gss.Origin).Legged()
}

// deliver hands the response to the application.
func (c *Client) deliver(env gss.Env) Actions {
	s := gss.Origin
	if c.ex.via.Route == Tunneling {
		s = gss.Proxy
	}
	sd := &c.sides[s]
	d := Deliver{Authenticated: sd.proven || sd.scheme == 0 && sd.persistent}
	switch {
	case sd.proven:
		d.Info, d.Context = sd.ctx.Info(), sd.ctx.Context()
	case d.Authenticated:
		d.Info = gss.Info{Mech: sd.mech, ConnectionBound: true}
	}
	d.Learn, d.LearnProxy = c.learn(env, gss.Origin), c.learn(env, gss.Proxy)
	if c.end() {
		return Do(d, Retire{})
	}
	return Do(d)
}

// learn is what this exchange taught about side s's peer.
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
		broken = broken || sd.scheme != 0 && sd.sent && !sd.proven && c.traits(gss.Side(s)).Legged()
		sd.attempt = attempt{}
	}
	c.ex = exchange{}
	if broken {
		c.die()
	}
	return broken
}

// die forgets what belonged to the connection, with which nothing can be done any
// more.
func (c *Client) die() {
	for s := range c.sides {
		c.sides[s].standing = standing{}
	}
	c.phase = dead
}

// fail ends the exchange without a usable response.
func (c *Client) fail(env gss.Env, s gss.Side, f gss.Fault) Actions {
	out := Fail{Side: s, Fault: f, Tried: c.tried(s)}
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

// reopen goes on over another connection.
func (c *Client) reopen(env gss.Env, http11 bool) Actions {
	x := &c.ex
	if x.reopened >= c.conf.MaxReconnects { // HTA-6
		return c.fail(env, gss.Origin, gss.Fault{Code: gss.TooMany, Detail: "MaxReconnects connections were used up"})
	}
	x.reopened++
	r := Resume{valid: true, identity: x.identity, spent: x.spent, retried: x.retried, reopened: x.reopened}
	for s := range c.sides {
		a := &c.sides[s].attempt
		r.again[s], r.rounds[s], r.tries[s] = a.again, a.rounds, a.tries
		r.tried[s], r.declined[s], r.seen[s], r.fault[s] = a.tried, a.declined, a.seen, a.fault
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
	x.spent, x.retried, x.reopened = r.spent, r.retried, r.reopened
	for s := range c.sides {
		a := &c.sides[s].attempt
		a.again, a.rounds, a.tries = r.again[s], r.rounds[s], r.tries[s]
		a.tried, a.declined, a.seen, a.fault = r.tried[s], r.declined[s], r.seen[s], r.fault[s]
	}
}

// closed deals with the loss of the connection.
func (c *Client) closed(env gss.Env) (Actions, error) {
	var acts Actions
	switch {
	case c.phase == asking && c.ex.judging: // the response is here, only its judgement is not
		c.ex.response.Close = true
		return Actions{}, nil
	case c.phase == asking, c.phase == sent && c.repeatable():
		acts = c.reopen(env, false)
	case c.phase == sent:
		acts = c.fail(env, gss.Origin, gss.Fault{Code: gss.Unanswered, Detail: "the connection closed before the response, and the request may have been carried out"})
	}
	c.die()
	return acts, nil
}

// repeatable reports whether the request on the wire may be sent once more: it
// is idempotent (RFC 9110 section 9.2.2), or it was a leg that no server
// carries out.
func (c *Client) repeatable() bool {
	if c.ex.probe || c.ex.use == Omit && c.ex.body != NoBody || c.halfway(gss.Origin) && c.sides[gss.Origin].state == gss.Continue {
		return true
	}
	switch c.ex.request.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "CONNECT":
		return true
	}
	return false
}

// authority is host[:port], the port left out where it is the scheme's own and
// brackets put around an IPv6 address (RFC 9110 section 4.2).
func authority(uriScheme, host string, port uint16) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == 0 || uriScheme == "http" && port == 80 || uriScheme == "https" && port == 443 {
		return host
	}
	return host + ":" + strconv.Itoa(int(port))
}

package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// This file is all that stands between the shipped values and the worlds: packets and
// what happens to connections become events, and orders become packets and what
// becomes of connections. It decides nothing.

// wireFields is a message's fields for package hop, by name. What was changed since it came
// is in changed, by which the rest stays as it was, whether it can be written or not.
type wireFields map[string]*wireField

type wireField struct {
	lines   []string
	changed bool
}

func (m wireFields) field(name string) *wireField {
	if m[name] == nil {
		m[name] = new(wireField)
	}
	return m[name]
}

// Values implements [hop.Header].
func (m wireFields) Values(name string) []string { return m.field(name).lines }

// Set implements [hop.Header].
func (m wireFields) Set(name, value string) { *m.field(name) = wireField{[]string{value}, true} }

// Add implements [hop.Header].
func (m wireFields) Add(name, value string) {
	*m.field(name) = wireField{append(slices.Clone(m.Values(name)), value), true}
}

// Del implements [hop.Header].
func (m wireFields) Del(name string) { *m.field(name) = wireField{nil, true} }

// put writes what came.
func (m wireFields) put(name string, present bool, lines ...string) {
	if present {
		m[name] = &wireField{lines: lines}
	}
}

// keep gives what a field says now: what it said, unless it was changed.
func keep[T any](m wireFields, name string, was, now T) T {
	if m.field(name).changed {
		return now
	}
	return was
}

// requestAfter is a request after change has changed its fields.
func requestAfter(q header.Request, change func(hop.Header)) header.Request {
	m := wireFields{}
	m.put(header.Authorization, q.Authorization.Present(), q.Authorization.Text())
	m.put(header.ProxyAuthorization, q.ProxyAuthorization.Present(), q.ProxyAuthorization.Text())
	m.put("Via", q.Via, "1.1 front")
	m.put(header.EarlyDataField, q.EarlyData, "1")
	change(m)
	now := header.ParseRequest(m.Values)
	now.Authorization = keep(m, header.Authorization, q.Authorization, now.Authorization)
	now.ProxyAuthorization = keep(m, header.ProxyAuthorization, q.ProxyAuthorization, now.ProxyAuthorization)
	return now
}

// responseAfter is the same for a response, and whether its connection ends with it.
func responseAfter(r header.Response, change func(hop.Header)) (now header.Response, closes bool) {
	m := wireFields{}
	m.put(header.WWWAuthenticate, true, texts(r.WWWAuthenticate)...)
	m.put(header.ProxyAuthenticate, true, texts(r.ProxyAuthenticate)...)
	m.put(header.ProxySupportField, r.SessionBased, header.SessionBased)
	change(m)
	now = header.ParseResponse(m.Values)
	now.WWWAuthenticate = keep(m, header.WWWAuthenticate, r.WWWAuthenticate, now.WWWAuthenticate)
	now.ProxyAuthenticate = keep(m, header.ProxyAuthenticate, r.ProxyAuthenticate, now.ProxyAuthenticate)
	now.AuthenticationInfo = keep(m, header.AuthenticationInfo, r.AuthenticationInfo, now.AuthenticationInfo)
	now.ProxyAuthenticationInfo = keep(m, header.ProxyAuthenticationInfo, r.ProxyAuthenticationInfo, now.ProxyAuthenticationInfo)
	now.PersistentAuth = keep(m, header.PersistentAuthField, r.PersistentAuth, now.PersistentAuth)
	return now, slices.Contains(m.Values("Connection"), "close")
}

func texts(cs header.Challenges) (lines []string) {
	for c := range cs.All() {
		lines = append(lines, c.Text())
	}
	return lines
}

// replied is the response that a reply is.
func replied(a machine.Reply, q request) response {
	r := response{status: a.Status, sent: bodyOf(q, false)}
	r.header, r.close = responseAfter(header.Response{}, func(h hop.Header) { hop.ApplyReply(h, a) })
	return r
}

// bodyOf tells how much of a request's body was written before its answer came:
// all of it, unless it was to be asked for and was not.
func bodyOf(q request, asked bool) machine.Sent {
	if q.body == machine.Whole || q.body == machine.Expect && asked {
		return machine.SentAll
	}
	return machine.SentNone
}

// bound are the schemes whose handshakes belong to one connection.
var bound = setOf("Nego2") | setOf("Negotiate") | setOf("NTLM")

// host is an origin with its driver: the shipped machine on one connection, and
// the request that it deals with.
type host struct {
	m   machine.Server
	ask machine.Ask
	req request // while a question is open
	// status is the handler's, while a question about its response is open.
	status int
}

// hostOut is what one event does to a host.
type hostOut struct {
	host     uint32
	sent     uint32 // packet to put on the connection, 0 for none
	close    bool   // the connection ends with it
	admitted bool   // the handler ran, so that its status matters
	saw      []any
}

// hostStep is what event e does to host number id. A handler that runs answers
// with the status.
func (w *System) hostStep(id, e uint32, status int) hostOut {
	h := w.hosts.At(id)
	var out hostOut
	saw := func(v any) { out.saw = append(out.saw, v) }
	var event machine.Event
	switch arg := e & (1<<24 - 1); e &^ (1<<24 - 1) {
	case evReceived:
		h.req = w.packets.At(arg).req
		saw(arrived{h.req, w.now().Now})
		event = machine.Received{Request: h.req.r, Header: h.req.header, SharedFront: h.req.shared}
	case evAnswer:
		a := w.answersTo(h.ask.Question, gss.Origin)[arg]
		saw(answered{h.ask.Question, a, arg == 0})
		event = machine.Answered{ID: h.ask.ID, Answer: a}
		h.ask = machine.Ask{}
	}
	before := h.m
	reply := func(r response) {
		out.close = r.close
		out.sent = w.packets.ID(packet{kind: answers, resp: r})
		h.req, h.status = request{}, 0
	}
	for event != nil {
		m, acts, err := stepOf(w, w.now(), h.m, event)
		event = nil
		if err != nil {
			saw(misused{err})
			break
		}
		h.m = m
		switch a := acts.At(0).(type) {
		case machine.Ask:
			h.ask = a
			saw(a)
		case machine.Reply:
			saw(refused{a, before, m})
			r := replied(a, h.req)
			saw(wrote{action: a, response: r.header, close: r.close})
			reply(r)
		case machine.Accept:
			out.admitted = true
			saw(admitted{a.Scheme, a.Info, a.Anonymous, a.Context, w.now().Now})
			h.status = status
			event = machine.Responding{Status: status}
		case machine.Finish:
			saw(finished{h.status, a})
			r := response{status: h.status, sent: bodyOf(h.req, true)}
			r.header, r.close = responseAfter(header.Response{}, func(h hop.Header) { hop.ApplyFinish(h, a) })
			saw(wrote{action: a, response: r.header, close: r.close})
			reply(r)
		}
	}
	out.host = w.hosts.ID(h)
	return out
}

// gate is a proxy with its driver on one client connection: the shipped value, the
// request that it deals with, and while its last word on a response waits for an
// answer, that response.
type gate struct {
	front hop.Front
	ask   machine.Ask
	req   request
	resp  response
	own   bool // resp came over the client's own connection
	cut   bool // the connection closed before the response was passed on
	// closing: the client's connection closes as soon as it is idle, unless a request is
	// faster.
	closing bool
}

// gateOut is what one event does to a gate.
type gateOut struct {
	gate    uint32
	sent    uint32   // packet for the client, 0 for none
	forward uint32   // packet for upstream, 0 for none
	over    hop.Over // on which connection
	does    []slotUse
	aborts  bool // the client's connection closes, with what is on it
	saw     []any
}

// slotUse is what becomes of an upstream connection.
type slotUse uint8

const (
	closesOwn slotUse = iota
	keepsUsed
	returnsUsed
	closesUsed
	endsUse // of the one that carried a request, if it is still there
)

// Bits beside the events of a gate.
const (
	own    = 1 << 23 // evUpstream: the connection is the client's own
	idle   = 1 << 0  // evLost: it was idle before
	unsent = 1 << 1  // evLost: nothing of the request was written
)

// gateRun is one event being dealt with.
type gateRun struct {
	w   *System
	g   gate
	out gateOut
}

func (r *gateRun) saw(v any) { r.out.saw = append(r.out.saw, v) }

// gateStep is what event e does to gate number id.
func (w *System) gateStep(id, e uint32) gateOut {
	r := gateRun{w: w, g: w.gates.At(id)}
	g := &r.g
	switch arg := e & (1<<24 - 1); e &^ (1<<24 - 1) {
	case evReceived:
		g.req = w.packets.At(arg).req
		r.saw(arrived{g.req, w.now().Now})
		r.step(hop.Received{
			Received: machine.Received{Request: g.req.r, Header: g.req.header, SharedFront: w.setup.sharedFront || g.req.shared},
			Content:  g.req.body != machine.Omit,
		})
	case evAnswer:
		a := w.answersTo(g.ask.Question, gss.Proxy)[arg]
		r.saw(answered{g.ask.Question, a, arg == 0})
		id := g.ask.ID
		g.ask = machine.Ask{}
		r.step(hop.Answered{Answered: machine.Answered{ID: id, Answer: a}})
	case evUpstream:
		k := w.packets.At(arg &^ own)
		if k.kind == answers {
			g.resp, g.own = k.resp, arg&own != 0
		}
		r.step(hop.Response{Response: k.resp.event()})
	case evLost:
		r.saw(lostUpstream{arg&idle != 0, arg&unsent != 0})
		if g.ask.Question != nil { // the response came; only its content did not
			g.cut = true
			break
		}
		r.step(hop.Lost{Idle: arg&idle != 0, Unsent: arg&unsent != 0})
	case evOwnLost:
		r.saw(lostOwn{})
		r.step(hop.OwnLost{})
	case evClosed:
		r.step(hop.Closed{})
	case evShut:
		r.saw(shut{})
	}
	r.out.gate = w.gates.ID(*g)
	return r.out
}

// step tells the front an event, and does what it says.
func (r *gateRun) step(e hop.Event) {
	g, w := &r.g, r.w
	before := g.front.Machine()
	front, o, err := g.front.Step(w.now(), e)
	if err != nil {
		r.saw(misused{err})
		return
	}
	m := before
	for _, told := range o.Told {
		if told.Event == nil {
			continue
		}
		m, _, _ = stepOf(w, w.now(), m, told.Event)
		if closed, ok := told.Event.(machine.Closed); ok {
			r.saw(closed)
		}
		for a := range told.Actions.All() {
			switch a := a.(type) {
			case machine.Ask, machine.Retire:
				r.saw(a)
			case machine.Forward:
				r.saw(admitted{info: a.Info, anonymous: a.Info == gss.Info{}, at: w.now().Now})
			}
		}
	}
	g.front = front
	r.use(o)
	switch a := o.Do.(type) {
	case hop.Ask:
		g.ask = a.Ask
	case hop.Reply:
		r.saw(refused{a.Reply, before, m})
		to := replied(a.Reply, g.req)
		r.saw(wrote{action: a.Reply, response: to.header, close: to.close})
		r.reply(to)
	case hop.Send:
		if a.Over == hop.Tunnel { // it stands at once
			g.resp, g.own = response{status: 200}, false
			r.step(hop.Response{Response: g.resp.event()})
			return
		}
		to := g.req
		to.header = requestAfter(to.header, func(h hop.Header) { a.Apply(h, "1.1 proxy") })
		to.shared = a.Over == hop.Pooled || a.Over == hop.New
		to.r.Multiplexed, to.r.EarlyData = false, false
		r.saw(forwarded{g.req, to, a.Over})
		r.out.over, r.out.forward = a.Over, w.packets.ID(packet{kind: asks, req: to})
	case hop.Pass:
		to := g.resp
		to.header, to.close = responseAfter(to.header, func(h hop.Header) { a.Apply(h, "1.1 proxy") })
		r.saw(finished{to.status, machine.Finish{Challenges: a.Challenges, Info: a.Info, Close: a.Close}})
		r.saw(relayed{g.resp, to, (g.own || o.Used == hop.Keep) && !g.resp.close})
		r.saw(wrote{action: a.Relay, response: to.header, close: to.close})
		r.reply(to)
	case hop.Abort:
		r.saw(aborted{})
		r.out.aborts = true
		r.end(true)
	}
}

// use does what an order says of connections.
func (r *gateRun) use(o hop.Orders) {
	if o.CloseOwn {
		r.out.does = append(r.out.does, closesOwn)
	}
	switch o.Used {
	case hop.Keep:
		r.out.does = append(r.out.does, keepsUsed)
	case hop.Return:
		r.out.does = append(r.out.does, returnsUsed)
	case hop.Close:
		r.out.does = append(r.out.does, closesUsed)
	}
	if o.CloseClient && !r.g.closing {
		r.g.closing = true
		r.saw(closing{})
	}
}

// reply gives the client its response, after which nothing of the request is left.
func (r *gateRun) reply(to response) {
	r.out.sent = r.w.packets.ID(packet{kind: answers, resp: to})
	r.end(false)
}

// end ends the request.
func (r *gateRun) end(broken bool) {
	usable := !r.g.cut
	r.g = gate{front: r.g.front, closing: r.g.closing}
	r.step(hop.Ended{Broken: broken, Usable: usable})
	r.out.does = append(r.out.does, endsUse)
}

package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// Bits beside the events of a proxy.
const (
	own    = 1 << 23 // evUpstream: the connection is the client's own
	idle   = 1 << 0  // evLost: it was idle before
	unsent = 1 << 1  // evLost: nothing of the request was written
)

// gateRun is one event being dealt with.
type proxyRun struct {
	w    *World
	node proxyNode
	out  proxyOut
}

func (r *proxyRun) saw(v any) { r.out.saw = append(r.out.saw, v) }

// proxyStep returns what event e does to proxy number id.
func (w *World) proxyStep(id, e uint32) proxyOut {
	r := proxyRun{w: w, node: w.proxyNodes.At(id)}
	g := &r.node
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
	r.out.node = w.proxyNodes.ID(*g)
	return r.out
}

// step gives the front an event, and carries out its orders as a driver does.
func (r *proxyRun) step(e hop.Event) {
	g, w := &r.node, r.w
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
		a.Over = w.setup.driver.over(a.Over)
		if a.Over == hop.Tunnel { // it is open at once
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

// use carries out what an order says of connections.
func (r *proxyRun) use(o hop.Orders) {
	if o.CloseOwn {
		r.out.does = append(r.out.does, closesOwn)
	}
	switch r.w.setup.driver.used(o.Used) {
	case hop.Keep:
		r.out.does = append(r.out.does, keepsUsed)
	case hop.Return:
		r.out.does = append(r.out.does, returnsUsed)
	case hop.Close:
		r.out.does = append(r.out.does, closesUsed)
	}
	if o.CloseClient && !r.node.closing {
		r.node.closing = true
		r.saw(closing{})
	}
}

// reply gives the client its response, and ends the request.
func (r *proxyRun) reply(to response) {
	r.out.sent = r.w.packets.ID(packet{kind: answers, resp: to})
	r.end(false)
}

// end ends the request.
func (r *proxyRun) end(broken bool) {
	usable := !r.node.cut
	r.node = proxyNode{front: r.node.front, closing: r.node.closing}
	r.step(hop.Ended{Broken: broken, Usable: usable})
	r.out.does = append(r.out.does, endsUse)
}

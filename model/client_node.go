package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// clientRun is one event that a client deals with.
type clientRun struct {
	w    *World
	node clientNode
	out  clientOut
}

func (r *clientRun) saw(v any) { r.out.saw = append(r.out.saw, v) }

// begin starts the exchange that an order describes, over the connection that there is or over a
// fresh one.
func (r *clientRun) begin(order uint8, resume machine.Resume) {
	p := &r.node
	o := r.w.setup.orders[p.number-1][order-1]
	p.order, p.status = order, 0
	p.idle, p.talked = p.hasConn && !r.w.setup.careless, false
	if !p.hasConn || r.w.setup.careless {
		p.m, p.hasConn, p.lost = r.w.client[p.number-1], true, false
		p.h2 = o.multiplexed && resume == (machine.Resume{}) || o.multiplexed && p.h2
		r.saw(connected{p.inside})
	}
	if p.heard != machine.NotHeard {
		o.lease.SessionBased = p.heard == machine.Supported
	}
	if r.w.setup.remembers {
		q := r.w.request(o, p.h2, p.inside)
		p.known[gss.Origin], o.lease = p.known[gss.Origin].Lease(q.URI)
		p.known[gss.Proxy], o.proxyLease = p.known[gss.Proxy].Lease(q.URI)
	}
	b := machine.Begin{Request: r.w.request(o, p.h2, p.inside), Identity: o.identity, Body: o.body, Resume: resume, Lease: o.lease, ProxyLease: o.proxyLease}
	if r.w.setup.proxied && !r.w.setup.reverse && !p.inside {
		b.Route = machine.Route{Kind: machine.Forwarded, Scheme: "http", Host: "proxy", Port: 3128, Explicit: !o.transparent}
		if o.connect {
			b.Route.Kind = machine.Tunneling
		}
	}
	r.step(b)
}

// step gives the machine an event, and carries out its actions as a driver does.
func (r *clientRun) step(e machine.Event) {
	p := &r.node
	r.saw(e)
	now := r.w.now()
	if r.w.setup.remembers {
		now.Now += int64(p.begun) // what is learned later counts for more
	}
	m, acts, err := stepOf(r.w, now, p.m, e)
	if err != nil {
		r.saw(misused{err})
		return
	}
	p.m = m
	if acts.Len() == 0 {
		if closes(e) {
			if p.ask.ID != 0 { // the response is here, only its judgement is not
				p.lost = true
				return
			}
			r.drop()
		}
		return
	}
	if a, ok := acts.At(0).(machine.Send); ok && p.lost {
		// The connection went with the last response.
		p.lost, r.out.fresh = false, true
		if loss := (hop.Loss{Served: true, Unsent: true, Pinned: a.Pinned}); r.w.setup.driver.lost(loss) != hop.Again { // it cannot go out there any more
			r.saw(a)
			r.step(loss.Event())
			return
		}
		r.saw(connected{p.inside})
	}
	for a := range acts.All() {
		r.saw(a)
	}
	switch a := acts.At(0).(type) {
	case machine.Ask:
		p.ask = a
	case machine.Send:
		r.send(a)
	case machine.Deliver:
		r.learn(a.OriginFacts, a.ProxyFacts)
		status := p.status
		connect := r.w.setup.orders[p.number-1][p.order-1].connect
		p.order, p.status, p.heard = 0, 0, machine.NotHeard
		if acts.Len() > 1 || p.lost {
			r.drop()
		} else if connect && 200 <= status && status < 300 && !p.inside {
			// What runs inside is another connection, to the origin itself (HTA-15).
			p.inside = true
			p.m = r.w.client[p.number-1]
			r.saw(connected{true})
		}
	case machine.Fail:
		r.learn(a.OriginFacts, a.ProxyFacts)
		p.order, p.status, p.heard = 0, 0, machine.NotHeard
		if acts.Len() > 1 || p.lost || closes(e) {
			r.drop()
		}
	case machine.Reopen:
		order := p.order
		h2 := p.h2 && !a.HTTP11
		r.drop()
		p.h2 = h2
		r.learn(a.OriginFacts, machine.Facts{})
		if a.OriginFacts.Session != machine.NotHeard {
			p.heard = a.OriginFacts.Session
		}
		r.begin(order, a.Resume)
	}
}

// closes reports whether an event is the end of a client's connection.
func closes(e machine.Event) bool {
	switch e.(type) {
	case machine.Closed, machine.Lost:
		return true
	}
	return false
}

// learn keeps what an exchange taught, where the client remembers.
func (r *clientRun) learn(origin, proxy machine.Facts) {
	if r.w.setup.remembers {
		r.node.known[gss.Origin] = r.node.known[gss.Origin].Learn(origin)
		r.node.known[gss.Proxy] = r.node.known[gss.Proxy].Learn(proxy)
	}
}

// drop closes the connection. A careless front does not notice that it should, as long as the
// connection is open.
func (r *clientRun) drop() {
	p := &r.node
	r.out.fresh = r.out.fresh || p.lost || !r.w.setup.careless
	p.m, p.hasConn, p.lost, p.ask, p.sent = machine.Client{}, r.w.setup.careless && !p.lost, false, machine.Ask{}, 0
	if p.order == 0 {
		p.h2 = false
	}
}

// send puts a request on the connection.
func (r *clientRun) send(a machine.Send) {
	p := &r.node
	o := r.w.setup.orders[p.number-1][p.order-1]
	q := request{client: p.number, identity: o.identity, r: r.w.request(o, p.h2, p.inside), body: a.Body, pinned: a.Pinned}
	q.r.EarlyData = o.early && !a.AfterHandshake
	q.header = requestAfter(q.header, func(h hop.Header) { hop.ApplySend(h, a) })
	r.saw(wrote{action: a, request: q.header})
	q.shared = r.w.setup.sharedFront && !r.w.setup.proxied
	if a.Probe {
		q.r.Method = "HEAD"
	}
	p.sent = r.w.packets.ID(packet{kind: asks, req: q})
	r.out.sent = p.sent
}

// lose deals with the loss of the connection in the middle of an exchange: package hop decides
// whether the driver sends the request again on its own, begins the exchange anew or tells the
// machine.
func (r *clientRun) lose(unsent bool) {
	p := &r.node
	loss := hop.Loss{Idle: p.idle, Served: p.status != 0, Unsent: unsent, Heard: p.talked, Pinned: r.w.packets.At(p.sent).req.pinned}
	switch r.w.setup.driver.lost(loss) {
	case hop.Anew:
		r.saw(resent{true, loss})
		order := p.order
		r.drop()
		r.begin(order, machine.Resume{})
	case hop.Again:
		r.saw(resent{false, loss})
		r.out.fresh, r.out.sent = true, p.sent
	default:
		p.lost = true
		r.step(loss.Event())
	}
}

// clientStep returns what event e does to client number id.
func (w *World) clientStep(id, e uint32) clientOut {
	r := clientRun{w: w, node: w.clientNodes.At(id)}
	if w.setup.hostile(int(r.node.number) - 1) {
		return w.hostileStep(id, e)
	}
	switch arg := e & (1<<24 - 1); e &^ (1<<24 - 1) {
	case evBegin:
		r.node.begun++
		r.begin(uint8(arg), machine.Resume{})
	case evTake:
		k := w.packets.At(arg)
		r.node.status = k.resp.status
		r.node.idle, r.node.talked = r.node.idle && k.kind == interims, k.kind == interims
		if k.kind == interims {
			r.node.status = 0
		}
		if r.node.lost = k.resp.close; k.kind == answers {
			r.node.sent = 0
		}
		r.step(k.resp.event())
	case evClosed:
		if r.node.m == (machine.Client{}) { // a front without an exchange
			r.saw(machine.Closed{})
			r.node.hasConn, r.out.fresh = false, true
			break
		}
		if r.node.order != 0 {
			r.lose(arg != 0)
			break
		}
		r.node.lost = r.node.lost || w.setup.careless
		r.step(machine.Closed{})
	case evCancel: // what is under way on a connection, or on a stream, cannot be gone on with
		r.saw(gaveUp{})
		r.node.order, r.node.status, r.node.heard = 0, 0, machine.NotHeard
		r.drop()
	case evAnswer:
		ask := r.node.ask
		r.node.ask = machine.Ask{}
		a := w.answersTo(ask.Question, gss.Origin)[arg]
		r.saw(answered{ask.Question, a, arg == 0})
		r.step(machine.Answered{ID: ask.ID, Answer: a})
	}
	r.out.node = w.clientNodes.ID(r.node)
	return r.out
}

// request returns the request of an order.
func (w *World) request(o order, h2, inside bool) machine.Request {
	q := machine.Request{Method: o.method, URI: "/", Scheme: "http", Host: o.host, Port: 80, Binding: gss.NoBinding(), Multiplexed: h2}
	if q.Method == "" {
		q.Method = "GET"
	}
	if q.Host == "" {
		q.Host = "o"
	}
	if o.secure {
		q.Scheme = "https"
	}
	if o.uri != "" {
		q.URI = o.uri
	}
	if o.connect {
		q.Scheme, q.Port = "https", 443
		if !inside {
			q.Method, q.URI = "CONNECT", q.Host+":443"
		}
	}
	return q
}

package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// peer is a client with its driver: the shipped machine on one connection, and
// what a driver has to remember besides.
type peer struct {
	m      machine.Client
	who    uint8
	alive  bool // there is a connection
	lost   bool // it is gone, and an exchange still has to be told by its end
	inside bool // a tunnel stands, and exchanges run inside it
	h2     bool // the connection is multiplexed
	begun  uint8
	order  uint8               // of the exchange under way, index+1
	status int                 // of the last response in it
	idle   bool                // the connection was, before the request on its way
	talked bool                // a 1xx came since that was sent
	heard  machine.SessionWord // what Reopen taught about Proxy-Support
	known  [2]machine.Space    // where a client remembers: of the origin, by this route, and of the proxy
	ask    machine.Ask         // open question
	sent   uint32              // the packet of the request that has no response yet
}

// peerOut is what one event does to a peer.
type peerOut struct {
	peer  uint32
	sent  uint32 // packet to put on the connection, 0 for none
	fresh bool   // the old connection is gone, and so is who was behind it
	saw   []any
}

// peerRun is one event being dealt with.
type peerRun struct {
	w   *System
	p   peer
	out peerOut
}

func (r *peerRun) saw(v any) { r.out.saw = append(r.out.saw, v) }

// begin starts the exchange that order describes, over the connection that
// there is or over a fresh one.
func (r *peerRun) begin(order uint8, resume machine.Resume) {
	p := &r.p
	o := r.w.setup.orders[p.who-1][order-1]
	p.order, p.status = order, 0
	p.idle, p.talked = p.alive && !r.w.setup.careless, false
	if !p.alive || r.w.setup.careless {
		p.m, p.alive, p.lost = r.w.client[p.who-1], true, false
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
		b.Via = machine.Via{Route: machine.Forwarded, Scheme: "http", Host: "proxy", Port: 3128, Explicit: !o.transparent}
		if o.connect {
			b.Via.Route = machine.Tunneling
		}
	}
	r.step(b)
}

// step gives the machine an event, and does what it says.
func (r *peerRun) step(e machine.Event) {
	p := &r.p
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
		if loss := (hop.Loss{Served: true, Unsent: true, Pinned: a.Pinned}); loss.Next() != hop.Again { // it cannot go out there any more
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
		r.learn(a.Learn, a.LearnProxy)
		status := p.status
		connect := r.w.setup.orders[p.who-1][p.order-1].connect
		p.order, p.status, p.heard = 0, 0, machine.NotHeard
		if acts.Len() > 1 || p.lost {
			r.drop()
		} else if connect && 200 <= status && status < 300 && !p.inside {
			// What runs inside is another connection, to the origin itself (HTA-15).
			p.inside = true
			p.m = r.w.client[p.who-1]
			r.saw(connected{true})
		}
	case machine.Fail:
		r.learn(a.Learn, a.LearnProxy)
		p.order, p.status, p.heard = 0, 0, machine.NotHeard
		if acts.Len() > 1 || p.lost || closes(e) {
			r.drop()
		}
	case machine.Reopen:
		order := p.order
		h2 := p.h2 && !a.HTTP11
		r.drop()
		p.h2 = h2
		r.learn(a.Learn, machine.Facts{})
		if a.Learn.Session != machine.NotHeard {
			p.heard = a.Learn.Session
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
func (r *peerRun) learn(origin, proxy machine.Facts) {
	if r.w.setup.remembers {
		r.p.known[gss.Origin] = r.p.known[gss.Origin].Learn(origin)
		r.p.known[gss.Proxy] = r.p.known[gss.Proxy].Learn(proxy)
	}
}

// drop gives the connection up. A careless front takes no notice, as long as
// there is one.
func (r *peerRun) drop() {
	p := &r.p
	r.out.fresh = r.out.fresh || p.lost || !r.w.setup.careless
	p.m, p.alive, p.lost, p.ask, p.sent = machine.Client{}, r.w.setup.careless && !p.lost, false, machine.Ask{}, 0
	if p.order == 0 {
		p.h2 = false
	}
}

func (r *peerRun) send(a machine.Send) {
	p := &r.p
	o := r.w.setup.orders[p.who-1][p.order-1]
	q := request{who: p.who, identity: o.identity, r: r.w.request(o, p.h2, p.inside), body: a.Body, pinned: a.Pinned}
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

// lose deals with the loss of the connection in the middle of an exchange.
func (r *peerRun) lose(unsent bool) {
	p := &r.p
	loss := hop.Loss{Idle: p.idle, Served: p.status != 0, Unsent: unsent, Heard: p.talked, Pinned: r.w.packets.At(p.sent).req.pinned}
	switch loss.Next() {
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

// The events of a peer, as they are numbered for the memo.
const (
	evBegin    uint32 = iota << 24 // + order
	evTake                         // + packet
	evAnswer                       // + which answer
	evClosed                       // + 1 where nothing of the request was written
	evReceived                     // + packet
	evUpstream                     // + packet, and whether the connection is its own
	evLost                         // + idle and unsent: the connection that carries the request upstream is gone
	evShut                         // the client's connection was idle, and closes
	evOwnLost                      // the upstream connection that is the client's own is gone
	evCancel                       // the client gives its exchange up
)

// maxHours is what timed has room for, and maxStatuses what is left beside it.
const (
	maxHours    = 3
	maxStatuses = 4
)

// timed is an event with the hour in which it is: what a step does depends on both.
func (w *System) timed(event uint32) uint32 { return event | w.hour<<30 }

// now is what a step in this hour may know of the world.
func (w *System) now() gss.Env {
	e := env
	e.Now += int64(w.hour)
	return e
}

// peerStep is what event e does to peer number id.
func (w *System) peerStep(id, e uint32) peerOut {
	r := peerRun{w: w, p: w.peers.At(id)}
	if w.setup.hostile(int(r.p.who) - 1) {
		return w.hostileStep(id, e)
	}
	switch arg := e & (1<<24 - 1); e &^ (1<<24 - 1) {
	case evBegin:
		r.p.begun++
		r.begin(uint8(arg), machine.Resume{})
	case evTake:
		k := w.packets.At(arg)
		r.p.status = k.resp.status
		r.p.idle, r.p.talked = r.p.idle && k.kind == interims, k.kind == interims
		if k.kind == interims {
			r.p.status = 0
		}
		if r.p.lost = k.resp.close; k.kind == answers {
			r.p.sent = 0
		}
		r.step(k.resp.event())
	case evClosed:
		if r.p.m == (machine.Client{}) { // a front that nobody uses just now
			r.saw(machine.Closed{})
			r.p.alive, r.out.fresh = false, true
			break
		}
		if r.p.order != 0 {
			r.lose(arg != 0)
			break
		}
		r.p.lost = r.p.lost || w.setup.careless
		r.step(machine.Closed{})
	case evCancel: // what is under way on a connection, or on a stream, cannot be gone on with
		r.saw(gaveUp{})
		r.p.order, r.p.status, r.p.heard = 0, 0, machine.NotHeard
		r.drop()
	case evAnswer:
		ask := r.p.ask
		r.p.ask = machine.Ask{}
		a := w.answersTo(ask.Question, gss.Origin)[arg]
		r.saw(answered{ask.Question, a, arg == 0})
		r.step(machine.Answered{ID: ask.ID, Answer: a})
	}
	r.out.peer = w.peers.ID(r.p)
	return r.out
}

// answersTo are the answers that a driver may give; the first is the good one.
// side is an acceptor's own, who is not told it by the question.
func (w *System) answersTo(q gss.Question, side gss.Side) []gss.Answer {
	switch q := q.(type) {
	case gss.NeedCredential:
		if q.Mech == gss.Kerberos {
			return w.setup.kerberosCredentials(q)
		}
		user := q.Target.Identity
		all := []gss.Answer{gss.Password{User: user, Password: secretOf(user, q.Side)}, gss.Declined{}, gss.Unreachable{}}
		if w.setup.wrong {
			all = append(all, gss.Password{User: user, Password: wrongSecret(q.Side)})
		}
		return all
	case gss.NeedVerifier:
		if q.User == machine.ProbeUser { // a store that does not respond to one most often responds to none
			return []gss.Answer{gss.Unreachable{}, gss.Unknown{}}
		}
		if q.User == stranger {
			return []gss.Answer{gss.Unknown{}, gss.Unreachable{}}
		}
		verifier := gss.Password{Password: secretOf(q.User, side)}
		if q.Hashed { // then the answer has the name
			verifier.User = hashedUser(q.Kind, q.User)
			verifier.Password = secretOf(verifier.User, side)
		}
		return []gss.Answer{verifier, gss.Unknown{}, gss.Unreachable{}}
	case gss.NeedVerdict:
		if q.User == machine.ProbeUser {
			return []gss.Answer{gss.Unreachable{RetryAfter: 60}, gss.Unknown{}}
		}
		if q.User == stranger {
			return []gss.Answer{gss.Unknown{}, gss.Unreachable{RetryAfter: 60}}
		}
		return []gss.Answer{gss.Verdict{Accepted: q.Proof.Equal(secretOf(q.User, side))}, gss.Unknown{}, gss.Unreachable{RetryAfter: 60}}
	case gss.NeedFirstSeen:
		return w.setup.memoryAnswers(q)
	}
	return mechanismAnswers(q, side)
}

// choices is how many answers answersTo has.
func (w *System) choices(q gss.Question) int {
	switch q := q.(type) {
	case gss.NeedCredential:
		if w.setup.wrong {
			return 4
		}
		return 3
	case gss.NeedVerifier, gss.NeedVerdict:
		if user, _ := userAskedFor(q); user == machine.ProbeUser || user == stranger {
			return 2
		}
		return 3
	case gss.NeedFirstSeen:
		return len(w.setup.memoryAnswers(q))
	}
	return len(mechanismAnswers(q, gss.Origin))
}

// userAskedFor is the user that an acceptor's question is about, if it is about one.
func userAskedFor(q gss.Question) (string, bool) {
	switch q := q.(type) {
	case gss.NeedVerifier:
		return q.User, true
	case gss.NeedVerdict:
		return q.User, true
	}
	return "", false
}

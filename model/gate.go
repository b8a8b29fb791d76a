package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// gate is a proxy with its driver on one client connection: the shipped machine,
// the request that it deals with, and while its last word on a response waits
// for an answer, that response.
type gate struct {
	m    machine.Proxy
	ask  machine.Ask
	req  request
	resp response
	own  bool // resp came over the client's own connection
}

// gateOut is what one event does to a gate.
type gateOut struct {
	gate      uint32
	sent      uint32 // packet for the client, 0 for none
	forward   uint32 // packet for upstream, 0 for none
	pin       machine.Pin
	relayed   bool // the exchange upstream is over
	keep      bool // its connection is the client's from now on
	upClosed  bool // and ended with its response
	retireUp  bool // the client's own connection is to be closed
	retireLow bool // and the one to the client
	saw       []any
}

// own is added to an evUpstream whose connection is the client's own.
const own = 1 << 23

// gateStep is what event e does to gate number id.
func (w *System) gateStep(id, e uint32) gateOut {
	g := w.gates.At(id)
	var out gateOut
	saw := func(v any) { out.saw = append(out.saw, v) }
	var event machine.Event
	switch arg := e & (1<<24 - 1); e &^ (1<<24 - 1) {
	case evReceived:
		g.req = w.packets.At(arg).req
		saw(arrived{g.req})
		event = machine.Received{Request: g.req.r, Header: g.req.header, SharedFront: w.setup.sharedFront}
	case evAnswer:
		a := w.answersTo(g.ask.Question, gss.Proxy)[arg]
		saw(answered{g.ask.Question, a, arg == 0})
		event = machine.Answered{ID: g.ask.ID, Answer: a}
		g.ask = machine.Ask{}
	case evUpstream:
		k := w.packets.At(arg &^ own)
		event = k.resp.event()
		if k.kind == answers {
			g.resp, g.own = k.resp, arg&own != 0
		}
	case evClosed:
		event = machine.Closed{End: machine.End(arg)}
		saw(event)
	}
	before := g.m
	for event != nil {
		m, acts, err := stepOf(w, env, g.m, event)
		event = nil
		if err != nil {
			saw(misused{err})
			break
		}
		g.m = m
		for a := range acts.All() {
			switch a := a.(type) {
			case machine.Ask:
				g.ask = a
				saw(a)
			case machine.Reply:
				saw(refused{a, before, m})
				r := response{status: a.Status, close: a.Close, sent: bodyOf(g.req, false)}
				if a.Side == gss.Proxy {
					r.header.ProxyAuthenticate = a.Challenges
				} else {
					r.header.WWWAuthenticate = a.Challenges
				}
				out.relayed = true
				out.sent = w.packets.ID(packet{kind: answers, resp: r})
				g.req, g.resp, g.own, g.ask = request{}, response{}, false, machine.Ask{}
			case machine.Forward:
				saw(admitted{info: a.Info, anonymous: a.Info == gss.Info{}})
				if a.Pin == machine.Tunnel { // the driver opened it
					g.resp, g.own = response{status: 200}, false
					event = g.resp.event()
					continue
				}
				to := g.req
				to.header.ProxyAuthorization = header.Credentials{} // R9110-11.7.2-1, the driver's part
				to.header.Via = !w.setup.reverse
				to.shared = a.Pin == machine.Shared
				to.r.Multiplexed, to.r.EarlyData = false, false
				saw(forwarded{g.req, to, a.Pin})
				out.pin = a.Pin
				out.forward = w.packets.ID(packet{kind: asks, req: to})
			case machine.Relay:
				to := g.resp
				to.close = a.Close
				to.header.SessionBased = a.SessionBased
				to.header.ProxyAuthenticate, to.header.ProxyAuthenticationInfo = a.Challenges, a.Info
				if a.Strip {
					to.header.WWWAuthenticate = strip(to.header.WWWAuthenticate)
				}
				out.relayed, out.keep, out.upClosed = true, a.Keep, g.resp.close
				saw(finished{to.status, machine.Finish{Challenges: a.Challenges, Info: a.Info, Close: a.Close}})
				saw(relayed{g.resp, to, (g.own || a.Keep) && !g.resp.close})
				out.sent = w.packets.ID(packet{kind: answers, resp: to})
				g.req, g.resp, g.own = request{}, response{}, false
			case machine.Retire:
				saw(a)
				if a.End == machine.Upstream {
					out.retireUp = true
				} else {
					out.retireLow = true
				}
			}
		}
	}
	out.gate = w.gates.ID(g)
	return out
}

// strip removes the challenges of connection-bound schemes.
func strip(offers header.Challenges) header.Challenges {
	var left []header.Challenge
	for c := range offers.All() {
		if s := setOf(c.Scheme()); !bound.has(s) {
			left = append(left, c)
		}
	}
	return header.ListOf(left...)
}

// bound are the schemes whose handshakes belong to one connection.
var bound = setOf("Nego2") | setOf("Negotiate") | setOf("NTLM")

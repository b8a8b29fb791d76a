package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// serverStep returns what event e does to server number id. A handler that runs answers with the
// status.
func (w *World) serverStep(id, e uint32, status int) serverOut {
	h := w.serverNodes.At(id)
	var out serverOut
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
	out.node = w.serverNodes.ID(h)
	return out
}

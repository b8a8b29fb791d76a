package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// host is an origin with its driver: the shipped machine on one connection, and
// the request that it deals with.
type host struct {
	m   machine.Server
	ask machine.Ask
	req request // while a question is open
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
		saw(arrived{h.req})
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
		h.req = request{}
	}
	for event != nil {
		m, acts, err := stepOf(w, env, h.m, event)
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
			r := response{status: a.Status, close: a.Close, sent: bodyOf(h.req, false)}
			r.header.WWWAuthenticate = a.Challenges
			reply(r)
		case machine.Accept:
			out.admitted = true
			saw(admitted{a.Scheme, a.Info, a.Anonymous, a.Context})
			event = machine.Responding{Status: status}
		case machine.Finish:
			saw(finished{status, a})
			reply(response{status: status, close: a.Close, sent: bodyOf(h.req, true),
				header: header.Response{WWWAuthenticate: a.Challenges, AuthenticationInfo: a.Info, PersistentAuth: a.PersistentAuth}})
		}
	}
	out.host = w.hosts.ID(h)
	return out
}

// bodyOf tells how much of a request's body was written before its answer came:
// all of it, unless it was to be asked for and was not.
func bodyOf(q request, asked bool) machine.Sent {
	if q.body == machine.Whole || q.body == machine.Expect && asked {
		return machine.SentAll
	}
	return machine.SentNone
}

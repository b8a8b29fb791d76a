package proptest

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// peers are the honest machines that a machine meets: they say what is right, and
// hear only what comes through.
type peers struct {
	client  machine.Client
	server  machine.Server
	answers func(gss.Question) gss.Answer
	strange func(gss.Question) gss.Answer // the client's, if it is a stranger
	env     func() gss.Env
	pools   *moment

	c    machine.Client
	s    machine.Server
	on   bool         // c and s are on this connection
	send machine.Send // the last request
	due  bool         // and it was not answered yet
	next machine.Event
}

// afresh puts both on a new connection.
func (p *peers) afresh() { p.on, p.next, p.due = false, nil, false }

func (p *peers) start() {
	if !p.on {
		p.on, p.c, p.s = true, p.client, p.server
	}
}

// aRequest is the request that honest clients make.
var aRequest = machine.Request{Method: "GET", URI: "/a", Scheme: "https", Host: "www.example", Port: 443, Binding: gss.NoBinding()}

// settleClient and settleServer step a machine, and answer what it asks.
func (p *peers) settleClient(e machine.Event) machine.Action {
	answers := p.answers
	if p.strange != nil {
		answers = p.strange
	}
	for range maxQuestions {
		next, acts, err := p.c.Step(p.env(), e)
		if err != nil {
			return nil
		}
		p.c = next
		ask, ok := acts.At(0).(machine.Ask)
		if !ok {
			return acts.At(0)
		}
		e = machine.Answered{ID: ask.ID, Answer: answerBy(answers, ask.Question)}
	}
	return nil
}

func (p *peers) settleServer(e machine.Event) machine.Action {
	for range maxQuestions {
		next, acts, err := p.s.Step(p.env(), e)
		if err != nil {
			return nil
		}
		p.s = next
		ask, ok := acts.At(0).(machine.Ask)
		if !ok {
			return acts.At(0)
		}
		e = machine.Answered{ID: ask.ID, Answer: answerBy(p.answers, ask.Question)}
	}
	return nil
}

// answerTo returns the server's response to a client's request.
func (p *peers) answerTo(s machine.Send) machine.Event {
	if !p.due {
		return p.next
	}
	p.start()
	p.due = false
	switch a := p.settleServer(machine.Received{Request: aRequest, Header: requestFields(s.Authorization, s.ProxyAuthorization, false)}).(type) {
	case machine.Reply:
		p.pools.challenges.add(fieldOf(a.Challenges))
		p.next = machine.Response{Status: a.Status, Header: responseFields(gss.Origin, a.Challenges, header.Info{}, "", false), BodySent: machine.SentAll, Close: a.Close}
	case machine.Accept:
		if f, ok := p.settleServer(machine.Responding{Status: 200}).(machine.Finish); ok {
			p.next = machine.Response{Status: 200, Header: responseFields(gss.Origin, f.Challenges, f.Info, f.PersistentAuth.Text(), false), BodySent: machine.SentAll, Close: f.Close}
		}
	default:
		p.next = machine.Response{Status: 200, BodySent: machine.SentAll}
	}
	return p.next
}

// upstream returns the response of a server without authentication behind a proxy. Now and then it
// wants authentication that belongs to a connection.
func (p *peers) upstream() machine.Event {
	p.due = false
	p.next = machine.Response{Status: 200}
	return p.next
}

// request returns what the client sends next.
func (p *peers) request() machine.Event {
	if p.next != nil {
		return p.next
	}
	p.start()
	begin := machine.Begin{Request: aRequest}
	if p.pools.role == Proxy {
		begin.Request.Scheme, begin.Request.Port = "http", 80
		begin.Route = machine.Route{Kind: machine.Forwarded, Scheme: "http", Host: "proxy.example", Port: 3128, Explicit: true}
	}
	p.sent(p.settleClient(begin))
	return p.next
}

// sent takes what the client wants to send.
func (p *peers) sent(a machine.Action) {
	p.next = nil
	s, ok := a.(machine.Send)
	if !ok {
		p.on = false // the exchange is over: the next one is on a connection of its own
		return
	}
	for _, c := range [...]header.Credentials{s.Authorization, s.ProxyAuthorization} {
		if c.Present() {
			p.pools.credentials.add(c.Text())
		}
	}
	q := aRequest
	if p.pools.role == Proxy {
		q.Scheme, q.Port = "http", 80
	}
	p.next = machine.Received{Request: q, Header: requestFields(s.Authorization, s.ProxyAuthorization, false)}
}

// replied, finished and relayed tell the client what the machine answered.
func (p *peers) replied(a machine.Reply) {
	if p.pools.role == Client || !p.on {
		return
	}
	p.sent(p.settleClient(machine.Response{Status: a.Status, Header: responseFields(a.Side, a.Challenges, header.Info{}, "", false), Close: a.Close}))
}

func (p *peers) finished(f machine.Finish) {
	if p.on {
		p.sent(p.settleClient(machine.Response{Status: 200, Header: responseFields(gss.Origin, f.Challenges, f.Info, f.PersistentAuth.Text(), false), Close: f.Close}))
	}
}

func (p *peers) relayed(a machine.Relay) {
	if p.on {
		p.sent(p.settleClient(machine.Response{Status: 200, Header: responseFields(gss.Proxy, a.Challenges, a.Info, "", a.SessionBased), Close: a.Close}))
	}
}

// requestFields and responseFields are fields as their reader gets them: through
// text.
func requestFields(authorization, proxy header.Credentials, via bool) header.Request {
	return header.ParseRequest(func(field string) []string {
		switch {
		case field == header.Authorization && authorization.Present():
			return []string{authorization.Text()}
		case field == header.ProxyAuthorization && proxy.Present():
			return []string{proxy.Text()}
		case field == "Via" && via:
			return []string{"1.1 proxy"}
		}
		return nil
	})
}

func responseFields(side gss.Side, cs header.Challenges, info header.Info, persistent string, session bool) header.Response {
	names := [...][2]string{{header.WWWAuthenticate, header.AuthenticationInfo}, {header.ProxyAuthenticate, header.ProxyAuthenticationInfo}}[side]
	return header.ParseResponse(func(field string) []string {
		switch text := fieldOf(cs); {
		case field == names[0] && text != "":
			return []string{text}
		case field == names[1] && info.Present():
			return []string{info.Text()}
		case field == header.PersistentAuthField && persistent != "":
			return []string{persistent}
		case field == header.ProxySupportField && session:
			return []string{header.SessionBased}
		}
		return nil
	})
}

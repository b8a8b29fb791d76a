package proptest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// Role is the part that a machine has in an exchange. The zero Role is none.
type Role string

// The roles.
const (
	Client Role = "client"
	Server Role = "server"
	Proxy  Role = "proxy"
)

// Subject is a machine to be looked at, and what it meets.
type Subject[M machine.Machine[M]] struct {
	_ struct{}

	// Machine is a fresh one, for a fresh connection.
	Machine M
	Role    Role
	// Client talks to a Server or a Proxy, Server answers a Client or stands behind
	// a Proxy: so that the machine meets honest messages too. A zero one does not take part.
	Client machine.Client
	Server machine.Server
	// Answers answers what any of them asks, see [Pair].
	Answers func(gss.Question) gss.Answer
	// StrangerAnswers answers what Client asks with credentials that a Server or a
	// Proxy must refuse. Nil leaves that out.
	StrangerAnswers func(gss.Question) gss.Answer
	// Secrets are what must never show, see [Pair].
	Secrets []string
}

// Machine holds a machine to the laws: a step is a pure function (L1) of values
// that compare with == (L2), and nothing that a peer sends is an error or a panic
// (L3). It walks through random sequences of events, made by the event generators
// of this package, that keep to what a driver may tell a machine; what a driver
// may not is tried as well, and must be a gss.Misuse that changes nothing. Every
// rule is a subtest of its own.
//
//	func TestKit(t *testing.T) {
//		proptest.Machine(t, func() proptest.Subject[machine.Client] { … })
//	}
func Machine[M machine.Machine[M]](t *testing.T, subject func() Subject[M]) {
	t.Helper()
	var r report
	rapid.Check(t, func(t *rapid.T) { machineEvents(t, &r, subject) })
	machineEndless(&r, subject)
	r.publish(t, machineRules)
	t.Run("events", func(t *testing.T) { // once more, for a short counterexample
		t.Helper()
		if !r.clean() {
			rapid.Check(t, MachineProperty(subject))
		}
	})
}

// MachineProperty returns what [Machine] looks at in one run, for rapid.Check and rapid.MakeFuzz.
func MachineProperty[M machine.Machine[M]](subject func() Subject[M]) func(*rapid.T) {
	return func(t *rapid.T) {
		var r report
		machineEvents(t, &r, subject)
		r.fail(t)
	}
}

// maxSends bounds the requests of one exchange, over all its connections: more
// than any configuration of legs, attempts and reconnects should take.
const maxSends = 200

// moment is what may come next, as an event generator needs to know it.
type moment struct {
	role Role
	// asked is the open question, if Waiting; ID is its Ask's.
	waiting bool
	id      uint16
	asked   gss.Question
	// sent: a request is out, and its response is due.
	sent bool
	// handling: the handler runs, and its response is to leave.
	handling bool
	// resume is for the next Begin.
	resume machine.Resume
	// honest is what an honest peer says now, nil if there is none.
	honest machine.Event
	// challenges and credentials are what was said so far, as field values.
	challenges, credentials pool
	// answer is the right answer to Asked.
	answer gss.Answer
}

// play is one run of a machine.
type play[M machine.Machine[M]] struct {
	r       *report
	s       Subject[M]
	m       M
	now     moment
	journal *journal
	seeds   uint64
	time    int64
	sends   int
	peer    peers
}

func newPlay[M machine.Machine[M]](r *report, s Subject[M]) *play[M] {
	p := &play[M]{r: r, s: s, m: s.Machine, journal: new(journal), time: someTime}
	p.now.role = s.Role
	p.peer = peers{client: s.Client, server: s.Server, answers: s.Answers, env: p.env, pools: &p.now}
	return p
}

// machineEndless answers a client's every request with the same challenge (V14).
func machineEndless[M machine.Machine[M]](r *report, subject func() Subject[M]) {
	first := newPlay(r, subject())
	if first.s.Role != Client {
		return
	}
	texts := []string{
		"Negotiate", "Negotiate AAAA", "NTLM", "NTLM AAAA", "Nego2 AAAA", `Basic realm="r"`, `Digest realm="r", nonce="n", qop="auth"`,
		`Digest realm="r", nonce="n", qop="auth", stale=true`, `Digest realm="r", nonce="n", Basic realm="r", Negotiate, NTLM`, "Unknown", "",
	}
	first.peer.start()
	if reply, ok := first.peer.settleServer(machine.Received{Request: aRequest}).(machine.Reply); ok {
		texts = append(texts, fieldOf(reply.Challenges))
	}
	for _, text := range texts {
		for _, status := range [...]int{401, 407} {
			for _, lost := range [...]bool{false, true} { // and the connection closes each time
				endless(newPlay(r, subject()), text, status, lost)
			}
		}
	}
}

func endless[M machine.Machine[M]](p *play[M], text string, status int, lost bool) {
	side := gss.Origin
	begin := machine.Begin{Request: aRequest}
	if status == 407 {
		side = gss.Proxy
		begin.Request.Scheme, begin.Request.Port = "http", 80
		begin.Route = machine.Route{Kind: machine.Forwarded, Scheme: "http", Host: "proxy.example", Port: 3128, Explicit: true}
	}
	response := machine.Response{Status: status, Header: responseFields(side, read(text), header.Info{}, "", true), BodySent: machine.SentAll, Close: lost}
	for n := range 4 * maxSends {
		var e machine.Event = begin
		switch {
		case p.now.waiting:
			e = machine.Answered{ID: p.now.id, Answer: answerBy(p.s.Answers, p.now.asked)}
		case p.now.sent:
			e = response
		case n > 0 && p.now.resume == (machine.Resume{}): // delivered, or failed
			return
		default:
			begin.Resume = p.now.resume
			e = begin
		}
		if !p.event(e, false) || p.sends > maxSends {
			return
		}
	}
	p.r.check(sendsBounded, false, "client: an exchange that goes on and on")
}

func machineEvents[M machine.Machine[M]](t *rapid.T, r *report, subject func() Subject[M]) {
	p := newPlay(r, subject())
	s := p.s
	strangers := s.StrangerAnswers != nil && rapid.Bool().Draw(t, "stranger")
	if strangers {
		p.peer.strange = s.StrangerAnswers
	}
	kinds := newSwarm(t, eventKinds)
	for range rapid.IntRange(1, 40).Draw(t, "events") {
		p.now.honest = p.honest()
		if p.now.waiting {
			p.now.answer = answerBy(s.Answers, p.now.asked)
			if s.Role == Client && strangers {
				p.now.answer = answerBy(s.StrangerAnswers, p.now.asked)
			}
		}
		kind := kinds.draw(t)
		if kind == machineMistake {
			p.mistake(drawMistake(t, p.now))
			continue
		}
		if !p.event(nextEvent(t, &p.now, kind), strangers) {
			break
		}
	}
	p.journal.replay()
}

func (p *play[M]) env() gss.Env {
	p.seeds++
	p.time += int64(p.seeds % 5 * 1_000_000_000)
	e := gss.Env{Now: p.time}
	if p.seeds%17 != 0 { // now and then there is no entropy
		binary.BigEndian.PutUint64(e.Seed[:], p.seeds)
	}
	return e
}

// event takes one event that may come, and checks what holds for each of them.
func (p *play[M]) event(e machine.Event, strangers bool) bool {
	who := fmt.Sprintf("%v, %T", p.s.Role, e)
	old, env := p.m, p.env()
	next, acts, ok := step(p.r, p.journal, who, old, false, func() (M, machine.Actions, error) { return old.Step(env, e) })
	if _, answered := e.(machine.Answered); answered {
		p.r.check(asksAnswered, ok, "%s: the answer to its own question is not taken", who)
	}
	if !ok {
		return false
	}
	p.r.hides(who, next, p.s.Secrets)
	p.m = next
	p.after(e, acts, who, strangers)
	return true
}

// mistake takes an event that a driver may not give a machine now. It must be a gss.Misuse, and
// change nothing.
func (p *play[M]) mistake(e machine.Event) {
	old, env := p.m, p.env()
	who := fmt.Sprintf("%v, %T out of turn", p.s.Role, e)
	step(p.r, nil, who, old, true, func() (M, machine.Actions, error) { return old.Step(env, e) })
}

// afresh puts the machine on a new connection.
func (p *play[M]) afresh() {
	p.m = p.s.Machine
	n := &p.now
	n.waiting, n.asked, n.sent, n.handling = false, nil, false, false
	p.peer.afresh()
}

// mine returns the actions that each role may give.
func mine(r Role, a machine.Action) bool {
	switch a.(type) {
	case machine.Ask, machine.Retire:
		return true
	case machine.Send, machine.Deliver, machine.Reopen, machine.Fail:
		return r == Client
	case machine.Accept, machine.Finish:
		return r == Server
	case machine.Forward, machine.Relay:
		return r == Proxy
	case machine.Reply:
		return r != Client
	}
	return false
}

// after follows what the machine said.
func (p *play[M]) after(e machine.Event, acts machine.Actions, who string, strangers bool) {
	r, n := p.r, &p.now
	switch e.(type) {
	case machine.Answered:
		n.waiting, n.asked = false, nil
	case machine.Begin:
		n.resume = machine.Resume{}
	case machine.Response:
		n.sent = n.sent && acts.Len() == 0 // 1xx
	case machine.Responding:
		n.handling = false
	}
	over := false
	for a := range acts.All() {
		r.check(roleActions, mine(n.role, a), "%s: the action %T", who, a)
		r.hides(who, a, p.s.Secrets)
		switch a := a.(type) {
		case machine.Ask:
			r.check(asksAnswered, a.Question != nil, "%s: an Ask without a question", who)
			n.waiting, n.id, n.asked = true, a.ID, a.Question
		case machine.Send:
			n.sent = true
			p.sends++
			for _, c := range [...]header.Credentials{a.Authorization, a.ProxyAuthorization} {
				if c.Present() {
					n.credentials.add(c.Text())
				}
			}
			p.peer.send = a
			p.peer.due = true
			r.check(sendsBounded, p.sends <= maxSends, "%s: %d requests in one exchange", who, p.sends)
		case machine.Deliver:
			p.sends = 0
			n.sent = false
		case machine.Fail:
			p.sends = 0
			n.sent = false
			p.quiet(who, a.Fault)
		case machine.Reopen:
			n.resume, over = a.Resume, true
		case machine.Reply:
			n.sent, n.handling = false, false
			n.challenges.add(fieldOf(a.Challenges))
			p.peer.replied(a)
			over = over || a.Close
			p.quiet(who, a.Fault)
		case machine.Accept:
			n.handling = true
			r.check(stranger, !strangers || a.Anonymous, "%s: a stranger is accepted", who)
		case machine.Finish:
			p.peer.finished(a)
			over = over || a.Close
		case machine.Forward:
			n.sent = true
			r.check(stranger, !strangers || a.Info.Peer == "", "%s: a stranger is forwarded under a name", who)
			p.peer.due = a.Pin != machine.Tunnel
		case machine.Relay:
			n.sent = false
			p.peer.relayed(a)
			over = over || a.Close
		case machine.Retire:
			over = over || a.End == machine.Downstream
		}
	}
	if _, lost := e.(machine.Lost); lost {
		switch acts.At(0).(type) {
		case machine.Send, machine.Ask: // it goes on over another connection
		default:
			over = true
		}
	}
	if c, closed := e.(machine.Closed); closed && (n.role != Proxy || c.End == machine.Downstream) {
		over = true
	} else if closed && n.role == Proxy && acts.Len() > 0 {
		n.sent, n.waiting = false, false
	}
	if over {
		p.afresh()
	}
}

// quiet looks at a fault's words.
func (p *play[M]) quiet(who string, f gss.Fault) {
	p.r.check(faultQuiet, !strings.Contains(f.String(), marker), "%s: the fault repeats what the peer sent", who)
}

// honest returns what an honest peer says now.
func (p *play[M]) honest() machine.Event {
	switch n := &p.now; {
	case n.role == Client && n.sent:
		return p.peer.answerTo(p.peer.send)
	case n.role == Proxy && n.sent && p.peer.due:
		return p.peer.upstream()
	case n.role != Client && !n.sent && !n.handling && !n.waiting:
		return p.peer.request()
	}
	return nil
}

package model

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// line is one thing that happened, in words. From and To are the same where it is
// not a message.
type line struct{ From, To, Text string }

// Story is a counterexample or a witness in words: what happens, step by step.
type Story struct {
	lines []line
	// loop is the index of the line from which on it goes round for ever, -1 if
	// it does not.
	loop int
	// stuck: nothing can happen after it.
	stuck bool
}

// story tells a path of this world.
func (w *World) story(p path) Story {
	s := Story{loop: -1, stuck: p.Stuck}
	for _, id := range p.Labels {
		w.tell(&s, id)
	}
	if len(p.Cycle) > 0 {
		s.loop = len(s.lines)
		for _, id := range p.Cycle {
			w.tell(&s, id)
		}
	}
	return s
}

// name returns an agent's name, numbered where there are several.
func (w *World) name(a agent, n uint8) string {
	s := [...]string{aClient: "client", aServer: "origin", aProxy: "proxy", aNet: "network"}[a]
	if a != aNet && (w.clients > 1 || a == aServer && w.slots > 1) {
		s += fmt.Sprint(n + 1)
	}
	return s
}

// tell adds what a label stands for to a story.
func (w *World) tell(s *Story, id uint32) {
	l := w.labels.At(id)
	me := w.name(l.agent, l.number)
	note := func(text string) { s.lines = append(s.lines, line{me, me, text}) }
	var saw []any
	up, down := "", ""
	switch l.agent {
	case aClient:
		saw = w.clientMemo.done[l.outcome].saw
		up = "origin"
		if w.setup.proxied {
			up = w.name(aProxy, l.number)
		} else if w.slots > 1 {
			up = w.name(aServer, l.number)
		}
	case aServer:
		saw = w.serverMemo.done[l.outcome].saw
		down = w.name(aClient, l.number)
		if w.setup.proxied {
			down = "proxy"
		}
	case aProxy:
		saw = w.proxyMemo.done[l.outcome].saw
		down = w.name(aClient, l.number)
		up = "origin"
	case aNet:
		switch l.outcome {
		case netClosesLink:
			note(fmt.Sprintf("closes the connection of client %d", l.number+1))
		case netClosesSlot:
			note(fmt.Sprintf("closes upstream connection %d", l.number+1))
		case netLoses:
			note(fmt.Sprintf("closes the connection of client %d before the request is written", l.number+1))
		case netWaits:
			note("lets an hour pass")
		default:
			note(w.setup.trick(int(l.outcome)).name)
		}
		return
	}
	send := func(to, text string) { s.lines = append(s.lines, line{me, to, text}) }
	for _, v := range saw {
		switch v := v.(type) {
		case connected:
			note("takes a fresh connection" + opt(v.inside, " inside the tunnel"))
		case resent:
			note("takes the connection for one that was not there, and " + map[bool]string{true: "begins anew", false: "sends the request over a fresh one"}[v.anew])
		case machine.Begin:
			note(fmt.Sprintf("wants %s %s as %s%s%s%s%s%s", v.Request.Method, v.Request.Host, v.Identity, opt(v.Request.Multiplexed, " over HTTP/2"),
				[...]string{"", ", a body to replay", ", a body to send once"}[v.Body],
				opt(v.Lease.Scheme != "", ", knows "+v.Lease.Scheme), opt(v.ProxyLease.Scheme != "", ", knows the proxy's "+v.ProxyLease.Scheme),
				opt(v.Resume != machine.Resume{}, ", going on")))
		case machine.Ask:
			note("asks " + question(v.Question))
		case answered:
			note(fmt.Sprintf("gets %s", answer(v.answer)))
		case machine.Response:
			note(fmt.Sprintf("takes %d%s%s", v.Status, w.setup.fields(v.Header), opt(v.Close, ", closing")))
		case machine.Send:
			send(up, fmt.Sprintf("request%s%s%s%s%s", opt(v.Probe, " HEAD"), w.setup.creds("Authorization", v.Authorization), w.setup.creds("Proxy-Authorization", v.ProxyAuthorization),
				[...]string{"", " with the body", " with the body if asked for"}[v.Body], opt(v.Pinned, " (pinned)")))
		case machine.Deliver:
			note(fmt.Sprintf("DELIVERS the response%s", opt(v.Authenticated, " as authenticated")))
		case machine.Fail:
			note(fmt.Sprintf("FAILS on the %v side: %v", v.Side, v.Fault.Code))
		case machine.Reopen:
			note("goes on over another connection" + opt(v.HTTP11, ", of HTTP/1.1"))
		case machine.Retire:
			note("uses the connection no more" + opt(v.End == machine.Upstream, " to the origin"))
		case machine.Closed:
			note("sees the connection close" + opt(v.End == machine.Upstream, " to the origin"))
		case machine.Lost:
			note("loses the connection" + opt(v.Idle, " that had been idle") + opt(!v.Silent, ", in the middle of a response") + opt(v.Unsent, ", before the request was sent"))
		case gaveUp:
			note("gives up")
		case misused:
			note("MISUSE: " + v.err.Error())
		case said:
			send(up, fmt.Sprintf("%s%s%s%s%s%s%s", v.r.Method, w.setup.creds("Authorization", v.header.Authorization), w.setup.creds("Proxy-Authorization", v.header.ProxyAuthorization),
				opt(v.header.Via, " Via"), opt(v.shared, " from a front"), opt(v.r.Multiplexed, " over HTTP/2"), opt(v.r.EarlyData, " in early data")))
		case told:
			note(fmt.Sprintf("takes %d%s%s", v.status, w.setup.fields(v.header), opt(v.close, ", closing")))
		case left:
			note("is rid of its connection")
		case arrived:
			note(fmt.Sprintf("takes %s from client %d%s%s%s", v.r.Method, v.client, w.setup.creds("Authorization", v.header.Authorization),
				w.setup.creds("Proxy-Authorization", v.header.ProxyAuthorization), opt(v.header.Via, " Via")))
		case refused:
			send(down, fmt.Sprintf("%d%s%s", v.Status, w.setup.list(v.Challenges), opt(v.Close, ", closing")))
		case admitted:
			if v.anonymous {
				note("admits anonymous")
			} else {
				note("admits " + v.info.Peer)
			}
		case finished:
			if l.agent == aServer {
				send(down, fmt.Sprintf("%d%s%s", v.status, w.setup.fields(header.Response{WWWAuthenticate: v.Challenges, AuthenticationInfo: v.Info, PersistentAuth: v.PersistentAuth}), opt(v.Close, ", closing")))
			}
		case forwarded:
			send(up, fmt.Sprintf("request over a connection that is %s%s", v.over, w.setup.creds("Authorization", v.to.header.Authorization)))
		case lostUpstream:
			note("loses the connection upstream" + opt(v.idle, " that had been idle") + opt(v.unsent, ", before the request was sent"))
		case lostOwn:
			note("loses the client's own connection upstream")
		case shut:
			note("closes the connection")
		case aborted:
			note("closes the connection in place of an answer")
		case relayed:
			send(down, fmt.Sprintf("%d%s%s", v.to.status, w.setup.fields(v.to.header), opt(v.to.close, ", closing")))
		}
	}
}

func opt(on bool, s string) string {
	if on {
		return s
	}
	return ""
}

func question(q gss.Question) string {
	switch q := q.(type) {
	case gss.NeedCredential:
		return fmt.Sprintf("for a credential for %s, %v side", q.Scheme, q.Side)
	case gss.NeedVerifier:
		return "for the verifier of " + q.User
	case gss.NeedReplayCheck:
		return "whether it is new"
	}
	return fmt.Sprintf("%T", q)
}

func answer(a gss.Answer) string {
	switch a := a.(type) {
	case gss.Password:
		if a.User != "" {
			return a.User + "'s password" + opt(strings.HasPrefix(a.Password.Reveal(), "wrong"), ", a wrong one")
		}
		return "it"
	case gss.ReplayVerdict:
		return map[bool]string{true: "new", false: "seen before"}[a.First] + opt(a.Since != 0, ", as far as it goes back")
	}
	return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", a), "gss."))
}

// creds returns a field with credentials.
func (c *setup) creds(field string, v header.Credentials) string {
	if !v.Present() {
		return ""
	}
	s := " [" + field + ": " + v.Scheme()
	if text, ok := c.messageIn(v); ok && c.reader != nil && !v.Is(scheme.Basic) {
		return s + c.reader(text).text() + "]"
	}
	if t, ok := v.Token(); ok && c.legged(v) {
		s += " " + written(t)
	}
	if p, ok := claimOf(v); ok {
		s += fmt.Sprintf(" %s %v %v nc=%s", p.user, p.alg, p.qop, p.nc)
	}
	return s + "]"
}

// written returns a token in a form that people can read.
func written(token string) string {
	if leafToken(token) == token {
		return toyToken(token)
	}
	return negotiationMessage(token)
}

// list returns challenges.
func (c *setup) list(cs header.Challenges) string {
	var parts []string
	for ch := range cs.All() {
		s := ch.Scheme()
		if text, ok := c.messageIn(ch); ok && c.reader != nil {
			s += c.reader(text).text()
		} else if t, ok := ch.Token(); ok {
			s += " " + written(t)
		}
		if stale, ok := ch.Param("stale"); ok {
			s += " stale=" + stale
		}
		parts = append(parts, s)
	}
	if parts == nil {
		return ""
	}
	return " [" + strings.Join(parts, ", ") + "]"
}

// fields returns the fields of a response.
func (c *setup) fields(r header.Response) string {
	s := c.list(r.WWWAuthenticate)
	if !r.ProxyAuthenticate.Empty() {
		s += " proxy" + c.list(r.ProxyAuthenticate)
	}
	if r.PersistentAuth != header.PersistAbsent {
		s += " Persistent-Auth: " + [...]string{"", "true", "false", "garbled"}[r.PersistentAuth]
	}
	return s + opt(r.SessionBased, " Proxy-Support")
}

// Text returns the story as numbered lines.
func (s Story) Text() string {
	var b strings.Builder
	for i, l := range s.lines {
		if i == s.loop {
			b.WriteString("      and from here on round and round:\n")
		}
		if l.From == l.To {
			fmt.Fprintf(&b, "%4d  %s %s\n", i+1, l.From, l.Text)
		} else {
			fmt.Fprintf(&b, "%4d  %s -> %s: %s\n", i+1, l.From, l.To, l.Text)
		}
	}
	if s.stuck {
		b.WriteString("      and nothing can happen any more\n")
	}
	return b.String()
}

// Mermaid returns the story as a Mermaid sequence diagram.
func (s Story) Mermaid() string {
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	known := map[string]bool{}
	for _, l := range s.lines {
		for _, who := range [...]string{l.From, l.To} {
			if !known[who] {
				known[who] = true
				fmt.Fprintf(&b, "    participant %s\n", who)
			}
		}
	}
	indent := "    "
	clean := strings.NewReplacer(";", ",", "#", " ", "\n", " ")
	for i, l := range s.lines {
		if i == s.loop {
			b.WriteString("    loop for ever\n")
			indent = "        "
		}
		if l.From == l.To {
			fmt.Fprintf(&b, "%snote over %s: %s\n", indent, l.From, clean.Replace(l.Text))
		} else {
			fmt.Fprintf(&b, "%s%s->>%s: %s\n", indent, l.From, l.To, clean.Replace(l.Text))
		}
	}
	if s.loop >= 0 {
		b.WriteString("    end\n")
	}
	return b.String()
}

package machine

import (
	"reflect"
	"strconv"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/side"
)

// From what a machine did in one step to the rows of the table that it
// followed. A projection never judges: what it makes of a step that the table
// does not have is a row that Transitions does not have.

// TransitionsOf returns the rows that one step of a [Client], [Server] or [Proxy]
// followed: before took e, returned acts and became after. A client's step is one row of
// the client and one of each side that took part in it. A step that ended in a Go error,
// and one of a machine without configuration, has none.
func TransitionsOf[M Machine[M]](before M, e Event, acts Actions, after M) []Transition {
	if e == nil {
		return nil
	}
	switch b := any(before).(type) {
	case Client:
		if b.conf == nil {
			return nil
		}
		a := any(after).(Client)
		rows := []Transition{{"client", b.stateWord(), eventKind(e), words(acts, clientWord), a.stateWord()}}
		for _, s := range [...]gss.Side{gss.Origin, gss.Proxy} {
			row := Transition{"side", b.sideState(s), b.sideEvent(s, e), words(acts, a.sideWord(s)), a.sideState(s)}
			// Each event reaches both sides, so that most of these rows say nothing: a side that
			// stays as it is, and did not send, has no row.
			if row.From == row.To && (row.Actions == "" || row.From == "unused" && row.Actions != "Ask") {
				continue // it had no part in it
			}
			rows = append(rows, row)
		}
		return rows
	case Server:
		if b.conf == nil {
			return nil
		}
		a := any(after).(Server)
		return []Transition{{"server", b.stateWord(), b.event(e), words(acts, acceptorWord), a.stateWord()}}
	case Proxy:
		if b.conf == nil {
			return nil
		}
		a := any(after).(Proxy)
		rows := []Transition{{"proxy", b.stateWord(), b.event(e), words(acts, acceptorWord), a.stateWord()}}
		if pin := (Transition{"pin", b.pinState(), b.event(e), words(acts, pinWord), a.pinState()}); pin.From != pin.To || pin.Actions != "" {
			rows = append(rows, pin)
		}
		return rows
	}
	return nil
}

// words returns the words of the actions that have one.
func words(acts Actions, word func(Action) string) (all string) {
	for a := range acts.All() {
		w := word(a)
		if w != "" && all != "" {
			all += ", "
		}
		all += w
	}
	return all
}

// eventKind returns the name of an event's kind, the same for all machines.
func eventKind(e Event) string {
	switch e := e.(type) {
	case Begin:
		return "Begin"
	case Response:
		switch {
		case informational(e.Status):
			return "1xx"
		case e.Status == 401, e.Status == 407:
			return strconv.Itoa(e.Status)
		}
		return "other status"
	case Answered:
		return "Answered"
	case Closed, Lost:
		return "Closed"
	}
	return "no event of this machine"
}

// --- the client

// stateWord returns the state of a client. A question while a response is judged is
// another state than one before a request: the response is kept.
func (c *Client) stateWord() string {
	if c.judging() {
		return "judging"
	}
	return c.phase.String()
}

// clientWord returns the name of a client's action.
func clientWord(a Action) string {
	switch a := a.(type) {
	case Send:
		if !a.Authorization.Present() && !a.ProxyAuthorization.Present() {
			return "Send bare"
		}
		return "Send credentials"
	}
	return nameOf(a)
}

// nameOf returns the name of an action's type. One of another machine is no word of the table.
func nameOf(a Action) string { return reflect.TypeOf(a).Name() }

// --- a client's side

// sideState returns the state of one side of a client: first how far its handshake has
// come, then what its connection keeps.
func (c *Client) sideState(s gss.Side) string {
	switch sd := &c.sides[s]; {
	// For the client a question about the response changes nothing, and neither does what the peer proved.
	case sd.Stage == side.Judging:
		return side.Halfway.String()
	case sd.Stage >= side.Concluded:
		return "done"
	case sd.Stage == side.Unused && sd.Persistent:
		return "persistent"
	case sd.Stage == side.Unused && sd.Bound:
		return "bound"
	default:
		return sd.Stage.String()
	}
}

// sideEvent returns the name of what an event means to side s.
func (c *Client) sideEvent(s gss.Side, e Event) string {
	kind := eventKind(e)
	if kind == "Answered" && c.judging() {
		kind = eventKind(c.ex.response) // which is judged further now
	}
	switch {
	case kind == "407" && s == gss.Proxy, kind == "401" && s == gss.Origin && c.ex.route.Kind != Tunneling:
		return "challenged"
	case kind == "407":
		return "not reached"
	case kind == "401", kind == "other status": // also of the origin behind the proxy's side
		return "passed"
	}
	return kind
}

// sideWord returns the function that names what an action means to side s.
func (c *Client) sideWord(s gss.Side) func(Action) string {
	return func(a Action) string {
		switch a := a.(type) {
		case Send:
			if [...]header.Credentials{gss.Origin: a.Authorization, gss.Proxy: a.ProxyAuthorization}[s].Present() {
				return "credentials"
			}
			return "bare"
		case Ask:
			if c.asker == s {
				return "Ask"
			}
			return ""
		case Deliver, Fail, Reopen:
			return "end"
		}
		return ""
	}
}

// --- server and proxy

// stateWord returns the state of a server: in a request, or between two.
func (s *Server) stateWord() string {
	switch {
	case s.phase == asking && s.now.answering:
		return "concluding"
	case s.phase == handling && s.kept.scheme != 0:
		return "handling, kept"
	case s.phase == idle && s.half.scheme != 0:
		return "halfway"
	case s.phase == idle && s.kept.scheme != 0:
		return "kept"
	}
	return s.phase.String()
}

func (s *Server) event(e Event) string {
	switch e := e.(type) {
	case Received:
		if s.tooEarly(&e) {
			return "Received too early"
		}
		creds := e.Header.Authorization
		if s.conf.side == gss.Proxy {
			creds = e.Header.ProxyAuthorization
		}
		if creds.Present() {
			return "Received with credentials"
		}
		return "Received bare"
	case Responding:
		if e.Status == s.challengeStatus() {
			return "Responding 401"
		}
		return "Responding"
	case Response, Begin:
		return "no event of this machine"
	}
	return eventKind(e)
}

// acceptorWord returns the name of a server's action, and of a proxy's action towards its
// client.
func acceptorWord(a Action) string {
	switch a := a.(type) {
	case Reply:
		return "Reply " + strconv.Itoa(a.Status)
	case Accept:
		if a.Anonymous {
			return "Accept anonymous"
		}
	case Retire:
		if a.End == Upstream {
			return "" // the pin's
		}
	}
	return nameOf(a)
}

// stateWord returns the state of a proxy towards its client.
func (p *Proxy) stateWord() string {
	switch {
	case p.phase == asking && p.front.now.answering:
		return "concluding"
	case p.phase == idle && p.front.half.scheme != 0:
		return "halfway"
	}
	return p.phase.String()
}

func (p *Proxy) event(e Event) string {
	switch e := e.(type) {
	case Received:
		if p.tooEarly(&e) {
			return "Received too early"
		}
		return "Received"
	case Closed:
		if e.End == Upstream {
			return "Closed upstream"
		}
		return "Closed downstream"
	case Response, Answered:
		return eventKind(e)
	}
	return "no event of this machine"
}

// pinState returns the state of a proxy towards its upstream connections.
func (p *Proxy) pinState() string {
	switch {
	case p.pinned && p.vacant:
		return "reserved"
	case p.pinned:
		return "pinned"
	}
	return "shared"
}

// pinWord returns the name of what an action does to upstream connections.
func pinWord(a Action) string {
	switch a := a.(type) {
	case Forward:
		return "Forward " + [...]string{Shared: "shared", Fresh: "fresh", Same: "same", Tunnel: "tunnel"}[a.Pin]
	case Relay:
		if a.Keep {
			return "Relay and keep"
		}
	case Retire:
		if a.End == Upstream {
			return "Retire upstream"
		}
		return "Retire downstream"
	}
	return ""
}

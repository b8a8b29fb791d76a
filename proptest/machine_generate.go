package proptest

import (
	"strings"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// The kinds of events of a machine's run. What they are is this package's own
// affair; a run draws some of eventKinds.
const (
	machineHonest  = iota // what an honest peer says
	machineHonest2        // more of it: a run without gets nowhere
	machineSeen           // fields of the run, any of them
	machineAltered        // fields damaged
	machineStatus         // another status, or a 1xx, or none at all
	machineValues         // field values that break parsers
	machineRefusal        // a question that is not answered
	machineLoss           // a connection is gone
	machineMistake        // the driver's mistake
	eventKinds            // how many there are
)

// nextEvent draws an event that a driver may tell a machine at this moment, of one
// of the [eventKinds] kinds that [newSwarm] drew for the run.
func nextEvent(t *rapid.T, m *moment, kind int) machine.Event {
	switch {
	case kind == machineLoss && rapid.IntRange(0, 2).Draw(t, "lost") == 0:
		if m.role == Client && m.sent && rapid.Bool().Draw(t, "told") {
			return machine.Lost{Idle: rapid.Bool().Draw(t, "idle"), Silent: rapid.Bool().Draw(t, "silent"), Unsent: rapid.IntRange(0, 3).Draw(t, "unsent") == 0}
		}
		c := machine.Closed{}
		if m.role == Proxy && rapid.Bool().Draw(t, "upstream") {
			c.End = machine.Upstream
		}
		return c
	case m.waiting:
		if kind == machineRefusal {
			return machine.Answered{ID: m.id, Answer: rapid.SampledFrom([]gss.Answer{gss.Declined{}, gss.Unreachable{}}).Draw(t, "refusal")}
		}
		return machine.Answered{ID: m.id, Answer: m.answer}
	case m.handling:
		return machine.Responding{Status: rapid.SampledFrom([]int{200, 401, 407, 204, 404, 500, 302}).Draw(t, "status")}
	case m.sent:
		return response(t, m, kind)
	case m.role == Client:
		return begin(t, m)
	}
	return received(t, m, kind)
}

// begin draws a request of an application.
func begin(t *rapid.T, m *moment) machine.Begin {
	b := machine.Begin{Request: request(t), Resume: m.resume, Body: machine.Body(rapid.IntRange(0, 2).Draw(t, "body"))}
	switch b.Route.Kind = machine.RouteKind(rapid.IntRange(0, 2).Draw(t, "route")); b.Route.Kind {
	case machine.Direct:
	case machine.Tunneling:
		b.Request.Method, b.Request.URI = "CONNECT", "www.example:443"
		fallthrough
	default:
		b.Route.Scheme, b.Route.Host, b.Route.Port = "http", "proxy.example", 3128
		b.Route.Explicit = rapid.Bool().Draw(t, "explicit")
	}
	if m.resume == (machine.Resume{}) {
		b.Identity = rapid.SampledFrom([]string{"", "", "another"}).Draw(t, "identity")
		b.Lease = lease(t, m)
		b.ProxyLease = lease(t, m)
	} else {
		b.Identity = identityOf(m.resume)
	}
	return b
}

// identityOf returns the identity of the exchange that a Resume goes on with. A Resume tells it in
// its text alone, and only the default identity and one other are in these runs.
func identityOf(r machine.Resume) string {
	if text, err := r.MarshalBinary(); err == nil && strings.HasSuffix(string(text), "another") {
		return "another"
	}
	return ""
}

func lease(t *rapid.T, m *moment) machine.Lease {
	l := machine.Lease{SessionBased: rapid.Bool().Draw(t, "session based")}
	if rapid.IntRange(0, 2).Draw(t, "lease") > 0 {
		return l
	}
	l.Scheme = rapid.SampledFrom([]string{scheme.Negotiate, scheme.NTLM, scheme.Digest, scheme.Basic, scheme.Nego2, "Unknown"}).Draw(t, "scheme")
	for c := range header.ParseChallenges(m.challenges.seen(t)).Of(l.Scheme) {
		l.Memory = scheme.Memory{Offer: c, Count: 2}
	}
	return l
}

func request(t *rapid.T) machine.Request {
	q := aRequest
	q.Method = rapid.SampledFrom([]string{"GET", "POST", "PUT", "HEAD"}).Draw(t, "method")
	if rapid.IntRange(0, 3).Draw(t, "http") == 0 {
		q.Scheme, q.Port = "http", 80
	}
	if rapid.IntRange(0, 7).Draw(t, "elsewhere") == 0 {
		q.Host = "other.example"
	}
	q.Multiplexed = rapid.IntRange(0, 9).Draw(t, "multiplexed") == 0
	q.Binding = rapid.SampledFrom([]gss.Binding{gss.NoBinding(), {}, gss.BindingOf("tls-server-end-point:here")}).Draw(t, "binding")
	return q
}

// response draws a response to the request that is out.
func response(t *rapid.T, m *moment, kind int) machine.Response {
	honest, ok := m.honest.(machine.Response)
	if ok && kind <= machineHonest2 {
		return honest
	}
	text := fieldText(t, &m.challenges, kind)
	fields := []string{header.WWWAuthenticate, header.ProxyAuthenticate, header.AuthenticationInfo, header.ProxyAuthenticationInfo}
	field := rapid.SampledFrom(fields).Draw(t, "field")
	persistent := rapid.SampledFrom([]string{"", "", "true", "false", "maybe"}).Draw(t, "persistent")
	session := rapid.Bool().Draw(t, "session")
	return machine.Response{
		Status:   rapid.SampledFrom([]int{401, 401, 407, 200, 200, 100, 103, 101, 302, 403, 425, 500, 0, -1, 999}).Draw(t, "status"),
		BodySent: machine.Sent(rapid.IntRange(0, 2).Draw(t, "sent")),
		Close:    rapid.IntRange(0, 5).Draw(t, "close") == 0,
		Header: header.ParseResponse(func(name string) []string {
			switch {
			case name == field:
				return []string{text}
			case name == header.PersistentAuthField && persistent != "":
				return []string{persistent}
			case name == header.ProxySupportField && session:
				return []string{header.SessionBased}
			}
			return nil
		}),
	}
}

// received draws a request that comes in.
func received(t *rapid.T, m *moment, kind int) machine.Received {
	honest, ok := m.honest.(machine.Received)
	if ok && kind <= machineHonest2 {
		return honest
	}
	q := machine.Received{Request: request(t), SharedFront: rapid.IntRange(0, 5).Draw(t, "shared front") == 0}
	if rapid.IntRange(0, 7).Draw(t, "connect") == 0 {
		q.Request.Method, q.Request.URI = "CONNECT", "www.example:443"
	}
	field := rapid.SampledFrom([]string{header.Authorization, header.ProxyAuthorization, ""}).Draw(t, "field")
	text := fieldText(t, &m.credentials, kind)
	via := rapid.IntRange(0, 5).Draw(t, "via") == 0
	early := rapid.IntRange(0, 15).Draw(t, "early")
	q.Request.EarlyData = early == 1
	q.Header = header.ParseRequest(func(name string) []string {
		switch {
		case name == field:
			return []string{text}
		case name == "Via" && via:
			return []string{"1.1 proxy"}
		case name == "Early-Data" && early == 0:
			return []string{"1"}
		}
		return nil
	})
	return q
}

// fieldText draws a field's value.
func fieldText(t *rapid.T, said *pool, kind int) string {
	switch kind {
	case machineAltered:
		return said.altered(t)
	case machineValues, machineStatus:
		name := rapid.SampledFrom([]string{scheme.Negotiate, scheme.NTLM, scheme.Digest, scheme.Basic, scheme.Nego2, "Unknown"}).Draw(t, "scheme")
		return strings.ReplaceAll(rapid.SampledFrom(hostileValues[:]).Draw(t, "value"), "NAME", name)
	}
	return said.seen(t)
}

// drawMistake draws an event that a driver may not tell a machine at this moment.
func drawMistake(t *rapid.T, m moment) machine.Event {
	list := []machine.Event{nil, machine.Answered{ID: m.id + 1, Answer: gss.Declined{}}}
	if !m.waiting {
		list = append(list, machine.Answered{ID: m.id, Answer: gss.Password{User: "somebody"}})
	} else {
		list = append(list, machine.Answered{ID: m.id})
	}
	if m.role == Client {
		list = append(list, machine.Received{Request: aRequest}, machine.Responding{Status: 200})
	} else {
		list = append(list, machine.Begin{Request: aRequest})
	}
	if m.waiting || m.handling || !m.sent {
		list = append(list, machine.Response{Status: 200})
	}
	if m.waiting || !m.handling {
		list = append(list, machine.Responding{Status: 200})
	}
	if m.waiting || m.sent {
		list = append(list, machine.Begin{Request: aRequest})
	}
	if m.waiting || m.sent || m.handling {
		list = append(list, machine.Received{Request: aRequest})
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(t, "mistake")]
}

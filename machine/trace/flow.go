package trace

import (
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
)

// Participants of a diagram, from left to right.
const (
	application = "application"
	client      = "client"
	proxy       = "proxy"
	origin      = "origin"
)

// arrow is one message of an exchange, or a note where to is empty.
type arrow struct {
	from, to string
	back     bool // an answer
	text     string
	fields   []string
}

// flow tells the story of a trace. Where both ends of a connection are in it, a
// message is told once, by its sender.
func flow(lines []Line) []arrow {
	s := story{talkers: map[string]*talker{}, talked: map[string]bool{}, asker: client}
	for _, l := range lines {
		s.client = s.client || l.Role == Client
		s.proxy = s.proxy || l.Role == Proxy
		s.server = s.server || l.Role == Server
	}
	for _, l := range lines {
		s.step(l)
	}
	return s.arrows
}

type story struct {
	arrows                []arrow
	talkers               map[string]*talker // by role and name
	client, proxy, server bool               // the roles in the trace
	asker                 string             // the sender of the origin's last request
	talked                map[string]bool    // participants
}

// talker is what a machine's later steps refer to.
type talker struct {
	request string  // method and path
	method  string  // alone
	path    string  // alone
	hop     string  // the peer of a client
	status  string  // of the last response
	fields  []Field // of the last request or response
}

// talker returns the machine of a line. A further connection of a role is noted.
func (s *story) talker(me string, l Line) *talker {
	key := string(l.Role) + " " + l.Name
	t := s.talkers[key]
	if t != nil {
		return t
	}
	if s.talked[me] {
		s.note(me, join("another connection", in(l.Name)))
	}
	t = &talker{hop: origin}
	s.talkers[key], s.talked[me] = t, true
	return t
}

func (s *story) send(from, to, text string, fields []Field) {
	if to == origin {
		s.asker = from
	}
	s.arrows = append(s.arrows, arrow{from: from, to: to, text: text, fields: texts(fields)})
}

func (s *story) answer(from, to, text string, fields []Field) {
	s.arrows = append(s.arrows, arrow{from: from, to: to, back: true, text: text, fields: texts(fields)})
}

func (s *story) note(at, text string) {
	s.arrows = append(s.arrows, arrow{from: at, text: text})
}

// step tells one step.
func (s *story) step(l Line) {
	me := client
	switch l.Role {
	case Server:
		me = origin
	case Proxy:
		me = proxy
	}
	t := s.talker(me, l)
	s.event(me, t, l.Event)
	if l.Misuse {
		s.note(me, "misuse: the driver sent an event that cannot come now")
	}
	for _, a := range l.Actions {
		s.action(me, t, a)
	}
}

// event tells what came, unless its sender has told it.
func (s *story) event(me string, t *talker, e Item) {
	switch e.Kind {
	case "Begin":
		t.method, t.path, t.hop = e.Method, e.Path, proxy
		if e.Route == "direct" {
			t.hop = origin
		}
		t.request = join(t.method, t.path)
		text := t.request
		if has(e.Flags, "resumed") {
			text += " (goes on)"
		}
		s.send(application, me, text, nil)
	case "Response":
		t.status, t.fields = strconv.Itoa(e.Status), e.Fields
		from, told := origin, s.server
		if me == client && t.hop == proxy {
			from, told = proxy, s.proxy
		}
		if !told {
			s.answer(from, me, t.status, e.Fields)
		}
	case "Received":
		t.method, t.path = e.Method, e.Path
		t.request, t.fields = join(t.method, t.path), e.Fields
		if told := s.client || me == origin && s.proxy; !told {
			s.send(client, me, t.request, e.Fields)
		}
	case "Responding":
		t.status = strconv.Itoa(e.Status)
	case "Answered":
		s.note(me, "answer: "+e.What)
	case "Closed", "Lost":
		if e.End != "" {
			s.note(me, "the connection to the origin is gone")
		} else {
			s.note(me, "the connection is gone")
		}
	}
}

// action tells what a machine did.
func (s *story) action(me string, t *talker, a Item) {
	switch a.Kind {
	case "Send":
		text := t.request
		if has(a.Flags, "probe") {
			text = join("HEAD", t.path)
		}
		switch a.Body {
		case "whole":
			text += " with body"
		case "expect":
			text += " with body, if asked for it"
		}
		s.send(me, t.hop, text, a.Fields)
	case "Deliver":
		text := t.status + ", not authenticated"
		if has(a.Flags, "authenticated") {
			text = join(t.status+", authenticated", inMech(a.Mech))
		}
		s.answer(me, application, text, nil)
	case "Ask":
		text := join("asks "+a.What, in(a.Scheme))
		if a.Side == gss.Proxy.String() {
			text += " for the proxy"
		}
		if has(a.Flags, "rejected") {
			text += " again"
		}
		s.note(me, text)
	case "Reply":
		if a.Fault != "" && a.Fault != gss.NoCredentials.String() { // the first challenge is no refusal
			s.note(me, "refuses: "+a.Fault)
		}
		s.answer(me, s.down(me), strconv.Itoa(a.Status), a.Fields)
	case "Accept":
		if has(a.Flags, "anonymous") {
			s.note(me, "accepts an anonymous client")
			break
		}
		s.note(me, join(join("accepts", a.Scheme), inMech(a.Mech)))
	case "Finish":
		s.answer(me, s.down(me), t.status, a.Fields)
	case "Forward":
		if a.Pin == "fresh" || a.Pin == "same" {
			s.note(me, "upstream connection: "+a.Pin+", this client's alone")
		}
		s.send(me, origin, t.request, only(t.fields, header.Authorization))
	case "Relay":
		fields := only(t.fields, header.AuthenticationInfo, header.PersistentAuthField)
		if !has(a.Flags, "strip") {
			fields = append(only(t.fields, header.WWWAuthenticate), fields...)
		}
		if has(a.Flags, "keep") {
			s.note(me, "upstream connection pinned to this client")
		}
		s.answer(me, client, t.status, append(fields, a.Fields...))
	case "Reopen":
		text := "continues on a new connection"
		if has(a.Flags, "http11") {
			text += " with HTTP/1.1"
		}
		s.note(me, text)
	case "Retire":
		if a.End != "" {
			s.note(me, "gives up the connection to the origin")
		} else {
			s.note(me, "gives up the connection")
		}
	case "Fail":
		text := "fails: " + a.Fault
		if len(a.Tried) > 0 {
			text += ", tried " + strings.Join(a.Tried, ", ")
		}
		s.note(me, text)
	}
}

// down returns the peer that a server or proxy responds to.
func (s *story) down(me string) string {
	if me == origin {
		return s.asker
	}
	return client
}

// texts returns fields as a reader sees them, one line each.
func texts(fields []Field) []string {
	var out []string
	for _, f := range fields {
		values := make([]string, 0, len(f.Values))
		for _, v := range f.Values {
			values = append(values, v.String())
		}
		out = append(out, f.Name+": "+strings.Join(values, ", "))
	}
	return out
}

// String returns the value as a reader sees it: "Negotiate <token 40 bytes>".
func (v Value) String() string {
	switch {
	case v.Text != "":
		return v.Text
	case v.Form == header.Malformed.String():
		return join(v.Scheme, "<malformed>")
	case v.Form == header.Token68.String() && v.Bytes == 0:
		return join(v.Scheme, "<***>")
	case v.Form == header.Token68.String():
		return join(v.Scheme, "<token "+count(v.Bytes, "byte")+">")
	case v.Form == header.Params.String():
		return join(v.Scheme, "<"+count(v.Params, "parameter")+">")
	}
	return v.Scheme
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

func has(flags []string, name string) bool {
	for _, f := range flags {
		if f == name {
			return true
		}
	}
	return false
}

// only returns the fields of those names.
func only(fields []Field, names ...string) []Field {
	var out []Field
	for _, f := range fields {
		if has(names, f.Name) {
			out = append(out, f)
		}
	}
	return out
}

// join puts a space between two words that are there.
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

// inMech returns what in does for a mechanism that has a name.
func inMech(s string) string {
	if s == other {
		return ""
	}
	return in(s)
}

// in puts a word that is there in parentheses.
func in(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

package trace

import (
	"encoding/json"
	"iter"
	"reflect"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Line is the structure of one Step, as a redacted trace has it. Every word in it comes
// from a table of this package or is the name of a Go type, except Name, which is the
// caller's own, and Path. The order of the fields is that of the JSON.
type Line struct { // HTA-12
	Seq     uint64 `json:"seq"`
	Role    Role   `json:"role"`
	Name    string `json:"name,omitempty"`
	Now     int64  `json:"now"` // nanoseconds since the Unix epoch
	Event   Item   `json:"event"`
	Actions []Item `json:"actions,omitempty"`
	// Misuse: the step gave a Go error and changed nothing.
	Misuse bool `json:"misuse,omitempty"`
}

// Item is an event or an action. Fields that its kind does not have are zero.
type Item struct {
	// Kind is the name of the type in package machine; "none" for a nil event.
	Kind string `json:"kind"`
	// ID belongs to a question and its answer; What is the type of either.
	ID   uint16 `json:"id,omitempty"`
	What string `json:"what,omitempty"`
	// Method of a request; one that is not registered is "other".
	Method string `json:"method,omitempty"`
	// Path of a request without its query, for transcripts. It is never written
	// to a trace.
	Path   string `json:"-"`
	Route  string `json:"route,omitempty"`
	Body   string `json:"body,omitempty"`
	Status int    `json:"status,omitempty"`
	Side   string `json:"side,omitempty"`
	// Scheme and Mech are those that an action, a question or a lease names.
	Scheme string   `json:"scheme,omitempty"`
	Mech   string   `json:"mech,omitempty"`
	Tried  []string `json:"tried,omitempty"` // schemes, of a Fail
	Fields []Field  `json:"fields,omitempty"`
	// Flags are the booleans that are set.
	Flags []string `json:"flags,omitempty"`
	// Binding is what is known of the channel: none, known, several, unavailable.
	Binding string `json:"binding,omitempty"`
	Pin     string `json:"pin,omitempty"`
	End     string `json:"end,omitempty"`
	Fault   string `json:"fault,omitempty"` // the code, without detail
}

// Field is a header field.
type Field struct {
	Name   string  `json:"name"`
	Values []Value `json:"values"`
}

// Value is one value of a field, without what it says.
type Value struct {
	// Scheme as registered; "other" for one that is not, since what stands in its
	// place may be a secret that was sent without a scheme.
	Scheme string `json:"scheme,omitempty"`
	Form   string `json:"form,omitempty"`
	// Bytes is the length of the token. Basic has none: it would tell the length
	// of the password.
	Bytes int `json:"bytes,omitempty"`
	// Params is the number of parameters.
	Params int `json:"params,omitempty"`
	// Text is a value that is one of few and no secret, as that of
	// Persistent-Auth.
	Text string `json:"text,omitempty"`
}

// maxName is how much of a Record's Name is shown, in bytes.
const maxName = 64

// Redact returns the structure of a record.
func Redact(r Record) Line {
	l := Line{Seq: r.Seq, Role: knownRole(r.Role), Name: label(r.Name), Now: r.Env.Now, Event: event(r.Event), Misuse: r.Err != ""}
	for a := range r.Actions.All() {
		l.Actions = append(l.Actions, action(a))
	}
	return l
}

// append appends the line as JSON, without a line end.
func (l Line) append(b []byte) []byte { return appendJSON(b, l) }

func appendJSON(b []byte, v any) []byte {
	j, err := json.Marshal(v)
	if err != nil { // no type of this package makes it fail
		return b
	}
	return append(b, j...)
}

// option is a boolean with a name.
type option struct {
	name string
	set  bool
}

// flags returns the names of those that are set, in order.
func flags(all ...option) []string {
	var out []string
	for _, f := range all {
		if f.set {
			out = append(out, f.name)
		}
	}
	return out
}

// event returns the structure of an event.
func event(e machine.Event) Item {
	switch e := e.(type) {
	case machine.Begin:
		i := request("Begin", e.Request)
		i.Route = word(e.Route.Kind, "direct", "forwarded", "tunneling")
		i.Body = word(e.Body, "none", "replayable", "once")
		i.Scheme = someScheme(e.Lease.Scheme)
		i.Flags = append(i.Flags, flags(option{"resumed", e.Resume != machine.Resume{}}, option{"explicit-proxy", e.Route.Explicit},
			option{"proxy-lease", e.ProxyLease != machine.Lease{}})...)
		return i
	case machine.Response:
		h := e.Header
		return Item{Kind: "Response", Status: e.Status, Body: word(e.BodySent, "", "some", "all"), Flags: flags(option{"close", e.Close}),
			Fields: fields(
				challenges(header.WWWAuthenticate, h.WWWAuthenticate),
				challenges(header.ProxyAuthenticate, h.ProxyAuthenticate),
				info(header.AuthenticationInfo, h.AuthenticationInfo),
				info(header.ProxyAuthenticationInfo, h.ProxyAuthenticationInfo),
				persistent(h.PersistentAuth),
				support(h.SessionBased))}
	case machine.Received:
		i := request("Received", e.Request)
		i.Fields = fields(
			credentials(header.Authorization, e.Header.Authorization),
			credentials(header.ProxyAuthorization, e.Header.ProxyAuthorization))
		i.Flags = append(i.Flags, flags(option{"via", e.Header.Via}, option{"early-data-field", e.Header.EarlyData}, option{"shared-front", e.SharedFront}, option{"session", e.Session.Scheme != ""})...)
		return i
	case machine.Responding:
		return Item{Kind: "Responding", Status: e.Status}
	case machine.Answered:
		return Item{Kind: "Answered", ID: e.ID, What: kindOf(e.Answer)}
	case machine.Closed:
		return Item{Kind: "Closed", End: end(e.End)}
	case machine.Lost:
		return Item{Kind: "Lost", Flags: flags(option{"idle", e.Idle}, option{"silent", e.Silent}, option{"unsent", e.Unsent})}
	}
	return Item{Kind: "none"}
}

// action returns the structure of an action.
func action(a machine.Action) Item {
	switch a := a.(type) {
	case machine.Send:
		return Item{Kind: "Send", Body: word(a.Body, "omit", "whole", "expect"), Flags: flags(option{"pinned", a.Pinned}, option{"probe", a.Probe}, option{"after-handshake", a.AfterHandshake}),
			Fields: fields(credentials(header.Authorization, a.Authorization), credentials(header.ProxyAuthorization, a.ProxyAuthorization))}
	case machine.Deliver:
		return Item{Kind: "Deliver", Mech: mech(a.Info.Mech), Flags: flags(option{"authenticated", a.Authenticated}, option{"unproven", a.Info.Unproven}, option{"context", a.Context != nil})}
	case machine.Ask:
		i := Item{Kind: "Ask", ID: a.ID, What: kindOf(a.Question)}
		switch q := a.Question.(type) {
		case gss.NeedCredential:
			i.Scheme, i.Mech, i.Side, i.Flags = someScheme(q.Scheme), mech(q.Mech), q.Side.String(), flags(option{"rejected", q.Rejected})
		case gss.NeedVerifier:
			i.Scheme = someScheme(q.Scheme)
		case gss.NeedVerdict:
			i.Scheme = someScheme(q.Scheme)
		}
		return i
	case machine.Reply:
		return Item{Kind: "Reply", Status: a.Status, Side: a.Side.String(), Fault: fault(a.Fault), Flags: flags(option{"close", a.Close}),
			Fields: fields(challenges(challengeField(a.Side), a.Challenges))}
	case machine.Accept:
		return Item{Kind: "Accept", Scheme: someScheme(a.Scheme), Mech: mech(a.Info.Mech), Flags: flags(option{"anonymous", a.Anonymous}, option{"context", a.Context != nil}, option{"session", a.Session})}
	case machine.Finish:
		return Item{Kind: "Finish", Flags: flags(option{"close", a.Close}),
			Fields: fields(challenges(header.WWWAuthenticate, a.Challenges), info(header.AuthenticationInfo, a.Info), persistent(a.PersistentAuth))}
	case machine.Forward:
		return Item{Kind: "Forward", Mech: mech(a.Info.Mech), Pin: word(a.Pin, "shared", "fresh", "same", "tunnel")}
	case machine.Relay:
		return Item{Kind: "Relay", Flags: flags(option{"keep", a.Keep}, option{"strip", a.Strip}, option{"close", a.Close}),
			Fields: fields(challenges(header.ProxyAuthenticate, a.Challenges), info(header.ProxyAuthenticationInfo, a.Info), support(a.SessionBased))}
	case machine.Reopen:
		return Item{Kind: "Reopen", Flags: flags(option{"http11", a.HTTP11})}
	case machine.Retire:
		return Item{Kind: "Retire", End: end(a.End)}
	case machine.Fail:
		i := Item{Kind: "Fail", Side: a.Side.String(), Fault: fault(a.Fault)}
		for name := range strings.SplitSeq(a.Tried, ", ") {
			if name != "" && len(i.Tried) < choice.MaxSchemes {
				i.Tried = append(i.Tried, knownScheme(name))
			}
		}
		return i
	}
	return Item{Kind: "none"}
}

// request returns the part that the events of a new request share.
func request(kind string, q machine.Request) Item {
	i := Item{Kind: kind, Method: method(q.Method), Path: path(q.URI), Flags: flags(option{"multiplexed", q.Multiplexed}, option{"early-data", q.EarlyData})}
	_, known := q.Binding.Data()
	_, several := q.Binding.Hashes()
	switch {
	case known:
		i.Binding = "known"
	case several:
		i.Binding = "several"
	case q.Binding.IsNone():
		i.Binding = "none"
	default:
		i.Binding = "unavailable"
	}
	return i
}

// fields returns those that are present.
func fields(all ...Field) []Field {
	var out []Field
	for _, f := range all {
		if len(f.Values) > 0 {
			out = append(out, f)
		}
	}
	return out
}

func challenges(name string, cs header.Challenges) Field {
	f := Field{Name: name}
	for c := range cs.All() {
		f.Values = append(f.Values, value(c.Scheme(), c.Form(), c.Token, c.Params()))
	}
	return f
}

func credentials(name string, c header.Credentials) Field {
	if !c.Present() {
		return Field{}
	}
	return Field{name, []Value{value(c.Scheme(), c.Form(), c.Token, c.Params())}}
}

func value(name string, form header.Form, token func() (string, bool), params iter.Seq[header.Param]) Value {
	v := Value{Scheme: someScheme(name), Form: form.String()}
	for range params {
		v.Params++
	}
	if v.Scheme != scheme.Basic {
		b, _ := token()
		v.Bytes = len(b)
	}
	return v
}

func info(name string, i header.Info) Field {
	if !i.Present() {
		return Field{}
	}
	v := Value{Form: header.Params.String()}
	if i.Malformed() {
		v.Form = header.Malformed.String()
	}
	for range i.Params() {
		v.Params++
	}
	return Field{name, []Value{v}}
}

func persistent(p header.PersistentAuth) Field {
	if p == header.PersistAbsent {
		return Field{}
	}
	return Field{header.PersistentAuthField, []Value{{Text: word(p, "", "true", "false", "invalid")}}}
}

func support(set bool) Field {
	if !set {
		return Field{}
	}
	return Field{header.ProxySupportField, []Value{{Text: header.SessionBased}}}
}

func challengeField(s gss.Side) string {
	if s == gss.Proxy {
		return header.ProxyAuthenticate
	}
	return header.WWWAuthenticate
}

// word names a value of a small enumeration.
func word[E ~uint8](e E, names ...string) string {
	if int(e) < len(names) {
		return names[e]
	}
	return other
}

// other stands for what is not in a table.
const other = "other"

func oneOf(s string, table []string) string {
	for _, known := range table {
		if ascii.EqualFold(s, known) {
			return known
		}
	}
	return other
}

// knownSchemes are the registered ones (IANA HTTP Authentication Schemes), and
// those of this project.
var knownSchemes = [...]string{
	scheme.Negotiate, scheme.Nego2, scheme.NTLM, scheme.Digest, scheme.Basic,
	"Bearer", "Concealed", "DPoP", "GNAP", "HOBA", "Mutual", "OAuth", "PrivateToken", "SCRAM-SHA-1", "SCRAM-SHA-256", "vapid",
}

// knownMethods are those of RFC 9110 section 9 and PATCH (RFC 5789).
var knownMethods = [...]string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}

var knownMechs = [...]gss.OID{gss.SPNEGO, gss.Kerberos, gss.MSKerberos, gss.KerberosU2U, gss.NTLM, gss.NegoEx}

func knownScheme(name string) string { return oneOf(name, knownSchemes[:]) }

// someScheme returns what knownScheme does, and "" for none.
func someScheme(name string) string {
	if name == "" {
		return ""
	}
	return knownScheme(name)
}

func method(m string) string {
	for _, known := range knownMethods {
		if m == known {
			return m
		}
	}
	return other
}

func mech(m gss.OID) string {
	if m == "" {
		return ""
	}
	for _, known := range knownMechs {
		if m == known {
			return m.String()
		}
	}
	return other
}

func knownRole(r Role) Role {
	switch r {
	case Client, Server, Proxy:
		return r
	}
	return ""
}

func end(e machine.End) string { return word(e, "", "upstream") }

func fault(f gss.Fault) string {
	if f.Code == gss.NoFault {
		return ""
	}
	return f.Code.String()
}

// kindOf returns the name of a question's or answer's type.
func kindOf(v any) string {
	if v == nil {
		return "none"
	}
	return label(strings.TrimPrefix(reflect.TypeOf(v).String(), "gss."))
}

// label returns text in a form for any output: one line of printable ASCII, of bounded
// length.
func label(s string) string { return clean(s, maxName) }

func clean(s string, most int) string {
	b := make([]byte, 0, min(len(s), most))
	for _, r := range s {
		switch {
		case len(b) == most:
			return string(b)
		case r > ' ' && r < 0x7f && r != '"' && r != '\\' && r != ';' && r != '#' && r != '`', r == ' ' && len(b) > 0:
			b = append(b, byte(r))
		default:
			b = append(b, '_')
		}
	}
	return string(b)
}

// maxPath bounds a path in a transcript, in bytes.
const maxPath = 80

// path returns a request-target without its query and without anything that might be a
// user's name and password.
func path(uri string) string {
	if i := strings.IndexAny(uri, "?#"); i >= 0 {
		uri = uri[:i] + "?…"
	}
	if strings.Contains(uri, "@") {
		return "…"
	}
	cut, query := strings.CutSuffix(uri, "?…")
	out := clean(cut, maxPath)
	if query {
		out += "?…"
	}
	return out
}

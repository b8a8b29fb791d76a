package model

import (
	"slices"

	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// This file is all that is between the shipped values and the worlds: packets and
// what happens to connections become events, and orders become packets and what
// becomes of connections. It decides nothing.

// wireFields is a message's fields for package hop, by name. What was changed since it came
// is in changed, by which the rest stays as it was, whether it can be written or not.
type wireFields map[string]*wireField

type wireField struct {
	lines   []string
	changed bool
}

func (m wireFields) field(name string) *wireField {
	if m[name] == nil {
		m[name] = new(wireField)
	}
	return m[name]
}

// Values implements [hop.Header].
func (m wireFields) Values(name string) []string { return m.field(name).lines }

// Set implements [hop.Header].
func (m wireFields) Set(name, value string) { *m.field(name) = wireField{[]string{value}, true} }

// Add implements [hop.Header].
func (m wireFields) Add(name, value string) {
	*m.field(name) = wireField{append(slices.Clone(m.Values(name)), value), true}
}

// Del implements [hop.Header].
func (m wireFields) Del(name string) { *m.field(name) = wireField{nil, true} }

// put writes what came.
func (m wireFields) put(name string, present bool, lines ...string) {
	if present {
		m[name] = &wireField{lines: lines}
	}
}

// keep gives what a field says now: what it said, unless it was changed.
func keep[T any](m wireFields, name string, was, now T) T {
	if m.field(name).changed {
		return now
	}
	return was
}

// requestAfter returns a request's fields after change has changed them, read back as a peer would
// read them. What was not changed stays the value that it was, so that fields that cannot be
// written, as malformed ones, survive.
func requestAfter(q header.Request, change func(hop.Header)) header.Request {
	m := wireFields{}
	m.put(header.Authorization, q.Authorization.Present(), q.Authorization.Text())
	m.put(header.ProxyAuthorization, q.ProxyAuthorization.Present(), q.ProxyAuthorization.Text())
	m.put("Via", q.Via, "1.1 front")
	m.put("Early-Data", q.EarlyData, "1")
	change(m)
	now := header.ParseRequest(m.Values)
	now.Authorization = keep(m, header.Authorization, q.Authorization, now.Authorization)
	now.ProxyAuthorization = keep(m, header.ProxyAuthorization, q.ProxyAuthorization, now.ProxyAuthorization)
	return now
}

// responseAfter does the same for a response, and reports whether its connection ends with it.
func responseAfter(r header.Response, change func(hop.Header)) (now header.Response, closes bool) {
	m := wireFields{}
	m.put(header.WWWAuthenticate, true, texts(r.WWWAuthenticate)...)
	m.put(header.ProxyAuthenticate, true, texts(r.ProxyAuthenticate)...)
	m.put(header.ProxySupportField, r.SessionBased, header.SessionBased)
	change(m)
	now = header.ParseResponse(m.Values)
	now.WWWAuthenticate = keep(m, header.WWWAuthenticate, r.WWWAuthenticate, now.WWWAuthenticate)
	now.ProxyAuthenticate = keep(m, header.ProxyAuthenticate, r.ProxyAuthenticate, now.ProxyAuthenticate)
	now.AuthenticationInfo = keep(m, header.AuthenticationInfo, r.AuthenticationInfo, now.AuthenticationInfo)
	now.ProxyAuthenticationInfo = keep(m, header.ProxyAuthenticationInfo, r.ProxyAuthenticationInfo, now.ProxyAuthenticationInfo)
	now.PersistentAuth = keep(m, header.PersistentAuthField, r.PersistentAuth, now.PersistentAuth)
	return now, slices.Contains(m.Values("Connection"), "close")
}

// replied returns the response that a Reply becomes.
func replied(a machine.Reply, q request) response {
	r := response{status: a.Status, sent: bodyOf(q, false)}
	r.header, r.close = responseAfter(header.Response{}, func(h hop.Header) { hop.ApplyReply(h, a) })
	return r
}

// bodyOf tells how much of a request's body was written before its answer came:
// all of it, unless it was to be asked for and was not.
func bodyOf(q request, asked bool) machine.Sent {
	if q.body == machine.Whole || q.body == machine.Expect && asked {
		return machine.SentAll
	}
	return machine.SentNone
}

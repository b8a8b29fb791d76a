package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// packet is what a connection carries in one moment. HTTP/1.1 without
// pipelining has one message under way at most.
type packet struct {
	kind packetKind
	req  request
	resp response
	// unsent: it closed before anything of the request was written.
	unsent bool
	then   uint32 // the packet behind an interim response, or the end of an upstream connection behind a response
}

type packetKind uint8

const (
	quiet    packetKind = iota // nothing is under way
	asks                       // a request, on its way up
	answers                    // a response, on its way down
	interims                   // a forged 1xx, before what was under way
	closed                     // the connection is gone, and the one below has yet to see it
)

// request is a request on the wire. The fields client and identity tell from which client
// and under which identity it really comes. No machine sees them: they are for histories.
type request struct {
	client   uint8
	identity string
	r        machine.Request
	header   header.Request
	body     machine.BodyUse
	pinned   bool
	shared   bool // it comes from a front that the server knows to be shared
}

// early reports whether the request is in early data, or was on a hop before.
func (q *request) early() bool { return q.r.EarlyData || q.header.EarlyData }

// response is a response on the wire.
type response struct {
	status int
	header header.Response
	sent   machine.Sent
	close  bool
}

func (r response) event() machine.Response {
	return machine.Response{Status: r.status, Header: r.header, BodySent: r.sent, Close: r.close}
}

// env is what every Step may know of the world. One time and one seed, so that
// states stay few. The time is some day of this century: Kerberos has tickets from
// before it.
var env = newEnv()

func newEnv() gss.Env {
	e := gss.Env{Now: 1e18}
	for i := range e.Seed {
		e.Seed[i] = 7
	}
	return e
}

// owned reports whether a connection upstream is a client's own.
func owned(over hop.Over) bool { return over == hop.NewOwn || over == hop.Own }

// target returns the request-target of a request on a side.
func target(q machine.Request, side gss.Side) string {
	if side == gss.Proxy && q.Method != "CONNECT" {
		return q.Scheme + "://" + q.Host + q.URI
	}
	return q.URI
}

package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/kerberos"
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
	interims                   // a 1xx that somebody forged, before what was under way
	closed                     // the connection is gone, and the one below has yet to see it
)

// request is a request on the wire. who tells from which client it really
// comes, and identity for whom: history, that no machine sees.
type request struct {
	who      uint8
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

// What is observed besides the machines' own events and actions.
type (
	// connected: what comes next goes over a fresh connection.
	connected struct{ inside bool }
	// wrote: an action with fields became a message's fields.
	wrote struct {
		action   machine.Action
		request  header.Request
		response header.Response
		close    bool
	}
	// resent: a request goes out again over a fresh connection, for the same machine, or
	// with all its exchange anew.
	resent struct {
		anew bool
		loss hop.Loss
	}
	// answered: the driver answered a question.
	answered struct {
		question gss.Question
		answer   gss.Answer
		granted  bool
	}
	// gaveUp: the user gave up, and the driver the connection or the stream with the
	// exchange.
	gaveUp struct{}
	// misused: a machine returned an error, so the driver of this model, or the
	// machine, breaks the contract.
	misused struct{ err error }
	// arrived: a request came to a server, or to a proxy that authenticates.
	arrived struct {
		request
		at int64
	}
	// refused: it answered itself. before and after are the machine.
	refused struct {
		machine.Reply
		before, after any
	}
	// admitted: it let the request pass, to the handler or further up.
	admitted struct {
		scheme    string
		info      gss.Info
		anonymous bool
		context   gss.Context
		at        int64
	}
	// finished: the final response leaves.
	finished struct {
		status int
		machine.Finish
	}
	// forwarded: a proxy sent a request on.
	forwarded struct {
		from, to request
		over     hop.Over
	}
	// lostUpstream: the connection that carries a proxy's request upstream closed, which
	// had been idle before; unsent: before anything of the request was written.
	lostUpstream struct{ idle, unsent bool }
	// lostOwn: the upstream connection that is a client's own closed, while it carried
	// nothing.
	lostOwn struct{}
	// closing: the client's connection is to close as soon as it is idle.
	closing struct{}
	// shut: it does.
	shut struct{}
	// aborted: a proxy closed the client's connection in place of an answer.
	aborted struct{}
	// relayed: a proxy passed a response on. own tells whether the upstream
	// connection that it came over is, from now on, that client's alone.
	relayed struct {
		from, to response
		own      bool
	}
)

// owned reports whether a connection upstream is a client's own.
func owned(over hop.Over) bool { return over == hop.NewOwn || over == hop.Own }

// binds reports whether credentials may be of a scheme that binds a connection: those
// that do not parse may be of any.
func binds(c header.Credentials) bool {
	return c.Present() && (legged(c) || c.Form() == header.Malformed)
}

// sameLines reports whether two lists are the same challenges, whether they were made one
// by one or read from a field.
func sameLines(a, b header.Challenges) bool { return slices.Equal(texts(a), texts(b)) }

// target is the request-target of a request on a side.
func target(q machine.Request, side gss.Side) string {
	if side == gss.Proxy && q.Method != "CONNECT" {
		return q.Scheme + "://" + q.Host + q.URI
	}
	return q.URI
}

// grants reports whether an answer gives a user's credentials.
func grants(a gss.Answer) bool {
	switch a.(type) {
	case gss.Password, kerberos.Tickets:
		return true
	}
	return false
}

// verifies reports whether an answer gives what a proof is verified with.
func verifies(a gss.Answer) bool {
	switch a.(type) {
	case gss.Password, kerberos.ServiceKey:
		return true
	}
	return false
}

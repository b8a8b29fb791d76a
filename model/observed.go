package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

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

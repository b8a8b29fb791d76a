package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// History is what could be seen on a connection so far, for a [Property] of a user's own. It
// is of a client, or of an acceptor, which is an origin or a proxy that authenticates.
type History struct {
	// Side is the acceptor's, or that of the peer that the client's response speaks for.
	Side gss.Side
	// Identity is the user that the request under way was made for, which no acceptor's
	// machine knows; "" for a hostile client's.
	Identity string
	Request  machine.Request
	// Credentials are those for Side that the client sent last in this exchange, or that the
	// acceptor's request came with.
	Credentials header.Credentials
	// Right tells that the proof in them is the named user's, for this request.
	Right bool
	// Rounds is how many challenges the client got in this exchange; Legs how many messages
	// of the handshake under way the acceptor took in their order.
	Rounds, Legs int
	// Answered tells that a question for what the client proves, or for what the acceptor
	// verifies with, had a good answer.
	Answered bool
	// Proven is the identity that was proven last on this connection and that lasts on it.
	Proven string
}

// history returns a client's history as it is exported.
func (t *clientHistory) history(c *setup) History {
	side := t.answering()
	a := &t.side[side]
	_, right := c.claimIn(a.proof, side, t.begin.Request)
	return History{
		Side: side, Identity: t.begin.Identity, Request: t.begin.Request, Credentials: a.proof, Right: right,
		Rounds: int(a.rounds), Answered: a.granted != 0, Proven: t.holder,
	}
}

// history returns an acceptor's history as it is exported.
func (l *acceptorHistory) history(c *setup) History {
	creds := l.creds(&l.request)
	_, right := c.claimIn(creds, l.side, l.request.r)
	return History{
		Side: l.side, Identity: l.request.identity, Request: l.request.r, Credentials: creds, Right: right,
		Legs: int(l.legs), Answered: l.verified, Proven: l.identity,
	}
}

// exported returns an observation in terms of packages machine and hop, nil for one that has
// none there.
func exported(v any) any {
	switch v := v.(type) {
	case arrived:
		return machine.Received{Request: v.r, Header: v.header, SharedFront: v.shared}
	case answered:
		return machine.Answered{Answer: v.answer}
	case refused:
		return v.Reply
	case admitted:
		return machine.Accept{Scheme: v.scheme, Info: v.info, Anonymous: v.anonymous, Context: v.context}
	case finished:
		return v.Finish
	case forwarded:
		return hop.Send{Over: v.over}
	case machine.Event, machine.Action:
		return v
	}
	return nil
}

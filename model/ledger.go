package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// ledger is the history of an acceptor's connection: of an origin's, or of the
// one between a client and a proxy. It is kept from what came and what went.
type ledger struct {
	side gss.Side
	by   uint8 // the client whose handshake ran over this connection

	identity   string // last proven here by a request, with its domain
	until      int64  // when that ends, 0 for never
	conn       bool   // and bound to the connection by its mechanism
	ever       bool   // some identity was proven here
	challenged bool   // a challenge left here, where the Digest is no toy's
	restarted  bool   // a first message came since
	said       header.PersistentAuth
	handshakes bool // credentials of a scheme with handshakes came, at all

	up upstream // of a proxy

	// The handshake in progress.
	scheme   schemes
	legs     uint8 // taken in order, without a gap
	broken   bool  // it was refused, and nothing new began
	verified bool  // the verifier question was answered well
	fresh    bool  // and the replay question

	// The request under way.
	busy    bool
	request request
	token   message
	odd     bool   // its token is not the one that may come now
	kept    string // the identity before it
	ended   bool   // which had ended when it came
	hop     bool   // which is no good for what came through a hop that shares
	admit   bool
	with    bool // it carries credentials for this side
	outage  bool // its last question had no answer for any client
	probed  bool // a user store did not respond for its user, and was asked for none
	hashed  bodies
}

// creds are what a request carries for this side.
func (l *ledger) creds(q *request) header.Credentials {
	if l.side == gss.Proxy {
		return q.header.ProxyAuthorization
	}
	return q.header.Authorization
}

// see takes note of what happened.
func (l *ledger) see(c *setup, v any) {
	l.up.see(v)
	switch v := v.(type) {
	case arrived:
		l.arrive(c, v.request)
		l.ended = l.until != 0 && v.at >= l.until
		l.hop = (v.header.Via || v.shared || l.side == gss.Proxy && c.sharedFront) && (l.side == gss.Proxy || !c.pinnedFront) && !v.early()
	case answered:
		l.hashed.see(v)
		_, l.outage = v.answer.(gss.Unreachable)
		if user, ok := userAskedFor(v.question); ok { // one user's, unless it is about none
			if l.outage = l.outage && user == machine.ProbeUser; user == machine.ProbeUser {
				l.probed = true
				return
			}
		}
		verdict, _ := v.answer.(gss.Verdict)
		isKey := verifies(v.answer)
		seen, isSeen := v.answer.(gss.FirstSeen)
		l.verified = l.verified || isKey || verdict.Accepted
		l.fresh = l.fresh || isSeen && seen.First && seen.Since == 0
	case refused:
		l.challenged = l.challenged || v.Status == challengeStatus(l.side) && c.digestPeers(l.side) != nil
		if v.Status == challengeStatus(l.side) && v.Fault == (gss.Fault{}) { // one more leg
			l.rest()
			return
		}
		if v.Status == 503 { // the connection is as at first
			l.identity, l.conn = "", false
			l.scheme, l.legs, l.verified, l.fresh = 0, 0, false, false
			l.rest()
			return
		}
		if v.Status != challengeStatus(l.side) { // nothing to do with who asks
			if v.Status != 425 {
				l.scheme, l.legs, l.verified, l.fresh = 0, 0, false, false
			}
			l.rest()
			return
		}
		if l.with {
			l.broken = true
		}
		if l.restarted {
			l.identity = ""
		}
		l.scheme, l.legs, l.verified, l.fresh = 0, 0, false, false
		l.rest()
	case admitted:
		l.admit = true
		if l.with && !v.anonymous {
			l.identity, l.ever, l.restarted, l.broken = c.identityOf(v.info), true, false, false
			l.until, l.conn = v.info.Expires, v.info.ConnectionBound
		}
	case finished:
		if l.with || v.PersistentAuth != header.PersistAbsent {
			l.said = v.PersistentAuth
		}
		if v.status == challengeStatus(l.side) {
			l.identity = ""
		}
		l.scheme, l.legs, l.verified, l.fresh = 0, 0, false, false
		l.rest()
	case machine.Closed:
		if v.End == machine.Downstream {
			*l = ledger{side: l.side}
		}
	}
}

func (l *ledger) arrive(c *setup, q request) {
	creds := l.creds(&q)
	l.busy, l.request, l.with, l.admit, l.odd, l.kept = true, q, creds.Present(), false, false, l.identity
	l.token = message{}
	if q.early() && l.with { // it does not count as having come
		return
	}
	if !l.with {
		l.odd = l.legs > 0
		return
	}
	l.verified, l.fresh = false, false
	if legged(creds) {
		l.handshakes = true
		l.by = q.who
	}
	if !legged(creds) {
		l.scheme, l.legs = setOf(creds.Scheme()), 1
		l.broken, l.restarted = false, true
		return
	}
	text, _ := creds.Token()
	l.token = read(text, l.side)
	s := setOf(creds.Scheme())
	switch {
	case l.token.leg == 1 && l.legs == 0, l.token.leg == 1 && l.scheme != s:
		l.scheme, l.legs, l.broken, l.restarted = s, 1, false, true
	case l.scheme == s && l.token.leg == l.legs+1 && l.legs > 0:
		l.legs++
	default:
		l.odd = true
		l.restarted = true
	}
}

// rest ends a request.
func (l *ledger) rest() {
	if l.hop && !l.with {
		l.identity = ""
	}
	l.busy, l.request, l.token, l.with, l.odd, l.kept, l.admit, l.outage, l.probed, l.ended, l.hop = false, request{}, message{}, false, false, "", false, false, false, false, false
	l.hashed = bodies{}
}

// identityOf is a client's name as an order has it. A domain is a part of it in worlds
// that have several.
func (c *setup) identityOf(i gss.Info) string {
	if i.Domain == "" || !c.domains {
		return i.Peer
	}
	return i.Domain + `\` + i.Peer
}

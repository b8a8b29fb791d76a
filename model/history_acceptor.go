package model

import (
	"cmp"
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// acceptorHistory is the history of an acceptor's connection: of an origin's, or of the
// one between a client and a proxy. It is kept from what came and what went.
type acceptorHistory struct {
	side gss.Side
	by   uint8 // the client that ran a handshake over this connection

	identity   string // last proven here by a handshake, with its domain
	until      int64  // when that ends, 0 for never
	ever       bool   // some identity was proven here
	challenged bool   // a challenge left here, where the Digest is no toy's
	restarted  bool   // a first message came since
	said       header.PersistentAuth
	handshakes bool // credentials of a scheme with handshakes came, at all

	up upstream // of a proxy

	// The handshake in progress.
	scheme   schemes
	legs     uint8  // taken in order, without a gap
	broken   bool   // it was refused, and nothing new began
	user     string // the one that its legs name
	verified bool   // the verifier question was answered well
	fresh    bool   // and the replay question

	// The request under way.
	busy    bool
	request request
	token   message
	odd     bool   // its token is not the one that may come now
	kept    string // the identity before it
	ended   bool   // which had ended when it came
	admit   bool
	with    bool // it carries credentials for this side
	outage  bool // its last question had no answer for any client
	probed  bool // a user store did not respond for its user, and was asked for none
	hashed  bodies

	// Of a proxy's client connection.
	client string   // under which identity its last request was served, and for which origin
	keeper string   // and the one with which it got an upstream connection of its own
	crowd  bool     // its last request's was not one client's own
	pin    bool     // an upstream connection is this client's alone
	vacant bool     // the next request gets one, since the last one closed with its first challenge
	on     hop.Over // where the last request went
	out    bool     // and it has no response
}

// creds returns what a request carries for this side.
func (l *acceptorHistory) creds(q *request) header.Credentials {
	if l.side == gss.Proxy {
		return q.header.ProxyAuthorization
	}
	return q.header.Authorization
}

// see updates the history by one observation. Properties were judged before it.
func (l *acceptorHistory) see(c *setup, v any) {
	l.up.see(v)
	switch v := v.(type) {
	case arrived:
		l.arrive(c, v.request)
		l.ended = l.until != 0 && v.at >= l.until
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
		isKey := verifies(v.answer) || v.granted && c.answers != nil
		seen, isSeen := v.answer.(gss.ReplayVerdict)
		l.verified = l.verified || isKey || verdict.Accepted
		l.fresh = l.fresh || isSeen && seen.First && seen.Since == 0
	case refused:
		l.challenged = l.challenged || v.Status == challengeStatus(l.side) && c.digestPeers(l.side) != nil
		if v.Status == challengeStatus(l.side) && v.Fault == (gss.Fault{}) { // one more leg
			l.rest()
			return
		}
		if v.Status == 503 { // the connection is as at first
			l.identity = ""
			l.end()
			l.rest()
			return
		}
		if v.Status != challengeStatus(l.side) { // a refusal of the request, not of its credentials
			if v.Status != 425 {
				l.end()
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
		l.end()
		l.rest()
	case admitted:
		l.admit = true
		if l.with && !v.anonymous {
			l.identity, l.until, l.ever, l.restarted, l.broken = "", 0, true, false, false
			if c.legged(l.creds(&l.request)) { // the others prove one request
				l.identity, l.until = c.identityOf(v.info), v.info.Expires
			}
		}
		if l.side == gss.Proxy {
			l.client = c.identityOf(v.info) + " at " + l.request.r.Host
		}
	case finished:
		if l.with || v.PersistentAuth != header.PersistAbsent {
			l.said = v.PersistentAuth
		}
		if v.status == challengeStatus(l.side) {
			l.identity = ""
		}
		l.end()
		l.rest()
	case forwarded:
		l.on, l.out, l.vacant = v.over, true, false
		if v.over == hop.NewOwn {
			l.pin, l.keeper = true, l.client
		}
	case relayed:
		if v.from.close && v.from.status == 401 && !owned(l.on) && !l.crowd {
			l.vacant = true
		}
		if v.own && !owned(l.on) {
			l.keeper = l.client
		}
		l.pin = v.own || l.pin && !(owned(l.on) && v.from.close)
	case machine.Retire:
		if v.End == machine.Upstream {
			l.pin = false
		}
	case machine.Closed:
		if v.End == machine.Downstream {
			*l = acceptorHistory{side: l.side}
			return
		}
		if !l.out || owned(l.on) {
			l.pin = false
		}
	}
}

// arrive notes a request, and whether its token is the one that may come now: a first leg, or the
// next one of the handshake in progress by the same user.
func (l *acceptorHistory) arrive(c *setup, q request) {
	creds := l.creds(&q)
	l.busy, l.request, l.with, l.admit, l.odd, l.kept = true, q, creds.Present(), false, false, l.identity
	l.token = message{}
	if l.crowd = c.crowded(&q, l.side); l.crowd && !q.early() { // no identity outlives it
		l.identity, l.kept = "", ""
	}
	if q.early() && l.with { // it does not count as having come
		return
	}
	if !l.with {
		l.odd = l.legs > 0
		return
	}
	l.verified, l.fresh = false, false
	if c.legged(creds) {
		l.handshakes = true
		l.by = q.client
	}
	if toy, ok := c.acceptorToy(l.side, creds.Scheme()); c.legged(creds) || ok && toy.own.read() {
		l.token = c.readCredentials(creds, l.side, q.r)
	}
	if !c.legged(creds) {
		l.scheme, l.legs = c.setOf(creds.Scheme()), 1
		l.broken, l.restarted = false, true
		return
	}
	s := c.setOf(creds.Scheme())
	switch {
	case l.token.leg == 1 && l.legs == 0, l.token.leg == 1 && l.scheme != s:
		l.scheme, l.legs, l.broken, l.restarted = s, 1, false, true
		l.user = l.token.user
	case l.scheme == s && l.token.leg == l.legs+1 && l.legs > 0 && (l.user == "" || l.user == l.token.user || c.reader != nil && l.token.user == "") && !q.r.Multiplexed:
		l.legs++
		l.user = cmp.Or(l.token.user, l.user)
	default:
		l.odd = true
		l.restarted = true
	}
}

// end forgets the handshake in progress.
func (l *acceptorHistory) end() {
	l.scheme, l.legs, l.user, l.verified, l.fresh = 0, 0, "", false, false
}

// rest ends a request.
func (l *acceptorHistory) rest() {
	l.busy, l.request, l.token, l.with, l.odd, l.kept, l.admit, l.outage, l.probed, l.ended, l.out = false, request{}, message{}, false, false, "", false, false, false, false, false
	l.hashed = bodies{}
}

// identityOf returns a client's name as an order has it. A domain is part of it in worlds that have
// several.
func (c *setup) identityOf(i gss.Info) string {
	if i.Domain == "" || !c.domains {
		return i.Peer
	}
	return i.Domain + `\` + i.Peer
}

// finished reports whether the request's own credentials ran to the end of
// their handshake: all legs in order on this connection, the last with a proof.
func (l *acceptorHistory) finished(c *setup) bool {
	if !l.with || l.odd {
		return false
	}
	toy, ok := c.acceptorToy(l.side, c.nameOf(l.scheme))
	switch {
	case toy.own.read(): // the legs came in order, and this is the last one
		return l.token.proof
	case !c.legs(l.scheme):
		return l.scheme != 0
	}
	return ok && l.token.proof && l.legs == toy.mech.Legs
}

// late reports whether the request's leg is the last one, or the last that may
// be.
func (l *acceptorHistory) late(c *setup) bool {
	toy, ok := c.acceptorToy(l.side, c.nameOf(l.scheme))
	most := bound8(c.acceptorLegs, defaultMaxLegs)
	if !toy.own.read() { // whose last leg has a proof
		most = min(most, toy.mech.Legs)
	}
	return !ok || l.legs >= most || l.request.r.Multiplexed
}

// owner returns the client that an entry of a replay memory is to be charged to.
func (l *acceptorHistory) owner(c *setup, q gss.NeedReplayCheck) string {
	creds := l.creds(&l.request)
	if p, ok := claimOf(creds); ok {
		return gss.OwnerOf(p.user, digestRealm)
	}
	if c.isKerberos(l.side, l.scheme) {
		return gss.OwnerOf(l.token.user, kerberosRealm)
	}
	if c.reader != nil {
		return gss.OwnerOf(l.token.user, q.Scope)
	}
	user, _ := creds.Param("username")
	return gss.OwnerOf(user, q.Scope)
}

// rightClaim reports whether a claim is right for the request that it came with, whatever
// its nonce is worth.
func (l *acceptorHistory) rightClaim(d *digestPeers, p claim) bool {
	q := l.request.r
	return slices.Contains(d.algs, p.alg) && slices.Contains(d.qops, p.qop) && p.realm == digestRealm && p.user != "" &&
		p.uri == target(q, l.side) && p.proves(secretOf(p.user, l.side), q.Method, l.hashed[0])
}

// apReq returns the request's AP-REQ.
func (l *acceptorHistory) apReq() (apReq, bool) {
	token, _ := l.creds(&l.request).Token()
	return openAPReq(leafToken(token))
}

// schemeName returns the scheme of what was admitted. A Forward of a proxy does not say it, so the
// history does.
func (a admitted) schemeName(c *setup, l *acceptorHistory) string {
	if a.scheme != "" {
		return a.scheme
	}
	return c.nameOf(l.scheme)
}

package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// leaseFor returns the lease that an exchange began with for a side, the zero Lease where the
// request does not reach that side.
func (t *clientHistory) leaseFor(side gss.Side) machine.Lease {
	switch {
	case side == gss.Proxy && t.begin.Route.Kind != machine.Direct:
		return t.begin.ProxyLease
	case side == gss.Origin && t.begin.Route.Kind != machine.Tunneling:
		return t.begin.Lease
	}
	return machine.Lease{}
}

// silent reports whether the client takes this side for authenticated already:
// it could open with what the lease knows, and nothing has been asked for yet,
// but it sends nothing.
func (t *clientHistory) silent(c *setup, side gss.Side, creds header.Credentials) bool {
	a := &t.side[side]
	l := t.leaseFor(side)
	s := c.setOf(l.Scheme)
	if s == 0 || t.spoke || creds.Present() || a.challenged || a.rounds > 0 || a.asked != 0 || a.sentEver || s == nego2 || t.begin.Request.Multiplexed {
		return false
	}
	if _, can := c.toyFor(side, l.Scheme); !can {
		return false
	}
	switch {
	case c.reader != nil && !bound.has(s) && l.Memory.Offer == (header.Challenge{}):
		return false // nothing to answer
	case side == gss.Proxy && s == negotiate && !t.begin.Route.Explicit:
		return false
	case side == gss.Origin && t.begin.Route.Kind == machine.Forwarded && c.legs(s) && !l.SessionBased:
		return false
	}
	return true
}

// stays reports whether by all that was said a side's authentication lasts.
func (s *standing) stays() bool { return s.proven && s.lasting && !s.reset }

// goesOn reports whether credentials of s only carry on what was begun before
// the newest challenge: nothing was given anew.
func (a *attempt) goesOn(s schemes) bool { return s == a.scheme && !a.anew }

// answering returns the side that a Deliver speaks for.
func (t *clientHistory) answering() gss.Side {
	if t.begin.Route.Kind == machine.Tunneling {
		return gss.Proxy
	}
	return gss.Origin
}

// owned reports whether what the connection holds of a side is for this request.
func (t *clientHistory) owned(side gss.Side) bool {
	return t.begin.Identity == t.holder && (side == gss.Proxy || originOf(&t.begin.Request) == t.holderTo)
}

// affine reports whether connection-bound schemes may run with the origin.
func (t *clientHistory) affine() bool { return t.affineFor(gss.Origin) }

// affineFor reports whether schemes of handshakes may run with a side: through a forwarding proxy
// only where that is known to support it.
func (t *clientHistory) affineFor(side gss.Side) bool {
	return side == gss.Proxy || t.begin.Route.Kind != machine.Forwarded || t.session == supported || t.session == leased
}

// denied reports whether a credential question of this exchange was not granted.
func (t *clientHistory) denied(side gss.Side) bool { return t.side[side].denied != 0 }

// proven tells whether the response that was taken has a proof of the side's peer, and
// whether that is the right one for the credentials last sent.
func (t *clientHistory) proven(c *setup, side gss.Side) (came, right bool) {
	a := &t.side[side]
	if p, ok := claimOf(a.proof); ok {
		info := t.answer.Header.AuthenticationInfo
		if side == gss.Proxy {
			info = t.answer.Header.ProxyAuthenticationInfo
		}
		return p.proven(info, side, t.hashed[1])
	}
	token, came := c.rawToken(field(t.answer.Header, side), a.scheme)
	if c.isKerberos(side, a.scheme) {
		request, _ := a.proof.Token()
		r, _ := openAPReq(leafToken(request))
		_, right = r.proven(leafToken(token))
		return came, right
	}
	if toy, _ := c.toyFor(side, c.nameOf(a.scheme)); toy.own.read() {
		last := c.lastMessage(field(t.answer.Header, side), infoOf(t.answer.Header, side), a.scheme)
		return c.proves(last, a.token.user, side, t.begin.Request)
	}
	m := read(token, side)
	return came, m.kind == 'f' && m.proof && m.ours && m.user == a.token.user
}

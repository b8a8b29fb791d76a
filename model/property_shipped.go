package model

import (
	"slices"

	rfc7616 "github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

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

// mayProve reports whether a toy's acceptor may prove itself, be it that it need not.
func (t toy) mayProve() bool { return t.mech.Mutual || t.shipped != nil && t.shipped.digest != nil }

// isKerberos reports whether a scheme is package kerberos on a side.
func (c *setup) isKerberos(side gss.Side, s schemes) bool {
	t, _ := c.toyFor(side, nameOf(s))
	return t.shipped != nil && t.shipped.kdc != nil
}

// proven tells whether the response that was taken has a proof of the side's peer, and
// whether that is the right one for the credentials last sent.
func (t *trail) proven(c *setup, side gss.Side) (came, right bool) {
	a := &t.side[side]
	if p, ok := claimOf(a.proof); ok {
		info := t.answer.Header.AuthenticationInfo
		if side == gss.Proxy {
			info = t.answer.Header.ProxyAuthenticationInfo
		}
		return p.proven(info, side, t.hashed[1])
	}
	token, came := rawToken(field(t.answer.Header, side), a.scheme)
	if c.isKerberos(side, a.scheme) {
		request, _ := a.proof.Token()
		r, _ := openAPReq(leafToken(request))
		_, right = r.proven(leafToken(token))
		return came, right
	}
	m := read(token, side)
	return came, m.kind == 'f' && m.proof && m.ours && m.user == a.token.user
}

// owner is the client that an entry of a memory is charged to.
func (l *ledger) owner(c *setup, q gss.NeedFirstSeen) string {
	creds := l.creds(&l.request)
	if p, ok := claimOf(creds); ok {
		return gss.OwnerOf(p.user, digestRealm)
	}
	if c.isKerberos(l.side, l.scheme) {
		return gss.OwnerOf(l.token.user, kerberosRealm)
	}
	user, _ := creds.Param("username")
	return gss.OwnerOf(user, q.Scope)
}

// count is the nonce that a client of Digest used last, and its count.
type count struct{ nonce, nc string }

// ahead takes note of the nonces that a response gives ahead, which begin at 1.
func (t *trail) ahead(c *setup, h header.Response) {
	for side, info := range [...]header.Info{gss.Origin: h.AuthenticationInfo, gss.Proxy: h.ProxyAuthenticationInfo} {
		next, _ := info.Param("nextnonce")
		if next == "" || c.digestPeers(gss.Side(side)) == nil {
			continue
		}
		t.side[side].next = next
		if t.counts[side].nonce == next {
			t.counts[side] = count{}
		}
	}
}

// target is the request-target of a request on a side.
func target(q machine.Request, side gss.Side) string {
	if side == gss.Proxy && q.Method != "CONNECT" {
		return q.Scheme + "://" + q.Host + q.URI
	}
	return q.URI
}

// digestSent judges credentials of the shipped Digest, with the challenges that they may
// answer: the newest ones, or the one that was remembered.
func digestSent(f func(c *setup, t *trail, side gss.Side, p claim, creds header.Credentials, offers header.Challenges) Verdict) func(*setup, *trail, any) Verdict {
	return eachSide(func(c *setup, t *trail, a *attempt, side gss.Side, creds header.Credentials) Verdict {
		p, ok := claimOf(creds)
		if !ok {
			return Idle
		}
		offers := a.digests
		// An exchange that goes on over another connection may begin anew.
		if lease := t.leaseFor(side).Memory.Offer; a.rounds == 0 || !t.spoke && p.answers(lease, creds) {
			offers = header.ListOf(lease)
		}
		if a.next != "" { // one side of an exchange may go on while the other begins
			offers = offers.Append(renewed(offers, a.next))
		}
		return f(c, t, side, p, creds, offers)
	})
}

// renewed are challenges with another nonce.
func renewed(offers header.Challenges, nonce string) header.Challenges {
	var cs []header.Challenge
	for c := range offers.Of(scheme.Digest) {
		var b []byte
		for p := range c.Params() {
			if p.Name == "nonce" {
				p.Value = nonce
			}
			b = appendParam(b, p)
		}
		cs = append(cs, header.ParamChallenge(scheme.Digest, string(b)))
	}
	return header.ListOf(cs...)
}

// shippedProperties are about what the shipped mechanisms prove, by what the standards say
// of their messages: whether a proof is right is computed here from the secrets of the
// world, and not taken from any context.
var shippedProperties = []Property{
	{
		Name: "DigestAnswersItsChallenge", Shipped: true,
		Says: "Credentials of Digest answer one of the newest challenges, or the one that was remembered: with its realm, nonce, opaque and algorithm as they came, and one of its qops, or none where it has none.",
		Rows: rows("R7616-3.4-1 R7616-3.4-2 MSDIG-10"),
		client: digestSent(func(_ *setup, _ *trail, _ gss.Side, p claim, creds header.Credentials, offers header.Challenges) Verdict {
			for c := range offers.Of(scheme.Digest) {
				if p.answers(c, creds) {
					return Holds
				}
			}
			return Falls
		}),
	},
	{
		Name: "DigestTakesTheStrongest", Shipped: true,
		Says: "Of the challenges of Digest the one with the strongest algorithm is answered, and with a new nonce for the same password no weaker algorithm or qop than before is taken.",
		Rows: rows("R7616-5.6-1 HTA-13"),
		client: digestSent(func(_ *setup, t *trail, side gss.Side, p claim, creds header.Credentials, offers header.Challenges) Verdict {
			a := &t.side[side]
			for c := range offers.Of(scheme.Digest) {
				alg := algorithmOf(c.Param("algorithm"))
				if list, there := c.Param("qop"); alg.Stronger(p.alg) && (there && list != "" || !there && !alg.Session()) {
					return Falls
				}
			}
			if old, ok := claimOf(a.proof); ok && a.tried.has(digest) && !a.anew && (old.alg.Stronger(p.alg) || old.qop > p.qop) {
				return Falls
			}
			return Holds
		}),
	},
	{
		Name: "DigestCountsUp", Shipped: true,
		Says: "A client that uses a nonce again counts up with each request, unless the server gave it anew.",
		Rows: rows("R7616-3.4-3"),
		client: digestSent(func(_ *setup, t *trail, side gss.Side, p claim, creds header.Credentials, _ header.Challenges) Verdict {
			was := t.counts[side]
			if was.nonce != p.nonce || p.nc == "" || creds == t.side[side].proof {
				return Idle
			}
			return Must(p.nc > was.nc)
		}),
	},
	{
		Name: "DigestProvesItsRequest", Shipped: true,
		Says: "The response of credentials is computed with what the user gave for this side, over this request's method and target, and over its body where the qop covers that.",
		Rows: rows("MSDIG-10 MSDIG-11 R7616-3.4.6-1"),
		client: digestSent(func(_ *setup, t *trail, side gss.Side, p claim, _ header.Credentials, _ header.Challenges) Verdict {
			q := t.begin.Request
			right := p.proves(secretOf(p.user, side), q.Method, t.hashed[0]) || p.proves(wrongSecret(side), q.Method, t.hashed[0])
			return Must(right && p.uri == target(q, side) && p.user == t.begin.Identity)
		}),
	},
	{
		Name: "MutualMeansProven", Shipped: true,
		Says: "The application is told that the peer proved itself exactly where a response that is delivered as authenticated has the right proof.",
		Rows: rows("R4559-4.1-11 R7616-3.5-1 R4120-3.2.4-1"),
		client: on(func(c *setup, t *trail, d machine.Deliver) Verdict {
			side := t.answering()
			a := &t.side[side]
			if toy, _ := c.toyFor(side, nameOf(a.scheme)); !a.with || toy.shipped == nil || toy.shipped.digest == nil && toy.shipped.kdc == nil {
				return Idle
			}
			_, right := t.proven(c, side)
			if mutual := d.Info.Flags.Has(gss.Mutual); d.Authenticated {
				return Must(mutual == right)
			} else if mutual {
				return Falls
			}
			return Idle
		}),
	},
	{
		Name: "AcceptedProofIsRight", Shipped: true,
		Says: "Credentials are accepted only if they prove this very request: of Digest the response is right for its method, target and body, for a nonce that the server made for this side and that has not run out, with an algorithm and a qop that were offered; of Kerberos the ticket is for this service and holds, and the authenticator is its client's and made now.",
		Rows: rows("MSDIG-12 R7616-3.4-2 R7616-3.4.6-1 R4120-3.2.3-1"),
		acceptor: on(func(c *setup, l *ledger, a admitted) Verdict {
			if a.anonymous || !l.with {
				return Idle
			}
			creds := l.creds(&l.request)
			if d := c.digestPeers(l.side); d != nil && creds.Is(scheme.Digest) {
				p, ok := claimOf(creds)
				return Must(ok && l.rightClaim(d, p) && d.offers(l.side, "nonce", p.nonce))
			}
			if c.isKerberos(l.side, l.scheme) {
				r, ok := l.apReq()
				return Must(ok && r.right(l.side) && r.ticket.Client.Name.String() == a.info.Peer)
			}
			return Idle
		}),
	},
	{
		Name: "ReplayQuestionIsOfARightProof", Shipped: true,
		Says: "Whether something is new is asked only about a proof that is right: for Digest about its nonce and its count, for Kerberos about the authenticator, for as long as a copy could be taken.",
		Rows: rows("REPLAY-1 R4120-3.2.3-2 R7616-3.4-3"),
		acceptor: on(func(c *setup, l *ledger, a machine.Ask) Verdict {
			q, ok := a.Question.(gss.NeedFirstSeen)
			if !ok {
				return Idle
			}
			if d := c.digestPeers(l.side); d != nil && l.scheme == digest {
				p, _ := claimOf(l.creds(&l.request))
				return Must(l.rightClaim(d, p) && d.offers(l.side, "nonce", p.nonce) && q.Key == p.nonce && rfc7616.FormatNC(q.Sequence) == p.nc &&
					q.Until >= q.Made+int64(rfc7616.DefaultLifetime))
			}
			if c.isKerberos(l.side, l.scheme) {
				r, ok := l.apReq()
				const skew = 300e9
				return Must(ok && r.right(l.side) && q.Sequence == 0 && len(q.Key) >= 32 && q.Until >= r.auth.Time.Nano()+skew)
			}
			return Idle
		}),
	},
	{
		Name: "StaleMeansRightProof", Shipped: true,
		Says: "A server says stale=true exactly where the proof was right and the nonce could not be taken: guesses at passwords gain nothing by old nonces.",
		Rows: rows("R7616-3.3-2 MSDIG-13"),
		acceptor: on(func(c *setup, l *ledger, r refused) Verdict {
			d := c.digestPeers(l.side)
			creds := l.creds(&l.request)
			if d == nil || !creds.Is(scheme.Digest) || r.Status != challengeStatus(l.side) {
				return Idle
			}
			p, ok := claimOf(creds)
			right := ok && l.verified && l.rightClaim(d, p)
			return Must(right == staleIn(r.Challenges))
		}),
	},
	{
		Name: "ServerProofIsRight", Shipped: true,
		Says: "The response to a request that was accepted has the right proof of the server, but for Digest where its body, which the qop covers, cannot be hashed.",
		Rows: rows("R7616-3.5-1 R4120-3.2.4-1"),
		acceptor: on(func(c *setup, l *ledger, f finished) Verdict {
			if !l.with || !l.admit || f.status == challengeStatus(l.side) {
				return Idle
			}
			if p, ok := claimOf(l.creds(&l.request)); ok {
				came, right := p.proven(f.Info, l.side, l.hashed[1])
				return Must(right || !came && p.qop == rfc7616.AuthInt && l.hashed[1] == "")
			}
			if c.isKerberos(l.side, l.scheme) {
				token, _ := rawToken(f.Challenges, l.scheme)
				r, _ := l.apReq()
				_, right := r.proven(leafToken(token))
				return Must(right)
			}
			return Idle
		}),
	},
}

// rightClaim reports whether a claim is right for the request that it came with, whatever
// its nonce is worth.
func (l *ledger) rightClaim(d *digestPeers, p claim) bool {
	q := l.request.r
	return slices.Contains(d.algs, p.alg) && slices.Contains(d.qops, p.qop) && p.realm == digestRealm && p.user != "" &&
		p.uri == target(q, l.side) && p.proves(secretOf(p.user, l.side), q.Method, l.hashed[0])
}

// apReq is the request's AP-REQ.
func (l *ledger) apReq() (apReq, bool) {
	token, _ := l.creds(&l.request).Token()
	return openAPReq(leafToken(token))
}

// offers reports whether a parameter of the server's own challenges has a value.
func (d *digestPeers) offers(side gss.Side, name, value string) bool {
	for c := range d.offered[side].All() {
		if v, _ := c.Param(name); v == value {
			return true
		}
	}
	return false
}

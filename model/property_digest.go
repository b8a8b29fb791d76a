package model

import (
	rfc7616 "github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// noThirdLegForDigest checks RFC 7616 section 3.3: stale=true alone lets a client use the same password again. A
// client that repeats a wrong password locks its user's account.
var noThirdLegForDigest = Property{
	Name:  "NoThirdLegForDigest",
	Says:  "Credentials of Digest that were refused are answered anew only with stale=true, once, or with credentials that were asked for anew.",
	needs: hasDigest | hasOrders,
	Rows:  rows("MSDIG-13 R7616-3.3-2"),
	client: withCredentials(func(c *setup, _ *clientHistory, a *attempt, side gss.Side, s schemes, _ message) Verdict {
		if toy, ok := c.toyFor(side, scheme.Digest); s != digest || !a.tried.has(digest) || ok && !toy.asks() {
			return Idle
		}
		if c.digestPeers(side) != nil && !a.anew && !a.since && !staleIn(a.digests) {
			return Falls
		}
		return Must(a.uses <= 1 || a.since)
	}),
}

// preemptiveDigestOnePair is the witness that Digest saves the second pair of messages where the challenge is known.
var preemptiveDigestOnePair = Property{
	Name: "PreemptiveDigestOnePair", Kind: Sometimes,
	Says:  "Digest authenticates a request with one pair of messages.",
	needs: hasDigest | hasLeases,
	Rows:  rows("MSDIG-2"),
	client: on(func(_ *setup, t *clientHistory, d machine.Deliver) Verdict {
		a := &t.side[gss.Origin]
		return sometimes(d.Authenticated && a.scheme == digest && a.rounds == 0)
	}),
}

// digestIndependentOfConnection is the witness that Digest needs no connection: the credentials are accepted where
// their challenge was never sent.
var digestIndependentOfConnection = Property{
	Name: "DigestIndependentOfConnection",
	Says: "Good credentials of Digest are accepted on a connection that never saw the challenge.", Kind: Sometimes,
	needs: hasDigest,
	Rows:  rows("MSDIG-3"),
	acceptor: on(func(_ *setup, l *acceptorHistory, a admitted) Verdict {
		return sometimes(l.scheme == digest && l.with && !l.ever && !l.challenged)
	}),
}

// digestAnswersItsChallenge checks RFC 7616 section 3.4: opaque and algorithm go back as they came, and qop is one of
// those offered.
var digestAnswersItsChallenge = Property{
	Name: "DigestAnswersItsChallenge", Shipped: true,
	Says:  "Credentials of Digest answer one of the newest challenges, or the one that was remembered: with its realm, nonce, opaque and algorithm as they came, and one of its qops, or none where it has none.",
	needs: hasShippedDigest,
	Rows:  rows("R7616-3.4-1 R7616-3.4-2 MSDIG-10"),
	client: digestSent(func(_ *setup, _ *clientHistory, _ gss.Side, p claim, creds header.Credentials, offers header.Challenges) Verdict {
		for c := range offers.Of(scheme.Digest) {
			if p.answers(c, creds) {
				return Holds
			}
		}
		return Falls
	}),
}

// digestTakesTheStrongest checks RFC 7616 section 5.6. A server that sends a new nonce for the same password must not
// be able to weaken the answer by that.
var digestTakesTheStrongest = Property{
	Name: "DigestTakesTheStrongest", Shipped: true,
	Says:  "Of the challenges of Digest the one with the strongest algorithm is answered, and with a new nonce for the same password no weaker algorithm or qop than before is taken.",
	needs: hasShippedDigest,
	Rows:  rows("R7616-5.6-1 HTA-13"),
	client: digestSent(func(_ *setup, t *clientHistory, side gss.Side, p claim, creds header.Credentials, offers header.Challenges) Verdict {
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
}

// digestCountsUp checks RFC 7616 section 3.4: nc counts the requests with one nonce. Credentials that are sent again
// word for word are one request.
var digestCountsUp = Property{
	Name: "DigestCountsUp", Shipped: true,
	Says:  "A client that uses a nonce again counts up with each request, unless the server gave it anew.",
	needs: hasShippedDigest,
	Rows:  rows("R7616-3.4-3"),
	client: digestSent(func(_ *setup, t *clientHistory, side gss.Side, p claim, creds header.Credentials, _ header.Challenges) Verdict {
		was := t.counts[side]
		if was.nonce != p.nonce || p.nc == "" || creds == t.side[side].proof {
			return Idle
		}
		return Must(p.nc > was.nc)
	}),
}

// digestProvesItsRequest checks RFC 7616 section 3.4.6: the proof covers method, target and, with auth-int, the body.
// The proof is computed here, from the secrets of the world.
var digestProvesItsRequest = Property{
	Name: "DigestProvesItsRequest", Shipped: true,
	Says:  "The response of credentials is computed with what the user gave for this side, over this request's method and target, and over its body where the qop covers that.",
	needs: hasShippedDigest,
	Rows:  rows("MSDIG-10 MSDIG-11 R7616-3.4.6-1"),
	client: digestSent(func(_ *setup, t *clientHistory, side gss.Side, p claim, _ header.Credentials, _ header.Challenges) Verdict {
		q := t.begin.Request
		right := p.proves(secretOf(p.user, side), q.Method, t.hashed[0]) || p.proves(wrongSecret(side), q.Method, t.hashed[0])
		return Must(right && p.uri == target(q, side) && p.user == t.begin.Identity)
	}),
}

// acceptedProofIsRight checks what RFC 7616 section 3.4 and RFC 4120 section 3.2.3 have a server verify. It computes
// the proofs anew, so a check that the server leaves out shows here.
var acceptedProofIsRight = Property{
	Name: "AcceptedProofIsRight", Shipped: true,
	Says:  "Credentials are accepted only if they prove this very request: of Digest the response is right for its method, target and body, for a nonce that the server made for this side and that has not run out, with an algorithm and a qop that were offered; of Kerberos the ticket is for this service and holds, and the authenticator is its client's and made now; of a scheme that is read (Spec.Read) the proof is right for the request and the secret of the user that it names.",
	needs: hasProofs,
	Rows:  rows("MSDIG-12 R7616-3.4-2 R7616-3.4.6-1 R4120-3.2.3-1"),
	acceptor: on(func(c *setup, l *acceptorHistory, a admitted) Verdict {
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
		if c.reads(l.side, l.scheme) {
			user, right := c.claimIn(creds, l.side, l.request.r)
			return Must(right && user == a.info.Peer)
		}
		return Idle
	}),
}

// staleMeansRightProof checks RFC 7616 section 3.3: stale=true says that only the nonce was wrong. If it came for
// wrong passwords too, old nonces would let an attacker guess without end.
var staleMeansRightProof = Property{
	Name: "StaleMeansRightProof", Shipped: true,
	Says:  "A server says stale=true exactly where the proof was right and the nonce could not be taken: guesses at passwords gain nothing by old nonces.",
	needs: hasShippedDigest,
	Rows:  rows("R7616-3.3-2 MSDIG-13"),
	acceptor: on(func(c *setup, l *acceptorHistory, r refused) Verdict {
		d := c.digestPeers(l.side)
		creds := l.creds(&l.request)
		if d == nil || !creds.Is(scheme.Digest) || r.Status != challengeStatus(l.side) {
			return Idle
		}
		p, ok := claimOf(creds)
		right := ok && l.verified && l.rightClaim(d, p)
		return Must(right == staleIn(r.Challenges))
	}),
}

// serverProofIsRight checks RFC 7616 section 3.5 and RFC 4120 section 3.2.4: the server proves itself in turn.
var serverProofIsRight = Property{
	Name: "ServerProofIsRight", Shipped: true,
	Says:  "The response to a request that was accepted has the right proof of the server, but for Digest where its body, which the qop covers, cannot be hashed.",
	needs: hasProofs | hasMutual,
	Rows:  rows("R7616-3.5-1 R4120-3.2.4-1"),
	acceptor: on(func(c *setup, l *acceptorHistory, f finished) Verdict {
		if !l.with || !l.admit || f.status == challengeStatus(l.side) {
			return Idle
		}
		if p, ok := claimOf(l.creds(&l.request)); ok {
			came, right := p.proven(f.Info, l.side, l.hashed[1])
			return Must(right || !came && p.qop == rfc7616.AuthInt && l.hashed[1] == "")
		}
		if c.isKerberos(l.side, l.scheme) {
			token, _ := c.rawToken(f.Challenges, l.scheme)
			r, _ := l.apReq()
			_, right := r.proven(leafToken(token))
			return Must(right)
		}
		if toy, _ := c.acceptorToy(l.side, c.nameOf(l.scheme)); toy.own.read() && toy.mayProve() {
			_, right := c.proves(c.lastMessage(f.Challenges, f.Info, l.scheme), l.token.user, l.side, l.request.r)
			return Must(right)
		}
		return Idle
	}),
}

// refusedMemoryIsNoWrongPassword checks RFC 9110 section 11.5, where a realm is a protection space of its own, and RFC 7616 section
// 3.6, where a server may refuse an old nonce. A source of credentials gives up where it hears that they were refused, and a user is
// asked for other ones.
var refusedMemoryIsNoWrongPassword = Property{
	Name: "RefusedMemoryIsNoWrongPassword", Shipped: true,
	Says:  "A question says that credentials were refused only where those of its realm were, which a challenge of this exchange asked for, or asked for once more; and what was refused from memory is not sent from there again in the same exchange.",
	needs: hasShippedDigest | hasOrders,
	Rows:  rows("R9110-11.5-2"),
	client: func(c *setup, t *clientHistory, v any) Verdict {
		switch v := v.(type) {
		case machine.Ask:
			q, ok := v.Question.(gss.NeedCredential)
			if !ok || c.digestPeers(q.Side) == nil || q.Scheme != scheme.Digest {
				return Idle
			}
			of := 0
			if q.Realm != digestRealm {
				of = 1
			}
			return Must(!q.Rejected || t.side[q.Side].wrong[of])
		case machine.Send:
			verdict := Idle
			for _, side := range sides {
				p, ok := claimOf(credentials(v, side))
				if a := &t.side[side]; ok && a.spurned && c.digestPeers(side) != nil {
					known, _ := t.leaseFor(side).Memory.Offer.Param("nonce")
					verdict = worst(verdict, Must(p.nonce != known || a.offers(p)))
				}
			}
			return verdict
		}
		return Idle
	},
}

// offers reports whether a claim is about the nonce of one of the newest challenges.
func (a *attempt) offers(p claim) bool {
	for c := range a.digests.Of(scheme.Digest) {
		if nonce, _ := c.Param("nonce"); nonce == p.nonce {
			return true
		}
	}
	return false
}

package model

import (
	"strconv"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// clientHistory records what was observable on a client's connection: what was said on
// the wire, what the user was asked, what the application got. It knows nothing of the
// machine's inside.
type clientHistory struct {
	// This connection.
	inside   bool
	holder   string // the identity that a server took a proof of here
	holderTo string // and the origin of that server
	sides    [2]standing
	counts   [2]count // the nonces of Digest that were used last, on whatever connections
	leased   leases
	left     bool // an exchange ended here in the middle of a handshake

	// This exchange.
	open       bool
	begin      machine.Begin // without Resume
	side       [2]attempt
	session    session
	spoke      bool  // a request was sent since Begin
	bodies     uint8 // how often a body was put on the wire
	reconnects uint8
	waiting    bool  // a request has no response so far
	losses     uint8 // requests that lost their connection in place of a response
	proofLost  bool  // and with it the last proof of a handshake
	empty      bool  // the last request went without the body that belongs to it
	probe      bool  // or was a probe
	safe       bool  // or may be sent twice, in whatever state the peer is
	late       bool  // a request was sent again because it had come too early
	sent       machine.BodyUse
	hashed     bodies
	judging    bool // a question about the response is open
	status     int  // of the response that is being dealt with, 0 after a Send
	answer     machine.Response
}

// standing is a side's history on one connection.
type standing struct {
	proven   bool // an exchange here ended authenticated, with credentials of its own
	lasting  bool // and with a word, or by nature, that it lasts
	reset    bool // the challenge status came since
	crossed  bool // the other side's challenge status came since
	saidTrue bool // Persistent-Auth: true came, whenever
}

// leases are those of the remembered challenge that was leased last.
type leases struct {
	offer  header.Challenge
	counts uint32 // bit n: one of them had the count n
}

// with returns the leases and one more. Counts are kept modulo 32, and no world has that many
// requests.
func (l leases) with(m *scheme.Memory) leases {
	if l.offer != m.Offer {
		l = leases{offer: m.Offer}
	}
	l.counts |= 1 << (m.Count & 31)
	return l
}

// session is what is known of Proxy-Support in this exchange.
type session uint8

const (
	unheard session = iota
	leased
	supported
	unsupported
)

// attempt is a side's history in one exchange.
type attempt struct {
	challenged   bool    // on this connection
	offered      schemes // by the challenges of this exchange on this connection
	newest       schemes // by the newest one
	everOffered  schemes // by all of this exchange
	newestClosed bool
	heard        message // the token of the scheme in use, in the newest challenge
	since        bool    // credentials were sent since the newest challenge
	with         bool    // the last request carried credentials
	passed       bool    // and its response took them as those of one request
	worked       schemes // of which a response took credentials to the end, since the newest challenge
	scheme       schemes // of the credentials last sent on this connection
	token        message // in them
	sentEver     bool    // credentials were sent in this exchange
	asked        schemes // for which the user was asked
	granted      schemes // and gave something
	denied       schemes // or did not
	without      schemes // though none were refused
	tried        schemes // of which credentials were sent
	rounds       uint8
	heardCount   uint8              // tokens of challenges, on this connection since the first leg
	refusals     uint8              // times that credentials were asked for
	closing      uint8              // offers of Nego2 that closed their connection
	anew         bool               // something was given since the newest challenge
	uses         uint8              // answers to a challenge with what was given last
	odd          bool               // the newest challenge carries a token that cannot come now
	proof        header.Credentials // as last sent
	digests      header.Challenges  // the newest, where the Digest is no toy's
	next         string             // the nonce that came ahead, since
	foreign      bool               // what was given last is for another realm than the server's
	unasked      bool               // the credentials last sent are from memory
	spurned      bool               // and some such were refused, in this exchange
	wrong        [2]bool            // credentials were refused that a challenge asked for: of the server's realm, of another
}

// challengedBy tells which side a status is an authentication error of.
func (t *clientHistory) challengedBy(status int) (gss.Side, bool) {
	switch {
	case status == 407 && t.begin.Route.Kind != machine.Direct:
		return gss.Proxy, true
	case status == 401 && t.begin.Route.Kind != machine.Tunneling:
		return gss.Origin, true
	}
	return 0, false
}

// due reports whether m is the token that a scheme's initiator waits for, in a
// challenge.
func (a *attempt) due(m message) bool {
	return m.kind == 'c' && a.token.kind == 'i' && m.leg == a.token.leg && !a.token.proof
}

// see updates the history by one observation. Properties were judged before it.
func (t *clientHistory) see(c *setup, v any) {
	switch v := v.(type) {
	case connected:
		t.leave(c)
		t.inside = v.inside
	case machine.Closed:
		t.leave(c)
	case machine.Lost:
		if t.judging { // as if the response had said so
			if side, ok := t.challengedBy(t.status); ok {
				t.side[side].newestClosed = true
			}
			return
		}
		t.lose(c, v)
		t.leave(c)
	case machine.Ask:
		_, t.judging = v.Question.(lastWord)
	case machine.Begin:
		resumed := v.Resume != (machine.Resume{})
		v.Resume = machine.Resume{}
		if !resumed {
			*t = t.between()
		}
		if !c.remembers { // each order begins with the same count
			t.counts = [2]count{}
		}
		if l := &v.Lease.Memory; c.streams && l.Offer.Form() != header.Malformed {
			t.leased = t.leased.with(l)
		}
		t.open, t.begin, t.session, t.spoke = true, v, unheard, false
		if v.Lease.SessionBased {
			t.session = leased
		}
	case answered:
		t.hashed.see(v)
		t.judging = false
		if q, ok := v.question.(gss.NeedCredential); ok {
			a := &t.side[q.Side]
			s := c.asker(q.Side, q.Scheme)
			a.asked |= s
			a.refusals++
			if grants(v.answer) || v.granted && c.answers != nil {
				a.granted |= s
				a.denied &^= s
				a.anew, a.uses = true, 0
				a.foreign = q.Realm != digestRealm
			} else {
				a.denied |= s
				if !q.Rejected { // where others were refused it is no want of credentials
					a.without |= s
				}
			}
		}
	case machine.Send:
		t.send(c, v)
	case machine.Response:
		t.response(c, v)
	case machine.Deliver, machine.Fail:
		t.left = t.halfway(c)
		t.close()
	case gaveUp:
		t.leave(c)
		t.close()
	case machine.Reopen:
		t.leave(c)
		t.side[gss.Origin].worked, t.side[gss.Proxy].worked = 0, 0
		t.reconnects++
	}
}

// leave forgets a connection. What an exchange heard on it does not count on the next one; the
// bounds of the exchange and what the user gave do.
func (t *clientHistory) leave(c *setup) {
	t.holder, t.holderTo, t.sides, t.left = "", "", [2]standing{}, false
	for s := range t.side {
		a := &t.side[s]
		goesOn := a.scheme &^ (bound | c.ownLegs) // what proves each request alone needs no connection
		*a = attempt{scheme: goesOn, digests: a.digests, next: a.next, anew: a.anew, uses: a.uses, everOffered: a.everOffered, asked: a.asked, granted: a.granted, denied: a.denied, without: a.without, tried: a.tried,
			rounds: a.rounds, worked: a.worked, refusals: a.refusals, closing: a.closing, sentEver: a.sentEver,
			foreign: a.foreign, spurned: a.spurned, wrong: a.wrong}
	}
	t.answer = machine.Response{}
}

// lose notes that a request gets no answer any more. One of which nothing was written counts as not
// sent.
func (t *clientHistory) lose(c *setup, l machine.Lost) {
	switch {
	case !t.waiting:
	case l.Unsent: // as if it had not been tried
		if t.sent != machine.Omit {
			t.bodies--
		}
		t.spoke = false
	default:
		t.losses++
		for s := range t.side {
			a := &t.side[s]
			t.proofLost = t.proofLost || a.with && c.legs(a.scheme) && a.token.proof && a.token.leg > 1
		}
	}
	t.waiting = false
}

// close forgets an exchange.
func (t *clientHistory) close() {
	*t = t.between()
}

// between returns what outlives an exchange.
func (t *clientHistory) between() clientHistory {
	return clientHistory{inside: t.inside, holder: t.holder, holderTo: t.holderTo, sides: t.sides, counts: t.counts, leased: t.leased, left: t.left}
}

// halfway reports whether the last request carried credentials of a handshake that
// its response neither completed nor refused. A proxy that need not prove itself does
// so with any response but a 407.
func (t *clientHistory) halfway(c *setup) bool {
	for s := range t.side {
		a := &t.side[s]
		if a.with && c.legs(a.scheme) && !a.worked.has(a.scheme) && (t.status != challengeStatus(gss.Side(s)) || a.due(a.heard)) {
			return true
		}
	}
	return false
}

// send notes a request, and for each side what its credentials are.
func (t *clientHistory) send(c *setup, s machine.Send) {
	t.late = t.late || t.status == 425
	t.status, t.answer, t.spoke, t.waiting = 0, machine.Response{}, true, true
	if s.Body != machine.Omit {
		t.bodies++
	}
	t.empty, t.probe, t.sent = s.Body == machine.Omit && t.begin.Body != machine.NoBody, s.Probe, s.Body
	for side := range t.side {
		a, creds := &t.side[side], credentials(s, gss.Side(side))
		renewed := a.passed
		a.with, a.passed = creds.Present(), false
		if !a.with {
			continue
		}
		if c.digestPeers(gss.Side(side)) != nil {
			a.unasked = a.rounds == 0 || renewed || a.unasked && a.since
		}
		if !a.since {
			a.uses++
		}
		a.since, a.sentEver = true, true
		a.scheme = c.setOf(creds.Scheme())
		a.tried |= a.scheme
		a.proof = creds
		if p, ok := claimOf(creds); ok {
			t.counts[side] = count{p.nonce, p.nc}
		}
		a.token = c.readCredentials(creds, gss.Side(side), t.begin.Request)
		if a.token.leg == 1 {
			a.heardCount = 0
		}
	}
	o := &t.side[gss.Origin]
	t.safe = t.begin.Request.Method != "POST" || t.empty || t.probe || o.with && c.legs(o.scheme) && !o.token.proof
}

// response notes a response: which side it challenges, which one it passes, and whether its token
// is one that may come now.
func (t *clientHistory) response(c *setup, r machine.Response) {
	if r.Status < 200 && r.Status != 101 {
		return
	}
	t.status, t.answer, t.waiting = r.Status, r, false
	if t.sent != machine.Omit && r.BodySent == machine.SentNone {
		t.bodies--
	}
	t.sent = machine.Omit
	t.ahead(c, r.Header)
	if r.Header.PersistentAuth == header.PersistTrue {
		t.sides[gss.Origin].saidTrue = true
	}
	side, ok := t.challengedBy(r.Status)
	if !ok || side == gss.Origin {
		t.pass(c, gss.Proxy)
	}
	if !ok {
		t.pass(c, gss.Origin)
		return
	}
	t.sides[side].reset, t.sides[1-side].crossed = true, true
	if side == gss.Origin && t.begin.Route.Kind == machine.Forwarded {
		t.session = unsupported
		if r.Header.SessionBased {
			t.session = supported
		}
	}
	a := &t.side[side]
	offers := field(r.Header, side)
	a.challenged, a.newest, a.newestClosed, a.since, a.anew, a.worked = true, c.offersOf(offers), r.Close, false, false, 0
	a.offered |= a.newest
	a.everOffered |= a.newest
	a.rounds++
	if a.newest.has(nego2) && r.Close {
		a.closing++
	}
	if c.digestPeers(side) != nil {
		a.refuse(offers)
		a.digests, a.next = offers, ""
		t.counts[side] = count{}
	}
	a.heard, a.odd = message{}, false
	if c.legs(a.scheme) {
		text, _ := c.rawToken(offers, a.scheme)
		m := c.readAnswer(text, side, t.begin.Request)
		a.heard = m
		// A hint is the first offer of Nego2 once more, and an x refuses.
		a.odd = m.kind != 0 && m.kind != 'x' && !m.more && !a.due(m) && !(m.kind == 'h' && a.scheme == nego2)
		if a.due(m) {
			a.heardCount++
		}
	}
}

// refuse notes that credentials were refused. Those from memory are not, unless the same nonce is to be answered once more: they
// may just have been for another realm, or too late.
func (a *attempt) refuse(offers header.Challenges) {
	p, ok := claimOf(a.proof)
	if !ok || !a.with {
		return
	}
	again := false
	for c := range offers.Of(scheme.Digest) {
		nonce, _ := c.Param("nonce")
		again = again || nonce == p.nonce
	}
	if a.unasked && !again {
		a.spurned = true
		return
	}
	of := 0
	if a.foreign {
		of = 1
	}
	a.wrong[of] = true
}

// pass notes a response that is no challenge of a side. If the handshake of that side is complete
// with it, pass notes what the connection holds from now on: for the origin Persistent-Auth says
// so, and without it, and for a proxy, NTLM lasts by nature.
func (t *clientHistory) pass(c *setup, side gss.Side) {
	a, st := &t.side[side], &t.sides[side]
	if a.with && !c.legs(a.scheme) && (t.status != 425 || t.late) {
		a.worked |= a.scheme
		// Without the peer's proof the shipped Digest does not know that its own was taken.
		a.passed = a.scheme != digest || c.digestPeers(side) == nil || infoOf(t.answer.Header, side).Present()
	}
	if !a.with || !c.legs(a.scheme) || !a.token.proof {
		return
	}
	if side == gss.Proxy && !c.strictProxy {
		a.worked |= a.scheme
	}
	if toy, _ := c.toyFor(side, c.nameOf(a.scheme)); toy.mech.Final {
		text, _ := c.rawToken(field(t.answer.Header, side), a.scheme)
		if c.readAnswer(text, side, t.begin.Request).kind != 'f' {
			return
		}
	}
	a.worked |= a.scheme
	if t.begin.Request.Multiplexed { // nothing lasts beyond its stream
		return
	}
	ntlm := a.leafNTLM() || c.legs(a.scheme) && needsConnection(c.traitsOf(a.scheme)) && c.reader != nil
	st.proven, st.reset, st.crossed, st.lasting = true, false, false, ntlm
	if side == gss.Origin {
		switch t.answer.Header.PersistentAuth {
		case header.PersistTrue:
			st.lasting = true
		case header.PersistFalse, header.PersistInvalid:
			st.lasting = false
		}
	}
	t.holder, t.holderTo = "", ""
	if st.lasting || ntlm {
		t.holder, t.holderTo = t.begin.Identity, originOf(&t.begin.Request)
	}
}

// originOf returns where a request goes, with scheme, host and port.
func originOf(q *machine.Request) string {
	return q.Scheme + "://" + q.Host + ":" + strconv.Itoa(int(q.Port))
}

// leafNTLM reports whether the credentials last sent are NTLM's, under whatever
// scheme.
func (a *attempt) leafNTLM() bool {
	token, _ := a.proof.Token()
	return prefixOf(toyToken(token)) == "toy/NTLM"
}

// count is the nonce that a client of Digest used last, and its count.
type count struct{ nonce, nc string }

// ahead notes the nonces that a response gives ahead. Their counts begin at 1.
func (t *clientHistory) ahead(c *setup, h header.Response) {
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

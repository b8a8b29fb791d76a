package proptest

import (
	"strings"

	"github.com/countersign-auth/countersign/gss"
)

// session looks at the message protection of an honest exchange, both ways.
func (k *talk) session() {
	if !k.completed(initiator) || !k.completed(acceptor) {
		return
	}
	i, hasI := k.ctx[initiator].Session()
	a, hasA := k.ctx[acceptor].Session()
	if !hasI || !hasA {
		k.r.check(sessionSequence, hasI == hasA, "only one side has a session")
		return
	}
	k.protect("initiator to acceptor", i, a, k.ctx[initiator].Info().Flags)
	k.protect("acceptor to initiator", a, i, k.ctx[acceptor].Info().Flags)
}

// made is a message token, however it was made.
type made struct {
	kind  string
	token string
	next  gss.Session
	fault gss.Fault
	take  func(gss.Session, string) (gss.Session, string, gss.Fault)
	plain string
}

// protections returns the ways to protect a message.
func (k *talk) protections(s gss.Session, plain string) []made {
	unwrap := func(sealed bool) func(gss.Session, string) (gss.Session, string, gss.Fault) {
		return func(s gss.Session, token string) (gss.Session, string, gss.Fault) {
			next, text, was, fault := s.Unwrap(token)
			k.r.check(sessionSeals, was == (sealed && fault.IsZero()), "Unwrap says sealed: %v with %q, Wrap was asked for: %v", was, fault.Code, sealed)
			return next, text, fault
		}
	}
	verify := func(s gss.Session, token string) (gss.Session, string, gss.Fault) {
		next, fault := s.VerifyMIC(plain, token)
		if !fault.IsZero() {
			return next, "", fault
		}
		return next, plain, fault
	}
	mic := made{kind: "MIC", take: verify, plain: plain}
	mic.next, mic.token, mic.fault = s.MIC(plain)
	list := []made{mic}
	for _, seal := range [...]bool{false, true} {
		m := made{kind: "Wrap", take: unwrap(seal), plain: plain}
		if seal {
			m.kind = "sealed Wrap"
		}
		m.next, m.token, m.fault = s.Wrap(k.env(), plain, seal)
		list = append(list, m)
	}
	return list
}

// protect sends messages from one session to the other.
func (k *talk) protect(way string, from, to gss.Session, flags gss.Flags) {
	r := k.r
	defer func() {
		if p := recover(); p != nil {
			r.check(noPanic, false, "session, %s: panic: %v", way, p)
		}
	}()
	const plain = "a message that is long enough to be found"
	for n, m := range k.protections(from, plain) {
		who := way + ", " + m.kind
		if m.kind == "sealed Wrap" {
			can := flags.Has(gss.Confidential)
			r.check(sessionSeals, m.fault.IsZero() == can, "%s: %q, and the flag Confidential: %v", who, m.fault.Code, can)
			r.check(sessionSeals, !strings.Contains(m.token, plain), "%s: the text stands in it", who)
			if !can {
				continue
			}
		}
		if !r.check(sessionSeals, m.fault.IsZero(), "%s: %v", who, m.fault) || !r.check(compares, isComparable(m.next), "%s: the session does not compare with ==", who) {
			continue
		}
		// What is forged is refused, and moves nothing.
		for at := range m.token {
			if at%(len(m.token)/24+1) != 0 {
				continue
			}
			forged := m.token[:at] + string([]byte{m.token[at] ^ 1}) + m.token[at+1:]
			k.refuses(sessionForged, who+", a bit flipped", to, m, forged)
		}
		for _, forged := range [...]string{"", "x", m.token + "\x00", m.token[:len(m.token)/2]} {
			k.refuses(sessionForged, who+", nonsense", to, m, forged)
		}
		if m.kind == "MIC" {
			next, fault := to.VerifyMIC(plain+".", m.token)
			r.check(sessionForged, !fault.IsZero() && same(next, to), "%s: it verifies over another message, or moved the session", who)
		}
		// A gap, and a message of our own.
		second := k.protections(m.next, plain)[n]
		k.refuses(sessionSequence, who+", one left out", to, second, second.token)
		k.refuses(sessionSequence, who+", of one's own", from, m, m.token)
		// In order, once.
		after, text, fault := m.take(to, m.token)
		if !r.check(sessionSeals, fault.IsZero() && text == m.plain, "%s: it is not taken as it was made: %v", who, fault) {
			continue
		}
		again, text2, fault2 := m.take(to, m.token)
		r.check(pure, same(again, after) && text2 == text && fault2 == fault, "%s: the same message from the same session gives two results", who)
		k.refuses(sessionSequence, who+", twice", after, m, m.token)
		_, _, fault = second.take(after, second.token)
		r.check(sessionSequence, fault.IsZero(), "%s: the next message is not taken: %v", who, fault)
		r.hides(way, m.next, k.p.Secrets)
	}
}

// refuses wants a token refused, nothing of it returned, and the session left as it was.
func (k *talk) refuses(rule rule, who string, s gss.Session, m made, token string) {
	next, text, fault := m.take(s, token)
	k.r.check(rule, !fault.IsZero(), "%s: it is taken", who)
	k.r.check(rule, fault.IsZero() || text == "", "%s: refused, and its text returned all the same", who)
	k.r.check(rule, fault.IsZero() || same(next, s), "%s: refused, and the session moved all the same", who)
}

package machine

import (
	"cmp"
	"math"
	"strings"

	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// Space is what a client remembers of one peer between exchanges: of an origin
// as it is reached over one route (directly, or through one proxy), or of a
// proxy. It is the only thing that outlives a connection. A driver keeps one
// under a lock: it takes a Lease for each Begin, and applies the Facts that
// Deliver, Fail or Reopen give back. Facts may be applied late, twice and in
// any order. The zero Space knows nothing.
//
// What is known is the newest fact, whole: so the order does not matter. How
// often an offer was answered is counted by the leases alone, and beside it.
type Space struct {
	known   Facts
	session Facts         // the newest word on Proxy-Support
	leased  scheme.Memory // the offer that was leased last, and how often it was answered then
}

// Lease is what one request may use of a Space. The zero Lease is nothing: the
// request starts bare.
type Lease struct {
	// Scheme names one that the peer accepts without a new offer (RFC 4559 section 4.2).
	Scheme string
	// Memory is what the scheme remembered; its Count includes this request.
	Memory scheme.Memory
	// SessionBased: this proxy, for this origin, said Proxy-Support (C12).
	SessionBased bool
}

// Facts are what one exchange taught about a peer. The zero Facts are none.
type Facts struct {
	// At is when it was learned, Env.Now of that Step.
	At int64
	// Scheme worked, with Memory; "" says nothing.
	Scheme string
	Memory scheme.Memory
	// Forget: what was known to work does not any more.
	Forget bool
	// Session is the proxy's word on Proxy-Support, if the exchange heard one.
	Session SessionWord
}

// SessionWord is what an exchange learned about Proxy-Support.
type SessionWord uint8

const (
	NotHeard SessionWord = iota
	Supported
	Unsupported
)

// Learn returns the Space with the facts f.
func (s Space) Learn(f Facts) Space {
	if f.At == 0 {
		return s
	}
	if f.Session != NotHeard && newer(f, s.session) {
		s.session = Facts{At: f.At, Session: f.Session}
	}
	f.Session = NotHeard
	if (f.Scheme != "" || f.Forget) && newer(f, s.known) {
		s.known = f
	}
	return s
}

// newer orders facts by time, and facts of one time by their text, so that the
// order in which they are applied does not matter.
func newer(f, g Facts) bool {
	return cmp.Or(
		cmp.Compare(f.At, g.At),
		cmp.Compare(f.Session, g.Session),
		strings.Compare(f.Scheme, g.Scheme),
		strings.Compare(f.Memory.Offer.Text(), g.Memory.Offer.Text()),
		cmp.Compare(f.Memory.Count, g.Memory.Count),
		strings.Compare(f.Memory.Scope, g.Memory.Scope),
		forgets(f)-forgets(g),
	) > 0
}

func forgets(f Facts) int {
	if f.Forget {
		return 1
	}
	return 0
}

// Lease returns what a request for the request-target uri may use, and the Space after
// it was taken: Digest's nonce count goes up with each lease.
func (s Space) Lease(uri string) (Space, Lease) { // R7616-3.4-3
	l := Lease{SessionBased: s.session.Session == Supported}
	if s.known.Scheme == "" || !within(s.known.Memory.Scope, uri) {
		return s, l
	}
	l.Scheme, l.Memory = s.known.Scheme, s.known.Memory
	if l.Memory.Offer.Form() != header.Malformed {
		if l.Memory.Offer == s.leased.Offer {
			l.Memory.Count = max(l.Memory.Count, s.leased.Count) // REPLAY-7
		}
		if l.Memory.Count >= math.MaxUint32-1 { // used up, since a count neither wraps nor repeats
			return s, Lease{SessionBased: l.SessionBased}
		}
		l.Memory.Count++ // R7616-3.4-3
		s.leased = scheme.Memory{Offer: l.Memory.Offer, Count: l.Memory.Count}
	}
	return s, l
}

// within reports whether uri lies under one of the space-separated path
// prefixes of scope (R9110-11.5-1; RFC 7616 section 3.3 domain, RFC 7617
// section 2.2). The empty scope is everything.
func within(scope, uri string) bool {
	if scope == "" {
		return true
	}
	path, _, _ := strings.Cut(uri, "?")
	for prefix := range strings.FieldsSeq(scope) {
		if path == prefix || strings.HasPrefix(path, prefix) &&
			(strings.HasSuffix(prefix, "/") || path[len(prefix)] == '/') {
			return true
		}
	}
	return false
}

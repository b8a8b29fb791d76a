package header

import (
	"iter"

	"github.com/countersign-auth/countersign/internal/ascii"
)

// PersistentAuth is the value of Persistent-Auth (MS-N2HT section 2.2.2).
type PersistentAuth uint8

const (
	PersistAbsent  PersistentAuth = iota // no such field
	PersistTrue                          // "true"
	PersistFalse                         // "false"
	PersistInvalid                       // empty, unknown or contradictory: ignored (MS-N2HT section 3.2.5)
)

// parsePersistentAuth parses the lines of the field, 1#token (MS-N2HT section 2.2.2), as
// one value, "true" or "false" without regard to case, that may be repeated.
func parsePersistentAuth(lines ...string) PersistentAuth {
	text, over := joinLines(lines)
	if over {
		return PersistInvalid
	}
	p := PersistAbsent
	for e := range elements(text) { // N2HT-2.2.2-3; a contradiction is N2HT-3.2.5-7's
		q := PersistInvalid
		switch {
		case ascii.EqualFold(e, "true"):
			q = PersistTrue
		case ascii.EqualFold(e, "false"):
			q = PersistFalse
		}
		if q == PersistInvalid || p != PersistAbsent && p != q {
			return PersistInvalid
		}
		p = q
	}
	if p == PersistAbsent && len(lines) > 0 {
		return PersistInvalid // the field is there without a value
	}
	return p
}

// Text returns "true" or "false", and "" for the other values.
func (p PersistentAuth) Text() string { // N2HT-2.2.2-4
	switch p {
	case PersistTrue:
		return "true"
	case PersistFalse:
		return "false"
	}
	return ""
}

// SessionBased is the one defined value of Proxy-Support (RFC 4559 section 6).
const SessionBased = "Session-Based-Authentication"

// parseProxySupport reports whether a Proxy-Support field lists [SessionBased],
// without case. Other members are ignored.
func parseProxySupport(lines ...string) bool {
	text, over := joinLines(lines)
	if over {
		return false
	}
	for e := range elements(text) {
		if ascii.EqualFold(e, SessionBased) {
			return true
		}
	}
	return false
}

// elements iterates over the members of a comma-separated list that are not empty,
// without the white space around them.
func elements(text string) iter.Seq[string] {
	return func(yield func(string) bool) { eachElement(text, yield) }
}

func eachElement(s string, yield func(string) bool) {
	for i := skip(s, 0, sep); i < len(s); i = skip(s, i, sep) {
		from, to := i, i
		for ; !atEnd(s, i); i++ {
			if class[s[i]]&ows == 0 {
				to = i + 1
			}
		}
		if !yield(s[from:to]) {
			return
		}
	}
}

package kerberos

import (
	"strings"

	"github.com/countersign-auth/countersign/kerberos/krb"
)

// What names begin with that RFC 6111 sets aside, and what comes behind it in the anonymous
// principal's.
const (
	wellKnown = "WELLKNOWN"
	anonymous = "ANONYMOUS"
)

// clientKind is what a client's name says beside which client it is.
type clientKind uint8

const (
	// namedClient: the name of one client.
	namedClient clientKind = iota
	// anonymousClient: the anonymous principal, of the anonymous realm. Nothing is known of the
	// client (RFC 6112 section 6: GSS_C_NT_ANONYMOUS).
	anonymousClient
	// anonymousMember: the anonymous name in a real realm, which authenticated the client
	// and does not tell which of its clients it is (RFC 6112 section 6).
	anonymousMember
	// reservedName: a well-known name or realm that is not known here; such a client has to be
	// refused (RFC 6111 sections 3.1 and 3.2).
	reservedName
)

// kindOf returns what a client's name says. The name's type and case do not matter,
// since some KDCs compare names without case and take the type from the client; any name of
// the anonymous realm is the anonymous principal.
func kindOf(p krb.Principal) clientKind {
	first, second := p.Name.Component(0), p.Name.Component(1)
	switch {
	case strings.EqualFold(p.Realm, krb.AnonymousRealm): // R6112-6-1
		return anonymousClient
	case len(p.Realm) > len(wellKnown) && strings.EqualFold(p.Realm[:len(wellKnown)+1], wellKnown+":"): // R6111-3.1-1
		return reservedName
	case p.Name.Len() == 2 && strings.EqualFold(first, wellKnown) && strings.EqualFold(second, anonymous):
		return anonymousMember
	case p.Name.Type == krb.NameWellKnown || strings.EqualFold(first, wellKnown): // R6111-3.1-1
		return reservedName
	}
	return namedClient
}

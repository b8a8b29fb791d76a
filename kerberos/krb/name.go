package krb

import (
	"encoding/binary"
	"iter"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/names"
)

// Name types (RFC 4120 section 6.2, RFC 6806 section 5).
const (
	NameUnknown     int32 = 0
	NamePrincipal   int32 = 1  // a user, or a service with a single name
	NameServiceInst int32 = 2  // the ticket-granting service
	NameServiceHost int32 = 3  // a service and its host
	NameEnterprise  int32 = 10 // a user principal name, to be canonicalized
	NameWellKnown   int32 = 11 // RFC 6111
)

// Name is a PrincipalName as a comparable value. The zero Name has no components.
type Name struct {
	Type int32
	text string // the components, a NUL between them, which none contains
}

// NameOf makes a name of up to 16 components. A component with a NUL or of more than 4096
// bytes, and no component at all, give the zero Name.
func NameOf(kind int32, components ...string) Name {
	if len(components) == 0 || len(components) > names.MaxComponents {
		return Name{}
	}
	size := 0
	for _, c := range components {
		if !names.Valid(c) {
			return Name{}
		}
		size += len(c) + 1
	}
	var b strings.Builder
	b.Grow(size)
	for _, c := range components {
		b.WriteString(c)
		b.WriteByte(0)
	}
	return Name{kind, b.String()}
}

// IsZero reports whether there are no components.
func (n Name) IsZero() bool { return n.text == "" }

// Components iterates over the components.
func (n Name) Components() iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := n.text; rest != ""; {
			at := strings.IndexByte(rest, 0)
			if !yield(rest[:at]) {
				return
			}
			rest = rest[at+1:]
		}
	}
}

// Len returns the number of components.
func (n Name) Len() int { return strings.Count(n.text, "\x00") }

// Component returns the i-th component, "" if there are fewer.
func (n Name) Component(i int) string {
	for c := range n.Components() {
		if i == 0 {
			return c
		}
		i--
	}
	return ""
}

// Equal compares the components alone: the type is a hint (RFC 4120 section 6.2).
func (n Name) Equal(other Name) bool { return n.text == other.text }

// String joins the components with "/", and escapes with "\" what would be taken for a
// separator.
func (n Name) String() string {
	var b strings.Builder
	for c := range n.Components() {
		b.WriteByte('/')
		b.WriteString(gss.QuoteName(c))
	}
	return strings.TrimPrefix(b.String(), "/")
}

// MarshalBinary implements encoding.BinaryMarshaler: the type, and each component with a
// NUL behind it.
func (n Name) MarshalBinary() ([]byte, error) {
	return append(binary.BigEndian.AppendUint32(nil, uint32(n.Type)), n.text...), nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. Malformed for what MarshalBinary does not write.
func (n *Name) UnmarshalBinary(b []byte) error {
	bad := malformed("a name as bytes; expected what MarshalBinary writes")
	if len(b) < 4 {
		return bad.Err()
	}
	kind, text := int32(binary.BigEndian.Uint32(b)), string(b[4:])
	if text == "" {
		*n = Name{Type: kind}
		return nil
	}
	components, ok := strings.CutSuffix(text, "\x00")
	if !ok {
		return bad.Err()
	}
	name := NameOf(kind, strings.Split(components, "\x00")...)
	if name.IsZero() {
		return bad.Err()
	}
	*n = name
	return nil
}

// Principal is a name in a realm.
type Principal struct {
	Name  Name
	Realm string
}

// Equal compares realms and components; types are hints.
func (p Principal) Equal(other Principal) bool {
	return p.Realm == other.Realm && p.Name.Equal(other.Name)
}

// IsZero reports whether there is no name.
func (p Principal) IsZero() bool { return p.Name.IsZero() }

// String returns name@REALM, or the name alone if there is no realm.
func (p Principal) String() string {
	if p.Realm == "" {
		return p.Name.String()
	}
	return p.Name.String() + "@" + gss.QuoteName(p.Realm)
}

// maxPrincipal bounds the text of a principal, in bytes: what String writes where every
// byte of every part is escaped.
const maxPrincipal = (names.MaxComponents + 1) * (2*names.MaxText + 1)

// ParsePrincipal reads what String writes (RFC 1964 section 2.1.1): components with "/"
// between them, then "@" and the realm; without one the realm is the given one. "\" escapes.
// The type is NamePrincipal, NameServiceInst for krbtgt, NameServiceHost for other names of two
// components. The zero Principal and a fault for empty names, for those beyond the bounds, and
// for a NUL, as such, escaped or written as "\0", in a component or a realm.
func ParsePrincipal(text, realm string) (Principal, gss.Fault) {
	bad := func(what string) (Principal, gss.Fault) {
		return Principal{}, malformed("a principal name " + what + "; expected user@REALM or service/host@REALM")
	}
	if len(text) > maxPrincipal {
		return bad("that is too long")
	}
	var components []string
	var part []byte
	inRealm := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 == len(text):
			return bad("that ends in a backslash")
		case c == '\\':
			i++
			c = text[i]
			if at := strings.IndexByte("ntb0", c); at >= 0 {
				c = "\n\t\b\x00"[at]
			}
			part = append(part, c)
		case c == '/' && !inRealm:
			components, part = append(components, string(part)), nil
		case c == '@' && inRealm:
			return bad("with two realms")
		case c == '@':
			components, part, inRealm = append(components, string(part)), nil, true
		default:
			part = append(part, c)
		}
	}
	if inRealm {
		realm = string(part)
	} else {
		components = append(components, string(part))
	}
	if inRealm && realm == "" || len(components) == 1 && components[0] == "" {
		return bad("that is empty, or has an empty realm")
	}
	kind := NamePrincipal
	if len(components) == 2 {
		kind = NameServiceHost
		if components[0] == "krbtgt" {
			kind = NameServiceInst
		}
	}
	n := NameOf(kind, components...)
	if n.IsZero() || !names.Valid(realm) { // KRB-3
		return bad("of more than 16 components, or with a part that has a NUL or more than 4096 bytes")
	}
	return Principal{n, realm}, gss.Fault{}
}

// AnonymousRealm is the realm of the anonymous principal (RFC 6112 section 3).
const AnonymousRealm = "WELLKNOWN:ANONYMOUS"

// TGS returns the ticket-granting service of a realm, as named in another one or itself
// (RFC 4120 section 7.3).
func TGS(realm, from string) Principal {
	return Principal{NameOf(NameServiceInst, "krbtgt", realm), from}
}

// IsTGS reports whether p is a ticket-granting service, and of which realm.
func (p Principal) IsTGS() (realm string, ok bool) {
	if p.Name.Len() != 2 || p.Name.Component(0) != "krbtgt" {
		return "", false
	}
	return p.Name.Component(1), true
}

func malformed(what string) gss.Fault {
	return gss.Fault{Code: gss.Malformed, Detail: "kerberos: " + what}
}

// Canonicalization is when a service is named by the canonical name of its host, which a
// resolver gives, instead of by the host's name in the URL. That name is not protected:
// whatever answers for the resolver chooses which service an initiator authenticates to.
type Canonicalization uint8

const (
	// CanonicalizeNever takes the name as it is.
	CanonicalizeNever Canonicalization = iota
	// CanonicalizeFallback takes the canonical name if no KDC knows the service under the name
	// as it is.
	CanonicalizeFallback
	// CanonicalizeAlways takes the canonical name.
	CanonicalizeAlways
)

package krb

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
)

// Key is an encryption key (RFC 4120 section 5.2.9): a comparable value that does not show its bytes. The zero Key is not usable: it encrypts to nothing,
// opens nothing and verifies nothing.
type Key struct {
	kind  EType
	value string
}

// NewKey returns a key of the given bytes. The fault is Unsupported for an unknown type and for one that FIPS-only mode does not allow, and Malformed for a
// wrong length.
func NewKey(t EType, value string) (Key, gss.Fault) {
	if fault := t.Usable(); !fault.IsZero() {
		return Key{}, fault
	}
	if len(value) != t.KeySize() {
		return Key{}, gss.Fault{Code: gss.Malformed, Detail: fmt.Sprintf("kerberos: a key of %d bytes, where %v has %d", len(value), t, t.KeySize())}
	}
	return Key{t, value}, gss.Fault{}
}

// Type returns the key's type.
func (k Key) Type() EType { return k.kind }

// Reveal returns the key's bytes. The name is meant to stand out in a review.
func (k Key) Reveal() string { return k.value }

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.value == "" }

// Format implements fmt.Formatter: the type shows, the key does not.
func (k Key) Format(f fmt.State, _ rune) {
	if k.IsZero() {
		fmt.Fprint(f, "no key")
		return
	}
	fmt.Fprintf(f, "key(%v)", k.kind)
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (k Key) MarshalText() ([]byte, error) { return fmt.Append(nil, k), nil }

package krb

import (
	"crypto/fips140"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/countersign-auth/countersign/gss"
)

// EType is an encryption type number (RFC 3961 section 8, and IANA since).
type EType int32

// The encryption types that are implemented.
const (
	AES128SHA1   EType = 17 // RFC 3962
	AES256SHA1   EType = 18 // RFC 3962
	AES128SHA256 EType = 19 // RFC 8009
	AES256SHA384 EType = 20 // RFC 8009
	RC4          EType = 23 // RFC 4757
	Camellia128  EType = 25 // RFC 6803
	Camellia256  EType = 26 // RFC 6803
)

// etypes holds what a program can ask about a type without encrypting anything.
var etypes = [...]struct {
	name, short, other string // IANA's, and the short ones of krb5.conf
	keySize            int    // in bytes
	fips               bool   // FIPS-only mode allows it
}{
	AES128SHA1:   {"aes128-cts-hmac-sha1-96", "aes128-cts", "aes128-sha1", 16, false},
	AES256SHA1:   {"aes256-cts-hmac-sha1-96", "aes256-cts", "aes256-sha1", 32, false},
	AES128SHA256: {"aes128-cts-hmac-sha256-128", "aes128-sha2", "", 16, true},
	AES256SHA384: {"aes256-cts-hmac-sha384-192", "aes256-sha2", "", 32, true},
	RC4:          {"rc4-hmac", "arcfour-hmac", "arcfour-hmac-md5", 16, false},
	Camellia128:  {"camellia128-cts-cmac", "camellia128-cts", "", 16, false},
	Camellia256:  {"camellia256-cts-cmac", "camellia256-cts", "", 32, false},
}

// known reports whether the type is implemented.
func (t EType) known() bool { return t >= 0 && int(t) < len(etypes) && etypes[t].name != "" }

// String returns IANA's name of the type, or its number.
func (t EType) String() string {
	if t.known() {
		return etypes[t].name
	}
	return fmt.Sprintf("etype %d", int32(t))
}

// ParseEType returns the type of a name in krb5.conf: IANA's, or one of MIT's short ones. It returns false for others.
func ParseEType(name string) (EType, bool) {
	for t, e := range etypes {
		if name != "" && (name == e.name || name == e.short || name == e.other) {
			return EType(t), true
		}
	}
	return 0, false
}

// KeySize returns the length of a key in bytes, 0 for an unknown type.
func (t EType) KeySize() int {
	if !t.known() {
		return 0
	}
	return etypes[t].keySize
}

// Weak reports whether the type is RC4, which policy has to ask for (RFC 8429).
func (t EType) Weak() bool { return t == RC4 }

// Usable returns the fault Unsupported for a type that is unknown, or that FIPS-only mode (crypto/fips140) does not allow.
func (t EType) Usable() gss.Fault { return t.usable(fips140.Enforced()) }

// usable refuses what FIPS-only mode bars: all that need MD4, MD5, SHA-1, RC4 or Camellia. The standard library panics on some of them there.
func (t EType) usable(fips bool) gss.Fault {
	switch {
	case !t.known():
		return gss.Fault{Code: gss.Unsupported, Detail: "kerberos: unknown encryption type"}
	case fips && !etypes[t].fips:
		return gss.Fault{Code: gss.Unsupported, Detail: "kerberos: FIPS-only mode bars " + t.String() + "; the types of RFC 8009 work"}
	}
	return gss.Fault{}
}

// ETypes is a list of encryption types, the most preferred first. Compare with ==. The zero ETypes is empty.
type ETypes struct{ list string } // four bytes a type, big-endian

// ETypesOf returns the list of types.
func ETypesOf(types ...EType) ETypes {
	var b []byte
	for _, t := range types {
		b = binary.BigEndian.AppendUint32(b, uint32(t))
	}
	return ETypes{string(b)}
}

// All iterates over the list.
func (e ETypes) All() iter.Seq[EType] {
	return func(yield func(EType) bool) {
		for rest := e.list; len(rest) >= 4; rest = rest[4:] {
			t := EType(int32(uint32(rest[0])<<24 | uint32(rest[1])<<16 | uint32(rest[2])<<8 | uint32(rest[3])))
			if !yield(t) {
				return
			}
		}
	}
}

// Has reports whether t is in the list.
func (e ETypes) Has(t EType) bool {
	for x := range e.All() {
		if x == t {
			return true
		}
	}
	return false
}

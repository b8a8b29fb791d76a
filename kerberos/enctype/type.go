package enctype

import (
	"crypto/fips140"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
)

// Type is an encryption type number (RFC 3961 section 8, and IANA since).
type Type int32

const (
	AES128SHA1   Type = 17
	AES256SHA1   Type = 18
	AES128SHA256 Type = 19
	AES256SHA384 Type = 20
	RC4          Type = 23
	Camellia128  Type = 25
	Camellia256  Type = 26
)

// ChecksumType is a checksum type number (RFC 3961 section 8).
type ChecksumType int32

const (
	RSAMD5            ChecksumType = 7 // no key: only under another protection
	HMACSHA1AES128    ChecksumType = 15
	HMACSHA1AES256    ChecksumType = 16
	CMACCamellia128   ChecksumType = 17
	CMACCamellia256   ChecksumType = 18
	HMACSHA256AES128  ChecksumType = 19
	HMACSHA384AES256  ChecksumType = 20
	HMACMD5           ChecksumType = -138
	GSSChecksumNumber ChecksumType = 0x8003 // RFC 4121 section 4.1.1, no checksum at all
)

// family is how a type puts its parts together.
type family uint8

const (
	unknown  family = iota
	sha1CTS         // encrypt and MAC, RFC 3962
	sha2CTS         // encrypt, then MAC, RFC 8009
	stream          // RFC 4757
	cmacCTS         // encrypt and MAC, RFC 6803
	families        // how many
)

// profile is what there is to know of a type. Sizes are in bytes.
type profile struct {
	name                string
	family              family
	key, confounder     int
	sum                 int    // of the MAC as it travels, and of the checksum
	hash                digest // under the MAC, none for CMAC
	mac                 int    // of Ki and Kc
	checksum            ChecksumType
	salted              string // goes before the salt of a password (RFC 8009 section 4)
	iterations, ceiling uint32 // of string-to-key: default, and what a KDC may ask for
}

// MaxIterations bounds the iterations of one string-to-key that a KDC may ask for: work that
// a client does before it has authenticated the KDC (RFC 3962 section 4 asks for a limit).
// Package ticket bounds the sum over the KDCs of one exchange.
const MaxIterations = 1 << 20

// profiles by type.
var profiles = [...]profile{
	AES128SHA1:   {"aes128-cts-hmac-sha1-96", sha1CTS, 16, 16, 12, sha1Digest, 16, HMACSHA1AES128, "", 4096, MaxIterations},
	AES256SHA1:   {"aes256-cts-hmac-sha1-96", sha1CTS, 32, 16, 12, sha1Digest, 32, HMACSHA1AES256, "", 4096, MaxIterations},
	AES128SHA256: {"aes128-cts-hmac-sha256-128", sha2CTS, 16, 16, 16, sha256Digest, 16, HMACSHA256AES128, "aes128-cts-hmac-sha256-128\x00", 32768, MaxIterations},
	AES256SHA384: {"aes256-cts-hmac-sha384-192", sha2CTS, 32, 16, 24, sha384Digest, 24, HMACSHA384AES256, "aes256-cts-hmac-sha384-192\x00", 32768, MaxIterations},
	RC4:          {"rc4-hmac", stream, 16, 8, 16, md5Digest, 16, HMACMD5, "", 0, 0},
	Camellia128:  {"camellia128-cts-cmac", cmacCTS, 16, 16, 16, noDigest, 16, CMACCamellia128, "camellia128-cts-cmac\x00", 32768, MaxIterations},
	Camellia256:  {"camellia256-cts-cmac", cmacCTS, 32, 16, 16, noDigest, 32, CMACCamellia256, "camellia256-cts-cmac\x00", 32768, MaxIterations},
}

func (t Type) profile() profile {
	if t < 0 || int(t) >= len(profiles) {
		return profile{}
	}
	return profiles[t]
}

// Known reports whether this package has the type.
func (t Type) Known() bool { return t.profile().family != unknown }

// String returns IANA's name of the type, or its number.
func (t Type) String() string {
	if p := t.profile(); p.family != unknown {
		return p.name
	}
	return fmt.Sprintf("etype %d", int32(t))
}

// TypeOf returns the type of a name in krb5.conf: IANA's, or one of MIT's short ones. It
// returns false for others.
func TypeOf(name string) (Type, bool) {
	switch name {
	case "aes128-cts", "aes128-sha1":
		return AES128SHA1, true
	case "aes256-cts", "aes256-sha1":
		return AES256SHA1, true
	case "aes128-sha2":
		return AES128SHA256, true
	case "aes256-sha2":
		return AES256SHA384, true
	case "arcfour-hmac", "arcfour-hmac-md5":
		return RC4, true
	case "camellia128-cts":
		return Camellia128, true
	case "camellia256-cts":
		return Camellia256, true
	}
	for t, p := range profiles {
		if p.family != unknown && p.name == name {
			return Type(t), true
		}
	}
	return 0, false
}

// KeySize returns the length of a key in bytes, 0 for an unknown type.
func (t Type) KeySize() int { return t.profile().key }

// ConfounderSize returns the length in bytes of Encrypt's random confounder.
func (t Type) ConfounderSize() int { return t.profile().confounder }

// Overhead returns by how many bytes a ciphertext is longer than its plain text.
func (t Type) Overhead() int { p := t.profile(); return p.confounder + p.sum }

// ChecksumSize returns the length of the type's own checksum in bytes.
func (t Type) ChecksumSize() int { return t.profile().sum }

// Checksum returns the type's own checksum, which goes with its keys (RFC 3961 section 4,
// "required checksum mechanism"), and zero for an unknown type.
func (t Type) Checksum() ChecksumType { return t.profile().checksum }

// Weak reports whether the type is RC4: off unless policy asks for it (RFC 8429).
func (t Type) Weak() bool { return t == RC4 }

// usable refuses types that are not known, and those that FIPS-only mode bars: all
// that need MD4, MD5, SHA-1, RC4 or Camellia. The standard library panics on some of
// them there.
func (t Type) usable(fips bool) gss.Fault {
	switch f := t.profile().family; {
	case f == unknown:
		return gss.Fault{Code: gss.Unsupported, Detail: "enctype: unknown encryption type"}
	case fips && f != sha2CTS:
		return gss.Fault{Code: gss.Unsupported, Detail: "enctype: FIPS-only mode bars " + t.String() + "; the types of RFC 8009 work"}
	}
	return gss.Fault{}
}

// Usable returns the fault Unsupported for a type that is unknown, or that FIPS-only mode
// (crypto/fips140) does not allow.
func (t Type) Usable() gss.Fault { return t.usable(fips140.Enforced()) }

// Preferred are all types in the order in which clients ask for them, as MIT's do: the
// ones that are everywhere first, the weak one last.
var Preferred = [...]Type{AES256SHA1, AES128SHA1, AES256SHA384, AES128SHA256, Camellia128, Camellia256, RC4}

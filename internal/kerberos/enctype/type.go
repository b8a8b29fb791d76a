package enctype

import (
	"github.com/countersign-auth/countersign/kerberos/krb"
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
	krb.AES128SHA1:   {sha1CTS, krb.AES128SHA1.KeySize(), 16, 12, sha1Digest, 16, HMACSHA1AES128, "", 4096, MaxIterations},
	krb.AES256SHA1:   {sha1CTS, krb.AES256SHA1.KeySize(), 16, 12, sha1Digest, 32, HMACSHA1AES256, "", 4096, MaxIterations},
	krb.AES128SHA256: {sha2CTS, krb.AES128SHA256.KeySize(), 16, 16, sha256Digest, 16, HMACSHA256AES128, "aes128-cts-hmac-sha256-128\x00", 32768, MaxIterations},
	krb.AES256SHA384: {sha2CTS, krb.AES256SHA384.KeySize(), 16, 24, sha384Digest, 24, HMACSHA384AES256, "aes256-cts-hmac-sha384-192\x00", 32768, MaxIterations},
	krb.RC4:          {stream, krb.RC4.KeySize(), 8, 16, md5Digest, 16, HMACMD5, "", 0, 0},
	krb.Camellia128:  {cmacCTS, krb.Camellia128.KeySize(), 16, 16, noDigest, 16, CMACCamellia128, "camellia128-cts-cmac\x00", 32768, MaxIterations},
	krb.Camellia256:  {cmacCTS, krb.Camellia256.KeySize(), 16, 16, noDigest, 32, CMACCamellia256, "camellia256-cts-cmac\x00", 32768, MaxIterations},
}

func profileOf(t krb.EType) profile {
	if t < 0 || int(t) >= len(profiles) {
		return profile{}
	}
	return profiles[t]
}

// ConfounderSize returns the length in bytes of Encrypt's random confounder.
func ConfounderSize(t krb.EType) int { return profileOf(t).confounder }

// Overhead returns by how many bytes a ciphertext is longer than its plain text.
func Overhead(t krb.EType) int { p := profileOf(t); return p.confounder + p.sum }

// ChecksumSize returns the length of the type's own checksum in bytes.
func ChecksumSize(t krb.EType) int { return profileOf(t).sum }

// ChecksumOf returns the type's own checksum, which goes with its keys (RFC 3961 section 4,
// "required checksum mechanism"), and zero for an unknown type.
func ChecksumOf(t krb.EType) ChecksumType { return profileOf(t).checksum }

// Preferred are all types in the order in which clients ask for them, as MIT's do: the
// ones that are everywhere first, the weak one last.
var Preferred = [...]krb.EType{krb.AES256SHA1, krb.AES128SHA1, krb.AES256SHA384, krb.AES128SHA256, krb.Camellia128, krb.Camellia256, krb.RC4}

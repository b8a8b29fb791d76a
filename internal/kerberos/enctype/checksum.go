package enctype

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Sum returns a checksum of type t over data under k (RFC 3961 section 4): the type's own,
// or HMAC-MD5 (RFC 4757) or MD5, which go with any key. It returns false for any other
// pair, and for HMAC-MD5 and MD5 in FIPS-only mode.
//
// MS-SFU and old PACs use HMAC-MD5. Plain MD5 protects nothing, and is for encrypted
// messages alone.
func (t ChecksumType) Sum(k krb.Key, u Usage, data string) (string, bool) {
	switch {
	case t == ChecksumOf(k.Type()) && !k.IsZero():
		return Checksum(k, u, data), true
	case !krb.RC4.Usable().IsZero():
		return "", false
	case t == HMACMD5 && !k.IsZero():
		sum := rc4Checksum(k.Reveal(), u.message(), data)
		return string(sum[:16]), true
	case t == RSAMD5:
		sum, n := md5Digest.sum([]byte(data))
		return string(sum[:n]), true
	}
	return "", false
}

// Verify compares Sum with what came, in constant time.
func (t ChecksumType) Verify(k krb.Key, u Usage, data, checksum string) bool {
	sum, ok := t.Sum(k, u, data)
	return ok && gss.Equal(sum, checksum)
}

// Keyed reports whether the checksum needs a key. Without one any peer can make it.
func (t ChecksumType) Keyed() bool {
	if t == HMACMD5 {
		return true
	}
	for _, p := range profiles {
		if p.family != unknown && p.checksum == t {
			return true
		}
	}
	return false
}

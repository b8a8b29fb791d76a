package enctype

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"
	"unicode/utf16"

	"github.com/countersign-auth/countersign/kerberos/krb"

	"github.com/countersign-auth/countersign/gss"
	//lint:ignore SA1019 rc4-hmac is what it is
	"golang.org/x/crypto/md4"
)

// DefaultIterations returns the number of iterations of string-to-key if the KDC names none
// (RFC 3962 section 4, RFC 8009 section 4, RFC 6803 section 4), and 0 for rc4-hmac.
func DefaultIterations(t krb.EType) uint32 { return profileOf(t).iterations }

// Iterations returns how often string-to-key hashes with the given parameters, which are
// those of ETYPE-INFO2: "" for the default, or four bytes of iterations. rc4-hmac has
// no parameters and no iterations (RFC 4757 section 2).
//
// Unsupported for what NewKey refuses; Malformed for parameters of another length;
// NotPermitted for no iterations (which RFC 3962 takes for 2^32) or more than MaxIterations.
func Iterations(t krb.EType, params string) (uint32, gss.Fault) {
	if fault := t.Usable(); !fault.IsZero() {
		return 0, fault
	}
	p := profileOf(t)
	want := 4
	if p.family == stream {
		want = 0
	}
	switch len(params) {
	case 0:
		return p.iterations, gss.Fault{}
	case want:
	default:
		return 0, gss.Fault{Code: gss.Malformed, Detail: fmt.Sprintf("enctype: parameters of string-to-key of %d bytes, where %v has %d or none", len(params), t, want)}
	}
	count := binary.BigEndian.Uint32([]byte(params))
	if count == 0 || count > p.ceiling {
		return 0, gss.Fault{Code: gss.NotPermitted, Detail: fmt.Sprintf("enctype: string-to-key with %d iterations, where 1 to %d are allowed", count, p.ceiling)}
	}
	return count, gss.Fault{}
}

// StringToKey returns the key of a password (RFC 3961 section 3, string-to-key). params and
// faults are those of [Iterations]. It accepts as few iterations
// as the standards do: parameters from an unauthenticated KDC need a lower bound (RFC
// 3962 section 8), which package ticket applies.
func StringToKey(t krb.EType, password gss.Secret, salt, params string) (krb.Key, gss.Fault) {
	count, fault := Iterations(t, params)
	if !fault.IsZero() {
		return krb.Key{}, fault
	}
	p := profileOf(t)
	if p.family == stream {
		return krb.NewKey(t, ntHash(password.Reveal()))
	}
	seed, err := pbkdf2.Key(p.newHash(), password.Reveal(), []byte(p.salted+salt), int(count), p.key)
	if err != nil { // FIPS-only mode has demands of its own
		return krb.Key{}, gss.Fault{Code: gss.Unsupported, Detail: "enctype: the platform's PBKDF2 refuses this password or salt"}
	}
	switch p.family {
	case sha1CTS: // RFC 3962 section 4: DK(seed, "kerberos")
		dk(newAES(string(seed)), kerberosFold, seed)
	case sha2CTS: // RFC 8009 section 4
		p.hash.kdf(append([]byte(nil), seed...), "kerberos", "", seed)
	case cmacCTS: // RFC 6803 section 4
		feedbackKDF(string(seed), "kerberos", seed)
	}
	return krb.NewKey(t, string(seed))
}

var kerberosFold = fold([]byte(nfold("kerberos", 16)))

// newHash returns the hash of PBKDF2.
func (p *profile) newHash() func() hash.Hash {
	switch p.hash {
	case sha256Digest:
		return sha256.New
	case sha384Digest:
		return sha512.New384
	}
	return sha1.New // RFC 6803 section 4 too
}

// ntHash returns MD4 over the password in UTF-16LE.
func ntHash(password string) string {
	h := md4.New()
	for _, u := range utf16.Encode([]rune(password)) {
		h.Write([]byte{byte(u), byte(u >> 8)})
	}
	return string(h.Sum(nil))
}

// DefaultSalt returns the salt of a principal for which the KDC names none (RFC 4120
// section 4): realm and components joined.
func DefaultSalt(p krb.Principal) string {
	salt := p.Realm
	for c := range p.Name.Components() {
		salt += c
	}
	return salt
}

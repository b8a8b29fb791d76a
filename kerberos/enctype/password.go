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

	"github.com/countersign-auth/countersign/gss"
	//lint:ignore SA1019 rc4-hmac is what it is
	"golang.org/x/crypto/md4"
)

// DefaultIterations is how often string-to-key hashes where the KDC does not say
// (RFC 3962 section 4, RFC 8009 section 4, RFC 6803 section 4). 0 for rc4-hmac.
func (t Type) DefaultIterations() uint32 { return t.profile().iterations }

// StringToKey is the key of a password (RFC 3961 section 3, string-to-key). params
// are the type's parameters as ETYPE-INFO2 has them: "" for the default, or four bytes
// of iterations. rc4-hmac takes neither salt nor parameters (RFC 4757 section 2).
//
// Unsupported for what NewKey refuses; Malformed for parameters of another length;
// NotPermitted for no iterations or more than MaxIterations: the parameters come from
// the network before anybody has proved anything.
func StringToKey(t Type, password gss.Secret, salt, params string) (Key, gss.Fault) {
	if fault := t.Usable(); !fault.IsZero() {
		return Key{}, fault
	}
	p := t.profile()
	if p.family == stream {
		return Key{t, ntHash(password.Reveal())}, gss.Fault{}
	}
	count := p.iterations
	switch len(params) {
	case 0:
	case 4:
		count = binary.BigEndian.Uint32([]byte(params))
	default:
		return Key{}, gss.Fault{Code: gss.Malformed, Detail: "enctype: parameters of string-to-key that are not four bytes"}
	}
	if count == 0 || count > p.ceiling {
		return Key{}, gss.Fault{Code: gss.NotPermitted, Detail: fmt.Sprintf("enctype: string-to-key with %d iterations, where 1 to %d are taken", count, p.ceiling)}
	}
	seed, err := pbkdf2.Key(p.newHash(), password.Reveal(), []byte(p.salted+salt), int(count), p.key)
	if err != nil { // FIPS-only mode has demands of its own
		return Key{}, gss.Fault{Code: gss.Unsupported, Detail: "enctype: the platform's PBKDF2 refuses this password or salt"}
	}
	switch p.family {
	case sha1CTS: // RFC 3962 section 4: DK(seed, "kerberos")
		dk(newAES(string(seed)), kerberosFold, seed)
	case sha2CTS: // RFC 8009 section 4
		p.hash.kdf(append([]byte(nil), seed...), "kerberos", "", seed)
	case cmacCTS: // RFC 6803 section 4
		feedbackKDF(string(seed), "kerberos", seed)
	}
	return Key{t, string(seed)}, gss.Fault{}
}

var kerberosFold = fold([]byte(nfold("kerberos", 16)))

// newHash is the hash of PBKDF2.
func (p *profile) newHash() func() hash.Hash {
	switch p.hash {
	case sha256Digest:
		return sha256.New
	case sha384Digest:
		return sha512.New384
	}
	return sha1.New // RFC 6803 section 4 too
}

// ntHash is MD4 over the password in UTF-16LE.
func ntHash(password string) string {
	h := md4.New()
	for _, u := range utf16.Encode([]rune(password)) {
		h.Write([]byte{byte(u), byte(u >> 8)})
	}
	return string(h.Sum(nil))
}

package enctype

import (
	"crypto/cipher"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// RandomKey draws a key of the given type for the purpose that label names. NoEntropy
// for the zero seed, and what NewKey refuses.
func RandomKey(t krb.EType, env gss.Env, label string) (krb.Key, gss.Fault) {
	if fault := t.Usable(); !fault.IsZero() {
		return krb.Key{}, fault
	}
	value, ok := env.Bytes(label, t.KeySize())
	if !ok {
		return krb.Key{}, gss.Fault{Code: gss.NoEntropy, Detail: "enctype: the seed of this step is zero, and a key was to be derived from it"}
	}
	return krb.NewKey(t, value)
}

// Encrypt protects plain under k (RFC 3961 section 5.3 and what took its place). confounder
// is random and has ConfounderSize bytes; it is cut or filled up with zeros
// otherwise. "" from the zero Key.
func Encrypt(k krb.Key, u Usage, confounder, plain string) string {
	if k.IsZero() {
		return ""
	}
	var s sealer
	s.prepare(k, u)
	return s.seal(confounder, plain)
}

// Decrypt opens what Encrypt made; false for anything else. cipher is as it came from a
// peer.
func Decrypt(k krb.Key, u Usage, cipher string) (plain string, ok bool) {
	if k.IsZero() || len(cipher) < Overhead(k.Type()) {
		return "", false
	}
	var s sealer
	s.prepare(k, u)
	return s.open(cipher)
}

// Checksum returns the type's own checksum over data (RFC 3961 section 5.4 and its
// successors), ChecksumSize bytes, and "" for the zero Key.
func Checksum(k krb.Key, u Usage, data string) string {
	sum, n := checksum(k, u, data)
	return string(sum[:n])
}

// Verify compares in constant time. False from the zero Key.
func Verify(k krb.Key, u Usage, data, presented string) bool {
	sum, n := checksum(k, u, data)
	return n > 0 && gss.Equal(string(sum[:n]), presented)
}

func checksum(k krb.Key, u Usage, data string) (sum [maxSum]byte, n int) {
	p := profileOf(k.Type())
	var kc [32]byte
	switch p.family {
	case unknown:
		return sum, 0
	case stream:
		return rc4Checksum(k.Reveal(), u.message(), data), p.sum
	}
	p.deriveOne(k.Reveal(), u, forChecksum, kc[:p.mac])
	return p.macString(kc[:p.mac], data), p.sum
}

// PRF returns the pseudo-random function of the key's type over input (RFC 3961 section
// 5.3, RFC 8009 section 5, RFC 6803 section 6; HMAC-SHA-1 for rc4-hmac), and "" for the
// zero Key.
func PRF(k krb.Key, input string) string {
	p := profileOf(k.Type())
	switch p.family {
	case sha1CTS:
		var key [32]byte
		dk(newAES(k.Reveal()), prfFold, key[:p.key])
		sum, _ := p.hash.sum([]byte(input))
		newAES(string(key[:p.key])).Encrypt(sum[:blockSize], sum[:blockSize])
		return string(sum[:blockSize])
	case sha2CTS:
		out := make([]byte, 2*p.mac) // 256 bits, or 384
		p.hash.kdf([]byte(k.Reveal()), "prf", input, out)
		return string(out)
	case stream:
		sum := sha1Digest.macString([]byte(k.Reveal()), input)
		return string(sum[:20])
	case cmacCTS:
		var key [32]byte
		feedbackKDF(k.Reveal(), "prf", key[:p.key])
		sum := p.macString(key[:p.key], input)
		return string(sum[:blockSize])
	}
	return ""
}

// macString returns the MAC of the type's family.
func (p *profile) macString(key []byte, parts ...string) [maxSum]byte {
	if p.family == cmacCTS {
		return cmac(string(key), parts...)
	}
	return p.hash.macString(key, parts...)
}

// sealer encrypts and opens for one usage. It is ready once and not written to after,
// so that it may be shared.
type sealer struct {
	p     profile
	block cipher.Block // Ke expanded; nil for rc4
	ki    [32]byte     // Ki; K1 for rc4
}

func (s *sealer) prepare(k krb.Key, u Usage) {
	s.p = profileOf(k.Type())
	switch s.p.family {
	case stream:
		k1 := rc4MessageKey(k.Reveal(), u.message())
		copy(s.ki[:], k1[:])
	case cmacCTS:
		var d derived
		s.p.derive(k.Reveal(), u, &d)
		s.block, s.ki = newCamellia(string(d.ke[:s.p.key])), d.ki
	default:
		var d derived
		s.p.derive(k.Reveal(), u, &d)
		s.block, s.ki = newAES(string(d.ke[:s.p.key])), d.ki
	}
}

// area is the room for one operation, in one piece.
type area struct {
	spare []byte // for the cipher
	all   []byte // what the MAC works on: space for a hash's key block, and the text
	text  []byte
}

func (s *sealer) area(n int) area {
	head := 0
	if s.p.hash != noDigest {
		head = s.p.hash.block()
	}
	if s.p.family == sha2CTS {
		head += blockSize // the vector, which RFC 8009 puts under the MAC
	}
	b := make([]byte, spareSize+head+n)
	return area{b[:spareSize], b[spareSize:], b[spareSize+head:]}
}

// mac returns the MAC over the text, or over its first n bytes.
func (s *sealer) mac(a area, n int) [maxSum]byte {
	if s.p.family == cmacCTS {
		return cmac(string(s.ki[:s.p.mac]), string(a.text[:n]))
	}
	return s.p.hash.mac(s.ki[:s.p.mac], a.all[:len(a.all)-len(a.text)+n])
}

func (s *sealer) seal(confounder, plain string) string {
	if s.p.family == stream {
		return rc4Seal(&s.ki, confounder, plain)
	}
	n := s.p.confounder + len(plain)
	a := s.area(n + s.p.sum)
	copy(a.text[:s.p.confounder], confounder)
	copy(a.text[s.p.confounder:], plain)
	var sum [maxSum]byte
	if s.p.family == sha2CTS {
		encryptCTS(s.block, a.spare, a.text[:n])
		sum = s.mac(a, n)
	} else {
		sum = s.mac(a, n)
		encryptCTS(s.block, a.spare, a.text[:n])
	}
	copy(a.text[n:], sum[:])
	return string(a.text)
}

func (s *sealer) open(cipher string) (string, bool) {
	if s.p.family == stream {
		return rc4Open(&s.ki, cipher)
	}
	n := len(cipher) - s.p.sum
	if n < s.p.confounder {
		return "", false
	}
	a := s.area(n)
	copy(a.text, cipher)
	var sum [maxSum]byte
	if s.p.family == sha2CTS {
		sum = s.mac(a, n)
	} else {
		decryptCTS(s.block, a.spare, a.text)
		sum = s.mac(a, n)
	}
	if !equal(sum[:s.p.sum], cipher[n:]) {
		return "", false
	}
	if s.p.family == sha2CTS {
		decryptCTS(s.block, a.spare, a.text)
	}
	return string(a.text[s.p.confounder:]), true
}

// equal compares in constant time and does not allocate.
func equal(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	var differ byte
	for i := range a {
		differ |= a[i] ^ b[i]
	}
	return differ == 0
}

package digest

import (
	"crypto/subtle"
	"encoding/hex"
	"fmt"

	"github.com/countersign-auth/countersign/gss"
)

// QOP is a quality of protection (RFC 7616 section 3.3).
type QOP uint8

const (
	// Legacy has no qop, cnonce and nc (RFC 2069).
	Legacy QOP = iota
	// Auth protects method and URI.
	Auth
	// AuthInt protects the body as well.
	AuthInt
)

var qopNames = [...]string{Legacy: "", Auth: "auth", AuthInt: "auth-int"}

// String returns the qop's token, "" for Legacy.
func (q QOP) String() string {
	if int(q) < len(qopNames) {
		return qopNames[q]
	}
	return "unknown qop"
}

// Sum is a hash in lower-case hex that is no secret. The zero Sum is none.
type Sum struct {
	hex [maxHex]byte
	n   uint8
}

// String returns the hash in lower-case hex, "" for none.
func (s Sum) String() string { return string(s.hex[:s.n]) }

// Equal compares with a hash in hex of either case, in a time that depends on
// the lengths alone. The zero Sum equals nothing.
func (s Sum) Equal(text string) bool { return s.n > 0 && equalHex(s.hex[:s.n], text) }

// equalHex compares a computed hash with a peer's text in constant time. The
// text is not secret, so folding its case may take what it takes.
func equalHex(want []byte, text string) bool {
	if len(want) != len(text) {
		return false
	}
	// A hash is written in lower-case hex (RFC 7616 section 3.2), but some clients use
	// upper case, which is folded.
	var got [maxHex]byte
	for i := range len(text) {
		got[i] = lowerHex(text[i])
	}
	return subtle.ConstantTimeCompare(want, got[:len(text)]) == 1
}

func lowerHex(c byte) byte {
	if 'A' <= c && c <= 'F' {
		return c + 'a' - 'A'
	}
	return c
}

// parseSum takes a hash in hex, of either case.
func parseSum(a Algorithm, text string) (s Sum, ok bool) {
	if !a.valid() || len(text) != known[a].hexLen {
		return Sum{}, false
	}
	for i := range len(text) {
		c := lowerHex(text[i])
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return Sum{}, false
		}
		s.hex[i] = c
	}
	s.n = uint8(len(text))
	return s, true
}

// Key is HA1 of one algorithm. It is as good as the password for its realm, so it
// redacts itself; a struct that keeps it in an unexported field has to do so too, since
// fmt does not call methods there. The zero Key is none, and proves nothing.
type Key struct{ sum Sum }

// ParseKey takes HA1 in hex, as htdigest files hold it.
func ParseKey(a Algorithm, hexHA1 gss.Secret) (Key, bool) {
	s, ok := parseSum(a, hexHA1.Reveal())
	return Key{s}, ok
}

// isZero reports whether there is no key.
func (k Key) isZero() bool { return k.sum.n == 0 }

// Secret returns HA1 in lower-case hex, to be stored or put into an [HA1].
func (k Key) Secret() gss.Secret { return gss.NewSecret(k.sum.String()) }

// Format implements fmt.Formatter: no verb shows the key.
func (k Key) Format(f fmt.State, verb rune) { k.Secret().Format(f, verb) }

// MarshalText implements encoding.TextMarshaler: the key stays hidden.
func (k Key) MarshalText() ([]byte, error) { return k.Secret().MarshalText() }

// Params are what a response is computed over beside the key, unquoted. They go
// into the hash as they are, so a verifier passes what it received.
type Params struct {
	Nonce  string
	CNonce string // not with Legacy, unless the algorithm is a -sess one
	NC     string // 8 hex digits, see [FormatNC]; not with Legacy
	QOP    QOP
	Method string
	URI    string
	// BodyHash is that of the entity body: AuthInt only, and of the response's
	// body for [Function.ResponseAuth].
	BodyHash Sum
}

// FormatNC returns a nonce count in its wire form, eight hex digits.
func FormatNC(count uint32) string {
	b := appendNC(nil, count)
	return string(b)
}

func appendNC(dst []byte, count uint32) []byte {
	const digits = "0123456789abcdef"
	for shift := 28; shift >= 0; shift -= 4 {
		dst = append(dst, digits[count>>shift&15])
	}
	return dst
}

// Function computes with one algorithm. The zero Function computes nothing: its
// results are zero. It neither blocks nor keeps state and may be shared.
type Function struct{ alg Algorithm }

// For returns the Function of an algorithm. The error is a [gss.FaultError] of code
// gss.Unsupported: no such algorithm, or MD5 in FIPS-only mode.
func For(a Algorithm) (Function, error) {
	if !usable().has(a) {
		return Function{}, unusable(a).Err()
	}
	return Function{a}, nil
}

// HA1 returns H(user:realm:password), which everything else is computed from and which
// a server stores (RFC 7616 section 3.4.2). It is the same with and without -sess.
func (f Function) HA1(user, realm, password string) (k Key) {
	if f.alg.valid() {
		f.alg.ha1(&k.sum, user, realm, password)
	}
	return k
}

// UserHash returns H(user:realm), which replaces the user's name with userhash=true
// (RFC 7616 section 3.4.4).
func (f Function) UserHash(user, realm string) (s Sum) {
	if f.alg.valid() {
		var buf [stack]byte
		b := append(buf[:0], user...)
		b = append(b, ':')
		b = append(b, realm...)
		s.n = uint8(f.alg.sum(&s.hex, b))
	}
	return s
}

// BodyHash returns H(entity-body), for qop=auth-int.
func (f Function) BodyHash(body []byte) (s Sum) {
	if f.alg.valid() {
		s.n = uint8(f.alg.sum(&s.hex, body))
	}
	return s
}

// Response returns the client's proof (RFC 7616 section 3.4.1). It is zero if the key
// is, or with AuthInt and no BodyHash.
func (f Function) Response(k Key, p Params) (s Sum) {
	f.proof(&s, &k, &p, p.Method)
	return s
}

// ResponseAuth returns the server's proof, rspauth (RFC 7616 section 3.5), over the
// request's parameters without its method.
func (f Function) ResponseAuth(k Key, p Params) (s Sum) {
	f.proof(&s, &k, &p, "")
	return s
}

// proof leaves s zero if an input is missing or belongs to another algorithm. The zero
// Sum equals nothing, so that such a proof is never accepted.
func (f Function) proof(s *Sum, k *Key, p *Params, method string) {
	if !f.alg.valid() || int(k.sum.n) != known[f.alg].hexLen || p.QOP > AuthInt ||
		p.QOP == AuthInt && int(p.BodyHash.n) != known[f.alg].hexLen {
		return
	}
	f.alg.proof(s, k, p, method)
}

// stack is the size of the buffers that messages are put together in. Longer
// messages go to the heap.
const stack = 512

// ha1 computes H(user:realm:password). No part is escaped, so that a user name with a
// colon is ambiguous.
func (a Algorithm) ha1(s *Sum, user, realm, password string) {
	var buf [stack]byte
	b := append(buf[:0], user...)
	b = append(b, ':')
	b = append(b, realm...)
	b = append(b, ':')
	b = append(b, password...)
	s.n = uint8(a.sum(&s.hex, b))
}

// proof computes KD(HA1, nonce:nc:cnonce:qop:HA2), or KD(HA1, nonce:HA2) with
// Legacy.
func (a Algorithm) proof(s *Sum, k *Key, p *Params, method string) {
	var buf [stack]byte
	var ha1, ha2 [maxHex]byte
	n1 := copy(ha1[:], k.sum.hex[:k.sum.n])
	if a.Session() { // A1 = HA1 in hex, not in binary (RFC 2617 errata), with the nonces
		b := append(buf[:0], ha1[:n1]...)
		b = append(b, ':')
		b = append(b, p.Nonce...)
		b = append(b, ':')
		b = append(b, p.CNonce...)
		n1 = a.sum(&ha1, b)
	}
	// A2 is method:uri, and with auth-int method:uri:H(entity-body).
	b := append(buf[:0], method...)
	b = append(b, ':')
	b = append(b, p.URI...)
	if p.QOP == AuthInt {
		b = append(b, ':')
		b = append(b, p.BodyHash.hex[:p.BodyHash.n]...)
	}
	// All hashes enter the next one as lower-case hex, not as bytes (RFC 7616 section
	// 3.4.1).
	n2 := a.sum(&ha2, b)
	b = append(buf[:0], ha1[:n1]...)
	b = append(b, ':')
	b = append(b, p.Nonce...)
	b = append(b, ':')
	if p.QOP != Legacy {
		// The count enters as its text, so that a verifier must use the one that it
		// received.
		b = append(b, p.NC...)
		b = append(b, ':')
		b = append(b, p.CNonce...)
		b = append(b, ':')
		b = append(b, qopNames[p.QOP]...)
		b = append(b, ':')
	}
	b = append(b, ha2[:n2]...)
	s.n = uint8(a.sum(&s.hex, b))
}

// rawSum returns the Sum of a hash in binary, and false if its length is wrong.
func rawSum(a Algorithm, raw string) (s Sum, ok bool) {
	if !a.valid() || 2*len(raw) != known[a].hexLen {
		return Sum{}, false
	}
	s.n = uint8(hex.Encode(s.hex[:], []byte(raw)))
	return s, true
}

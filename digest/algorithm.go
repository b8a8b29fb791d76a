package digest

import (
	"crypto/fips140"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ascii"
)

// Algorithm is a hash with or without the session variant (RFC 7616 section
// 6.1). The zero Algorithm is none.
type Algorithm uint8

const (
	noAlgorithm Algorithm = iota
	MD5
	MD5Sess
	SHA256
	SHA256Sess
	SHA512_256 // FIPS 180-4 SHA-512/256, not SHA-512 cut short (RFC 7616 erratum 4897)
	SHA512_256Sess
	algorithms
)

// maxHex is the length of the longest hash in hex.
const maxHex = 2 * sha256.Size

var known = [algorithms]struct {
	name     string
	base     Algorithm // without -sess
	hexLen   int
	strength uint8 // of the hash; -sess adds nothing to it
}{
	{name: "none"},
	{"MD5", MD5, 2 * md5.Size, 1},
	{"MD5-sess", MD5, 2 * md5.Size, 1},
	{"SHA-256", SHA256, 2 * sha256.Size, 2},
	{"SHA-256-sess", SHA256, 2 * sha256.Size, 2},
	{"SHA-512-256", SHA512_256, 2 * sha512.Size256, 3},
	{"SHA-512-256-sess", SHA512_256, 2 * sha512.Size256, 3},
}

// ParseAlgorithm knows an algorithm by its token, without case. It does not know
// the empty one: a challenge without the parameter means MD5.
func ParseAlgorithm(token string) (Algorithm, bool) {
	for a := MD5; a < algorithms; a++ {
		if ascii.EqualFold(known[a].name, token) {
			return a, true
		}
	}
	return noAlgorithm, false
}

func (a Algorithm) valid() bool { return noAlgorithm < a && a < algorithms }

// String returns the token that names the algorithm in a header.
func (a Algorithm) String() string {
	if a < algorithms {
		return known[a].name
	}
	return "unknown algorithm"
}

// Base returns the algorithm without -sess. Stored password hashes are of the base.
func (a Algorithm) Base() Algorithm {
	if !a.valid() {
		return noAlgorithm
	}
	return known[a].base
}

// Session reports whether a is a -sess variant.
func (a Algorithm) Session() bool { return a.valid() && known[a].base != a }

// Stronger reports whether the hash of a is the stronger one (C32).
func (a Algorithm) Stronger(b Algorithm) bool {
	return a.valid() && (!b.valid() || known[a].strength > known[b].strength)
}

// sum writes the hash of data in lower-case hex into dst, and gives its length.
// The caller has made sure that the algorithm may be used.
func (a Algorithm) sum(dst *[maxHex]byte, data []byte) int {
	switch known[a].base {
	case MD5:
		h := md5.Sum(data)
		return hex.Encode(dst[:], h[:])
	case SHA256:
		h := sha256.Sum256(data)
		return hex.Encode(dst[:], h[:])
	default:
		h := sha512.Sum512_256(data)
		return hex.Encode(dst[:], h[:])
	}
}

// set is a set of algorithms, as bits.
type set uint8

func setOf(as ...Algorithm) (s set) {
	for _, a := range as {
		s |= 1 << a
	}
	return s
}

func (s set) has(a Algorithm) bool { return a.valid() && s>>a&1 == 1 }

// barred are the algorithms that FIPS-only mode forbids: crypto/md5 panics there.
var barred = setOf(MD5, MD5Sess)

// usable returns all algorithms that may be computed in the process's FIPS mode.
func usable() set {
	all := set(1<<algorithms - 2)
	if fips140.Enforced() {
		return all &^ barred
	}
	return all
}

// algorithmsThere says which algorithms there are.
const algorithmsThere = "use MD5, SHA-256 or SHA-512-256, with or without -sess"

func unusable(a Algorithm) gss.Fault {
	if !a.valid() {
		return gss.Fault{Code: gss.Unsupported, Detail: "digest: no such algorithm; " + algorithmsThere}
	}
	return gss.Fault{Code: gss.Unsupported, Detail: "digest: MD5 is not available in FIPS-only mode; use SHA-256 or SHA-512-256 on both sides"}
}

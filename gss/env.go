package gss

import (
	"crypto/sha256"
	"fmt"

	"github.com/countersign-auth/countersign/internal/hmac"
)

// SeedSize is the length of a [Seed] in bytes.
const SeedSize = 32

// Seed is the entropy of one Step: 32 bytes from a cryptographic random source, used for
// one Step and never again. The zero Seed means that there is none, and a step that
// needs entropy then fails. A Seed redacts itself.
type Seed [SeedSize]byte

// IsZero reports whether s holds no entropy.
func (s Seed) IsZero() bool { return s == Seed{} }

// Format implements fmt.Formatter: the seed stays hidden, within the limits of [Secret].
func (s Seed) Format(f fmt.State, _ rune) { redact(f, "seed", s.IsZero()) }

// MarshalText implements encoding.TextMarshaler: the seed stays hidden.
func (s Seed) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Env is what a Step knows of its environment beside its event. The caller makes a fresh
// one for every Step.
type Env struct {
	_ struct{}

	// Now is the time in nanoseconds since the Unix epoch.
	Now int64
	// Seed is the entropy of this Step.
	Seed Seed
}

// Format implements fmt.Formatter: the time shows, the seed does not.
func (e Env) Format(f fmt.State, verb rune) {
	fmt.Fprintf(f, "env(now=%d, ", e.Now)
	e.Seed.Format(f, verb)
	fmt.Fprint(f, ")")
}

// maxEntropy is the largest n for which [Env.Bytes] and [Env.Fill] return entropy, in
// bytes for one label.
const maxEntropy = 255 * sha256.Size

// Bytes derives n pseudo-random bytes for the purpose that label names. The same Env and
// label give the same bytes, different labels independent ones. It returns false, and
// the caller must fail closed, if the seed is zero or n is not within 1..8160.
func (e Env) Bytes(label string, n int) (string, bool) {
	if n < 1 || n > maxEntropy {
		return "", false
	}
	b := make([]byte, n)
	if !e.Fill(label, b) {
		return "", false
	}
	return string(b), true
}

// Fill derives what [Env.Bytes] does into dst, for hot paths, and leaves dst unchanged if
// it returns false. It does not allocate for labels of up to 63 bytes, and 32 bytes under
// a label of up to 54 cost the four SHA-256 compressions that HMAC needs.
//
// The derivation is HKDF-Expand with SHA-256 (RFC 5869 section 2.3). The extract step is
// left out as section 3.3 allows: a seed is uniformly random already.
func (e Env) Fill(label string, dst []byte) bool {
	if e.Seed.IsZero() || len(dst) == 0 || len(dst) > maxEntropy { // HTA-3
		return false
	}
	// room is the inner pad | T(i-1) | label | i.
	var room [2*sha256.BlockSize + sha256.Size]byte
	start := hmac.Begin(room[:0], sha256.BlockSize, e.Seed[:])
	message := append(start, label...) // T(0) is empty
	for i := byte(1); ; i++ {
		sum := hmac.SHA256(append(message, i), e.Seed[:])
		n := copy(dst, sum[:])
		if dst = dst[n:]; len(dst) == 0 {
			return true
		}
		message = append(append(start, sum[:]...), label...)
	}
}

package gss

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
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

// MaxEntropy is the largest n for which [Env.Bytes] and [Env.Fill] return entropy, in
// bytes for one label.
const MaxEntropy = 255 * sha256.Size

// Bytes derives n pseudo-random bytes for the purpose that label names. The same Env and
// label give the same bytes, different labels independent ones. It returns false, and
// the caller must fail closed, if the seed is zero or n is not within 1..[MaxEntropy].
func (e Env) Bytes(label string, n int) (string, bool) {
	if n < 1 || n > MaxEntropy {
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
// left out as section 3.3 allows: a seed is uniformly random already. The HMAC (RFC 2104
// section 2) is written out here, since that of crypto/hmac allocates.
func (e Env) Fill(label string, dst []byte) bool {
	if e.Seed.IsZero() || len(dst) == 0 || len(dst) > MaxEntropy { // HTA-3
		return false
	}
	// inner is ipad | T(i-1) | label | i, outer is opad | inner hash; the seed is
	// half a block, so the other half is bare padding.
	var inner [2*sha256.BlockSize + sha256.Size]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	for i := 0; i < SeedSize; i += 8 {
		word := binary.LittleEndian.Uint64(e.Seed[i:])
		binary.LittleEndian.PutUint64(inner[i:], word^ipad)
		binary.LittleEndian.PutUint64(outer[i:], word^opad)
		binary.LittleEndian.PutUint64(inner[SeedSize+i:], ipad)
		binary.LittleEndian.PutUint64(outer[SeedSize+i:], opad)
	}
	message := append(inner[:sha256.BlockSize], label...) // T(0) is empty
	for i := byte(1); ; i++ {
		message = append(message, i)
		sum := sha256.Sum256(message)
		copy(outer[sha256.BlockSize:], sum[:])
		sum = sha256.Sum256(outer[:])
		n := copy(dst, sum[:])
		if dst = dst[n:]; len(dst) == 0 {
			return true
		}
		message = append(inner[:sha256.BlockSize], sum[:]...)
		message = append(message, label...)
	}
}

// HMAC's padding, eight bytes of it.
const (
	ipad uint64 = 0x3636363636363636
	opad uint64 = 0x5c5c5c5c5c5c5c5c
)

package digest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/hmac"
)

// A nonce is base64url(time | salt | MAC): 8 bytes of nanoseconds since the Unix
// epoch, 9 of entropy, and 16 of HMAC-SHA-256 over both and what the nonce is
// tied to, under a key for its realm and side. 33 bytes are 44 characters without
// padding, so that one nonce has one spelling. MS-DPSP section 3.3.5.1 wants 64
// bits of entropy.
const (
	saltSize  = 9
	tagSize   = 16
	bodySize  = 8 + saltSize
	rawSize   = bodySize + tagSize
	nonceSize = rawSize / 3 * 4
)

// nonceKey is a key for one realm and side, with the first block of its HMAC, and the opaque
// that goes with it.
type nonceKey struct {
	key    [sha256.Size]byte
	first  [sha256.BlockSize]byte
	opaque string
}

// deriveKey separates realms and sides, and the opaque from the nonces.
func deriveKey(master gss.Secret, side gss.Side, realm string) nonceKey {
	// The master secret may have any length. Its hash fits into the block of HMAC.
	m := newNonceKey(sha256.Sum256([]byte(master.Reveal())))
	k := newNonceKey(m.mac([]byte("nonce\n" + side.String() + "\n" + realm)))
	opaque := m.mac([]byte("opaque\n" + side.String() + "\n" + realm))
	k.opaque = base64.RawURLEncoding.EncodeToString(opaque[:tagSize])
	return k
}

func newNonceKey(key [sha256.Size]byte) nonceKey {
	k := nonceKey{key: key}
	hmac.Begin(k.first[:0], sha256.BlockSize, key[:])
	return k
}

// mac returns the HMAC-SHA-256 of parts.
func (k *nonceKey) mac(parts ...[]byte) [sha256.Size]byte {
	var room [sha256.BlockSize + 128]byte
	b := append(room[:0], k.first[:]...)
	for _, p := range parts {
		b = append(b, p...)
	}
	return hmac.SHA256(b, k.key[:])
}

// mint makes a nonce; false without entropy.
func (s *server) mint(env *gss.Env, side gss.Side, bind string) (nonce [nonceSize]byte, ok bool) {
	var raw [rawSize]byte
	binary.BigEndian.PutUint64(raw[:], uint64(env.Now))
	if !env.Fill("digest nonce", raw[8:bodySize]) {
		return nonce, false
	}
	// The first key is the current one; later ones only verify, until they are dropped.
	tag := s.keys[side][0].tag(raw[:bodySize], bind)
	copy(raw[bodySize:], tag[:tagSize])
	base64.URLEncoding.Encode(nonce[:], raw[:])
	return nonce, true
}

// tag returns the MAC of a nonce. body has a fixed length, so that it cannot run into
// bind.
func (k *nonceKey) tag(body []byte, bind string) [sha256.Size]byte {
	return k.mac(body, []byte(bind))
}

// age is what became of a nonce.
type age uint8

const (
	alien  age = iota // not ours, or made under a key that was dropped
	future            // made later than now
	stale             // past its lifetime
	fresh
)

// judge tells how old a nonce is, and when it was made. Every key is tried, so
// the time it takes does not tell which one fits.
func (s *server) judge(now int64, nonce string, side gss.Side, bind string) (age, int64) {
	var raw [rawSize]byte
	var text [nonceSize]byte
	if len(nonce) != nonceSize {
		return alien, 0
	}
	// The arrays have a fixed size, so that decoding does not allocate.
	copy(text[:], nonce)
	if n, err := base64.URLEncoding.Decode(raw[:], text[:]); err != nil || n != rawSize {
		return alien, 0
	}
	// The comparison of the MAC comes before any use of the time: nothing of a nonce is
	// trusted unless this server, or one with the same keys, made it.
	ours := 0
	for i := range s.keys[side] {
		tag := s.keys[side][i].tag(raw[:bodySize], bind)
		ours |= subtle.ConstantTimeCompare(tag[:tagSize], raw[bodySize:])
	}
	if ours == 0 {
		return alien, 0
	}
	made := int64(binary.BigEndian.Uint64(raw[:]))
	switch {
	// Nodes that share keys may have clocks that differ; a nonce is not refused for
	// that within the skew. The subtraction is unsigned because a signed one can
	// overflow.
	case made > now && uint64(made)-uint64(now) > uint64(s.skew):
		return future, made
	case made <= now && uint64(now)-uint64(made) >= uint64(s.lifetime):
		return stale, made
	}
	return fresh, made
}

// ownOpaque reports whether an opaque is of one of our keys.
func (s *server) ownOpaque(opaque string, side gss.Side) bool {
	ours := false
	for i := range s.keys[side] {
		ours = gss.Equal(s.keys[side][i].opaque, opaque) || ours
	}
	return ours
}

// until returns the end of a nonce's life, in nanoseconds since the Unix epoch.
func (s *server) until(made int64) int64 {
	if end := made + s.lifetime; end > made {
		return end
	}
	return 1<<63 - 1
}

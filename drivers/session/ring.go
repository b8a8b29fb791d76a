package session

import (
	"crypto/cipher"
	"crypto/fips140"
	"crypto/hkdf"
	"crypto/sha256"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/misuse"
)

// minSecret is the least length of a key's secret in bytes.
const minSecret = 32

// Key is a key of a [Ring].
type Key struct {
	opaque[Key] // no output shows what is in it

	// ID names the key in the cookies that it sealed, where it can be read.
	ID uint32
	// Secret has at least 32 bytes, of a cryptographic random source.
	Secret gss.Secret
	// From is when the key begins to seal; it opens before that, too, so that it can be
	// given to all servers before one of them seals with it. The zero time means at once.
	From time.Time
	// Until is when the key ends: from then on it seals and opens nothing. It should be a
	// Lifetime after the From of the key that replaces it, and at once for a key that leaked. The
	// zero time means that it does not end.
	Until time.Time
}

// Ring holds the keys of sessions, and may be shared by several servers. It is made by [NewRing];
// the zero Ring seals and opens nothing.
//
// Of the keys that have begun and not ended the last one of the list seals. A cookie names the
// key that sealed it, and one that another key sealed is sealed again with its next use.
type Ring struct {
	opaque[Ring] // no output shows what is in it

	keys atomic.Pointer[[]ringKey]
}

// ringKey is a Key with the cipher made from it.
type ringKey struct {
	id          uint32
	aead        cipher.AEAD
	from, until int64 // until is 0 without an end
}

func (k *ringKey) ended(now int64) bool { return k.until != 0 && now >= k.until }

// NewRing returns a Ring with keys, the newest last. The error is a gss.Misuse: for no key, for
// two of one ID, for a secret that is too short, and in FIPS 140-only mode, which the cipher is not
// allowed in.
func NewRing(keys ...Key) (*Ring, error) {
	r := new(Ring)
	if err := r.Set(keys...); err != nil {
		return nil, err
	}
	return r, nil
}

// Set replaces the keys, while the Ring is in use. After an error, as of [NewRing], they stay as
// they were.
func (r *Ring) Set(keys ...Key) error {
	if len(keys) == 0 {
		return misuse.Errorf("session", "a Ring has no key; pass one")
	}
	if fips140.Enforced() {
		return misuse.Errorf("session", "sessions are sealed with XChaCha20-Poly1305, which FIPS 140-only mode does not allow; leave sessions out")
	}
	next := make([]ringKey, len(keys))
	for i, k := range keys {
		secret := k.Secret.Reveal()
		switch {
		case len(secret) < minSecret:
			return misuse.Errorf("session", "key %d has a secret of %d bytes; want at least %d random ones", k.ID, len(secret), minSecret)
		case !k.Until.IsZero() && !k.Until.After(k.From):
			return misuse.Errorf("session", "key %d ends before it begins; set Until after From", k.ID)
		}
		for _, other := range next[:i] {
			if other.id == k.ID {
				return misuse.Errorf("session", "two keys have the ID %d; an ID names one key", k.ID)
			}
		}
		derived, err := hkdf.Key(sha256.New, []byte(secret), nil, "countersign session 1", chacha20poly1305.KeySize)
		if err != nil {
			return misuse.Errorf("session", "key %d cannot be used: %v", k.ID, err)
		}
		aead, err := chacha20poly1305.NewX(derived)
		if err != nil {
			return misuse.Errorf("session", "key %d cannot be used: %v", k.ID, err)
		}
		next[i] = ringKey{k.ID, aead, nanoseconds(k.From), nanoseconds(k.Until)}
	}
	r.keys.Store(&next)
	return nil
}

// nanoseconds returns a time since the Unix epoch, 0 for the zero time alone, and the nearest that
// there is for one that is not between 1970 and 2262.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Before(time.Unix(0, 1)):
		return 1
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// all returns the keys, which do not change.
func (r *Ring) all() []ringKey {
	if keys := r.keys.Load(); keys != nil {
		return *keys
	}
	return nil
}

// sealing returns the key that seals now, nil if none does.
func (r *Ring) sealing(now int64) *ringKey {
	keys := r.all()
	for i := len(keys) - 1; i >= 0; i-- {
		if k := &keys[i]; now >= k.from && !k.ended(now) {
			return k
		}
	}
	return nil
}

// opening returns the key with an ID, nil if there is none or it has ended.
func (r *Ring) opening(id uint32, now int64) *ringKey {
	keys := r.all()
	for i := range keys {
		if k := &keys[i]; k.id == id && !k.ended(now) { // SESS-5
			return k
		}
	}
	return nil
}

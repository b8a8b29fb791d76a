package trace

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/countersign-auth/countersign/gss"
)

// keySize is the length of a trace's key in bytes.
const keySize = 32

// saltSize is the length of a trace's salt in bytes.
const saltSize = 32

// sealer seals the parts of one trace, under keys that are that trace's own:
// HKDF-SHA-256 of the caller's key, the trace's salt, and a label.
//
// The nonce is synthetic: the HMAC of all that goes in, cut to its length. The
// core draws no randomness, and an [Encoder] is a value that can be copied and
// used twice; a nonce that was only counted would then seal two different steps
// alike, which AES-GCM does not survive.
type sealer struct {
	aead cipher.AEAD
	mac  string
}

func newSealer(key gss.Secret, salt string) (sealer, error) {
	k := key.Reveal()
	if len(k) != keySize || k == string(make([]byte, keySize)) {
		return sealer{}, misuse("a trace's key is 32 random bytes")
	}
	var keys [2][]byte
	for i, label := range [...]string{"countersign trace 1 seal", "countersign trace 1 nonce"} {
		sub, err := hkdf.Key(sha256.New, []byte(k), []byte(salt), label, keySize)
		if err != nil {
			return sealer{}, misuse("HKDF-SHA-256 is not to be had")
		}
		keys[i] = sub
	}
	block, err := aes.NewCipher(keys[0])
	if err != nil {
		return sealer{}, misuse("AES is not to be had")
	}
	aead, err := cipher.NewGCM(block)
	if err != nil { // FIPS-only mode takes no nonce from outside
		return sealer{}, misuse("AES-GCM is not to be had with a nonce of one's own, as in FIPS-only mode: record redacted")
	}
	return sealer{aead, string(keys[1])}, nil
}

// seal seals text as part number seq of the trace, bound to what stands beside
// it in the clear.
func (s sealer) seal(seq uint64, clear, text []byte) []byte {
	ad := associated(seq, clear)
	nonce := s.nonce(ad, text)
	return s.aead.Seal(nonce, nonce, text, ad)
}

// open returns what seal sealed, and false if that was changed.
func (s sealer) open(seq uint64, clear, blob []byte) ([]byte, bool) {
	n := s.aead.NonceSize()
	if len(blob) < n {
		return nil, false
	}
	ad := associated(seq, clear)
	text, err := s.aead.Open(nil, blob[:n], blob[n:], ad)
	if err != nil || !hmac.Equal(blob[:n], s.nonce(ad, text)) {
		return nil, false
	}
	return text, true
}

// nonce returns a slice without spare capacity, so that Seal appends to a copy.
func (s sealer) nonce(ad, text []byte) []byte {
	h := hmac.New(sha256.New, []byte(s.mac))
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(ad)))
	h.Write(n[:])
	h.Write(ad)
	h.Write(text)
	size := s.aead.NonceSize()
	return h.Sum(nil)[:size:size]
}

// associated returns the data that a part is bound to: its number and its line.
func associated(seq uint64, clear []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, seq), clear...)
}

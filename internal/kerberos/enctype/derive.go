package enctype

import (
	"crypto/cipher"
	"crypto/sha512"
	"encoding/binary"
)

// purpose tells the keys of one usage apart (RFC 3961 section 5.3).
type purpose uint8

const (
	forChecksum  purpose = 0x99 // Kc
	forCipher    purpose = 0xAA // Ke
	forIntegrity purpose = 0x55 // Ki
)

// fold is what DK encrypts: usage and purpose, n-folded to a block.
type fold [16]byte

// folds are those of the usages that have a name: no n-fold is left for run time.
var folds = foldAll()

// usageFolds are one usage's.
type usageFolds struct{ checksum, cipher, integrity fold }

func foldAll() (all [namedUsages]usageFolds) {
	for u := range all {
		all[u] = foldUsage(Usage(u))
	}
	return all
}

func foldUsage(u Usage) (f usageFolds) {
	well := binary.BigEndian.AppendUint32(nil, uint32(u))
	copy(f.checksum[:], nfold(string(append(well, byte(forChecksum))), 16))
	copy(f.cipher[:], nfold(string(append(well, byte(forCipher))), 16))
	copy(f.integrity[:], nfold(string(append(well, byte(forIntegrity))), 16))
	return f
}

func foldOf(u Usage, p purpose) fold {
	var f usageFolds
	if u < namedUsages {
		f = folds[u]
	} else {
		f = foldUsage(u)
	}
	switch p {
	case forCipher:
		return f.cipher
	case forIntegrity:
		return f.integrity
	}
	return f.checksum
}

// prfFold is "prf" for the pseudo-random function of RFC 3961 section 5.3.
var prfFold = fold([]byte(nfold("prf", 16)))

// nfold stretches or shrinks s to n bytes (RFC 3961 section 5.1): as many copies of s
// as fill the least common multiple of both lengths, each turned right by 13 bits
// more than the one before, cut into pieces of n bytes that are added with end-around
// carry.
func nfold(s string, n int) string {
	total := len(s) * n / gcd(len(s), n)
	sum := make([]uint16, n)
	bits := 8 * len(s)
	for i := range total {
		copyNo, at := i/len(s), 8*(i%len(s))
		from := ((at-13*copyNo)%bits + bits) % bits // the first bit of this byte, before it was turned
		word := uint16(s[from/8])<<8 | uint16(s[(from/8+1)%len(s)])
		sum[i%n] += word << (from % 8) >> 8
	}
	carry := uint16(0)
	for round := 0; round < 2 || carry != 0; round++ {
		for i := n - 1; i >= 0; i-- {
			v := sum[i] + carry
			sum[i], carry = v&0xFF, v>>8
		}
	}
	out := make([]byte, n)
	for i, v := range sum {
		out[i] = byte(v)
	}
	return string(out)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// dk computes DK(base, constant) for ciphers of 16-byte blocks with the identity as their
// random-to-key (RFC 3961 section 5.1): the constant encrypted, and that encrypted again.
func dk(base cipher.Block, constant fold, key []byte) {
	base.Encrypt(constant[:], constant[:])
	n := copy(key, constant[:])
	if n < len(key) {
		base.Encrypt(constant[:], constant[:])
		copy(key[n:], constant[:])
	}
}

// kdf computes KDF-HMAC-SHA2 (RFC 8009 section 3) into key, from label and the bytes that
// follow it.
func (d digest) kdf(base []byte, label, context string, key []byte) {
	var room [sha512.BlockSize + 64]byte // enough for all but long contexts
	b := binary.BigEndian.AppendUint32(room[:d.block()], 1)
	b = append(append(b, label...), 0)
	b = append(b, context...)
	b = binary.BigEndian.AppendUint32(b, uint32(8*len(key)))
	sum := d.mac(base, b)
	copy(key, sum[:])
}

// derived are a key's keys for one usage. The lengths are the profile's.
type derived struct{ ke, ki [32]byte }

// derive finds Ke and Ki (RFC 3961 section 5.3, RFC 8009 section 5, RFC 6803 section 3).
func (p *profile) derive(key string, u Usage, d *derived) {
	switch p.family {
	case sha1CTS:
		base := newAES(key)
		dk(base, foldOf(u, forCipher), d.ke[:p.key])
		dk(base, foldOf(u, forIntegrity), d.ki[:p.mac])
	default:
		p.deriveOne(key, u, forCipher, d.ke[:p.key])
		p.deriveOne(key, u, forIntegrity, d.ki[:p.mac])
	}
}

// deriveOne finds one of them.
func (p *profile) deriveOne(key string, u Usage, why purpose, out []byte) {
	switch p.family {
	case sha1CTS:
		dk(newAES(key), foldOf(u, why), out)
	case sha2CTS:
		var base [32]byte
		var label [5]byte
		binary.BigEndian.PutUint32(label[:], uint32(u))
		label[4] = byte(why)
		p.hash.kdf(base[:copy(base[:], key)], string(label[:]), "", out)
	case cmacCTS:
		var label [5]byte
		binary.BigEndian.PutUint32(label[:], uint32(u))
		label[4] = byte(why)
		feedbackKDF(key, string(label[:]), out)
	}
}

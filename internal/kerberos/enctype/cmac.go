package enctype

import (
	"crypto/cipher"
	"encoding/binary"
)

// cmac returns CMAC (NIST SP 800-38B) with Camellia over the parts, one after the other.
func cmac(key string, parts ...string) (sum [maxSum]byte) {
	block := newCamellia(key)
	var k1, state [blockSize]byte
	block.Encrypt(k1[:], k1[:])
	double(&k1)
	k2 := k1
	double(&k2)

	held := 0 // bytes of a block that is not encrypted yet: it may be the last one
	for _, s := range parts {
		for i := range len(s) {
			if held == blockSize {
				block.Encrypt(state[:], state[:])
				held = 0
			}
			state[held] ^= s[i]
			held++
		}
	}
	last := &k1
	if held < blockSize {
		state[held] ^= 0x80
		last = &k2
	}
	for i := range state {
		state[i] ^= last[i]
	}
	block.Encrypt(sum[:blockSize], state[:])
	return sum
}

// double multiplies by x in GF(2^128), in constant time.
func double(b *[blockSize]byte) {
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	carry := -(high >> 63) & 0x87
	binary.BigEndian.PutUint64(b[:8], high<<1|low>>63)
	binary.BigEndian.PutUint64(b[8:], low<<1^carry)
}

// feedbackKDF computes KDF-FEEDBACK-CMAC (RFC 6803 section 3) into key.
func feedbackKDF(base, constant string, key []byte) {
	var before string
	var number, bits [4]byte
	binary.BigEndian.PutUint32(bits[:], uint32(8*len(key)))
	before = string(make([]byte, blockSize))
	for i := 0; i*blockSize < len(key); i++ {
		binary.BigEndian.PutUint32(number[:], uint32(i+1))
		sum := cmac(base, before, string(number[:]), constant, "\x00", string(bits[:]))
		before = string(sum[:blockSize])
		copy(key[i*blockSize:], before)
	}
}

var _ cipher.Block = (*camellia)(nil)

// Package hmac computes HMAC (RFC 2104) without an allocation, which crypto/hmac needs for
// its state. The caller has room for the message on its stack, with the key's block first,
// so that no message is copied: it lets [Begin] write that block, appends the message, and
// passes all of it to [MD5] or one of the others.
//
// A key is at most as long as a block of the hash: 128 bytes for SHA-384, 64 bytes for the
// others. The caller hashes a longer one first (section 2).
package hmac

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
)

// The pads of RFC 2104 section 2, eight bytes of each.
const (
	inner uint64 = 0x3636363636363636
	outer uint64 = 0x5c5c5c5c5c5c5c5c
)

// Begin appends the first block of the inner hash to b: the key, filled up to the size of a
// block and combined with the inner pad. The message goes behind it.
func Begin(b []byte, block int, key []byte) []byte {
	var zero [sha512.BlockSize]byte
	b = append(b, zero[:block]...)
	combine(b[len(b)-block:], inner, key)
	return b
}

// combine writes the key and the pad into a block of zeros.
func combine(block []byte, pad uint64, key []byte) {
	copy(block, key)
	for ; len(block) >= 8; block = block[8:] {
		binary.LittleEndian.PutUint64(block, binary.LittleEndian.Uint64(block)^pad)
	}
}

// MD5 returns the HMAC-MD5 of a message, which b holds behind what [Begin] appended for the
// same key.
func MD5(b, key []byte) [md5.Size]byte {
	var room [md5.BlockSize + md5.Size]byte
	sum := md5.Sum(b)
	combine(room[:md5.BlockSize], outer, key)
	copy(room[md5.BlockSize:], sum[:])
	return md5.Sum(room[:])
}

// SHA1 returns the HMAC-SHA-1, as MD5 does its own.
func SHA1(b, key []byte) [sha1.Size]byte {
	var room [sha1.BlockSize + sha1.Size]byte
	sum := sha1.Sum(b)
	combine(room[:sha1.BlockSize], outer, key)
	copy(room[sha1.BlockSize:], sum[:])
	return sha1.Sum(room[:])
}

// SHA256 returns the HMAC-SHA-256, as MD5 does its own.
func SHA256(b, key []byte) [sha256.Size]byte {
	var room [sha256.BlockSize + sha256.Size]byte
	sum := sha256.Sum256(b)
	combine(room[:sha256.BlockSize], outer, key)
	copy(room[sha256.BlockSize:], sum[:])
	return sha256.Sum256(room[:])
}

// SHA384 returns the HMAC-SHA-384, as MD5 does its own.
func SHA384(b, key []byte) [sha512.Size384]byte {
	var room [sha512.BlockSize + sha512.Size384]byte
	sum := sha512.Sum384(b)
	combine(room[:sha512.BlockSize], outer, key)
	copy(room[sha512.BlockSize:], sum[:])
	return sha512.Sum384(room[:])
}

package enctype

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/countersign-auth/countersign/internal/hmac"
)

// digest is a hash function under HMAC.
type digest uint8

const (
	noDigest digest = iota
	md5Digest
	sha1Digest
	sha256Digest
	sha384Digest
)

const (
	maxSum  = 48 // bytes of SHA-384
	scratch = 2048
)

// block returns the size of the hash's blocks, in bytes.
func (d digest) block() int {
	if d == sha384Digest {
		return 128
	}
	return 64
}

// sum hashes b. Only the hash's own length of the result means anything.
func (d digest) sum(b []byte) (out [maxSum]byte, n int) {
	switch d {
	case md5Digest:
		s := md5.Sum(b)
		n = copy(out[:], s[:])
	case sha1Digest:
		s := sha1.Sum(b)
		n = copy(out[:], s[:])
	case sha256Digest:
		s := sha256.Sum256(b)
		n = copy(out[:], s[:])
	case sha384Digest:
		s := sha512.Sum384(b)
		n = copy(out[:], s[:])
	}
	return out, n
}

// mac returns HMAC over b without its first block, which is room for the key. Keys are never
// longer than a block here.
func (d digest) mac(key, b []byte) (out [maxSum]byte) {
	hmac.Begin(b[:0], d.block(), key)
	switch d {
	case md5Digest:
		s := hmac.MD5(b, key)
		copy(out[:], s[:])
	case sha1Digest:
		s := hmac.SHA1(b, key)
		copy(out[:], s[:])
	case sha256Digest:
		s := hmac.SHA256(b, key)
		copy(out[:], s[:])
	case sha384Digest:
		s := hmac.SHA384(b, key)
		copy(out[:], s[:])
	}
	return out
}

// macString returns what mac does, over a message of several parts.
func (d digest) macString(key []byte, parts ...string) [maxSum]byte {
	n := d.block()
	for _, s := range parts {
		n += len(s)
	}
	var room [scratch]byte
	b := room[:]
	if n > len(b) {
		b = make([]byte, n)
	}
	at := d.block()
	for _, s := range parts {
		at += copy(b[at:], s)
	}
	return d.mac(key, b[:n])
}

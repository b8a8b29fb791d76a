package ntlm

import (
	"crypto/des"
	"crypto/md5"
	"crypto/subtle"
	"fmt"

	"github.com/countersign-auth/countersign/internal/hmac"
	"github.com/countersign-auth/countersign/internal/ntlmssp"

	//lint:ignore SA1019 MS-NLMP is built on MD4
	"golang.org/x/crypto/md4"
)

// Key is a 128-bit key or hash of NTLM. It redacts itself. The zero Key is none.
type Key [16]byte

// IsZero reports whether k is no key.
func (k Key) isZero() bool { return k == Key{} }

// Equal compares in constant time.
func (k Key) equal(other Key) bool { return subtle.ConstantTimeCompare(k[:], other[:]) == 1 }

// Format implements fmt.Formatter: the key stays hidden, as far as [gss.Secret]
// says.
func (k Key) Format(f fmt.State, _ rune) {
	if k.isZero() {
		fmt.Fprint(f, "key(none)")
		return
	}
	fmt.Fprint(f, "key(***)")
}

// MarshalText implements encoding.TextMarshaler: the key stays hidden.
func (k Key) MarshalText() ([]byte, error) { return []byte("***"), nil }

// scratch is the room on the stack for what is hashed: a whole HTTP exchange
// fits. Longer input moves to the heap.
const scratch = 1024

// hmacStart appends the first block of HMAC-MD5 to b. The message goes behind it:
//
//	var room [scratch]byte
//	b := hmacStart(room[:0], &key)
//	b = append(b, message...)
//	sum := hmacEnd(b, &key)
func hmacStart(b []byte, key *Key) []byte { return hmac.Begin(b, md5.BlockSize, key[:]) }

// hmacEnd returns the HMAC-MD5 of the message behind what hmacStart appended.
func hmacEnd(b []byte, key *Key) Key { return hmac.MD5(b, key[:]) }

// ntowfv1 returns NTOWFv1, the MD4 of the password in UTF-16LE (MS-NLMP section 3.3.1).
func ntowfv1(password string) Key {
	var room [128]byte
	return md4Sum(ntlmssp.AppendUTF16(room[:0], password))
}

func md4Sum(b []byte) (k Key) {
	h := md4.New()
	h.Write(b)
	h.Sum(k[:0])
	return k
}

// lmowfv1 returns LMOWFv1: DES of a constant under both halves of the password in upper
// case. It is only defined for up to 14 characters of the OEM character set, and returns
// false for others.
func lmowfv1(password string) (k Key, ok bool) {
	var half [14]byte
	n := 0
	for _, r := range password {
		if n == len(half) || r > 0xff {
			return Key{}, false
		}
		if 'a' <= r && r <= 'z' || r >= 0xe0 && r != 0xf7 && r != 0xff {
			r -= 'a' - 'A'
		}
		half[n] = byte(r)
		n++
	}
	const constant = "KGS!@#$%"
	desOnce(k[:8], half[:7], []byte(constant))
	desOnce(k[8:], half[7:], []byte(constant))
	return k, true
}

// desOnce encrypts one block under a 7-byte key, spread over 8 bytes; the parity
// bits do not matter.
func desOnce(dst, key, block []byte) {
	var spread [8]byte
	var bits uint64
	for _, b := range key[:7] {
		bits = bits<<8 | uint64(b)
	}
	for i := range spread {
		spread[i] = byte(bits>>(49-7*i)) << 1
	}
	c, err := des.NewCipher(spread[:])
	if err != nil { // not with 8 bytes
		clear(dst)
		return
	}
	c.Encrypt(dst, block)
}

// desl returns DESL: the response of the versions before NTLMv2.
func desl(key Key, block []byte) (out [ntlmssp.V1Size]byte) {
	last := [7]byte{key[14], key[15]}
	desOnce(out[:8], key[:7], block)
	desOnce(out[8:16], key[7:14], block)
	desOnce(out[16:], last[:], block)
	return out
}

package hmac

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"strings"
	"testing"
)

// sums are the functions, each with crypto's hash for the comparison.
var sums = []struct {
	name  string
	block int
	of    func(b, key []byte) []byte
	new   func() hash.Hash
}{
	{"MD5", md5.BlockSize, func(b, key []byte) []byte { s := MD5(b, key); return s[:] }, md5.New},
	{"SHA1", sha1.BlockSize, func(b, key []byte) []byte { s := SHA1(b, key); return s[:] }, sha1.New},
	{"SHA256", sha256.BlockSize, func(b, key []byte) []byte { s := SHA256(b, key); return s[:] }, sha256.New},
	{"SHA384", sha512.BlockSize, func(b, key []byte) []byte { s := SHA384(b, key); return s[:] }, sha512.New384},
}

// The first cases of RFC 2202 (MD5, SHA-1) and RFC 4231 (SHA-2).
func TestVectors(t *testing.T) {
	b := func(n int) []byte { return bytes.Repeat([]byte{0x0b}, n) }
	for i, row := range []struct {
		key1 []byte
		want [2]string
	}{
		{b(16), [2]string{"9294727a3638bb1c13f48ef8158bfc9d", "750c783e6ab0b503eaa86e310a5db738"}},
		{b(20), [2]string{"b617318655057264e28bc0b6fb378c8ef146be00", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"}},
		{b(20), [2]string{"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"}},
		{b(20), [2]string{
			"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
			"af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
		}},
	} {
		s := sums[i]
		for n, in := range []struct{ key, message []byte }{{row.key1, []byte("Hi There")}, {[]byte("Jefe"), []byte("what do ya want for nothing?")}} {
			got := s.of(append(Begin(nil, s.block, in.key), in.message...), in.key)
			if hex.EncodeToString(got) != row.want[n] {
				t.Errorf("%s, case %d: %x, want %s", s.name, n+1, got, row.want[n])
			}
		}
	}
}

// Keys and messages of all lengths around a block have the sum that crypto/hmac computes,
// whatever the room held before.
func TestSumsAreThoseOfCrypto(t *testing.T) {
	for _, s := range sums {
		for _, size := range []int{0, 1, 16, s.block - 1, s.block} {
			key := []byte(strings.Repeat("key", 50)[:size])
			for _, length := range []int{0, 1, s.block, 3*s.block + 1} {
				message := bytes.Repeat([]byte{0xa5}, length)
				room := bytes.Repeat([]byte{0xff}, 5+s.block+length)
				got := s.of(append(Begin(room[:5], s.block, key), message...)[5:], key)
				h := hmac.New(s.new, key)
				h.Write(message)
				if want := h.Sum(nil); !bytes.Equal(got, want) {
					t.Errorf("%s, a key of %d bytes and a message of %d: %x, want %x", s.name, size, length, got, want)
				}
			}
		}
	}
}

func TestNoAllocation(t *testing.T) {
	var key [16]byte
	if n := testing.AllocsPerRun(100, func() {
		var room [512]byte
		b := append(Begin(room[:0], md5.BlockSize, key[:]), "message"...)
		sum := MD5(b, key[:])
		key[0] ^= sum[0]
		long := SHA384(append(Begin(room[:0], sha512.BlockSize, key[:]), "message"...), key[:])
		key[1] ^= long[0]
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

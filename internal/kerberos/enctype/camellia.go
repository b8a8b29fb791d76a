package enctype

import (
	"encoding/binary"
	"math/bits"
)

// camellia is the block cipher Camellia (RFC 3713) with keys of 128 or 256 bits. It
// is table-driven, and so no better protected against cache timing than others.
type camellia struct {
	rounds int // 18 or 24
	kw     [4]uint64
	k      [24]uint64
	ke     [6]uint64
}

// newCamellia computes the key schedule, RFC 3713 section 2.2. The key has 16 or 32 bytes.
func newCamellia(key string) *camellia {
	var kl, kr wide
	kl.set(key[:16])
	if len(key) == 32 {
		kr.set(key[16:])
	}
	d := wide{kl.hi ^ kr.hi, kl.lo ^ kr.lo}
	d.lo ^= camelliaF(d.hi, sigma[0])
	d.hi ^= camelliaF(d.lo, sigma[1])
	d.hi ^= kl.hi
	d.lo ^= kl.lo
	d.lo ^= camelliaF(d.hi, sigma[2])
	d.hi ^= camelliaF(d.lo, sigma[3])
	ka := d
	d = wide{ka.hi ^ kr.hi, ka.lo ^ kr.lo}
	d.lo ^= camelliaF(d.hi, sigma[4])
	d.hi ^= camelliaF(d.lo, sigma[5])
	kb := d

	c := new(camellia)
	if len(key) == 16 {
		c.rounds = 18
		c.kw = [4]uint64{kl.hi, kl.lo, ka.turn(111).hi, ka.turn(111).lo}
		c.k = [24]uint64{
			ka.hi, ka.lo, kl.turn(15).hi, kl.turn(15).lo, ka.turn(15).hi, ka.turn(15).lo,
			kl.turn(45).hi, kl.turn(45).lo, ka.turn(45).hi, kl.turn(60).lo, ka.turn(60).hi, ka.turn(60).lo,
			kl.turn(94).hi, kl.turn(94).lo, ka.turn(94).hi, ka.turn(94).lo, kl.turn(111).hi, kl.turn(111).lo,
		}
		c.ke = [6]uint64{ka.turn(30).hi, ka.turn(30).lo, kl.turn(77).hi, kl.turn(77).lo}
		return c
	}
	c.rounds = 24
	c.kw = [4]uint64{kl.hi, kl.lo, kb.turn(111).hi, kb.turn(111).lo}
	c.k = [24]uint64{
		kb.hi, kb.lo, kr.turn(15).hi, kr.turn(15).lo, ka.turn(15).hi, ka.turn(15).lo,
		kb.turn(30).hi, kb.turn(30).lo, kl.turn(45).hi, kl.turn(45).lo, ka.turn(45).hi, ka.turn(45).lo,
		kr.turn(60).hi, kr.turn(60).lo, kb.turn(60).hi, kb.turn(60).lo, kl.turn(77).hi, kl.turn(77).lo,
		kr.turn(94).hi, kr.turn(94).lo, ka.turn(94).hi, ka.turn(94).lo, kl.turn(111).hi, kl.turn(111).lo,
	}
	c.ke = [6]uint64{kr.turn(30).hi, kr.turn(30).lo, kl.turn(60).hi, kl.turn(60).lo, ka.turn(77).hi, ka.turn(77).lo}
	return c
}

// wide is 128 bits.
type wide struct{ hi, lo uint64 }

func (w *wide) set(s string) {
	w.hi, w.lo = binary.BigEndian.Uint64([]byte(s[:8])), binary.BigEndian.Uint64([]byte(s[8:16]))
}

// turn rotates to the left.
func (w wide) turn(n uint) wide {
	if n >= 64 {
		w.hi, w.lo, n = w.lo, w.hi, n-64
	}
	return wide{w.hi<<n | w.lo>>(64-n), w.lo<<n | w.hi>>(64-n)}
}

// BlockSize implements cipher.Block.
func (c *camellia) BlockSize() int { return blockSize }

// Encrypt implements cipher.Block (RFC 3713 section 2.3).
func (c *camellia) Encrypt(dst, src []byte) {
	d1 := binary.BigEndian.Uint64(src) ^ c.kw[0]
	d2 := binary.BigEndian.Uint64(src[8:]) ^ c.kw[1]
	for i := 0; i < c.rounds; i += 2 {
		if i > 0 && i%6 == 0 {
			d1 = layer(d1, c.ke[i/3-2])
			d2 = layerInverse(d2, c.ke[i/3-1])
		}
		d2 ^= camelliaF(d1, c.k[i])
		d1 ^= camelliaF(d2, c.k[i+1])
	}
	binary.BigEndian.PutUint64(dst, d2^c.kw[2])
	binary.BigEndian.PutUint64(dst[8:], d1^c.kw[3])
}

// Decrypt implements cipher.Block: the same with the subkeys the other way round.
func (c *camellia) Decrypt(dst, src []byte) {
	d1 := binary.BigEndian.Uint64(src) ^ c.kw[2]
	d2 := binary.BigEndian.Uint64(src[8:]) ^ c.kw[3]
	for i := c.rounds - 2; i >= 0; i -= 2 {
		d2 ^= camelliaF(d1, c.k[i+1])
		d1 ^= camelliaF(d2, c.k[i])
		if i > 0 && i%6 == 0 {
			d1 = layer(d1, c.ke[i/3-1])
			d2 = layerInverse(d2, c.ke[i/3-2])
		}
	}
	binary.BigEndian.PutUint64(dst, d2^c.kw[0])
	binary.BigEndian.PutUint64(dst[8:], d1^c.kw[1])
}

// sigma are the constants of section 2.2.
var sigma = [6]uint64{
	0xA09E667F3BCC908B, 0xB67AE8584CAA73B2, 0xC6EF372FE94F82BE,
	0x54FF53A5F1D36F1C, 0x10E527FADE682D1D, 0xB05688C2B3E6C1FD,
}

// camelliaF computes the F-function, section 2.4.1.
func camelliaF(in, key uint64) uint64 {
	x := in ^ key
	t1 := sbox1[byte(x>>56)]
	t2 := bits.RotateLeft8(sbox1[byte(x>>48)], 1)
	t3 := bits.RotateLeft8(sbox1[byte(x>>40)], 7)
	t4 := sbox1[bits.RotateLeft8(byte(x>>32), 1)]
	t5 := bits.RotateLeft8(sbox1[byte(x>>24)], 1)
	t6 := bits.RotateLeft8(sbox1[byte(x>>16)], 7)
	t7 := sbox1[bits.RotateLeft8(byte(x>>8), 1)]
	t8 := sbox1[byte(x)]
	return uint64(t1^t3^t4^t6^t7^t8)<<56 | uint64(t1^t2^t4^t5^t7^t8)<<48 |
		uint64(t1^t2^t3^t5^t6^t8)<<40 | uint64(t2^t3^t4^t5^t6^t7)<<32 |
		uint64(t1^t2^t6^t7^t8)<<24 | uint64(t2^t3^t5^t7^t8)<<16 |
		uint64(t3^t4^t5^t6^t8)<<8 | uint64(t1^t4^t5^t6^t7)
}

// layer computes the FL-function, section 2.4.2, and layerInverse its inverse (2.4.3).
func layer(x, key uint64) uint64 {
	left, right := uint32(x>>32), uint32(x)
	right ^= bits.RotateLeft32(left&uint32(key>>32), 1)
	left ^= right | uint32(key)
	return uint64(left)<<32 | uint64(right)
}

func layerInverse(y, key uint64) uint64 {
	left, right := uint32(y>>32), uint32(y)
	left ^= right | uint32(key)
	right ^= bits.RotateLeft32(left&uint32(key>>32), 1)
	return uint64(left)<<32 | uint64(right)
}

// sbox1 is the first S-box, section 2.4.1; the others are it, turned.
var sbox1 = [256]byte{
	112, 130, 44, 236, 179, 39, 192, 229, 228, 133, 87, 53, 234, 12, 174, 65,
	35, 239, 107, 147, 69, 25, 165, 33, 237, 14, 79, 78, 29, 101, 146, 189,
	134, 184, 175, 143, 124, 235, 31, 206, 62, 48, 220, 95, 94, 197, 11, 26,
	166, 225, 57, 202, 213, 71, 93, 61, 217, 1, 90, 214, 81, 86, 108, 77,
	139, 13, 154, 102, 251, 204, 176, 45, 116, 18, 43, 32, 240, 177, 132, 153,
	223, 76, 203, 194, 52, 126, 118, 5, 109, 183, 169, 49, 209, 23, 4, 215,
	20, 88, 58, 97, 222, 27, 17, 28, 50, 15, 156, 22, 83, 24, 242, 34,
	254, 68, 207, 178, 195, 181, 122, 145, 36, 8, 232, 168, 96, 252, 105, 80,
	170, 208, 160, 125, 161, 137, 98, 151, 84, 91, 30, 149, 224, 255, 100, 210,
	16, 196, 0, 72, 163, 247, 117, 219, 138, 3, 230, 218, 9, 63, 221, 148,
	135, 92, 131, 2, 205, 74, 144, 51, 115, 103, 246, 243, 157, 127, 191, 226,
	82, 155, 216, 38, 200, 55, 198, 59, 129, 150, 111, 75, 19, 190, 99, 46,
	233, 121, 167, 140, 159, 110, 188, 142, 41, 245, 249, 182, 47, 253, 180, 89,
	120, 152, 6, 106, 231, 70, 113, 186, 212, 37, 171, 66, 136, 162, 141, 250,
	114, 7, 185, 85, 248, 238, 172, 10, 54, 73, 42, 104, 60, 56, 241, 164,
	64, 40, 211, 123, 187, 201, 67, 193, 21, 227, 173, 244, 119, 199, 128, 158,
}

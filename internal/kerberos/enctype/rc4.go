package enctype

import (
	"crypto/rc4"
	"encoding/binary"
)

// rc4-hmac (RFC 4757): everything is HMAC-MD5 and RC4. None of this is reached under
// FIPS-only mode, since there is no key.

// rc4MessageKey returns K1, the key of one message type.
func rc4MessageKey(key string, t uint32) [16]byte {
	var salt [4]byte
	binary.LittleEndian.PutUint32(salt[:], t)
	return hmacMD5([]byte(key), string(salt[:]))
}

func hmacMD5(key []byte, parts ...string) (out [16]byte) {
	sum := md5Digest.macString(key, parts...)
	copy(out[:], sum[:])
	return out
}

// rc4Seal encrypts (section 4): the MAC under K1 over confounder and text, and both
// encrypted under a key of that MAC.
func rc4Seal(k1 *[32]byte, confounder, plain string) string {
	const mac, conf = 16, 8
	out := make([]byte, mac+conf+len(plain))
	copy(out[mac:mac+conf], confounder)
	copy(out[mac+conf:], plain)
	sum := hmacMD5(k1[:16], string(out[mac:]))
	copy(out, sum[:])
	rc4Crypt(k1, sum[:], out[mac:])
	return string(out)
}

func rc4Open(k1 *[32]byte, cipher string) (string, bool) {
	const mac, conf = 16, 8
	if len(cipher) < mac+conf {
		return "", false
	}
	var short [scratch]byte
	b := short[:]
	if head := md5Digest.block() + len(cipher) - mac; head > len(b) {
		b = make([]byte, head)
	}
	b = b[:md5Digest.block()+len(cipher)-mac]
	text := b[md5Digest.block():]
	copy(text, cipher[mac:])
	rc4Crypt(k1, []byte(cipher[:mac]), text)
	sum := md5Digest.mac(k1[:16], b)
	if !equal(sum[:mac], cipher[:mac]) {
		return "", false
	}
	return string(text[conf:]), true
}

// rc4Crypt applies RC4 under K3, the key of a checksum.
func rc4Crypt(k1 *[32]byte, checksum, text []byte) {
	k3 := hmacMD5(k1[:16], string(checksum))
	c, err := rc4.NewCipher(k3[:])
	if err != nil {
		return // 16 bytes are a key
	}
	c.XORKeyStream(text, text)
}

// rc4Checksum returns HMAC-MD5 as section 4 defines it: MD5 over type and text, under a key
// for signing.
func rc4Checksum(key string, t uint32, data string) (sum [maxSum]byte) {
	sign := hmacMD5([]byte(key), "signaturekey\x00")
	var salt [4]byte
	binary.LittleEndian.PutUint32(salt[:], t)
	var short [scratch]byte
	inner, n := md5Digest.sum(append(append(short[:0], salt[:]...), data...))
	return md5Digest.macString(sign[:], string(inner[:n]))
}

package ntlm

import (
	"crypto/md5"

	"github.com/countersign-auth/countersign/internal/ntlmssp"
)

// The computations of MS-NLMP sections 3.3 and 3.4.5.1.

// ntowfv2 returns NTOWFv2. userDomain is the user's name followed by the domain's, in
// UTF-16LE; its first user bytes are put into upper case here.
func ntowfv2(nt Key, userDomain []byte, user int) Key {
	var room [scratch]byte
	b := hmacStart(room[:0], &nt)
	b = append(b, userDomain...)
	ntlmssp.UpperUTF16(b[md5.BlockSize : md5.BlockSize+user])
	return hmacEnd(b, &nt)
}

// proofV2 returns NTProofStr: the HMAC over the server's challenge and temp.
func proofV2[T string | []byte](key Key, server ntlmssp.Nonce, temp T) Key {
	var room [scratch]byte
	b := hmacStart(room[:0], &key)
	b = append(b, server[:]...)
	b = append(b, temp...)
	return hmacEnd(b, &key)
}

// hmacMD5 returns the HMAC-MD5 of a short message.
func hmacMD5(key Key, message []byte) Key {
	var room [md5.BlockSize + 64]byte
	return hmacEnd(append(hmacStart(room[:0], &key), message...), &key)
}

// baseKeyV1 returns the SessionBaseKey of the versions before NTLMv2.
func baseKeyV1(nt Key) Key {
	return md4Sum(nt[:])
}

// sessionChallenge returns what NTLMv1 with extended session security responds to, in
// place of the server's challenge alone.
func sessionChallenge(server, client ntlmssp.Nonce) (n ntlmssp.Nonce) {
	var both [16]byte
	copy(both[:], server[:])
	copy(both[8:], client[:])
	sum := md5.Sum(both[:])
	copy(n[:], sum[:])
	return n
}

// kxkeyV1 returns KXKEY for the versions before NTLMv2; with NTLMv2 the key exchange key
// is the session base key. lm is the LM response, lmowf the LM hash, zero if there is
// none.
func kxkeyV1(flags ntlmssp.Flags, base, lmowf Key, server ntlmssp.Nonce, lm *[ntlmssp.V1Size]byte) (k Key) {
	switch {
	case flags.Has(ntlmssp.FlagESS):
		var both [16]byte
		copy(both[:], server[:])
		copy(both[8:], lm[:8])
		return hmacMD5(base, both[:])
	case flags.Has(ntlmssp.FlagLMKey):
		second := [7]byte{lmowf[7], 0xbd, 0xbd, 0xbd, 0xbd, 0xbd, 0xbd}
		desOnce(k[:8], lmowf[:7], lm[:8])
		desOnce(k[8:], second[:], lm[:8])
		return k
	case flags.Has(ntlmssp.FlagNonNTKey):
		copy(k[:8], lmowf[:8])
		return k
	}
	return base
}

// rc4Once returns RC4K: 16 bytes under a key stream of their own.
func rc4Once(key, message Key) Key {
	stream := newRC4(key[:])
	stream.xor(message[:])
	return message
}

// micOf returns the MIC of the three messages; the MIC field of the last is zero, or
// taken as such.
func micOf[A, B, C string | []byte](key Key, negotiate A, challenge B, authenticate C) Key {
	var room [2 * scratch]byte
	b := hmacStart(room[:0], &key)
	b = append(b, negotiate...)
	b = append(b, challenge...)
	at := len(b)
	b = append(b, authenticate...)
	clear(b[at+72 : at+ntlmssp.AuthenticateMIC])
	return hmacEnd(b, &key)
}

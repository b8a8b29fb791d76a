package enctype

import (
	"crypto/aes"
	"crypto/cipher"
)

const blockSize = 16 // of AES and Camellia, in bytes

// newAES expands a key of 16 or 32 bytes.
func newAES(key string) cipher.Block {
	var k [32]byte
	b, err := aes.NewCipher(k[:copy(k[:], key)])
	if err != nil {
		return nil // no other length comes here
	}
	return b
}

// CBC with ciphertext stealing and a zero vector (RFC 3962 section 5, CBC-CS3 of NIST
// SP 800-38A-Add): the last two blocks always change places, and what is missing in the
// last one is not sent. A single block is a single block. Both work in place, on 16
// bytes or more.

// spare is what they need beside: it stands with the text on the heap, where everything
// goes that passes a cipher.Block. It begins as zeros.
const spareSize = 3 * blockSize

func encryptCTS(block cipher.Block, spare, b []byte) {
	if len(b) == blockSize {
		block.Encrypt(b, b)
		return
	}
	zero, last := spare[:blockSize], spare[blockSize:2*blockSize]
	tail := (len(b)-1)%blockSize + 1
	full := len(b) - tail
	cipher.NewCBCEncrypter(block, zero).CryptBlocks(b[:full], b[:full])
	stolen := b[full-blockSize : full]
	copy(last, b[full:])
	for i := range last {
		last[i] ^= stolen[i]
	}
	block.Encrypt(last, last)
	copy(b[full:], stolen[:tail])
	copy(stolen, last)
}

func decryptCTS(block cipher.Block, spare, b []byte) {
	if len(b) == blockSize {
		block.Decrypt(b, b)
		return
	}
	zero, last, before := spare[:blockSize], spare[blockSize:2*blockSize], spare[2*blockSize:]
	tail := (len(b)-1)%blockSize + 1
	full := len(b) - tail
	swapped := b[full-blockSize : full]
	if full > blockSize {
		copy(before, b[full-2*blockSize:full-blockSize])
	}
	block.Decrypt(last, swapped) // the last plain block, XORed with the one before
	copy(swapped, last)
	copy(swapped, b[full:]) // the block before, with what was stolen
	for i := range tail {
		b[full+i] ^= last[i]
	}
	block.Decrypt(swapped, swapped)
	for i := range swapped {
		swapped[i] ^= before[i]
	}
	if full > blockSize {
		cipher.NewCBCDecrypter(block, zero).CryptBlocks(b[:full-blockSize], b[:full-blockSize])
	}
}

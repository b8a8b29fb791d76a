package negtoken

import "strings"

// The little of X.690 that SPNEGO needs, by hand: no reflection, and no memory,
// since what is read stays where it is.
//
// What is written is DER (RFC 4178 section 4). What is read is DER too, and BER
// in one respect: a length may take more octets than it needs. Indefinite
// lengths and constructed strings, which no known peer sends, are refused. The
// grammar has no recursion, so there is no depth to be bounded: what is not known
// is stepped over by its length, whatever is nested inside.

// The tags.
const (
	tagOctets     = 0x04
	tagOID        = 0x06
	tagEnumerated = 0x0a
	tagBits       = 0x03
	tagGeneral    = 0x1b // GeneralString
	tagSequence   = 0x30
	tagInitial    = 0x60 // RFC 2743 section 3.1
	tagField      = 0xa0 // [0], and [1] and so on behind it
	tagHigh       = 0x1f // the low bits of a tag of several octets, which nothing here has
)

// maxLength bounds the octets of a length.
const maxLength = 4

// head reads tag and length. size is that of the two, length that of the
// contents, which may be longer than what there is.
func head(s string) (tag byte, size int, length uint32, ok bool) {
	if len(s) < 2 || s[0]&tagHigh == tagHigh {
		return 0, 0, 0, false
	}
	size, length = 2, uint32(s[1])
	if length >= 0x80 {
		size += int(length & 0x7f)
		if size == 2 || size > 2+maxLength || size > len(s) {
			return 0, 0, 0, false
		}
		length = 0
		for i := 2; i < size; i++ {
			length = length<<8 | uint32(s[i])
		}
	}
	return s[0], size, length, true
}

// element cuts the first element off s.
func element(s string) (tag byte, body, rest string, ok bool) {
	tag, size, length, ok := head(s)
	if !ok || uint64(length) > uint64(len(s)-size) {
		return 0, "", "", false
	}
	end := size + int(length)
	return tag, s[size:end], s[end:], true
}

// only returns the contents of s if it is one element with that tag and no more.
func only(s string, tag byte) (body string, ok bool) {
	t, body, rest, ok := element(s)
	return body, ok && t == tag && rest == ""
}

// sizeOf returns the size of an element with contents of n octets.
func sizeOf(n int) int {
	switch {
	case n < 0x80:
		return 2 + n
	case n < 0x100:
		return 3 + n
	case n < 0x10000:
		return 4 + n
	case n < 0x1000000:
		return 5 + n
	}
	return 6 + n
}

// begin writes tag and length.
func begin(b *strings.Builder, tag byte, n int) {
	switch {
	case n < 0x80:
		b.Write([]byte{tag, byte(n)})
	case n < 0x100:
		b.Write([]byte{tag, 0x81, byte(n)})
	case n < 0x10000:
		b.Write([]byte{tag, 0x82, byte(n >> 8), byte(n)})
	case n < 0x1000000:
		b.Write([]byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)})
	default:
		b.Write([]byte{tag, 0x84, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
}

// Package der reads and writes the elements of DER (X.690), as far as the messages and
// certificates of authentication need them: tags of one octet and definite lengths. What is
// read stays where it is, and nothing is allocated. There is no recursion, so no depth to be
// bounded: an element is stepped over by its length, whatever is in it.
package der

// The tags (X.690 section 8.1.2), as they stand in the first octet.
const (
	Boolean         = 0x01
	Integer         = 0x02
	BitString       = 0x03
	OctetString     = 0x04
	OID             = 0x06
	UTF8String      = 0x0c
	GeneralizedTime = 0x18
	GeneralString   = 0x1b
	Sequence        = 0x30
	Application     = 0x60 // constructed, and the number
	Context         = 0xa0 // constructed, and the number
)

// maxLength bounds the octets of a length behind the first one: 16 MiB, which is more than
// any message may have.
const maxLength = 3

// Next returns the contents of the first element of s and what follows it. It reports false
// if s does not begin with the tag, or if the length is not definite and in its shortest form
// (X.690 section 10.1), or goes beyond s.
func Next(s string, tag byte) (contents, rest string, ok bool) {
	if len(s) < 2 || s[0] != tag {
		return "", "", false
	}
	n, at := int(s[1]), 2
	if n >= 0x80 {
		n, at = long(s)
	}
	if n > len(s)-at {
		return "", "", false
	}
	return s[at : at+n], s[at+n:], true
}

// long reads a length of several octets, and returns where they end. One that is not allowed
// is longer than s.
func long(s string) (n, at int) {
	octets := int(s[1] & 0x7f)
	if octets == 0 || octets > maxLength || len(s) < 2+octets {
		return len(s), 2
	}
	for _, c := range []byte(s[2 : 2+octets]) {
		n = n<<8 | int(c)
	}
	if s[2] == 0 || n < 0x80 {
		return len(s), 2
	}
	return n, 2 + octets
}

// AppendLength appends the length octets for contents of n bytes, in their shortest form.
func AppendLength(b []byte, n int) []byte {
	if n < 0x80 {
		return append(b, byte(n))
	}
	octets := 1
	for m := n >> 8; m > 0; m >>= 8 {
		octets++
	}
	b = append(b, 0x80|byte(octets))
	for i := octets - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

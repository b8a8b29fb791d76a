package header

import (
	"encoding/base64"
	"strings"
)

// scanToken68 reads a token68 (RFC 9110 section 11.2), up to the end of its list
// element. What the token means is up to its scheme: base64 here, three dotted parts for
// Bearer.
func scanToken68(s string, i int) (end int, ok bool) {
	digits := skipLong(s, i, t68)
	end = digits
	for end < len(s) && s[end] == '=' {
		end++
	}
	return end, digits > i && atEnd(s, skip(s, end, ows))
}

func encodedLen(n int) int { return base64.StdEncoding.EncodedLen(n) }

// The codec works in chunks on the stack: strings go in and come out with one
// allocation and no second copy.
const (
	chunkBytes  = 768
	chunkDigits = chunkBytes / 3 * 4
)

// encodeToken68 returns the prefix followed by the base64 of token.
func encodeToken68(prefix, token string) string {
	var b strings.Builder
	b.Grow(len(prefix) + encodedLen(len(token)))
	b.WriteString(prefix)
	var out [chunkDigits]byte
	for len(token) > 0 {
		n := min(len(token), chunkBytes)
		base64.StdEncoding.Encode(out[:], []byte(token[:n])) // read only: the compiler makes no copy
		token = token[n:]
		b.Write(out[:encodedLen(n)])
	}
	return b.String()
}

// decodeToken68 decodes base64 with its padding (N2HT-2.2-2, NTHT-2.2-1). Surplus
// padding, which some peers send, is accepted; missing padding is not.
func decodeToken68(body string) (string, bool) {
	digits := strings.TrimRight(body, "=")
	if rest := len(digits) % 4; rest == 1 || len(body)-len(digits) < (4-rest)%4 {
		return "", false
	}
	var b strings.Builder
	b.Grow(base64.RawStdEncoding.DecodedLen(len(digits)))
	var out [chunkBytes]byte
	for len(digits) > 0 {
		n := min(len(digits), chunkDigits)
		m, err := base64.RawStdEncoding.Decode(out[:], []byte(digits[:n])) // read only: the compiler makes no copy
		digits = digits[n:]
		if err != nil {
			return "", false
		}
		b.Write(out[:m])
	}
	return b.String(), true
}

// Package ascii compares the names of HTTP, in which the case of ASCII and of nothing else is folded.
package ascii

// EqualFold reports whether two tokens are equal without regard to ASCII case,
// as the names of schemes and parameters compare (RFC 9110 sections 11.1 and 11.2).
// Unlike strings.EqualFold it folds nothing outside ASCII.
func EqualFold(a, b string) bool { // N2HT-1.9-1
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if Lower(a[i]) != Lower(b[i]) {
			return false
		}
	}
	return true
}

// Lower returns c, an upper-case letter of ASCII in lower case.
func Lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// IsHex reports whether c is a hexadecimal digit of either case.
func IsHex(c byte) bool {
	l := Lower(c)
	return c >= '0' && c <= '9' || l >= 'a' && l <= 'f'
}

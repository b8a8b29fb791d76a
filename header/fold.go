package header

// EqualFold reports whether two tokens are equal without regard to ASCII case,
// as the names of schemes and parameters compare (RFC 9110 sections 11.1 and 11.2).
// Unlike strings.EqualFold it folds nothing outside ASCII.
func EqualFold(a, b string) bool { // N2HT-1.9-1
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

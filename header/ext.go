package header

import (
	"strings"
	"unicode/utf8"

	"github.com/countersign-auth/countersign/internal/ascii"
)

const upperhex = "0123456789ABCDEF"

// AppendExt appends name*=UTF-8”value (RFC 8187 section 3.2), the form of username* in
// RFC 7616. Bytes that are not UTF-8 become U+FFFD. A separator ", " precedes it unless
// dst is empty. A name that is no token appends nothing.
func AppendExt(dst []byte, name, value string) []byte {
	if !isToken(name) {
		return dst
	}
	if len(dst) > 0 {
		dst = append(dst, ", "...)
	}
	return appendExtValue(append(append(dst, name...), "*=UTF-8''"...), value)
}

func appendExtValue(dst []byte, value string) []byte {
	for _, r := range value {
		if r < utf8.RuneSelf && class[r]&attr != 0 {
			dst = append(dst, byte(r))
			continue
		}
		var u [utf8.UTFMax]byte
		for _, c := range u[:utf8.EncodeRune(u[:], r)] {
			dst = append(dst, '%', upperhex[c>>4], upperhex[c&15])
		}
	}
	return dst
}

// DecodeExt decodes an ext-value (RFC 8187 section 3.2.1). It returns false if the text
// breaks the grammar, names another charset than UTF-8, or holds no valid UTF-8. The
// language tag is checked for its alphabet and dropped.
func DecodeExt(s string) (string, bool) {
	charset, s, ok := strings.Cut(s, "'")
	if !ok || !ascii.EqualFold(charset, "UTF-8") {
		return "", false
	}
	lang, s, ok := strings.Cut(s, "'")
	if !ok || !isLang(lang) || skipExt(s) != len(s) {
		return "", false
	}
	if strings.IndexByte(s, '%') < 0 {
		return s, true
	}
	var b strings.Builder
	b.Grow(len(s) - 2)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		b.WriteByte(c)
	}
	return b.String(), utf8.ValidString(b.String())
}

// skipExt returns the end of the value-chars that s starts with.
func skipExt(s string) int {
	for i := 0; ; {
		i = skip(s, i, attr)
		if i+2 >= len(s) || s[i] != '%' || !ascii.IsHex(s[i+1]) || !ascii.IsHex(s[i+2]) {
			return i
		}
		i += 3
	}
}

func isLang(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := ascii.Lower(s[i]); !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return ascii.Lower(c) - 'a' + 10
}

package digest

import "unicode/utf8"

// identity is a user name and password as they are hashed and sent.
type identity struct {
	name, password string
	ext            bool // the name goes into username*
}

// encode decides how a name goes out (RFC 7616 section 3.4, R7616-4-1). announced:
// the server said charset=UTF-8.
func (n Names) encode(name, password string, announced bool) identity {
	id := identity{name: name, password: password}
	switch {
	// A name that is not valid UTF-8 cannot go into username* either. It is then sent
	// as it is, and building the credentials fails.
	case !quotable(name): // controls, which no quoted-string can hold
		id.ext = utf8.ValidString(name)
	// An ASCII name is the same in all encodings. With Latin1Names the encoding of the
	// password matters, too, because the server hashes both in one.
	case announced || n == UTF8Names || isASCII(name) && (n != Latin1Names || isASCII(password)):
	case n == Latin1Names:
		l1, ok := toLatin1(name)
		pw, okPassword := toLatin1(password)
		// A name in one encoding and a password in the other would never verify.
		if ok && okPassword {
			id.name, id.password = l1, pw
		} else {
			id.ext = !isASCII(name) && utf8.ValidString(name)
		}
	default:
		id.ext = utf8.ValidString(name)
	}
	return id
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func quotable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// toLatin1 turns UTF-8 into ISO 8859-1; false if it does not fit.
func toLatin1(s string) (string, bool) {
	if isASCII(s) {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return "", false
		}
		b = append(b, byte(r))
	}
	return string(b), true
}

// fromLatin1 turns ISO 8859-1 into UTF-8.
func fromLatin1(s string) string {
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		b = utf8.AppendRune(b, rune(s[i]))
	}
	return string(b)
}

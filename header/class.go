package header

import "strings"

// Classes of bytes, as bits of an entry of class.
const (
	tchar  uint8 = 1 << iota // RFC 9110 section 5.6.2
	t68                      // token68 without its padding, RFC 9110 section 11.2
	qdtext                   // an octet of a quoted-string that needs no escape, RFC 9110 section 5.6.4
	qpair                    // what may follow "\" in a quoted-string
	ows                      // SP, HTAB, and CR, which counts as SP (R9110-5.5-1)
	comma                    // "," and LF, which separates joined lines
	attr                     // attr-char, RFC 8187 section 3.2.1
)

// sep is what may separate two list elements.
const sep = ows | comma

var class = func() (t [256]uint8) {
	for c := range t {
		switch b := byte(c); {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9':
			t[c] |= tchar | t68 | attr
		case b == ' ', b == '\t', b == '\r':
			t[c] |= ows
		}
		if c == '\t' || c >= ' ' && c != 0x7F {
			t[c] |= qpair
			if c != '"' && c != '\\' {
				t[c] |= qdtext
			}
		}
	}
	for _, c := range []byte("!#$%&'*+-.^_`|~") {
		t[c] |= tchar
	}
	for _, c := range []byte("!#$&+-.^_`|~") {
		t[c] |= attr
	}
	for _, c := range []byte("-._~+/") {
		t[c] |= t68
	}
	t[','] |= comma
	t['\n'] |= comma
	return t
}()

// skip returns the index of the first byte of s at or after i that is not of class c.
func skip(s string, i int, c uint8) int {
	for i < len(s) && class[s[i]]&c != 0 {
		i++
	}
	return i
}

// skipLong returns what skip returns, and tests four bytes at a time for long runs.
func skipLong(s string, i int, c uint8) int {
	for i+4 <= len(s) && class[s[i]]&class[s[i+1]]&class[s[i+2]]&class[s[i+3]]&c != 0 {
		i += 4
	}
	return skip(s, i, c)
}

// atEnd reports whether a list element ends at i.
func atEnd(s string, i int) bool { return i == len(s) || class[s[i]]&comma != 0 }

func isToken(s string) bool { return s != "" && skip(s, 0, tchar) == len(s) }

// hasBreak reports whether text that should be one line is not.
func hasBreak(s string) bool {
	return strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0
}

package explain

import (
	"fmt"

	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/internal/bound"
)

// part is one challenge, or the credentials.
type part struct {
	at     int // of the scheme
	scheme string
	form   header.Form
	token  string // as base64
	bodyAt int    // of the token68
	params []param
}

// param is one auth-param.
type param struct {
	name, value string
	quoted      bool
	at, valueAt int
}

// isSpace reports whether c is white space, which CR is as well (RFC 9110 section 5.5).
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

func isComma(c byte) bool { return c == ',' }

func isSep(c byte) bool { return isSpace(c) || isComma(c) }

// isTchar reports whether c is a tchar of RFC 9110 section 5.6.2.
func isTchar(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return false
}

// isToken68 reports whether c is in the alphabet of a token68, without its padding (RFC 9110
// section 11.2).
func isToken68(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~' || c == '+' || c == '/'
}

func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

func skip(s string, i int, of func(byte) bool) int {
	for i < len(s) && of(s[i]) {
		i++
	}
	return i
}

// atEnd reports whether a list element ends at i.
func atEnd(s string, i int) bool { return i == len(s) || s[i] == ',' }

// scanList splits a list of challenges from at on, by the rules of package header: an error
// in the grammar affects its own challenge only.
func scanList(e *Explanation, s string, at int) []part {
	var parts []part
	for i := skip(s, at, isSep); i < len(s); {
		if len(parts) == bound.Challenges {
			e.fault(i, fmt.Sprintf("more than %d challenges: the rest is ignored", bound.Challenges))
			break
		}
		var p part
		p, i = scanPart(e, s, i)
		parts = append(parts, p)
	}
	return parts
}

// scanPart reads the challenge at i, up to the next one.
func scanPart(e *Explanation, s string, i int) (part, int) {
	p, i := scanHead(e, s, i)
	for {
		if i = skip(s, i, isSep); i == len(s) {
			return p, i
		}
		nameEnd := skip(s, i, isTchar)
		eq := skip(s, nameEnd, isSpace)
		isParam := nameEnd > i && eq < len(s) && s[eq] == '='
		if !isParam && nameEnd > i && (eq > nameEnd || atEnd(s, eq)) {
			return p, i // the next scheme
		}
		if !isParam && p.form == header.Bare {
			return p, i // junk without a scheme
		}
		switch {
		case !isParam && p.form != header.Malformed:
			e.fault(nameEnd, "expected '=' behind a parameter's name, or the next auth-scheme")
			p.form = header.Malformed
		case p.form == header.Token68:
			e.fault(i, "expected the next auth-scheme: a token68 has no parameters beside it")
			p.form = header.Malformed
		}
		if p.form == header.Bare {
			p.form = header.Params
		}
		if p.form == header.Params {
			if end, ok := scanParam(e, s, &p, i, nameEnd, eq); ok {
				i = end
				continue
			}
			p.form = header.Malformed
		}
		i = skipPart(s, i)
	}
}

// scanHead reads the scheme at i, with the token68 or first parameter behind it.
func scanHead(e *Explanation, s string, i int) (p part, end int) {
	p.at = i
	schemeEnd := skip(s, i, isTchar)
	j := skip(s, schemeEnd, isSpace)
	switch {
	case schemeEnd == i:
		e.fault(i, "expected an auth-scheme")
		return p, skipPart(s, i)
	case atEnd(s, j):
		p.scheme, p.form = s[i:schemeEnd], header.Bare
		return p, j
	case j == schemeEnd && s[j] == '=':
		e.fault(i, "a parameter without an auth-scheme before it")
		return p, skipPart(s, i)
	case j == schemeEnd:
		e.fault(j, "this byte is not allowed in an auth-scheme")
		return p, skipPart(s, i)
	}
	p.scheme, p.bodyAt = s[i:schemeEnd], j
	digits := skip(s, j, isToken68)
	padding := digits
	for padding < len(s) && s[padding] == '=' {
		padding++
	}
	if digits > j && atEnd(s, skip(s, padding, isSpace)) {
		p.token, p.form = s[j:padding], header.Token68
		return p, padding
	}
	nameEnd := skip(s, j, isTchar)
	eq := skip(s, nameEnd, isSpace)
	switch {
	case nameEnd > j && eq < len(s) && s[eq] == '=':
		if end, ok := scanParam(e, s, &p, j, nameEnd, eq); ok {
			p.form = header.Params
			return p, end
		}
	case nameEnd > j:
		e.fault(nameEnd, "expected '=' behind a parameter's name")
	default:
		e.fault(j, "expected a token68 or a parameter")
	}
	return p, skipPart(s, j)
}

// scanParams reads a bare list of parameters.
func scanParams(e *Explanation, s string, p *part) {
	for i := skip(s, p.at, isSep); i < len(s); i = skip(s, i, isSep) {
		nameEnd := skip(s, i, isTchar)
		eq := skip(s, nameEnd, isSpace)
		switch {
		case nameEnd == i:
			e.fault(i, "expected a parameter's name")
			return
		case eq == len(s) || s[eq] != '=':
			e.fault(eq, "expected '=' behind a parameter's name")
			return
		}
		end, ok := scanParam(e, s, p, i, nameEnd, eq)
		if !ok {
			return
		}
		i = end
	}
}

// scanParam reads the parameter with the name s[i:nameEnd] and its "=" at eq.
func scanParam(e *Explanation, s string, p *part, i, nameEnd, eq int) (end int, ok bool) {
	q := param{name: s[i:nameEnd], at: i}
	for _, other := range p.params {
		if ascii.EqualFold(other.name, q.name) {
			e.fault(i, "duplicate parameter")
			return 0, false
		}
	}
	if len(p.params) == bound.Params {
		e.fault(i, fmt.Sprintf("more than %d parameters", bound.Params))
		return 0, false
	}
	q.valueAt = skip(s, eq+1, isSpace)
	if q.valueAt < len(s) && s[q.valueAt] == '"' {
		q.quoted = true
		if q.value, end, ok = scanQuoted(e, s, q.valueAt); !ok {
			return 0, false
		}
	} else if end = skip(s, q.valueAt, isTchar); end == q.valueAt {
		e.fault(end, "expected a parameter's value, a token or a quoted-string")
		return 0, false
	} else {
		q.value = s[q.valueAt:end]
	}
	if j := skip(s, end, isSpace); !atEnd(s, j) {
		e.fault(j, "expected a comma behind a parameter")
		return 0, false
	}
	p.params = append(p.params, q)
	return end, true
}

// scanQuoted reads the quoted-string that opens at open (RFC 9110 section 5.6.4).
func scanQuoted(e *Explanation, s string, open int) (value string, end int, ok bool) {
	var b []byte
	for i := open + 1; i < len(s); i++ {
		c := s[i]
		if c == '"' {
			return string(b), i + 1, true
		}
		if c == '\\' {
			if i++; i == len(s) {
				break
			}
			c = s[i]
		}
		if isControl(c) {
			e.fault(i, "this byte is not allowed in a quoted-string")
			return "", 0, false
		}
		b = append(b, c)
	}
	e.fault(open, "unterminated quoted-string")
	return "", 0, false
}

// skipPart returns the end of the malformed list element at i. A comma in a quoted-string does
// not end it.
func skipPart(s string, i int) int {
	for quoted := false; i < len(s); i++ {
		switch s[i] {
		case ',':
			if !quoted {
				return i
			}
		case '"':
			quoted = !quoted
		case '\\':
			if quoted && i+1 < len(s) {
				i++
			}
		}
	}
	return i
}

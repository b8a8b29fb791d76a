package header

import (
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/internal/bound"
)

// scanner reads the challenges of a list, or the one value of a credentials
// field, in one pass.
type scanner struct {
	s     string
	i     int // next byte
	names paramNames
	flaw  flaw // the first one of the value that was read last, if it is Malformed
}

// flaw is where a value breaks the grammar, and how.
type flaw struct {
	at  int
	how string
}

// fail notes a flaw; only the first one of a value counts.
func (p *scanner) fail(at int, how string) {
	if p.flaw.how == "" {
		p.flaw = flaw{at, how}
	}
}

// next reads one challenge, up to the start of the next or the end, and returns false
// at the end. The grammar (RFC 9110 sections 5.6.1, 11.2, 11.3) is
//
//	challenge  = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
//	auth-param = token BWS "=" BWS ( token / quoted-string )
//
// which covers the narrower grammars of the schemes (N2HT-2.2.1-6, R4559-4.1-4,
// NTHT-2.2.1-3, NTHT-2.2.3-3).
func (p *scanner) next() (value, bool) {
	s := p.s
	i := skip(s, p.i, sep)
	if i == len(s) {
		p.i = i
		return value{}, false
	}
	start := i
	p.flaw = flaw{}
	name, form, i, from := p.head(i)
	to := i
	for {
		i = skip(s, i, sep)
		if i == len(s) {
			break
		}
		nameEnd := skip(s, i, tchar)
		eq := skip(s, nameEnd, ows)
		if isParam := nameEnd > i && eq < len(s) && s[eq] == '='; !isParam {
			if nameEnd > i && (eq > nameEnd || atEnd(s, eq)) {
				break // the next scheme
			}
			if form == Bare {
				break // junk without a scheme
			}
			p.fail(i, "want a parameter, name=value")
			form = Malformed
		}
		if form == Bare {
			form, from = Params, i
			p.names.reset()
		}
		if form == Params {
			if end, ok := p.param(i, nameEnd, eq); ok {
				i, to = end, end
				continue
			}
		}
		p.fail(i, "nothing may follow a token")
		form = Malformed // a second token68 too, or a token68 and parameters (C6)
		i = skipPart(s, i)
	}
	p.i = i
	if form == Token68 || form == Params {
		return value{s[start:to], uint32(name), uint32(from - start), form}, true
	}
	return bare(s[start:start+name], form), true
}

// head reads the scheme at i with the token68 or first parameter behind it. It returns
// the length of the scheme, 0 if the grammar does not tell it, the index where it
// stopped, and the index where the body starts if there is one.
func (p *scanner) head(i int) (name int, form Form, end, from int) {
	s := p.s
	schemeEnd := skip(s, i, tchar)
	name = schemeEnd - i
	j := skip(s, schemeEnd, ows)
	switch {
	case name == 0:
		p.fail(i, "want the name of a scheme")
		return 0, Malformed, skipPart(s, i), 0 // junk
	case atEnd(s, j):
		return name, Bare, j, 0
	case j == schemeEnd:
		p.fail(j, "want a space behind the name of a scheme")
		return 0, Malformed, skipPart(s, i), 0 // a parameter without a scheme, or junk in the scheme
	}
	if end, ok := scanToken68(s, j); ok {
		return name, Token68, end, j
	}
	nameEnd := skip(s, j, tchar)
	eq := skip(s, nameEnd, ows)
	if nameEnd > j && eq < len(s) && s[eq] == '=' {
		p.names.reset()
		if end, ok := p.param(j, nameEnd, eq); ok {
			return name, Params, end, j
		}
	}
	p.fail(j, "want a token, or a parameter, name=value")
	return name, Malformed, skipPart(s, j), 0
}

// param reads the parameter with the name s[i:nameEnd] and its "=" at eq. It fails on
// bad syntax, a repeated name, and one parameter too many.
func (p *scanner) param(i, nameEnd, eq int) (end int, ok bool) {
	if !p.names.add(p.s, i, nameEnd) { // R9110-11.2-1, HTA-6
		how := "a parameter comes twice"
		if p.names.n == bound.Params {
			how = "more than 32 parameters"
		}
		p.fail(i, how)
		return 0, false
	}
	if end, ok = scanValue(p.s, eq+1); !ok {
		p.failValue(skip(p.s, eq+1, ows), end)
	}
	return end, ok
}

// failValue notes why the value of a parameter that begins at from was not read, or not
// further than to end.
func (p *scanner) failValue(from, end int) {
	switch {
	case end > 0:
		p.fail(skip(p.s, end, ows), "want a comma")
	case from < len(p.s) && p.s[from] == '"':
		p.fail(from, "a quoted string does not end, or has a byte that it may not have")
	default:
		p.fail(from, "want the value of a parameter")
	}
}

// scanValue reads the BWS and value of a parameter; end is the index behind the value,
// 0 if there is none. Only white space may be left before the end of the list element.
func scanValue(s string, i int) (end int, ok bool) {
	i = skip(s, i, ows)
	if i < len(s) && s[i] == '"' {
		end, ok = scanQuoted(s, i+1)
		if !ok {
			return 0, false
		}
	} else {
		end = skip(s, i, tchar)
		if end == i {
			return 0, false
		}
	}
	return end, atEnd(s, skip(s, end, ows))
}

// scanQuoted reads the rest of a quoted-string behind its opening quote; end is the
// index behind the closing one. Bytes from 0x80 are obs-text and pass.
func scanQuoted(s string, i int) (end int, ok bool) {
	for {
		i = skipLong(s, i, qdtext)
		switch {
		case i == len(s):
			return i, false
		case s[i] == '"':
			return i + 1, true
		case s[i] == '\\' && i+1 < len(s) && class[s[i+1]]&qpair != 0:
			i += 2
		default:
			return i, false
		}
	}
}

// skipPart returns the end of the broken list element at i. A quoted-string hides
// commas as it does in a valid element, but not the end of its line.
func skipPart(s string, i int) int {
	quoted := false
	for ; i < len(s); i++ {
		switch s[i] {
		case '\n':
			return i
		case ',':
			if !quoted {
				return i
			}
		case '"':
			quoted = !quoted
		case '\\':
			if quoted && i+1 < len(s) && s[i+1] != '\n' {
				i++
			}
		}
	}
	return i
}

// paramNames holds where the names of one challenge's parameters are, to find a
// repetition. A filter over length, first and last letter spares nearly every
// comparison, of which there are few.
type paramNames struct {
	filter uint64
	n      int
	at     [bound.Params]uint64 // start<<32 | end
}

func (p *paramNames) reset() { p.filter, p.n = 0, 0 }

// add notes a name. It reports false for one that was noted before, without regard to
// case, and for one beyond the bound.
func (p *paramNames) add(s string, from, to int) bool {
	if p.n == bound.Params {
		return false
	}
	bit := nameBit(to-from, s[from], s[to-1])
	if p.filter&bit != 0 {
		for _, at := range p.at[:p.n] {
			if ascii.EqualFold(s[at>>32:at&0xFFFFFFFF], s[from:to]) {
				return false
			}
		}
	}
	p.filter |= bit
	p.at[p.n] = uint64(from)<<32 | uint64(to)
	p.n++
	return true
}

// nameBit returns the bit of a name in the filter. The factors give each parameter of
// Digest a bit of its own.
func nameBit(length int, first, last byte) uint64 {
	return 1 << ((uint(length) + uint(first|0x20) + 4*uint(last|0x20)) & 63)
}

// checkParams validates a bare list of auth-params and trims what surrounds it.
func checkParams(s string) (body string, ok bool) {
	if len(s) > bound.Text {
		return "", false
	}
	p := scanner{s: s}
	from := skip(s, 0, sep)
	to := from
	for i := from; i < len(s); i = skip(s, to, sep) {
		nameEnd := skip(s, i, tchar)
		eq := skip(s, nameEnd, ows)
		if nameEnd == i || eq == len(s) || s[eq] != '=' {
			return "", false
		}
		if to, ok = p.param(i, nameEnd, eq); !ok {
			return "", false
		}
	}
	return s[from:to], true
}

package header

import (
	"strings"

	"github.com/countersign-auth/countersign/internal/ascii"
)

// Param is one auth-param, its name as written and its value unquoted.
type Param struct {
	Name   string
	Value  string
	Quoted bool // the value was a quoted-string
}

// eachParam yields the parameters of a body, or only those of one name. The body was
// validated when it was parsed, so that it looks for ends alone and not for errors.
// Only the values that are yielded are unquoted.
func eachParam(body, only string, yield func(Param) bool) {
	esc := escapeFrom(body, 0)
	for i := 0; i < len(body); i = skip(body, i, sep) {
		p := Param{}
		from := i
		i = skip(body, i, tchar)
		p.Name = body[from:i]
		i = skip(body, skip(body, i, ows)+1, ows) // over the "="
		wanted := only == "" || ascii.EqualFold(p.Name, only)
		if body[i] == '"' {
			p.Quoted = true
			i++
			end := i + strings.IndexByte(body[i:], '"')
			if end < esc {
				p.Value = body[i:end]
			} else { // that quote may be an escaped one
				end, _ = scanQuoted(body, i)
				end--
				if wanted {
					p.Value = unquote(body[i:end])
				}
				esc = escapeFrom(body, end)
			}
			i = end + 1
		} else {
			from = i
			i = skip(body, i, tchar)
			p.Value = body[from:i]
		}
		if wanted && !yield(p) {
			return
		}
	}
}

func findParam(body, name string) (value string, ok bool) {
	if name == "" {
		return "", false
	}
	eachParam(body, name, func(p Param) bool {
		value, ok = p.Value, true
		return false
	})
	return value, ok
}

// escapeFrom returns the index of the next escape of body at or after i. Most bodies
// have none, and one search finds that out for all their values.
func escapeFrom(body string, i int) int {
	if esc := strings.IndexByte(body[i:], '\\'); esc >= 0 {
		return i + esc
	}
	return len(body)
}

// unquote resolves the escapes of a quoted-string's inside.
func unquote(s string) string {
	var short [128]byte
	b := short[:]
	if len(s) > len(short) {
		b = make([]byte, len(s))
	}
	n := 0
	for i := 0; i < len(s) && n < len(b); i++ {
		if s[i] == '\\' {
			i++
		}
		b[n] = s[i]
		n++
	}
	return string(b[:n])
}

// AppendToken appends name=value with the value as a token. A value that is no
// token is appended quoted. A separator ", " precedes it unless dst is empty.
// A name that is no token appends nothing.
func AppendToken(dst []byte, name, value string) []byte {
	if !isToken(value) {
		return AppendQuoted(dst, name, value)
	}
	if !isToken(name) {
		return dst
	}
	return append(appendName(dst, name), value...)
}

// AppendQuoted appends name="value" with the value as a quoted-string, escaping
// '"' and '\'; control characters other than HTAB, which no quoted-string can
// carry, become spaces. A separator ", " precedes it unless dst is empty. A
// name that is no token appends nothing.
func AppendQuoted(dst []byte, name, value string) []byte {
	if !isToken(name) {
		return dst
	}
	return appendQuotedString(appendName(dst, name), value)
}

// appendQuotedString appends a quoted-string (RFC 9110 section 5.6.4).
func appendQuotedString[T string | []byte](dst []byte, value T) []byte {
	dst = append(dst, '"')
	for {
		i := 0
		for i < len(value) && class[value[i]]&qdtext != 0 {
			i++
		}
		dst = append(dst, value[:i]...)
		if i == len(value) {
			return append(dst, '"')
		}
		if class[value[i]]&qpair != 0 {
			dst = append(dst, '\\', value[i])
		} else {
			dst = append(dst, ' ')
		}
		value = value[i+1:]
	}
}

// appendName appends the separator, the name and "=".
func appendName(dst []byte, name string) []byte {
	if len(dst) > 0 {
		dst = append(dst, ", "...)
	}
	return append(append(dst, name...), '=')
}

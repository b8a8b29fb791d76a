package header

import "github.com/countersign-auth/countersign/internal/bound"

// Builder writes auth-params one by one, behind an auth-scheme or alone: a value
// that each method returns with more in it. Its result is valid by construction and
// is not parsed again, which makes it the fast way to credentials. A parameter name
// that is no token or comes twice (RFC 9110 section 11.2), more than 32 of
// them, or more than 128 KiB make the result Malformed.
//
// A Builder is small on purpose: with a name and a value it still travels in registers.
type Builder struct {
	text   []byte
	seen   uint64 // a filter over the names
	scheme uint16 // its length; a space follows it
	params uint16 // how many; spoilt if the result is Malformed
}

const spoilt = 1 << 15

// Build starts a Builder for a scheme, or for an Info where it is "". It writes
// into buf as long as its capacity lasts.
func Build(buf []byte, scheme string) Builder {
	b := Builder{text: append(buf[:0], scheme...), scheme: uint16(len(scheme))}
	switch {
	case scheme == "":
	case !isToken(scheme) || len(scheme) > 1<<15:
		b.params = spoilt
	default:
		b.text = append(b.text, ' ')
	}
	return b
}

// from returns the index at which the parameters start.
func (b Builder) from() int {
	if b.scheme == 0 {
		return 0
	}
	return int(b.scheme) + 1
}

// Token writes name=value, with the value in quotes where it is no token.
func (b Builder) Token(name, value string) Builder {
	if !isToken(value) {
		return b.Quoted(name, value)
	}
	b = b.name(name, "=")
	b.text = append(b.text, value...)
	return b
}

// Quoted writes name="value". See [AppendQuoted] for what is escaped.
func (b Builder) Quoted(name, value string) Builder {
	b = b.name(name, "=")
	b.text = appendQuotedString(b.text, value)
	return b
}

// QuotedBytes writes what Quoted writes, for a value that is no string yet.
func (b Builder) QuotedBytes(name string, value []byte) Builder {
	b = b.name(name, "=")
	b.text = appendQuotedString(b.text, value)
	return b
}

// Ext writes name*=UTF-8”value. See [AppendExt].
func (b Builder) Ext(name, value string) Builder {
	b = b.name(name, "*=UTF-8''")
	b.text = appendExtValue(b.text, value)
	return b
}

// Len returns the number of bytes written so far, the scheme and its space included.
func (b Builder) Len() int { return len(b.text) }

// Credentials returns the result as credentials.
func (b Builder) Credentials() Credentials { return Credentials{b.value(), true} }

// Challenge returns the result as a challenge.
func (b Builder) Challenge() Challenge { return Challenge{b.value()} }

// Info returns the result as an Info, which is malformed if there is a scheme.
func (b Builder) Info() Info {
	if b.params&spoilt != 0 || b.scheme > 0 || len(b.text) > bound.Text {
		return Info{present: true, malformed: true}
	}
	return Info{text: string(b.text), present: true}
}

func (b Builder) value() value {
	switch {
	case b.params&spoilt != 0 || b.scheme == 0 || len(b.text) > bound.Text:
		return value{}
	case b.params == 0:
		return bare(string(b.text[:b.scheme]), Bare)
	}
	return value{string(b.text), uint32(b.scheme), uint32(b.from()), Params}
}

// name writes all that comes before a value, and notes the name.
func (b Builder) name(name, mark string) Builder {
	if b.params >= bound.Params || !isToken(name) { // R9110-11.2-1; spoilt is beyond the bound too
		b.params |= spoilt
		return b
	}
	b.params++
	if mark[0] == '*' { // it belongs to the name
		name += "*"
		mark = mark[1:]
	}
	bit := nameBit(len(name), name[0], name[len(name)-1])
	if b.seen&bit != 0 {
		if _, again := findParam(string(b.text[b.from():]), name); again {
			b.params |= spoilt
		}
	}
	b.seen |= bit
	if len(b.text) > b.from() {
		b.text = append(b.text, ", "...)
	}
	b.text = append(append(b.text, name...), mark...)
	return b
}

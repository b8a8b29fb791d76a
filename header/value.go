package header

import (
	"strings"

	"github.com/countersign-auth/countersign/internal/bound"
)

// Form tells what follows an auth-scheme (RFC 9110 sections 11.3 and 11.4).
type Form uint8

const (
	// Malformed is a part that breaks the grammar or a bound. It is the zero
	// Form, so that a value that was not parsed is not usable.
	Malformed Form = iota
	// Bare is a scheme alone.
	Bare
	// Token68 is a scheme and one token68: base64 with all schemes of this project.
	Token68
	// Params is a scheme and at least one auth-param, possibly none of them known.
	Params
)

// String returns the name of the form.
func (f Form) String() string {
	switch f {
	case Bare:
		return "Bare"
	case Token68:
		return "Token68"
	case Params:
		return "Params"
	}
	return "Malformed"
}

// value is an auth-scheme with what follows it, as a view over wire text. It is
// only made by scanner.next and the constructors below, so a value that is not
// Malformed has a scheme that is a token and a body that parses. Offsets instead
// of two strings keep it at 32 bytes, which the compiler passes in registers.
type value struct {
	text string // the scheme, white space, token68 or auth-params, as written; a LF in it is a comma, a CR a space
	name uint32 // the length of the scheme
	from uint32 // where the body starts
	form Form
}

func (v value) scheme() string { return v.text[:v.name] }
func (v value) body() string   { return v.text[v.from:] }

// bare returns the scheme without what follows it, Bare or Malformed.
func bare(scheme string, form Form) value {
	return value{text: scheme, name: uint32(len(scheme)), from: uint32(len(scheme)), form: form}
}

func bareValue(scheme string) value {
	if !isToken(scheme) || len(scheme) > bound.Text {
		return value{}
	}
	return bare(scheme, Bare)
}

func tokenValue(scheme, token string) value {
	v := bareValue(scheme)
	if v.form == Malformed || token == "" {
		return v
	}
	if len(scheme)+1+encodedLen(len(token)) > bound.Text {
		return bare(scheme, Malformed)
	}
	v.text, v.from, v.form = encodeToken68(scheme+" ", token), v.name+1, Token68
	return v
}

func token68Value(scheme, token68 string) value {
	v := bareValue(scheme)
	if v.form == Malformed {
		return v
	}
	if end, ok := scanToken68(token68, 0); !ok || end != len(token68) || len(scheme)+1+len(token68) > bound.Text {
		return bare(scheme, Malformed)
	}
	v.text, v.from, v.form = scheme+" "+token68, v.name+1, Token68
	return v
}

func paramValue(scheme, params string) value {
	v := bareValue(scheme)
	if v.form == Malformed {
		return v
	}
	body, ok := checkParams(params)
	switch {
	case !ok, len(scheme)+1+len(body) > bound.Text, hasBreak(body):
		return bare(scheme, Malformed)
	case body == "":
		return v
	}
	v.text, v.from, v.form = scheme+" "+body, v.name+1, Params
	return v
}

func (v value) token() (string, bool) {
	if v.form != Token68 {
		return "", false
	}
	return decodeToken68(v.body())
}

func (v value) token68() string {
	if v.form != Token68 {
		return ""
	}
	return v.body()
}

func (v value) param(name string) (string, bool) { return findParam(v.params(), name) }

// params returns the text to iterate over.
func (v value) params() string {
	if v.form != Params {
		return ""
	}
	return v.body()
}

// asIs reports whether the text can be sent unchanged: it is one line, with one space
// behind the scheme.
func (v value) asIs() bool {
	return v.form == Bare || v.from == v.name+1 && v.text[v.name] == ' ' && !hasBreak(v.text)
}

func (v value) wire() string {
	switch {
	case v.form == Malformed:
		return ""
	case v.asIs():
		return v.text
	}
	return string(v.appendTo(nil))
}

func (v value) appendTo(dst []byte) []byte {
	switch {
	case v.form == Malformed:
		return dst
	case v.asIs():
		return append(dst, v.text...)
	}
	dst = append(append(dst, v.scheme()...), ' ')
	return append(dst, oneLine(v.body())...)
}

// oneLine returns a parsed body in the form for one line: a LF in it was the end of a
// line, and a CR white space, never part of a quoted-string.
func oneLine(body string) string {
	if !hasBreak(body) {
		return body
	}
	return strings.ReplaceAll(strings.ReplaceAll(body, "\n", ","), "\r", " ")
}

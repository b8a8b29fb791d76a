package header

import (
	"fmt"
	"io"
	"iter"
)

// Credentials are the value of Authorization or Proxy-Authorization (RFC 9110
// section 11.4). The zero Credentials are absent.
//
// They redact themselves: fmt and JSON show the scheme only. fmt cannot call
// methods on unexported fields, so a struct that keeps Credentials in one and may
// be printed has to redact itself too; nor does it for %p and %w, which vet
// refuses for such an operand.
type Credentials struct {
	v       value
	present bool
}

// ParseCredentials parses the lines of an Authorization or Proxy-Authorization
// field. No line gives absent credentials; more than one, or more than one
// value, is Malformed. So is a line beyond MaxText, and one with CR or LF in it.
//
// Grammar: RFC 9110 section 11.4, of which N2HT-2.2.3-2, R4559-4.2-2,
// NTHT-2.2.2-2 and NTHT-2.2.4-2 are the case with one token68.
func ParseCredentials(lines ...string) Credentials {
	if len(lines) == 0 {
		return Credentials{}
	}
	c := Credentials{present: true}
	if len(lines) > 1 || len(lines[0]) > MaxText { // HTA-6
		return c
	}
	s := lines[0]
	p := scanner{s: s, i: skip(s, 0, ows)}
	if atEnd(s, p.i) {
		return c // nothing, or a list
	}
	c.v, _ = p.next()
	if p.i < len(s) || hasBreak(s) {
		c.v = bare(c.v.scheme(), Malformed)
	}
	return c
}

// TokenCredentials are credentials with the base64 of token's bytes. An empty
// token gives the scheme alone.
func TokenCredentials(scheme, token string) Credentials {
	return Credentials{tokenValue(scheme, token), true}
}

// Token68Credentials are credentials with a token68 as it stands, for schemes whose
// tokens are not base64, as Bearer. What is no token68 gives Malformed ones.
func Token68Credentials(scheme, token68 string) Credentials {
	return Credentials{token68Value(scheme, token68), true}
}

// ParamCredentials are credentials with auth-params in wire form.
func ParamCredentials(scheme, params string) Credentials {
	return Credentials{paramValue(scheme, params), true}
}

// Present reports whether there were credentials at all, malformed or not.
func (c Credentials) Present() bool { return c.present }

// Scheme is the auth-scheme as written; compare with Is.
func (c Credentials) Scheme() string { return c.v.scheme() }

// Is reports whether the auth-scheme is name, without case.
func (c Credentials) Is(name string) bool { return EqualFold(c.v.scheme(), name) }

// Form tells what follows the scheme; Malformed for absent credentials.
func (c Credentials) Form() Form { return c.v.form }

// Token is the token68 decoded from base64; false if there is none, or it is no
// base64.
func (c Credentials) Token() (string, bool) { return c.v.token() }

// Token68 is the token68 as written, secret and all; "" if there is none. For schemes whose
// tokens are not base64, as Bearer.
func (c Credentials) Token68() string { return c.v.token68() }

// Param is the value of the named auth-param, without case.
func (c Credentials) Param(name string) (string, bool) { return c.v.param(name) }

// Params iterates over the auth-params in order.
func (c Credentials) Params() iter.Seq[Param] {
	body := c.v.params()
	return func(yield func(Param) bool) { eachParam(body, "", yield) }
}

// Text is the wire form, secret and all: for the wire only. It never holds CR, LF
// or NUL, and is empty for absent or Malformed credentials.
func (c Credentials) Text() string { return c.v.wire() }

// Written is the value as it came, secret and all, for a sealed record. Of
// Malformed credentials it is the scheme alone.
func (c Credentials) Written() string { return c.v.text }

// AppendTo appends the wire form.
func (c Credentials) AppendTo(dst []byte) []byte { return c.v.appendTo(dst) }

// String is the redacted form: "Digest ***", or "none" if absent. Where nothing
// follows the scheme, that may be a secret which was sent without one: "***".
func (c Credentials) String() string {
	switch {
	case !c.present:
		return "none"
	case c.v.name == 0 || c.v.form == Bare:
		return "***"
	}
	return c.v.scheme() + " ***"
}

// Format writes the redacted form for every verb.
func (c Credentials) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// MarshalText gives the redacted form, for JSON and the like.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

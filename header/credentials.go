package header

import (
	"fmt"
	"io"
	"iter"

	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/internal/bound"
)

// Credentials are the value of Authorization or Proxy-Authorization (RFC 9110
// section 11.4). The zero Credentials are absent.
//
// Credentials redact themselves: fmt and JSON show the scheme only. fmt does not call
// methods on unexported fields, so that a struct which keeps Credentials in one and may
// be printed has to redact itself too. Nor does fmt call them for %p and %w, which vet
// rejects for such an operand.
type Credentials struct {
	v       value
	present bool
}

// ParseCredentials parses the lines of an Authorization or Proxy-Authorization
// field (RFC 9110 section 11.4). No line gives absent credentials. More than one line,
// more than one value, a line beyond 128 KiB, and one with CR or LF in it are Malformed.
func ParseCredentials(lines ...string) Credentials {
	if len(lines) == 0 {
		return Credentials{}
	}
	c := Credentials{present: true}
	if len(lines) > 1 || len(lines[0]) > bound.Text { // HTA-6
		return c
	}
	// The one token68 of Nego2, Negotiate and NTLM is a case of this grammar
	// (N2HT-2.2.3-2, R4559-4.2-2, NTHT-2.2.2-2, NTHT-2.2.4-2).
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

// TokenCredentials returns credentials with the base64 of token's bytes, or with the
// scheme alone for an empty token.
func TokenCredentials(scheme, token string) Credentials {
	return Credentials{tokenValue(scheme, token), true}
}

// Token68Credentials returns credentials with a token68 as it is, for schemes with
// other tokens than base64, such as Bearer. Text that is no token68 gives Malformed
// credentials.
func Token68Credentials(scheme, token68 string) Credentials {
	return Credentials{token68Value(scheme, token68), true}
}

// Present reports whether there were credentials at all, malformed or not.
func (c Credentials) Present() bool { return c.present }

// Scheme returns the auth-scheme as written; compare it with Is.
func (c Credentials) Scheme() string { return c.v.scheme() }

// Is reports whether the auth-scheme is name, without regard to case.
func (c Credentials) Is(name string) bool { return ascii.EqualFold(c.v.scheme(), name) }

// Form returns what follows the scheme, and Malformed for absent credentials.
func (c Credentials) Form() Form { return c.v.form }

// Token returns the token68 decoded from base64, and false if there is none or it is
// not base64.
func (c Credentials) Token() (string, bool) { return c.v.token() }

// Token68 returns the token68 as written, which is a secret, and "" if there is none.
// It serves schemes with other tokens than base64, such as Bearer.
func (c Credentials) Token68() string { return c.v.token68() }

// Param returns the value of the named auth-param, and whether there is one. Names
// compare without regard to case.
func (c Credentials) Param(name string) (string, bool) { return c.v.param(name) }

// Params iterates over the auth-params in order.
func (c Credentials) Params() iter.Seq[Param] {
	body := c.v.params()
	return func(yield func(Param) bool) { eachParam(body, "", yield) }
}

// Text returns the wire form with its secret, for the wire only. It never holds CR, LF
// or NUL, and is empty for absent or Malformed credentials.
func (c Credentials) Text() string { return c.v.wire() }

// Written returns the value as it was received, with its secret, for a sealed record.
// Of Malformed credentials it returns the scheme alone.
func (c Credentials) Written() string { return c.v.text }

// redacted returns the form without the secret: "Digest ***", or "none" for absent credentials.
// Where nothing follows the scheme it returns "***", because the text may be a secret
// that was sent without a scheme.
func (c Credentials) redacted() string {
	switch {
	case !c.present:
		return "none"
	case c.v.name == 0 || c.v.form == Bare:
		return "***"
	}
	return c.v.scheme() + " ***"
}

// Format writes the redacted form for every verb.
func (c Credentials) Format(f fmt.State, _ rune) { io.WriteString(f, c.redacted()) }

// MarshalText returns the redacted form, for JSON and other encoders.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(c.redacted()), nil }

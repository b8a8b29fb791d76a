package header

import (
	"iter"

	"github.com/countersign-auth/countersign/internal/ascii"
)

// Challenge is one challenge of a WWW-Authenticate or Proxy-Authenticate field
// (RFC 9110 section 11.3). It is a view over the text it was parsed from, and ==
// compares what was written. The zero Challenge is Malformed.
type Challenge struct{ v value }

// TokenChallenge returns a challenge with the base64 of token's bytes, and for an empty
// token the one that names its scheme alone. A scheme that is no token gives a Malformed
// challenge, here and in the other constructors.
func TokenChallenge(scheme, token string) Challenge { return Challenge{tokenValue(scheme, token)} }

// ParamChallenge returns a challenge with auth-params in wire form, as [AppendToken],
// [AppendQuoted] and [AppendExt] write them. Text that does not parse gives a Malformed
// challenge, no parameters at all a bare one.
func ParamChallenge(scheme, params string) Challenge { return Challenge{paramValue(scheme, params)} }

// Scheme returns the auth-scheme as written; compare it with Is. A Malformed challenge
// has one where the grammar still told it.
func (c Challenge) Scheme() string { return c.v.scheme() }

// Is reports whether the auth-scheme is name, without regard to case (RFC 9110
// section 11.1).
func (c Challenge) Is(name string) bool { return ascii.EqualFold(c.v.scheme(), name) } // N2HT-1.9-1

// Form returns what follows the scheme.
func (c Challenge) Form() Form { return c.v.form }

// Token returns the token68 decoded from base64, and false if there is none or it is
// not base64.
func (c Challenge) Token() (string, bool) { return c.v.token() }

// Param returns the value of the named auth-param, and whether there is one. Names
// compare without regard to case.
func (c Challenge) Param(name string) (string, bool) { return c.v.param(name) }

// Params iterates over the auth-params in order.
func (c Challenge) Params() iter.Seq[Param] {
	body := c.v.params()
	return func(yield func(Param) bool) { eachParam(body, "", yield) }
}

// Text returns the wire form. It never holds CR, LF or NUL, and is empty for a
// Malformed challenge.
func (c Challenge) Text() string { return c.v.wire() }

// Written returns the challenge as it was received, for a record: white space and line
// ends are the peer's. Of a Malformed challenge it returns the scheme alone.
func (c Challenge) Written() string { return c.v.text }

package header

import "iter"

// Challenge is one challenge of a WWW-Authenticate or Proxy-Authenticate field
// (RFC 9110 section 11.3). It is a view over the text it was parsed from, and ==
// compares what was written. The zero Challenge is Malformed.
type Challenge struct{ v value }

// BareChallenge is a challenge that names its scheme alone. A scheme that is no
// token gives a Malformed challenge, here and in the other constructors.
func BareChallenge(scheme string) Challenge { return Challenge{bareValue(scheme)} }

// TokenChallenge is a challenge with the base64 of token's bytes. An empty
// token gives the bare challenge.
func TokenChallenge(scheme, token string) Challenge { return Challenge{tokenValue(scheme, token)} }

// ParamChallenge is a challenge with auth-params in wire form, as [AppendToken]
// and its kin make them. Text that does not parse gives a Malformed challenge,
// no parameters at all a bare one.
func ParamChallenge(scheme, params string) Challenge { return Challenge{paramValue(scheme, params)} }

// Scheme is the auth-scheme as written; compare with Is. A Malformed challenge
// has one where it could be told.
func (c Challenge) Scheme() string { return c.v.scheme() }

// Is reports whether the auth-scheme is name, without case (RFC 9110 section
// 11.1, N2HT-1.9-1).
func (c Challenge) Is(name string) bool { return EqualFold(c.v.scheme(), name) }

// Form tells what follows the scheme.
func (c Challenge) Form() Form { return c.v.form }

// Token is the token68 decoded from base64; false if there is none, or it is no
// base64.
func (c Challenge) Token() (string, bool) { return c.v.token() }

// Token68 is the token68 as written; "" if there is none. For schemes whose
// tokens are not base64, as Bearer.
func (c Challenge) Token68() string { return c.v.token68() }

// Param is the value of the named auth-param, without case.
func (c Challenge) Param(name string) (string, bool) { return c.v.param(name) }

// Params iterates over the auth-params in order.
func (c Challenge) Params() iter.Seq[Param] {
	body := c.v.params()
	return func(yield func(Param) bool) { eachParam(body, "", yield) }
}

// Text is the wire form. It never holds CR, LF or NUL, and is empty for a
// Malformed challenge.
func (c Challenge) Text() string { return c.v.wire() }

// Written is the challenge as it came, for a record: white space and line ends
// are as the peer had them. Of a Malformed one it is the scheme alone.
func (c Challenge) Written() string { return c.v.text }

// AppendTo appends the wire form.
func (c Challenge) AppendTo(dst []byte) []byte { return c.v.appendTo(dst) }

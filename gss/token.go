package gss

import "fmt"

// Token is a mechanism's message. Absent is not empty: the zero Token is absent,
// TokenOf("") is present and has no bytes.
type Token struct {
	b       string
	present bool
}

// TokenOf returns the token with the given bytes.
func TokenOf(b string) Token { return Token{b, true} }

// Present reports whether there is a token.
func (t Token) Present() bool { return t.present }

// Bytes returns the token's bytes, "" for an absent one.
func (t Token) Bytes() string { return t.b }

// Format implements fmt.Formatter: a token shows its length only, since some hold
// tickets and password proofs.
func (t Token) Format(f fmt.State, _ rune) {
	if !t.present {
		fmt.Fprint(f, "token(absent)")
		return
	}
	fmt.Fprintf(f, "token(%d bytes)", len(t.b))
}

// MarshalText implements encoding.TextMarshaler, as Format shows it.
func (t Token) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", t), nil }

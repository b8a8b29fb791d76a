package gss

import (
	"crypto/subtle"
	"fmt"
	"io"
)

const redacted = "***"

// redact writes kind(***), or kind(none).
func redact(w io.Writer, kind string, empty bool) {
	show := redacted
	if empty {
		show = "none"
	}
	fmt.Fprintf(w, "%s(%s)", kind, show)
}

// Secret is a password, key or hash in a value that does not show it: not in fmt, and
// not in JSON, XML or slog. Go strings cannot be wiped from memory; a Secret stays out of
// output, not out of a core dump.
//
// The limits are those of package fmt, and the same for [Seed] and [Token]. fmt asks a
// value for its Format where it may call methods: on the operand itself, and in
// exported fields, elements, map keys and interfaces below it. It does not
//
//   - in a field that is not exported, and in anything below one. So every type
//     that keeps a Secret, a Token or a context in such a field has a Format of
//     its own, and so does every type that keeps one of those.
//   - for the verbs %p and %w, which take no such operand: fmt then reports the
//     wrong verb together with the bare value. go vet finds both.
//   - for a pointer within another value by a verb that pointers do not have, as %s
//     of a map[string]*T, unless T has a Format: fmt then reports the wrong verb
//     together with the bare T. go vet finds it where it sees the type.
type Secret struct{ s string }

// NewSecret wraps s.
func NewSecret(s string) Secret { return Secret{s} }

// Reveal returns the secret itself. The name is meant to stand out in a review.
func (s Secret) Reveal() string { return s.s }

// IsEmpty reports whether the secret is the empty string.
func (s Secret) IsEmpty() bool { return s.s == "" }

// Equal compares in a time that depends on the lengths alone.
func (s Secret) Equal(t Secret) bool { return Equal(s.s, t.s) }

// Format implements fmt.Formatter: the secret stays hidden.
func (s Secret) Format(f fmt.State, _ rune) { redact(f, "secret", s.s == "") }

// MarshalText implements encoding.TextMarshaler: the secret stays hidden.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Equal compares two strings in a time that depends on their lengths alone.
func Equal(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	var diff byte
	for i := range len(a) {
		diff |= a[i] ^ b[i]
	}
	return subtle.ConstantTimeByteEq(diff, 0) == 1
}

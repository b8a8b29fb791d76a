package drive

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
)

// opaque, embedded in T, keeps all that T has out of output.
type opaque[T any] = hidden.In[T]

// What the others hold may be secret, or print secrets (L10): their text shows what is not.

// Format implements fmt.Formatter: all verbs show the text, and no more of what is in Err.
func (e Error) Format(f fmt.State, verb rune) { hidden.Verb(f, verb, e.Error()) } // SECRET-2

// MarshalText implements encoding.TextMarshaler.
func (e Error) MarshalText() ([]byte, error) { return []byte(e.Error()), nil }

// Format implements fmt.Formatter: an identity prints as its name, or as "anonymous" if it has
// none. What the context holds stays hidden, which fmt would show behind a pointer.
func (id Identity) Format(f fmt.State, verb rune) { hidden.Verb(f, verb, id.text()) } // SECRET-1

// MarshalText implements encoding.TextMarshaler.
func (id Identity) MarshalText() ([]byte, error) { return []byte(id.text()), nil }

// text returns the name without the characters that could forge a line of a log: it is a
// peer's.
func (id Identity) text() string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, id.Name())
	return cmp.Or(name, "anonymous")
}

// Format implements fmt.Formatter.
func (r Result) Format(f fmt.State, _ rune) { // SECRET-1
	fmt.Fprintf(f, "result(%d, %v", r.Status, r.Identity)
	if !r.Fault.IsZero() {
		fmt.Fprintf(f, ", %v", r.Fault)
	}
	if r.Err != nil {
		fmt.Fprintf(f, ", %v", hidden.Error(r.Err))
	}
	fmt.Fprint(f, ")")
}

// Format implements fmt.Formatter: all verbs show the text, and no more of what is in Err.
func (l Loss) Format(f fmt.State, verb rune) { hidden.Verb(f, verb, l.Error()) } // SECRET-2

// MarshalText implements encoding.TextMarshaler.
func (l Loss) MarshalText() ([]byte, error) { return []byte(l.Error()), nil }

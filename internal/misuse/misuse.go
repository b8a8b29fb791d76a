// Package misuse writes the errors of configurations that cannot work, which are all of
// one type, [gss.Misuse].
package misuse

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
)

// Errorf returns the error of a configuration. The text says which field cannot work,
// which value came unless it is secret, and what to do.
func Errorf(pkg, format string, a ...any) error {
	return gss.Misuse(pkg + ": " + fmt.Sprintf(format, a...))
}

// Reason returns the text of an error for the text of another one: that of a gss.Misuse
// without the word misuse.
func Reason(err error) string {
	if m, ok := err.(gss.Misuse); ok {
		return string(m)
	}
	return err.Error()
}

// Package misuse writes the errors of configurations that cannot work, which are all of
// one type, [gss.Misuse].
package misuse

import (
	"fmt"
	"time"

	"github.com/countersign-auth/countersign/gss"
)

// Errorf returns the error of a configuration. The text says which field cannot work,
// which value came unless it is secret, and what to do.
func Errorf(pkg, format string, a ...any) error {
	return gss.Misuse(pkg + ": " + fmt.Sprintf(format, a...))
}

// NotNegative returns the error of a field in which 0 stands for the default, if its value
// is negative, and nil otherwise.
func NotNegative[T int | int64 | time.Duration](pkg, field string, value T) error {
	if value < 0 {
		return Errorf(pkg, "%s is %v; want more than 0, or 0 for the default", field, value)
	}
	return nil
}

// Reason returns the text of an error for the text of another one: that of a gss.Misuse
// without the word misuse.
func Reason(err error) string {
	if m, ok := err.(gss.Misuse); ok {
		return string(m)
	}
	return err.Error()
}

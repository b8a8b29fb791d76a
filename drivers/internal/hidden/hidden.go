// Package hidden keeps what drivers hold out of output (L10): package fmt calls no
// methods on unexported fields, so that whatever has a source of passwords, a proxy's
// URL or a mechanism in one must have a Format of its own.
package hidden

import (
	"fmt"
	"reflect"
)

// In, embedded in T, gives T and *T a Format and a MarshalText that show T's name and
// nothing else. Embedded rather than written for each type, since a Format of a value
// that holds a lock would copy it, and one of its pointer alone shows the value. Packages
// embed it by an alias that is not exported, so that T gets no field that programs see.
type In[T any] struct{}

// Format implements fmt.Formatter for all verbs.
func (In[T]) Format(f fmt.State, _ rune) { fmt.Fprint(f, text[T]()) } // SECRET-1

// MarshalText implements encoding.TextMarshaler.
func (In[T]) MarshalText() ([]byte, error) { return []byte(text[T]()), nil }

func text[T any]() string { return reflect.TypeFor[T]().String() + "(***)" }

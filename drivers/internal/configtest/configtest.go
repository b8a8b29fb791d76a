// Package configtest holds configuration types to the question which of their
// fields decide to which user and server a connection belongs. It is for tests only.
package configtest

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Fields says of each exported field of a struct what it has to do with the key of
// a connection: "key", with how, where connections are found by it, or "harmless",
// with the reason why connections that differ in it may be mixed up.
type Fields map[string]string

// Check fails where a field of T is not in the list, where the list has one that T
// has not, and where an entry is neither of the two.
func Check[T any](t *testing.T, fields Fields) {
	t.Helper()
	of := reflect.TypeFor[T]()
	left := maps.Clone(fields)
	for f := range of.Fields() {
		if !f.IsExported() {
			continue
		}
		says := left[f.Name]
		delete(left, f.Name)
		kind, why, _ := strings.Cut(says, ": ")
		switch {
		case says == "":
			t.Errorf("%v.%s is new: may two requests for which it differs share a connection? Put it into the key, or say here why it is harmless", of, f.Name)
		case kind != "key" && kind != "harmless" || why == "":
			t.Errorf("%v.%s: %q is neither \"key: how\" nor \"harmless: why\"", of, f.Name, says)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		t.Errorf("%v has no field %s any more", of, name)
	}
}

// Keyed returns the fields that the list has as keys.
func (fields Fields) Keyed() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if strings.HasPrefix(fields[name], "key") {
			names = append(names, name)
		}
	}
	return names
}

// Package misusetest tests that configurations that cannot work are errors of the
// constructor. It is for tests only.
package misusetest

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// Row is a configuration that cannot work, because of the field of that name.
type Row[C any] struct {
	Field  string
	Config C
}

// Run makes what each row configures, and reports a row whose error is none, is no
// gss.Misuse, or does not say pkg once at its start, the field, and what to do. Fields
// that no row names must be among those of which any value works, with the reason; so a
// new field of C needs either.
func Run[C any](t *testing.T, pkg string, construct func(C) error, rows []Row[C], free map[string]string) {
	t.Helper()
	of := reflect.TypeFor[C]()
	open := map[string]bool{}
	for f := range of.Fields() {
		if f.IsExported() {
			open[f.Name] = true
		}
	}
	rowed := map[string]bool{}
	for i, row := range rows {
		name, _, _ := strings.Cut(row.Field, "[")
		name, _, _ = strings.Cut(name, ".")
		if !open[name] {
			t.Errorf("row %d: %v has no field %s", i, of, name)
		}
		rowed[name] = true
		if err := construct(row.Config); err == nil {
			t.Errorf("row %d: a configuration that cannot work because of %s is no error", i, row.Field)
		} else {
			Check(t, pkg, row.Field, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(free)) {
		if !open[name] || rowed[name] || free[name] == "" {
			t.Errorf("%v.%s is listed as free: it is no field, a row names it, or the reason is missing", of, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(open)) {
		if _, ok := free[name]; !ok && !rowed[name] {
			t.Errorf("%v.%s: no row has a value that cannot work, and it is not listed as a field of which any value works", of, name)
		}
	}
}

// Check reports an error that is not as Run wants it. pkg and field may be "".
func Check(t *testing.T, pkg, field string, err error) {
	t.Helper()
	m, ok := errors.AsType[gss.Misuse](err)
	switch text := string(m); {
	case !ok:
		t.Errorf("%s: %v is a %T, want a gss.Misuse", field, err, err)
	case err.Error() != m.Error():
		t.Errorf("%s: the Misuse is inside of another error: %v", field, err)
	case !strings.HasPrefix(text, pkg+": ") && pkg != "":
		t.Errorf("%s: %q does not begin with %q", field, text, pkg+": ")
	case pkg != "" && strings.Count(text, pkg+": ") != 1:
		t.Errorf("%s: %q says %q twice", field, text, pkg+": ")
	case !strings.Contains(text, field):
		t.Errorf("%q does not say %s", text, field)
	}
}

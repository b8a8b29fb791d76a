package proptest

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/machine"
)

// CheckMachine does what [Machine] does where there is no testing.T to report to, as in an example:
// the error joins everything that was found, and is nil if nothing was. Its walks are those of
// rapid.Check, which needs a test binary.
func CheckMachine[M machine.Machine[M]](subject func() Subject[M]) error {
	var r report
	failed := quietly(func(t rapid.TB) {
		rapid.Check(t, func(t *rapid.T) { machineEvents(t, &r, subject) })
		machineEndless(&r, subject)
	})
	if failed != "" && r.clean() {
		return fmt.Errorf("proptest: the walks ended early: %s", failed)
	}
	return r.err(machineRules)
}

// quietly runs f with a TB that prints nothing, and returns why f failed, "" if it did not.
// A test that fails at once ends its goroutine. There is none here, so it panics in place of
// that, and the panic ends here.
func quietly(f func(rapid.TB)) (failed string) {
	t := new(quietTB)
	defer func() {
		if p := recover(); p != nil && p != any(t) {
			panic(p)
		}
		failed = t.why
	}()
	f(t)
	return ""
}

// quietTB is a rapid.TB that keeps the first failure.
type quietTB struct{ why string }

func (t *quietTB) Helper()                      {}
func (t *quietTB) Name() string                 { return "proptest" }
func (t *quietTB) Logf(string, ...any)          {}
func (t *quietTB) Log(...any)                   {}
func (t *quietTB) Skipf(string, ...any)         { panic(t) }
func (t *quietTB) Skip(...any)                  { panic(t) }
func (t *quietTB) SkipNow()                     { panic(t) }
func (t *quietTB) Error(args ...any)            { t.fail(fmt.Sprint(args...)) }
func (t *quietTB) Fail()                        { t.fail("it failed") }
func (t *quietTB) Failed() bool                 { return t.why != "" }
func (t *quietTB) FailNow()                     { t.fail("it failed"); panic(t) }
func (t *quietTB) Fatal(args ...any)            { t.fail(fmt.Sprint(args...)); panic(t) }
func (t *quietTB) Errorf(f string, args ...any) { t.fail(fmt.Sprintf(f, args...)) }
func (t *quietTB) Fatalf(f string, args ...any) { t.fail(fmt.Sprintf(f, args...)); panic(t) }

func (t *quietTB) fail(why string) {
	if t.why == "" {
		t.why = why
	}
}

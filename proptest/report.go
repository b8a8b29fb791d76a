package proptest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
)

// maxFindings bounds what is printed for one rule; the rest is counted.
const maxFindings = 5

// report gathers what a run of a kit found, by rule. It never stops at the first
// finding, since the author of a backend wants them all.
type report struct {
	looked [rules]int // how often the rule was put to the test
	found  [rules][]string
	more   [rules]int

	printed map[any]bool // values that were looked at for secrets
}

// check notes that a rule was put to the test, and what was found where it does
// not hold. What was found already is not found again.
func (r *report) check(rule rule, holds bool, format string, args ...any) bool {
	r.looked[rule]++
	if holds {
		return true
	}
	text := fmt.Sprintf(format, args...)
	for _, old := range r.found[rule] {
		if old == text {
			return false
		}
	}
	if len(r.found[rule]) == maxFindings {
		r.more[rule]++
		return false
	}
	r.found[rule] = append(r.found[rule], text)
	return false
}

// clean reports whether nothing was found.
func (r *report) clean() bool {
	for rule := range rules {
		if len(r.found[rule]) > 0 {
			return false
		}
	}
	return true
}

// text returns what there is to say of one rule, "" if it holds.
func (r *report) text(rule rule) string {
	if len(r.found[rule]) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", book[rule].name, book[rule].says)
	for _, f := range r.found[rule] {
		fmt.Fprintf(&b, "  - %s\n", f)
	}
	if n := r.more[rule]; n > 0 {
		fmt.Fprintf(&b, "  - and %d more\n", n)
	}
	return b.String()
}

// err returns everything that was found, nil if nothing was. A rule that was never put to the test
// counts as found, as in publish.
func (r *report) err(kit []rule) error {
	var list []error
	for _, rule := range kit {
		if text := r.text(rule); text != "" {
			list = append(list, errors.New(strings.TrimSpace(text)))
		} else if r.looked[rule] == 0 && book[rule].when == "" {
			list = append(list, errors.New(book[rule].name+": the kit had no occasion to look at this: does the pair complete?"))
		}
	}
	return errors.Join(list...)
}

// publish makes each rule of a kit a subtest of its own. A rule that was never
// put to the test fails, unless it is for some backends only: a pair that never
// gets anywhere must not pass for one that keeps every rule.
func (r *report) publish(t *testing.T, kit []rule) {
	t.Helper()
	for _, rule := range kit {
		t.Run(book[rule].name, func(t *testing.T) {
			t.Helper()
			switch text := r.text(rule); {
			case text != "":
				t.Error(text)
			case r.looked[rule] > 0:
			case book[rule].when == "":
				t.Errorf("%s: the kit had no occasion to look at this: does the pair complete?", book[rule].name)
			default:
				t.Logf("does not apply: it is for a pair %s", book[rule].when)
			}
		})
	}
}

// fail ends a rapid run in which something was found.
func (r *report) fail(t *rapid.T) {
	for rule := range rules {
		if text := r.text(rule); text != "" {
			t.Error(text)
		}
	}
}

// same compares two values with ==, and is false where that panics.
func same(a, b any) (equal bool) {
	defer func() {
		if recover() != nil {
			equal = false
		}
	}()
	return a == b
}

// isComparable reports whether == works on v, down to what its interfaces hold.
// A type may be comparable while a value of it is not.
func isComparable(v any) bool { return v == nil || reflect.ValueOf(v).Comparable() }

// journal remembers steps, to take them again when everything else is over: an
// old state stays valid forever.
type journal struct{ again []func() }

// step takes one step, twice, and looks at what holds for every step of every
// state. It is false where there is no next state to go on with. misuse says
// that the caller breaks the contract on purpose, so that an error is due.
func step[S, O any](r *report, j *journal, who string, old S, misuse bool, do func() (S, O, error)) (next S, out O, ok bool) {
	next, out, panicked, err := try(do)
	if !r.check(noPanic, panicked == nil, "%s: panic: %v", who, panicked) {
		return old, out, false
	}
	if !r.check(compares, isComparable(next) && isComparable(out), "%s: %T, or its output, holds something that == panics on: a slice, map or func behind an interface", who, next) {
		return next, out, err == nil
	}
	again, out2, _, err2 := try(do)
	r.check(pure, same(next, again) && same(out, out2) && same(err, err2),
		"%s: the same step from the same state gave two results: %v and %v", who, out, out2)
	if j != nil && len(j.again) < 512 {
		j.again = append(j.again, func() {
			later, out3, _, err3 := try(do)
			r.check(oldStates, same(next, later) && same(out, out3) && same(err, err3),
				"%s: a step that was taken again later gave another result: %v, and %v at first", who, out3, out)
		})
	}
	if err != nil {
		var zero O
		_, isMisuse := err.(gss.Misuse)
		if misuse {
			r.check(misuseIsError, isMisuse, "%s: the error is a %T, want a gss.Misuse", who, err)
		} else {
			r.check(noError, false, "%s: error %q", who, err.Error())
		}
		r.check(misuseKeeps, same(old, next) && same(zero, out), "%s: after a misuse the state, or the output, is not what it was before", who)
		return old, zero, false
	}
	if misuse {
		r.check(misuseIsError, false, "%s: no error", who)
	} else {
		r.check(noError, true, "")
	}
	return next, out, true
}

// perhapsMisuse takes a step that a side may call a misuse or not: where it does, nothing
// has changed.
func perhapsMisuse[S, O any](r *report, who string, old S, do func() (S, O, error)) (out O, misuse bool) {
	if _, _, _, err := try(do); err != nil {
		_, out, _ = step(r, nil, who, old, true, do)
		return out, true
	}
	_, out, _ = step(r, nil, who, old, false, do)
	return out, false
}

// try calls do and catches its panic.
func try[S, O any](do func() (S, O, error)) (next S, out O, panicked any, err error) {
	defer func() { panicked = recover() }()
	next, out, err = do()
	return
}

// answerBy returns the answer of f, Declined where it has none.
func answerBy(f func(gss.Question) gss.Answer, q gss.Question) gss.Answer {
	if f != nil {
		if a := f(q); a != nil {
			return a
		}
	}
	return gss.Declined{}
}

// repeats reports whether q was asked before: about the peer's last message, which has
// its questions from index leg on, or at all where it costs a user's attention.
func repeats(asked []gss.Question, leg int, q gss.Question) bool {
	if _, credential := q.(gss.NeedCredential); credential {
		leg = 0
	}
	for _, old := range asked[min(leg, len(asked)):] {
		if same(old, q) {
			return true
		}
	}
	return false
}

// replay takes all steps of the journal again.
func (j *journal) replay() {
	for _, again := range j.again {
		again()
	}
}

// verbs are how values are printed; %p and %w are no way to print any.
var verbs = [...]string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"}

// minSecret is how long a secret must be, in bytes, to be looked for in output: a
// short one is found in anything.
const minSecret = 6

// hides prints v in every way, and looks for secrets (L10).
func (r *report) hides(who string, v any, secrets []string) {
	if len(secrets) == 0 || v == nil {
		return
	}
	if isComparable(v) && len(r.printed) < 1<<14 {
		if r.printed[v] {
			return
		}
		if r.printed == nil {
			r.printed = make(map[any]bool)
		}
		r.printed[v] = true
	}
	for _, verb := range verbs {
		r.conceals(who, fmt.Sprintf("%T printed by %s", v, verb), fmt.Sprintf(verb, v), secrets)
	}
	if b, err := json.Marshal(v); err == nil {
		r.conceals(who, fmt.Sprintf("%T in JSON", v), string(b), secrets)
	}
}

func (r *report) conceals(who, how, text string, secrets []string) {
	for n, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		shown := false
		for _, form := range [...]string{s, hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s))), base64.StdEncoding.EncodeToString([]byte(s))} {
			shown = shown || strings.Contains(text, form)
		}
		r.check(redacted, !shown, "%s: %s shows secret %d of the pair", who, how, n+1)
	}
}

// nameOf returns a question's type, for messages.
func nameOf(v any) string { return fmt.Sprintf("%T", v) }

package gss

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// Each code has a name of its own and a class. A code that is added without a class fails
// here: the zero Class is that of NoFault alone.
func TestCodesHaveNamesAndClasses(t *testing.T) {
	seen := map[string]Code{}
	for c := NoFault; c < codes; c++ {
		name := c.String()
		if other, dup := seen[name]; dup || name == "" || name != strings.ToLower(name) || c.Error() != name {
			t.Errorf("code %d is called %q and %q, code %d has that name as well", c, name, c.Error(), other)
		}
		seen[name] = c
		if class := c.Class(); class >= classes || (class == noClass) != (c == NoFault) {
			t.Errorf("code %d (%v) has class %d: give it one in codeTable", c, c, class)
		}
	}
	if codes.String() != "unknown fault" || Code(255).String() != "unknown fault" || codes.Class() != Internal || Code(255).Class() != Internal {
		t.Error("codes that do not exist")
	}
	names := map[string]bool{}
	for c := noClass; c < classes; c++ {
		if name := c.String(); name == "" || names[name] || c.Error() != name {
			t.Errorf("class %d is called %q and %q", c, name, c.Error())
		}
		names[c.String()] = true
	}
	if classes.String() != "unknown class" {
		t.Error("a class that does not exist")
	}
}

// docs/errors.md shows the table of the codes as it is.
func TestCodesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("fault.go")
	if err != nil {
		t.Fatal(err)
	}
	idents := map[Code]string{}
	_, consts, _ := strings.Cut(string(source), "\tNoFault        Code = iota\n")
	consts, _, _ = strings.Cut(consts, "\tcodes\n")
	for i, line := range strings.Split(strings.TrimSpace(consts), "\n") {
		name, meaning, _ := strings.Cut(line, "//")
		idents[Code(i+1)] = strings.TrimSpace(name) + "|" + strings.TrimSpace(meaning)
	}
	classNames := map[Class]string{PeerMisbehaved: "PeerMisbehaved", PeerRefused: "PeerRefused", Policy: "Policy", Environment: "Environment", Internal: "Internal"}
	var want []string
	for c := NoFault + 1; c < codes; c++ {
		name, meaning, _ := strings.Cut(idents[c], "|")
		want = append(want, fmt.Sprintf("| `%s` | %v | `%s` | %s |", name, c, classNames[c.Class()], meaning))
	}
	var got []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `") && strings.Count(line, "|") == 5 {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the table of docs/errors.md is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFaultText(t *testing.T) {
	for _, test := range []struct {
		err  fmt.Stringer
		want string
	}{
		{Fault{}, "no fault"},
		{Fault{Code: Expired}, "expired"},
		{Fault{Expired, "kerberos: ticket ended, get a new one"}, "expired: kerberos: ticket ended, get a new one"},
		{Fault{Code(200), "x"}, "unknown fault: x"},
	} {
		if got := test.err.String(); got != test.want {
			t.Errorf("%q, expected %q", got, test.want)
		}
	}
	if got := error(Misuse("answer without a question")).Error(); got != "misuse: answer without a question" {
		t.Errorf("%q", got)
	}
}

// A Fault is an outcome and no error: the zero one would be an error that is not nil.
func TestFaultIsNoError(t *testing.T) {
	for _, v := range []any{Fault{}, &Fault{}, Output{}} {
		if _, ok := v.(error); ok {
			t.Errorf("a %T is an error", v)
		}
	}
	if err := (Fault{}).Err(); err != nil {
		t.Errorf("the zero Fault has the error %v", err)
	}
}

// The error of each fault matches its code and its class and no other, also when it is
// wrapped, and has its text.
func TestFaultErr(t *testing.T) {
	for c := NoFault; c <= codes; c++ {
		f := Fault{c, "gss: why"}
		for _, err := range []error{f.Err(), fmt.Errorf("outer: %w", f.Err()), errors.Join(errors.New("other"), f.Err())} {
			for d := NoFault; d <= codes; d++ {
				if errors.Is(err, d) != (d == c) {
					t.Errorf("%v is %v: %t", err, d, errors.Is(err, d))
				}
			}
			for class := noClass; class < classes; class++ {
				if errors.Is(err, class) != (class == c.Class()) {
					t.Errorf("%v is of class %v: %t", err, class, errors.Is(err, class))
				}
			}
			if e, ok := errors.AsType[FaultError](err); !ok || e.Fault != f || e.Code != c || e.Error() != f.String() {
				t.Errorf("%v is no FaultError with the fault in it", err)
			}
			if errors.Is(err, Misuse("x")) || errors.Is(err, Fault{c, "else"}.Err()) {
				t.Errorf("%v is another error", err)
			}
		}
	}
}

func TestStateSideAndTarget(t *testing.T) {
	for s, want := range map[State]string{Failed: "failed", Continue: "continue", Ready: "ready", Complete: "complete",
		Waiting: "waiting", states: "unknown state", 255: "unknown state"} {
		if s.String() != want {
			t.Errorf("state %d is %q, expected %q", s, s, want)
		}
	}
	if Origin.String() != "origin" || Proxy.String() != "proxy" || Side(9).String() != "origin" {
		t.Error("sides")
	}
	if got := (Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 8443}).SPN(); got != "HTTP/www.example" {
		t.Errorf("SPN %s: no port in it (R4559-4.1-13)", got)
	}
	if f := Mutual | Integrity; !f.Has(Mutual) || !f.Has(Mutual|Integrity) || f.Has(Mutual|Delegate) || !f.Has(0) {
		t.Error("flags")
	}
}

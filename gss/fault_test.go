package gss

import (
	"errors"
	"strings"
	"testing"
)

func TestCodesHaveNames(t *testing.T) {
	seen := map[string]Code{}
	for c := NoFault; c < codes; c++ {
		name := c.String()
		if other, dup := seen[name]; dup || name == "" || name != strings.ToLower(name) {
			t.Errorf("code %d is called %q, as is %d", c, name, other)
		}
		seen[name] = c
	}
	if codes.String() != "unknown fault" || Code(255).String() != "unknown fault" {
		t.Error("codes that do not exist")
	}
}

func TestFaultText(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{Fault{}, "no fault"},
		{Fault{Code: Expired}, "expired"},
		{Fault{Expired, "kerberos: ticket ended, get a new one"}, "expired: kerberos: ticket ended, get a new one"},
		{Fault{Code(200), "x"}, "unknown fault: x"},
		{Misuse("answer without a question"), "misuse: answer without a question"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%q, expected %q", got, test.want)
		}
	}
	var fault Fault
	if err := error(Fault{Refused, "x"}); !errors.As(err, &fault) || fault.Code != Refused || !errors.Is(err, Fault{Refused, "x"}) {
		t.Error("a Fault is no error that can be looked into")
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

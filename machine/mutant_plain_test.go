//go:build !mutants

package machine

import (
	"reflect"
	"testing"
	"unsafe"

	"github.com/countersign-auth/countersign/gss"
)

// Without the tag mutants a mutation takes no room, says no, and leaves what it is
// handed as it is, for nothing.
func TestNoMutants(t *testing.T) {
	if n := unsafe.Sizeof(mutation{}); n != 0 {
		t.Errorf("a mutation has %d bytes", n)
	}
	for _, conf := range []reflect.Type{reflect.TypeFor[ClientConfig](), reflect.TypeFor[ServerConfig](), reflect.TypeFor[ProxyConfig]()} {
		f, ok := conf.FieldByName("mutation")
		if !ok {
			t.Fatalf("%v cannot be mutated in a build that has mutants", conf)
		}
		i := f.Index[0] + 1
		if i == conf.NumField() || conf.Field(i).Offset != f.Offset { // a last field of no size is padded
			t.Errorf("%v pays for its mutation", conf)
		}
	}
	var m mutation
	if m.is(shareIdentity) {
		t.Error("a fault is seeded")
	}
	c := persistentClient(t)
	var e Event = Closed{}
	acts := Do(Deliver{}, Retire{})
	got, same := acts, true
	if n := testing.AllocsPerRun(100, func() {
		next := c
		got = m.client(c, e, &next, got)
		same = same && next == c
	}); n != 0 {
		t.Errorf("a mutation of nothing costs %v allocations", n)
	}
	if !same || got != acts || m.server(Server{}, e, &Server{}, acts) != acts || m.proxy(Proxy{}, e, &Proxy{}, acts) != acts {
		t.Error("something was changed")
	}
	if k := c.conditions(gss.Origin); m.choosing(&c, k) != k {
		t.Error("a choice was changed")
	}
}

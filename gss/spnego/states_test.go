package spnego

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// Contexts say in which state they are, for logs, from the first on.
func TestContextsPrintTheirState(t *testing.T) {
	m := mech(t, over(toy("\x01\x02", 2)))
	for want, ctx := range map[string]gss.Context{"initiator(start)": m.Initiate(target()), "acceptor(start)": m.Accept(target())} {
		if text := fmt.Sprint(ctx); !strings.Contains(text, want) {
			t.Errorf("%q, want %q", text, want)
		}
	}
}

// An acceptor that goes on without a token refuses; that is not taken for a broken message.
func TestNoTokenIsARefusal(t *testing.T) {
	p := newPair(t, over(toy("\x01\x02", 2)), over(toy("\x01\x02", 2)))
	first := p.step(0, gss.Input{})
	if first.State != gss.Continue {
		t.Fatalf("%v", first.State)
	}
	if out := p.step(0, gss.Input{}); out.Fault.Code != gss.Refused {
		t.Errorf("no token: %v", out.Fault)
	}
}

package spnego

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
)

// Contexts say in which state they are, for logs: every one of them, and from the first on.
func TestContextsPrintTheirState(t *testing.T) {
	var texts []string
	for _, ctx := range states(t, "secret") {
		texts = append(texts, fmt.Sprint(ctx))
	}
	for _, want := range []string{
		"spnego initiator(start)", "spnego initiator(asking for Kerberos)", "spnego initiator(asking for NTLM)", "spnego initiator(offered 2 mechanisms)",
		"spnego initiator(NTLM, continue)", "spnego initiator(NTLM, ready)", "spnego acceptor(start)", "spnego acceptor(NTLM)",
		"spnego context(established, NTLM)", "spnego context(" + fmt.Sprint(wrongMIC) + ")",
	} {
		if !slices.Contains(texts, want) {
			t.Errorf("no context prints %q; they print\n%s", want, strings.Join(texts, "\n"))
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

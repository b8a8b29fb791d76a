package ntlm

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// What is missing for one user costs what a wrong password costs: the proof is computed
// for all of them.
func TestMissingVerifierIsAlike(t *testing.T) {
	w := newWorld(t, Config{}, acceptorConfig)
	// Names that take the proof's computation an allocation, so that it can be counted.
	w.login = gss.Password{User: strings.Repeat("u", ntlmssp.MaxName/2), Domain: strings.Repeat("d", ntlmssp.MaxName/2), Password: gss.NewSecret(userPassword)}
	c := w.greet()
	a := w.accept()
	w.respond(c.Context)
	at := step(t, a.Context, w.env(), gss.Input{Token: w.token}, gss.Waiting).Context
	var want float64
	for i, answer := range []gss.Answer{gss.Password{Password: gss.NewSecret("unknown user")}, gss.Unknown{}, gss.Unverifiable{}, gss.Declined{}, Hash{}} {
		env := w.env()
		_, out, err := at.Step(env, gss.Input{Answer: answer})
		if err != nil || out.State != gss.Failed || out.Token.Present() {
			t.Errorf("%T: %v %v", answer, out, err)
		}
		got := testing.AllocsPerRun(50, func() { at.Step(env, gss.Input{Answer: answer}) })
		if i == 0 {
			if want = got; want == 0 {
				t.Fatal("the computation is not counted")
			}
		}
		if got != want {
			t.Errorf("%T: %v allocations, for a wrong password %v", answer, got, want)
		}
	}
	requirement.Held(t, "unit:missing_verifier_is_alike")
}

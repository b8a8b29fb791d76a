package digest

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/scheme"
)

func TestAllocations(t *testing.T) {
	for _, alg := range []Algorithm{MD5, SHA256, SHA512_256, SHA256Sess} {
		i, env := asking(t, alg), newWorld(t).env()
		in := scheme.InitiatorInput{Event: scheme.Answered, Answer: gss.Password{User: user, Password: gss.NewSecret(password)}}
		if n := testing.AllocsPerRun(200, func() { _, sinkOutput, _ = i.Step(env, in) }); n > 3 {
			t.Errorf("%v: %v allocations for a header, want at most 3", alg, n)
		}
	}
	for _, alg := range []Algorithm{MD5, SHA256} {
		v := newVerification(t, alg, ServerConfig{})
		if !v.concrete() || !v.steps() {
			t.Fatal("not verified")
		}
		if n := testing.AllocsPerRun(200, func() { v.concrete() }); n > 4 {
			t.Errorf("%v: %v allocations for a verification with proof, want two questions, an owner's name and a text", alg, n)
		}
		// One more for each state that is put into a scheme.Acceptor: five of them.
		if n := testing.AllocsPerRun(200, func() { v.steps() }); n > 9 {
			t.Errorf("%v: %v allocations by the interface, want 9", alg, n)
		}
	}
}

package choice_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/scheme"
)

// A policy chooses by strength and not by the order of the challenges, and does
// not let a weak scheme stand in for a strong one that failed.
func ExampleChoose() {
	ntlm, _ := scheme.TraitsOf(scheme.NTLM)
	var policy scheme.Policy
	clients := choice.Sort(&policy, []scheme.Client{
		scheme.BasicClient(),
		scheme.MechanismClient(ntlm, gsstoy.Toy{Legs: 2, OID: gss.NTLM}),
	})
	offers := header.ParseChallenges(`Basic realm="staff", NTLM`)
	here := choice.Conditions{Secure: true, Affine: true}

	chosen := choice.Choose(&policy, clients, offers, here)
	fmt.Println(clients[chosen.Index].Traits().Name)

	here.Tried = here.Tried.With(chosen.Index) // it failed
	fmt.Println(choice.Choose(&policy, clients, offers, here).Fault)

	policy.Fallback = true
	fmt.Println(clients[choice.Choose(&policy, clients, offers, here).Index].Traits().Name)
	// Output:
	// NTLM
	// not permitted by policy: NTLM was offered and did not succeed; a weaker scheme is tried only with Policy.Fallback
	// Basic
}

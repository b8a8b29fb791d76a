package scheme_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// A policy chooses by strength and not by the order of the challenges, and does
// not let a weak scheme stand in for a strong one that failed.
func ExamplePolicy_Choose() {
	ntlm, _ := scheme.TraitsOf(scheme.NTLM)
	var policy scheme.Policy
	clients := policy.Sort([]scheme.Client{
		scheme.BasicClient(),
		scheme.MechanismClient(ntlm, gsstoy.Toy{Legs: 2, OID: gss.NTLM}), // a real one in real life
	})
	offers := header.ParseChallenges(`Basic realm="staff", NTLM`)
	here := scheme.Conditions{Secure: true, Affine: true}

	choice := policy.Choose(clients, offers, here)
	fmt.Println(clients[choice.Index].Traits().Name)

	here.Tried = here.Tried.With(choice.Index) // it failed
	fmt.Println(policy.Choose(clients, offers, here).Fault)

	policy.Fallback = true
	fmt.Println(clients[policy.Choose(clients, offers, here).Index].Traits().Name)
	// Output:
	// NTLM
	// not permitted by policy: NTLM was offered and did not succeed; a weaker scheme is tried only with Policy.Fallback
	// Basic
}

// token is a scheme of a user's own: a bearer token that the client knows.
type token struct{ text string }

func (token) Traits() scheme.Traits {
	return scheme.Traits{Name: "Bearer", Form: header.Params, Opening: scheme.OpeningParams, Strength: scheme.DigestStrength, Cleartext: true}
}

func (t token) Initiate(scheme.Exchange) scheme.Initiator { return t }
func (token) Info() gss.Info                              { return gss.Info{} }
func (token) Context() gss.Context                        { return nil }

// Step answers the first challenge; the machine takes the second one for a refusal.
func (t token) Step(_ gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	switch in.Event {
	case scheme.Challenged:
		return t, scheme.InitiatorOutput{State: gss.Complete, Credentials: header.Token68Credentials("Bearer", t.text)}, nil
	case scheme.Concluded:
		return t, scheme.InitiatorOutput{State: gss.Complete}, nil
	}
	return t, scheme.InitiatorOutput{}, gss.Misuse("Bearer: this event cannot come now")
}

// A scheme of one's own is a value with four methods and a Step.
func ExampleClient() {
	var mine scheme.Client = token{"key"}
	_, out, _ := mine.Initiate(scheme.Exchange{}).Step(gss.Env{}, scheme.InitiatorInput{
		Event: scheme.Challenged, Offer: header.ParseChallenges(`Bearer realm="api"`),
	})
	fmt.Println(out.State, out.Credentials)
	// Output: complete Bearer ***
}

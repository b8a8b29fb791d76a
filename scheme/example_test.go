package scheme_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

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

package signature

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/model"
	"github.com/countersign-auth/countersign/scheme"
)

// world is alice and bob at an origin that wants signatures.
func world(plant Plant) model.Spec {
	return model.Spec{
		Name:      "signatures",
		Client:    machine.ClientConfig{Schemes: []scheme.Client{Client{}}},
		Server:    machine.ServerConfig{Schemes: []scheme.Server{Server{Key: gss.NewSecret("nonces"), Plant: plant}}},
		Orders:    [][]model.Order{{{Identity: "alice"}, {Identity: "bob"}}},
		Adversary: model.Adversary{Budget: 2},
		Read: func(message string) model.Reading {
			c := header.ParseCredentials(message)
			user, named := c.Param("user")
			nonce, _ := c.Param("nonce")
			sent, _ := c.Param("mac")
			if !named {
				return model.Reading{}
			}
			return model.Reading{User: user, Proves: func(x scheme.Exchange, secret gss.Secret) bool {
				return sent == mac(secret, user, nonce, x.Method, x.URI)
			}}
		},
	}
}

func TestModel(t *testing.T) {
	for plant, falls := range map[Plant]string{None: "", AnyPassword: "AcceptedProofIsRight", AnotherName: "IdentityIsTheSenders", TooEarly: "AskVerifierBeforeAccept"} {
		w, err := model.New(world(plant))
		if err != nil {
			t.Fatal(err)
		}
		r := w.Check(model.Options{})
		t.Log(plant, r.States, r.Transitions)
		fell := map[string]bool{}
		for _, o := range r.Outcomes {
			switch {
			case o.Status == model.Fell:
				fell[o.Name] = true
				if plant == None {
					t.Errorf("%s falls\n%s", o.Name, o.Story.Text())
				} else {
					t.Logf("%s falls\n%s", o.Name, o.Story.Text())
				}
			case plant == None && (o.Status == model.Vacuous || o.Status == model.Unfinished):
				t.Errorf("%s is %v", o.Name, o.Status)
			}
		}
		if falls != "" && !fell[falls] {
			t.Errorf("%s does not fall", falls)
		}
	}
}

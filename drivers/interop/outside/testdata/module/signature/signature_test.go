package signature

import (
	"slices"
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
		Read:      Read,
	}
}

// Read reads the credentials of a request.
func Read(message string) model.Reading {
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
}

// verdicts explores a world, and returns the properties by their status.
func verdicts(t *testing.T, spec model.Spec) map[model.Status][]model.Outcome {
	t.Helper()
	w, err := model.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	by := map[model.Status][]model.Outcome{}
	for _, o := range w.Check(model.Options{}).Outcomes {
		by[o.Status] = append(by[o.Status], o)
	}
	return by
}

// TestCorrect: each property is judged, and holds, or does not concern the scheme.
func TestCorrect(t *testing.T) {
	by := verdicts(t, world(None))
	for _, status := range []model.Status{model.Fell, model.Vacuous, model.Unfinished} {
		for _, o := range by[status] {
			t.Errorf("%s %v\n%s", o.Name, status, o.Story.Text())
		}
	}
	if held := len(by[model.Held]); held < 25 {
		t.Errorf("%d properties hold, want 25 at least", held)
	}
}

// TestTopologies: nothing falls, whatever is between client and origin.
func TestTopologies(t *testing.T) {
	servers := machine.ServerConfig{Schemes: []scheme.Server{Server{Key: gss.NewSecret("nonces")}}}
	for name, change := range map[string]func(*model.Spec){
		"open proxy":    func(s *model.Spec) { s.Topology.Proxy = &machine.ProxyConfig{} },
		"proxy":         func(s *model.Spec) { s.Topology.Proxy = &machine.ProxyConfig{Auth: servers} },
		"reverse proxy": func(s *model.Spec) { s.Topology.Proxy = &machine.ProxyConfig{Reverse: true} },
		"shared front":  func(s *model.Spec) { s.Topology.SharedFront = true },
		"memory":        func(s *model.Spec) { s.Topology.Memory = true },
		"two clients":   func(s *model.Spec) { s.Orders = [][]model.Order{{{Identity: "alice"}}, {{Identity: "bob"}}} },
	} {
		spec := world(None)
		spec.Adversary.Budget = 1
		change(&spec)
		for _, o := range verdicts(t, spec)[model.Fell] {
			t.Errorf("%s: %s falls\n%s", name, o.Name, o.Story.Text())
		}
	}
}

// TestPlanted: each planted bug falls a property that names it.
func TestPlanted(t *testing.T) {
	for plant, want := range map[Plant]string{AnyPassword: "AcceptedProofIsRight", AnotherName: "IdentityIsTheSenders", TooEarly: "AskVerifierBeforeAccept"} {
		fell := verdicts(t, world(plant))[model.Fell]
		i := slices.IndexFunc(fell, func(o model.Outcome) bool { return o.Name == want })
		if i < 0 || fell[i].Story.Text() == "" {
			t.Errorf("bug %d: %d properties fall, and none of them is %s", plant, len(fell), want)
		}
	}
}

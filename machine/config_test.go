package machine

import (
	"strconv"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/internal/misuse/misusetest"
	"github.com/countersign-auth/countersign/scheme"
)

// A configuration that cannot work is a gss.Misuse of the constructor, which says why.
func TestConfigurations(t *testing.T) {
	basic, strange := scheme.BasicClient(), scheme.BasicServer("r", scheme.AskVerifier)
	toy := gsstoy.Toy{Legs: 1}
	negotiate, nego2, ntlm := traitsOf(t, scheme.Negotiate), traitsOf(t, scheme.Nego2), traitsOf(t, scheme.NTLM)
	kerberos, spnego := gsstoy.Toy{Legs: 1, OID: gss.Kerberos}, gsstoy.Toy{Legs: 1, OID: gss.SPNEGO}
	clients := func(list ...scheme.Client) ClientConfig { return ClientConfig{Schemes: list} }
	servers := func(list ...scheme.Server) ServerConfig { return ServerConfig{Schemes: list} }
	limited := func(p scheme.Policy) ClientConfig {
		return ClientConfig{Schemes: []scheme.Client{basic}, Policy: p}
	}

	misusetest.Run(t, "machine", func(c ClientConfig) error { _, err := NewClient(c); return err }, []misusetest.Row[ClientConfig]{
		{Field: "Schemes[0]", Config: clients(nil)},
		{Field: "Schemes[0]", Config: clients(bad{[]int{1}})},
		{Field: "Schemes[1]", Config: clients(basic, basic)},
		{Field: "Schemes[2]", Config: clients(basic, numberedClient{basic, 1}, numberedClient{basic, 1})},
		{Field: "Schemes[0]", Config: clients(namelessClient{basic})},
		{Field: "Schemes[0]", Config: clients(scheme.MechanismClient(negotiate, nil))},
		{Field: "Schemes[0]", Config: clients(scheme.MechanismClient(negotiate, gsstoy.Toy{}))},
		{Field: "Schemes[0]", Config: clients(scheme.MechanismClient(scheme.Traits{}, toy))},
		{Field: "Schemes[0]", Config: clients(scheme.MechanismClient(traitsOf(t, scheme.Digest), toy))},
		{Field: "Schemes[0]", Config: clients(scheme.MechanismClient(ntlm, kerberos))},
		{Field: "Schemes[0]", Config: clients(scheme.MechanismClient(ntlm, spnego))},
		{Field: "Schemes", Config: clients(make([]scheme.Client, choice.MaxSchemes+1)...)},
		{Field: "ProxySchemes[0]", Config: ClientConfig{ProxySchemes: []scheme.Client{nil}}},
		{Field: "ProxySchemes[1]", Config: ClientConfig{ProxySchemes: []scheme.Client{basic, basic}}},
		{Field: "Policy.Allow[0]", Config: limited(scheme.Policy{Allow: []string{""}})},
		{Field: "Policy.Deny[1]", Config: limited(scheme.Policy{Deny: []string{"Digest", "Basic, NTLM"}})},
		{Field: "Policy.Order[0]", Config: limited(scheme.Policy{Order: []string{"Basic realm"}})},
		{Field: "Policy.Allow", Config: limited(scheme.Policy{Allow: []string{"Digest"}})},
		{Field: "Policy.Allow", Config: limited(scheme.Policy{Deny: []string{"basic"}})},
		{Field: "Bodies", Config: ClientConfig{Bodies: Optimistic + 1}},
	}, map[string]string{
		"MutualIfOffered": "both work", "StrictProxy": "both work", "InvalidPersistence": "both work", "NoMemory": "both work", "ServiceName": "nil is the default, any other returns names", "MaxLegs": "0 is the default, any other is a bound", "MaxAttempts": "like MaxLegs", "MaxReconnects": "like MaxLegs",
	})
	for name, c := range map[string]ClientConfig{
		"the zero value":          {}, // every challenge ends in a fault
		"schemes for one side":    {Schemes: []scheme.Client{basic}, ProxySchemes: []scheme.Client{}},
		"a list for one side":     {Schemes: []scheme.Client{basic}, ProxySchemes: []scheme.Client{digestToy{}}, Policy: scheme.Policy{Allow: []string{"Toy"}}},
		"names without case":      {Schemes: []scheme.Client{basic}, Policy: scheme.Policy{Allow: []string{"BASIC"}}},
		"a list of other schemes": {Schemes: []scheme.Client{basic}, Policy: scheme.Policy{Deny: []string{"Digest"}, Order: []string{"NTLM"}}},
	} {
		if _, err := NewClient(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	misusetest.Run(t, "machine", func(c ServerConfig) error { _, err := NewServer(c); return err }, []misusetest.Row[ServerConfig]{
		{Field: "Schemes"},
		{Field: "Schemes", Config: servers(make([]scheme.Server, choice.MaxSchemes+1)...)},
		{Field: "Schemes[0]", Config: servers(nil)},
		{Field: "Schemes[1]", Config: servers(strange, strange)},
		{Field: "Schemes[0]", Config: servers(scheme.BasicServer("", scheme.AskVerifier))},
		{Field: "Schemes[0]", Config: servers(scheme.BasicServer("a\nb", scheme.AskVerifier))},
		{Field: "Schemes[0]", Config: servers(scheme.BasicServer("r", scheme.AskVerdict+1))},
		{Field: "Schemes[0]", Config: servers(scheme.MechanismServer(negotiate, nil))},
		{Field: "Schemes[0]", Config: servers(scheme.MechanismServer(negotiate, gsstoy.Toy{}))},
		{Field: "Schemes[0]", Config: servers(scheme.MechanismServer(ntlm, spnego))},
		{Field: "Schemes[0]", Config: servers(scheme.MechanismServer(traitsOf(t, scheme.Basic), toy))},
		{Field: "Schemes[0]", Config: servers(scheme.MechanismServer(nego2, toy))}, // it does not open with a token
		{Field: "Keep", Config: ServerConfig{Schemes: []scheme.Server{strange}, Keep: KeepNever + 1}},
	}, map[string]string{"Optional": "both work", "PinnedFront": "both work", "MaxLegs": "0 is the default, any other is a bound"})

	misusetest.Run(t, "machine", func(c ProxyConfig) error { _, err := NewProxy(c); return err }, []misusetest.Row[ProxyConfig]{
		{Field: "Auth", Config: ProxyConfig{Auth: servers(strange), Reverse: true}},
		{Field: "Auth.Keep", Config: ProxyConfig{Auth: ServerConfig{Keep: KeepNever + 1}}},
		{Field: "Auth", Config: ProxyConfig{Auth: ServerConfig{Optional: true}}},
		{Field: "Auth.Schemes[0]", Config: ProxyConfig{Auth: servers(scheme.MechanismServer(nego2, gsstoy.Toy{Legs: 1, OpensWithToken: true}))}},
		{Field: "PinnedSchemes[0]", Config: ProxyConfig{PinnedSchemes: []string{""}}},
		{Field: "PinnedSchemes[1]", Config: ProxyConfig{PinnedSchemes: []string{"NTLM", "a b"}}},
	}, map[string]string{"Reverse": "both work without Auth, see there", "Strip": "both work", "Chain": "both work"})
	if _, err := NewProxy(ProxyConfig{}); err != nil {
		t.Errorf("the zero ProxyConfig: %v", err)
	}
}

// namelessClient is a client scheme whose traits have no name.
type namelessClient struct{ scheme.Client }

func (namelessClient) Traits() scheme.Traits { return scheme.Traits{} }

// digestToy is a client scheme of another name.
type digestToy struct{ scheme.Client }

func (digestToy) Traits() scheme.Traits { return scheme.Traits{Name: "Toy"} }

// numberedClient and numberedServer have a name of their own for each number.
type numberedClient struct {
	scheme.Client
	n int
}

func (c numberedClient) Traits() scheme.Traits { return numbered(c.Client.Traits(), c.n) }

type numberedServer struct {
	scheme.Server
	n int
}

func (s numberedServer) Traits() scheme.Traits { return numbered(s.Server.Traits(), s.n) }

func numbered(t scheme.Traits, n int) scheme.Traits {
	t.Name += strconv.Itoa(n)
	return t
}

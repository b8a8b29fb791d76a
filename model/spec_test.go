package model

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// readToy reads a toy's tokens as a user would, who knows nothing of this package's own reader.
func readToy(token string) Reading {
	parts := strings.Split(token, ":")
	var r Reading
	var kind byte
	if len(parts) < 2 {
		return r
	}
	fmt.Sscanf(parts[1], "%c%d", &kind, &r.Leg)
	r.Last = kind == 'f'
	for _, p := range parts[2:] {
		switch name, value, _ := strings.Cut(p, "="); name {
		case "u":
			r.User = value
		case "p":
			r.Last = true
			r.Proves = func(_ scheme.Exchange, secret gss.Secret) bool { return value == secret.Reveal() }
		}
	}
	if kind == 'h' || kind == 'x' {
		return Reading{}
	}
	return r
}

// specOf returns a Spec of a toy under Negotiate, for alice and bob.
func specOf(toy gsstoy.Toy, change ...func(*Spec)) Spec {
	toy.Asks = true
	s := Spec{
		Name:      "own",
		Client:    machine.ClientConfig{Schemes: []scheme.Client{scheme.NegotiateClient(toy)}},
		Server:    machine.ServerConfig{Schemes: []scheme.Server{scheme.NegotiateServer(toy)}},
		Orders:    [][]Order{{{Identity: "alice"}, {Identity: "bob"}}},
		Adversary: Adversary{Budget: 1},
		Read:      readToy,
	}
	for _, f := range change {
		f(&s)
	}
	return s
}

// fell returns the names of the properties that fall in a world, and of those that are vacuous.
func fell(t *testing.T, s Spec) (fell, vacuous []string) {
	t.Helper()
	w, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range w.Check(Options{MaxStates: 1 << 18}).Outcomes {
		switch o.Status {
		case Fell:
			fell = append(fell, o.Name)
			if o.Story.Text() == "" || o.Steps == 0 {
				t.Errorf("%s falls without a story", o.Name)
			}
		case Vacuous:
			vacuous = append(vacuous, o.Name)
		}
	}
	return fell, vacuous
}

// TestSpecs: nothing falls in the worlds of a correct mechanism, whatever is between its parties.
func TestSpecs(t *testing.T) {
	two := func(s *Spec) { s.Orders, s.Requests = [][]Order{{{Identity: "alice"}}, {{Identity: "bob"}}}, 1 }
	pinned := func(s *Spec) { s.Server.PinnedFront = true }
	proxy := func(c machine.ProxyConfig) func(*Spec) { return func(s *Spec) { s.Topology.Proxy = &c } }
	auth := func(s *Spec) {
		s.Topology.Proxy = &machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: s.Server.Schemes}}
		s.Requests = 1
	}
	for name, toy := range map[string]gsstoy.Toy{
		"one leg":                 {Legs: 1},
		"two legs":                {Legs: 2},
		"two legs and a proof":    {Legs: 2, Final: true, Mutual: true},
		"two legs and a token":    {Legs: 2, Final: true},
		"legs of a connection":    {Legs: 2, OID: gss.NTLM, Bound: true},
		"Ready that is withdrawn": {Legs: 3, Final: true, Early: true},
	} {
		for topology, change := range map[string][]func(*Spec){
			"origin":        {func(s *Spec) { s.Adversary.Budget = 2 }},
			"kept":          {func(s *Spec) { s.Server.Keep = machine.KeepAlways }},
			"two clients":   {two},
			"bodies":        {func(s *Spec) { s.Orders = [][]Order{{{Request: machine.Request{Method: "POST"}, Body: machine.Once}}} }},
			"streams":       {func(s *Spec) { s.Orders = [][]Order{{{Request: machine.Request{Multiplexed: true}}}} }},
			"leases":        {func(s *Spec) { s.Orders[0][0].Lease.Scheme = scheme.Negotiate }},
			"memory":        {func(s *Spec) { s.Topology.Memory = true }},
			"shared front":  {func(s *Spec) { s.Topology.SharedFront = true }},
			"open proxy":    {proxy(machine.ProxyConfig{})},
			"pinning proxy": {proxy(machine.ProxyConfig{}), pinned, two},
			"reverse proxy": {proxy(machine.ProxyConfig{Reverse: true, Strip: true}), pinned, two},
			"proxy":         {auth},
			"tunnels":       {auth, func(s *Spec) { s.Topology.Tunnels = true }},
		} {
			t.Run(name+", "+topology, func(t *testing.T) {
				if names, _ := fell(t, specOf(toy, change...)); names != nil {
					t.Errorf("%v fall", names)
				}
			})
		}
	}
}

// TestSpecIsTheWorld: a world of a Spec and one of this package's own that describe the same are the
// same to the number.
func TestSpecIsTheWorld(t *testing.T) {
	ntlmToy := legs(scheme.NTLM, 2)
	c := &setup{canOrigin: []toy{ntlmToy}, origin: []toy{ntlmToy}, statuses: []int{200}, closes: true, wrong: true, requests: 2, trouble: 1,
		orders: [][]order{{alice(), alice(as("bob"))}}, tricks: trickSet("swaps the status for 401")}
	own, err := newSystem(c)
	if err != nil {
		t.Fatal(err)
	}
	s := specOf(ntlmToy.mech)
	s.Client.Schemes, s.Server.Schemes = []scheme.Client{scheme.NTLMClient(ntlmToy.mech)}, []scheme.Server{scheme.NTLMServer(ntlmToy.mech)}
	s.Adversary.Tricks = slices.DeleteFunc(Tricks(), func(t Trick) bool { return t.Name != "swaps the status for 401" })
	users, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	a, b := own.Check(Options{}), users.Check(Options{})
	if a.States != b.States || a.Transitions != b.Transitions || a.Depth != b.Depth {
		t.Errorf("a world of a Spec has %d states, %d transitions and depth %d; want %d, %d and %d", b.States, b.Transitions, b.Depth, a.States, a.Transitions, a.Depth)
	}
}

// TestSpecProperty: a property of a user's own sees the events of both ends with their history.
func TestSpecProperty(t *testing.T) {
	seen := map[string]bool{}
	mine := Property{
		Name: "Mine", Says: "Nothing is served.",
		Acceptor: func(h History, v any) Verdict {
			seen[fmt.Sprintf("%T", v)] = true
			if a, ok := v.(machine.Accept); ok {
				return Must(h.Right && h.Identity == a.Info.Peer && h.Legs == 2 && h.Answered && h.Side == gss.Origin && h.Credentials.Present() && false)
			}
			return Idle
		},
	}
	theirs := Property{
		Name: "Theirs", Says: "Credentials come after a challenge.",
		Client: func(h History, v any) Verdict {
			seen[fmt.Sprintf("%T", v)] = true
			if s, ok := v.(machine.Send); ok && s.Authorization.Present() {
				return Must(h.Rounds > 0 && h.Answered && h.Identity != "")
			}
			return Idle
		},
	}
	names, _ := fell(t, specOf(gsstoy.Toy{Legs: 2}, func(s *Spec) { s.Properties = []Property{mine, theirs} }))
	if !slices.Equal(names, []string{"Mine"}) {
		t.Errorf("%v fall, want Mine alone", names)
	}
	for _, name := range []string{"machine.Begin", "machine.Send", "machine.Response", "machine.Deliver", "machine.Received", "machine.Reply", "machine.Accept", "machine.Finish", "machine.Answered"} {
		if !seen[name] {
			t.Errorf("no property is shown a %s", name)
		}
	}
}

// TestSpecTricks: a network with tricks of a user's own does them, and a client without orders says what
// it is given.
func TestSpecTricks(t *testing.T) {
	bent := 0
	names, _ := fell(t, specOf(gsstoy.Toy{Legs: 2}, func(s *Spec) {
		s.Adversary.Tricks = []Trick{
			{Name: "asks as bob", Request: func(r header.Request) header.Request { bent |= 1; return r }},
			{Name: "closes", Response: func(r machine.Response) machine.Response { bent |= 2; r.Close = true; return r }},
		}
	}))
	if bent != 3 || names != nil {
		t.Errorf("tricks %b were done, want both; %v fall", bent, names)
	}
	served := Property{Name: "Unserved", Says: "Mallory is served nothing.", Acceptor: func(h History, v any) Verdict {
		if a, ok := v.(machine.Accept); ok && h.Identity == "" {
			return Must(a.Info.Peer != "mallory")
		}
		return Idle
	}}
	names, _ = fell(t, specOf(gsstoy.Toy{Legs: 1}, func(s *Spec) {
		s.Orders, s.Properties = [][]Order{nil}, []Property{served}
		s.Adversary = Adversary{Says: []header.Request{{Authorization: header.TokenCredentials(scheme.Negotiate, "toy:i1:u=mallory:p="+secretOf("mallory", gss.Origin).Reveal())}}}
	}))
	if !slices.Equal(names, []string{"Unserved"}) {
		t.Errorf("%v fall, want Unserved alone", names)
	}
}

// TestSpecDriver: each decision of a driver falls a property that names it where it is made badly.
func TestSpecDriver(t *testing.T) {
	bound := gsstoy.Toy{Legs: 2, OID: gss.NTLM, Bound: true}
	for want, d := range map[string]Driver{
		"":                          {},
		"OnlyUnsentGoesElsewhere":   {Lost: func(hop.Loss) hop.Next { return hop.Again }},
		"BoundCredentialsArePinned": {Over: func(hop.Over) hop.Over { return hop.Pooled }},
		"EventuallyDecided":         {Used: func(hop.Use) hop.Use { return hop.Return }},
		"UpstreamNeverShared":       {Pick: func(int, func(int) hop.Fit) int { return 0 }},
	} {
		names, _ := fell(t, specOf(bound, func(s *Spec) {
			s.Orders, s.Requests, s.Driver = [][]Order{{{Identity: "alice"}}, {{Identity: "bob"}}}, 1, d
			s.Server.PinnedFront, s.Topology.Proxy = true, &machine.ProxyConfig{}
		}))
		if want == "" && names != nil || want != "" && !slices.Contains(names, want) {
			t.Errorf("%v fall, want %q", names, want)
		}
	}
}

// TestSpecErrors: New says what of a Spec cannot work.
func TestSpecErrors(t *testing.T) {
	for want, change := range map[string]func(*Spec){
		"Spec.Orders is for 0 clients": func(s *Spec) { s.Orders = nil },
		"Spec.Orders is for 5 clients": func(s *Spec) { s.Orders = make([][]Order, 5) },
		"Spec.Read is nil":             func(s *Spec) { s.Read = nil },
		"5 statuses":                   func(s *Spec) { s.Statuses = []int{200, 201, 202, 203, 204} },
		"33 requests":                  func(s *Spec) { s.Requests = 33 },
		"a budget of -1":               func(s *Spec) { s.Adversary.Budget = -1 },
		"Topology.Tunnels":             func(s *Spec) { s.Topology.Tunnels = true },
		"ServerConfig.Schemes":         func(s *Spec) { s.Server.Schemes = nil },
		"properties; want up to":       func(s *Spec) { s.Properties = make([]Property, 100) },
		"ClientConfig.Schemes[0]":      func(s *Spec) { s.Client.Schemes = []scheme.Client{nil} },
	} {
		if _, err := New(specOf(gsstoy.Toy{Legs: 1}, change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New returned %v, want one with %q", err, want)
		}
	}
}

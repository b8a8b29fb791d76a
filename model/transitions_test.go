package model

import (
	"slices"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// The machines do what their table says, all of it and nothing else: every step
// of every machine of every world is declared, and every one that is declared is
// taken. See docs/machines.md.
//
//	go test ./model -run TestTransitions -full    explores the worlds in full size
func TestTransitions(t *testing.T) {
	n := Quick
	if *full {
		n = Full
	}
	seen := recorder{}
	for _, s := range Worlds() {
		w, err := s.World(n, Tune{})
		if err != nil {
			t.Fatal(err)
		}
		seen.explore(w, s.Name)
	}
	for _, r := range rareWorlds() {
		w, err := newSystem(r.setup)
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		seen.explore(w, r.name)
	}
	declared := machine.Transitions()
	for row, where := range seen {
		if !slices.Contains(declared, row) {
			t.Errorf("in the world %q a machine did what the table does not have: %v", where, row)
		}
	}
	for _, row := range declared {
		if _, ok := seen[row]; !ok {
			t.Errorf("the table has what no machine did: %v", row)
		}
	}
}

// A world that is observed is the same as one that is not.
func TestObserve(t *testing.T) {
	s := Worlds()[0]
	type step struct {
		before any
		e      machine.Event
	}
	var reports [2]Report
	steps := map[step]bool{}
	for i := range reports {
		w, err := s.World(Quick, Tune{})
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			w.Observe(func(before any, e machine.Event, _ machine.Actions, _ any) { steps[step{before, e}] = true })
		}
		reports[i] = Explore(w, nil, Options{})
	}
	if reports[0].States != reports[1].States || reports[0].Transitions != reports[1].Transitions {
		t.Errorf("%+v, observed %+v", reports[0], reports[1])
	}
	clients, servers := 0, 0
	for s := range steps {
		switch s.before.(type) {
		case machine.Client:
			clients++
		case machine.Server:
			servers++
		}
	}
	if clients == 0 || servers == 0 || clients+servers != len(steps) {
		t.Errorf("%d steps of clients, %d of servers, %d in all", clients, servers, len(steps))
	}
}

// recorder is the set of the rows that were seen, each with where first.
type recorder map[machine.Transition]string

// explore walks a world and records the rows of every step that its machines
// take. Whatever they are doing, their connections may close: the worlds' drivers
// throw a server away with its connection, so each machine that is met is told
// so here.
func (r recorder) explore(w *System, where string) {
	w.Observe(func(before any, e machine.Event, acts machine.Actions, after any) {
		switch after := after.(type) {
		case machine.Client:
			note(r, where, before.(machine.Client), e, acts, after)
			hangUp(r, where, after)
		case machine.Server:
			note(r, where, before.(machine.Server), e, acts, after)
			hangUp(r, where, after)
		case machine.Proxy:
			note(r, where, before.(machine.Proxy), e, acts, after)
			hangUp(r, where, after)
		}
	})
	Explore(w, nil, Options{})
	w.Observe(nil)
}

// note records the rows of one step.
func note[M machine.Machine[M]](r recorder, where string, before M, e machine.Event, acts machine.Actions, after M) {
	for _, row := range machine.TransitionsOf(before, e, acts, after) {
		if _, ok := r[row]; !ok {
			r[row] = where
		}
	}
}

// hangUp tells a machine that its connections are gone, each of them first, and
// twice.
func hangUp[M machine.Machine[M]](r recorder, where string, m M) {
	for _, first := range [...]machine.End{machine.Downstream, machine.Upstream} {
		m := m
		for _, end := range [...]machine.End{first, 1 - first, first} {
			e := machine.Closed{End: end}
			next, acts, err := m.Step(env, e)
			if err != nil { // nothing may forbid it
				r[machine.Transition{Machine: "misuse: " + err.Error()}] = where
				break
			}
			note(r, where, m, e, acts, next)
			m = next
		}
	}
}

// rareWorld is a world of this test alone.
type rareWorld struct {
	name  string
	setup *setup
}

// rareWorlds are for what is merely possible, where [Worlds] are for what is
// likely and what is dangerous: machines that ask no questions, schemes that ask
// one when all is over, a proxy in a chain, a request that comes through one more
// intermediary than the one before it.
func rareWorlds() []rareWorld {
	var (
		asking  = []toy{legs(scheme.Negotiate, 2, proves), legs(scheme.NTLM, 2)}
		knowing = []toy{silent(legs(scheme.Negotiate, 2, proves)), silent(legs(scheme.NTLM, 2))}
		oneLeg  = []toy{silent(legs(scheme.Negotiate, 1, proves)), silent(legs(scheme.NTLM, 1))}
		ntlm    = []toy{legs(scheme.NTLM, 2)}
		digests = []toy{{name: scheme.Digest}, {name: scheme.Basic}}
		basics  = []toy{{name: scheme.Basic}}

		onlyPedants = pedants(false)
		andPedants  = pedants(true)
		pedantProxy = Tune{
			Client: func(c *machine.ClientConfig) { c.ProxySchemes = []scheme.Client{pedant{}} },
			Proxy:  func(c *machine.ProxyConfig) { c.Auth.Schemes = []scheme.Server{pedant{}} },
		}
		chain = Tune{Proxy: func(c *machine.ProxyConfig) { c.Chain = true }}
		mute  = Tune{Server: func(c *machine.ServerConfig) { c.Schemes = []scheme.Server{pedant{mute: gss.Unsupported}} }}
		dry   = Tune{
			Client: func(c *machine.ClientConfig) { c.Schemes = append(c.Schemes, pedant{}) },
			Server: func(c *machine.ServerConfig) { c.Schemes = append(c.Schemes, pedant{mute: gss.NoEntropy}) },
			Proxy:  func(c *machine.ProxyConfig) { c.Auth.Schemes = append(c.Auth.Schemes, pedant{mute: gss.NoEntropy}) },
		}
		people     = [][]order{{alice(), alice(as("bob")), alice(as("carol")), alice(as("dave")), alice(as("erin")), alice(as("frank")), alice(as("nobody"))}}
		knowers    = [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.NTLM)), alice(as("bob"), knows(scheme.NTLM))}}
		travellers = [][]order{{alice(), alice(knows(scheme.NTLM)), alice(at("p")), alice(at("p"), knows(scheme.NTLM))}}
		detours    = append(trickSet("marks the connection as closing"), viaTrick, tunnelTrick)
	)
	return []rareWorld{
		{"no questions", &setup{
			canOrigin: knowing, origin: knowing, tricks: lies(), closes: true, statuses: []int{200, 401}, requests: 2, trouble: 1, orders: knowers,
		}},
		{"no questions, one leg", &setup{
			canOrigin: oneLeg, origin: oneLeg, tricks: lies(), closes: true, statuses: []int{200, 401}, requests: 2, trouble: 1,
			keep: machine.KeepAlways, orders: knowers,
		}},
		{"no questions, bodies", &setup{
			canOrigin: oneLeg, origin: oneLeg, tricks: trickSet("marks the connection as closing", "forges Persistent-Auth: false", "removes Persistent-Auth", "swaps the status for 401"), closes: true, statuses: []int{200}, requests: 2, trouble: 2,
			bodies: machine.Strict, keep: machine.KeepAlways, orders: [][]order{{alice(posts(machine.Once)), alice(posts(machine.Once), put)}},
		}},
		{"no questions, both", &setup{
			canOrigin: knowing, origin: knowing, canProxy: knowing, proxy: knowing, proxied: true, pinnedFront: true,
			tricks: someLies(), closes: true, statuses: []int{200, 401}, requests: 2, trouble: 1,
			orders: [][]order{{alice(), alice(knows(scheme.NTLM), knowsProxy(scheme.Negotiate))}},
		}},
		{"bodies that are put", &setup{
			canOrigin: asking, origin: asking, tricks: trickSet("strips all challenges"), closes: true, statuses: []int{200}, requests: 2, trouble: 2,
			orders: [][]order{{alice(posts(machine.Once), put), alice(posts(machine.Once), put, knows(scheme.NTLM))}},
		}},
		{"bodies for a tunnel", &setup{
			canOrigin: ntlm, origin: ntlm, canProxy: asking, proxy: asking, proxied: true, tunnels: true, bodies: machine.Strict,
			tricks: proxyLies(), closes: true, statuses: []int{200}, requests: 1, trouble: 1,
			orders: [][]order{{alice(byConnect, posts(machine.Once))}},
		}},
		{"last words", &setup{
			canOrigin: asking, origin: asking, tune: onlyPedants, closes: true, tricks: lies(), statuses: []int{200, 401},
			requests: 2, trouble: 1, orders: people,
		}},
		{"last words, anonymous", &setup{
			canOrigin: asking, origin: asking, tune: onlyPedants, optional: true, statuses: []int{200, 401},
			requests: 2, trouble: 1, orders: people,
		}},
		{"last words of a proxy", &setup{
			canOrigin: asking, origin: asking, canProxy: asking, proxy: asking, tune: onlyPedants, proxied: true, optional: true,
			closes: true, tricks: proxyLies(), statuses: []int{200, 401}, requests: 2, trouble: 1, orders: people,
		}},
		{"last words of a proxy that pins", &setup{
			canOrigin: []toy{legs(scheme.Nego2, 2, proves), legs(scheme.NTLM, 2)}, origin: []toy{legs(scheme.Nego2, 2, proves), legs(scheme.NTLM, 2)},
			tune: pedantProxy, proxied: true, closes: true, statuses: []int{200}, requests: 2, trouble: 2,
			tricks: trickSet("marks the connection as closing", "removes Proxy-Support"),
			orders: [][]order{{alice(), alice(knows(scheme.NTLM)), alice(at("p"))}},
		}},
		{"last words of a proxy before bodies go", &setup{
			canOrigin: ntlm, origin: ntlm, tune: pedantProxy, proxied: true, bodies: machine.Strict, closes: true, tricks: proxyLies(),
			statuses: []int{200}, requests: 1, trouble: 1, orders: [][]order{{alice(posts(machine.Once)), alice(posts(machine.Once), knows(scheme.NTLM))}},
		}},
		{"left halfway", &setup{
			canOrigin: ntlm, origin: ntlm, tune: andPedants, careless: true, statuses: []int{200}, requests: 2, trouble: 1,
			tricks: trickSet("strips all challenges"),
			orders: [][]order{{alice(), alice(as("carol")), alice(knows(scheme.NTLM)), alice(knows(scheme.Digest), as("carol"))}},
		}},
		{"left halfway with a proxy", &setup{
			canOrigin: ntlm, origin: ntlm, canProxy: ntlm, proxy: ntlm, tune: andPedants, careless: true, proxied: true, optional: true,
			tricks: trickSet("strips all challenges"), statuses: []int{200}, requests: 2, trouble: 1,
			orders: [][]order{{alice(knowsProxy(scheme.NTLM)), alice(knowsProxy(scheme.Digest), as("carol"))}},
		}},
		{"another scheme on a kept connection", &setup{
			canOrigin: append(digests, asking...), origin: append(digests, ntlm...), careless: true, optional: true,
			tricks: []int{viaTrick}, statuses: []int{200}, requests: 2, trouble: 1,
			orders: [][]order{{alice(knows(scheme.NTLM)), alice(knows(scheme.Negotiate)), alice(knowsDigest), alice()}},
		}},
		{"another scheme on a bound connection", &setup{
			canOrigin: append(digests, asking...), origin: append(digests, asking...), statuses: []int{200}, requests: 2, trouble: 2,
			tricks: trickSet("removes Persistent-Auth", "swaps the status for 407"),
			orders: [][]order{{alice(), alice(knowsDigest)}},
		}},
		{"a proxy that keeps, an origin that refuses", &setup{
			canOrigin: append(basics, legs(scheme.Negotiate, 2, proves)), origin: append(basics, legs(scheme.Negotiate, 2, proves, refuses)),
			canProxy: asking, proxy: asking, keep: machine.KeepAlways, proxied: true, pinnedFront: true, policy: scheme.Policy{Fallback: true},
			maxAttempts: 1, tricks: trickSet("marks the connection as closing"), statuses: []int{200}, requests: 2, trouble: 2,
			orders: [][]order{{alice()}},
		}},
		{"chain", &setup{
			canOrigin: asking, origin: asking, proxied: true, tune: chain, closes: true, tricks: trickSet("swaps the status for 407", "marks the connection as closing"), statuses: []int{200},
			requests: 2, trouble: 2, orders: [][]order{{alice(), alice(knows(scheme.NTLM))}},
		}},
		{"mute", &setup{canOrigin: asking, origin: asking, tune: mute, statuses: []int{200}, requests: 1, orders: people}},
		{"mute proxy", &setup{
			canOrigin: asking, origin: asking, canProxy: asking, proxy: asking, proxied: true, tune: mute, statuses: []int{200}, requests: 1, orders: people,
		}},
		{"no entropy", &setup{
			canOrigin: asking, origin: asking, tune: dry, tricks: lies(), closes: true, statuses: []int{200}, requests: 2, trouble: 1,
			orders: [][]order{{alice(), alice(knows(scheme.Negotiate)), alice(knows(scheme.NTLM)), alice(as("grace"), knows(scheme.Digest))}},
		}},
		{"no entropy at a proxy", &setup{
			canOrigin: asking, origin: asking, canProxy: asking, proxy: asking, proxied: true, tune: dry, tricks: proxyLies(), closes: true, statuses: []int{200},
			requests: 2, trouble: 1, orders: [][]order{{alice(), alice(knowsProxy(scheme.Negotiate)), alice(knowsProxy(scheme.NTLM))}},
		}},
		{"one more intermediary", &setup{
			canOrigin: asking, origin: asking, tricks: append(lies(), viaTrick), closes: true, statuses: []int{200},
			requests: 2, trouble: 1, orders: [][]order{{alice(), alice(knows(scheme.NTLM))}},
		}},
		{"detours", &setup{
			canOrigin: ntlm, origin: ntlm, proxied: true, tricks: detours, closes: true, statuses: []int{200},
			requests: 2, trouble: 2, orders: travellers,
		}},
		{"detours with a connection to come", &setup{
			canOrigin: ntlm, origin: ntlm, proxied: true, tricks: detours, statuses: []int{200},
			requests: 2, trouble: 3, orders: travellers,
		}},
		{"detours past a proxy", &setup{
			canOrigin: ntlm, origin: ntlm, canProxy: knowing, proxy: knowing, proxied: true, tricks: detours, closes: true,
			statuses: []int{200}, requests: 2, trouble: 1, orders: travellers,
		}},
		{"detours past a proxy that asks", &setup{
			canOrigin: ntlm, origin: ntlm, canProxy: basics, proxy: basics, proxied: true, tricks: detours, closes: true,
			statuses: []int{200}, requests: 2, trouble: 2, orders: travellers,
		}},
		{"both for each request", &setup{
			canOrigin: digests, origin: digests, canProxy: digests, proxy: digests, proxied: true, tricks: proxyLies(), closes: true,
			statuses: []int{200}, requests: 2, trouble: 1, wrong: true, orders: [][]order{{alice()}},
		}},
		{"both in any way", &setup{
			canOrigin: append(asking, digests...), origin: append(asking, digests...), canProxy: append(asking, digests...), proxy: append(asking, digests...),
			proxied: true, pinnedFront: true, tricks: proxyLies(), closes: true, statuses: []int{200}, requests: 2, trouble: 1, wrong: true,
			policy: scheme.Policy{Fallback: true},
			orders: [][]order{{alice(), alice(knows(scheme.NTLM), knowsProxy(scheme.NTLM))}},
		}},
	}
}

// pedants makes the machines pedants, in place of what they are, or besides.
func pedants(besides bool) Tune {
	return Tune{
		Client: func(c *machine.ClientConfig) {
			if !besides {
				c.Schemes, c.ProxySchemes = nil, nil
			}
			c.Schemes, c.ProxySchemes = append(c.Schemes, pedant{}), append(c.ProxySchemes, pedant{})
		},
		Server: func(c *machine.ServerConfig) {
			if !besides {
				c.Schemes = nil
			}
			c.Schemes = append(c.Schemes, pedant{})
		},
	}
}

func put(o *order) { o.method = "PUT" }

// silent is a toy that knows what it needs.
func silent(t toy) toy {
	t.mech.Asks = false
	t.mech.Identity, t.mech.Secret = "alice", gss.NewSecret("secret")
	return t
}

// Tricks of this test alone: an intermediary shows itself, where there was none
// before; and a client asks for a tunnel to where it has a connection.
var (
	viaTrick = addTrick("adds Via", func(q *request) { q.header.Via = true })

	tunnelTrick = addTrick("asks for a tunnel", func(q *request) { q.r.Method = "CONNECT" })
)

func addTrick(name string, do func(*request)) int {
	tricks = append(tricks, trick{name, asks, func(_ *System, k packet) packet {
		do(&k.req)
		return k
	}})
	return len(tricks) - 1
}

// pedant is a scheme that proves each request alone, and asks when all is over.
// Who one is decides how it goes: bob's server does not prove itself, carol asks
// for the wrong resource, nobody is nobody; and of dave, erin and frank a server
// asks somebody first, who wants one more leg of the first, and has the others
// for carol's and nobody's like. A mute one has nothing to offer, for the reason given.
type pedant struct{ mute gss.Code }

func (pedant) Traits() scheme.Traits { return traitsOf(scheme.Digest) }

func (pedant) Initiate(x scheme.Exchange) scheme.Initiator {
	return pedantClient{who: x.Target.Identity}
}

func (pedant) Accept(scheme.Exchange) scheme.Acceptor { return pedantServer{} }

func (p pedant) Offer(gss.Env, scheme.Exchange) (header.Challenges, gss.Fault) {
	if p.mute != gss.NoFault {
		return header.Challenges{}, gss.Fault{Code: p.mute, Detail: "mute"}
	}
	return header.ListOf(header.ParamChallenge(scheme.Digest, `realm="r"`)), gss.Fault{}
}

type pedantClient struct {
	who  string
	sent bool
}

func (pedantClient) Info() gss.Info       { return gss.Info{} }
func (pedantClient) Context() gss.Context { return nil }

func (c pedantClient) Step(_ gss.Env, in scheme.InitiatorInput) (scheme.Initiator, scheme.InitiatorOutput, error) {
	switch {
	case in.Event == scheme.Concluded:
		return c, scheme.InitiatorOutput{State: gss.Waiting, Ask: lastWord{}}, nil
	case in.Event == scheme.Answered && c.who == "bob":
		return c, scheme.InitiatorOutput{Fault: gss.Fault{Code: gss.NotAuthentic, Detail: "not proven"}}, nil
	case in.Event == scheme.Answered:
		return c, scheme.InitiatorOutput{State: gss.Complete}, nil
	case c.sent:
		return c, scheme.InitiatorOutput{Fault: gss.Fault{Code: gss.Refused, Detail: "refused"}}, nil
	}
	c.sent = true
	return c, scheme.InitiatorOutput{State: gss.Complete, Credentials: header.ParamCredentials(scheme.Digest, "username="+c.who)}, nil
}

type pedantServer struct{ who string }

func (s pedantServer) Info() gss.Info {
	if s.who == "nobody" || s.who == "frank" {
		return gss.Info{Anonymous: true}
	}
	return gss.Info{Peer: s.who}
}
func (pedantServer) Context() gss.Context { return nil }

func (s pedantServer) Step(_ gss.Env, in scheme.AcceptorInput) (scheme.Acceptor, scheme.AcceptorOutput, error) {
	if in.Event == scheme.Responding {
		return s, scheme.AcceptorOutput{State: gss.Waiting, Ask: lastWord{}}, nil
	}
	first := in.Event == scheme.Presented
	if first {
		s.who, _ = in.Credentials.Param("username")
	}
	switch {
	case first && (s.who == "dave" || s.who == "erin" || s.who == "frank"):
		return s, scheme.AcceptorOutput{State: gss.Waiting, Ask: lastWord{}}, nil
	case s.who == "grace":
		return s, scheme.AcceptorOutput{Fault: gss.Fault{Code: gss.NoEntropy, Detail: "dry"}}, nil
	case s.who == "carol", s.who == "erin":
		return s, scheme.AcceptorOutput{Fault: gss.Fault{Code: gss.WrongResource, Detail: "another one"}}, nil
	case s.who == "dave":
		return s, scheme.AcceptorOutput{State: gss.Continue, Challenges: header.ListOf(header.ParamChallenge(scheme.Digest, `realm="r"`))}, nil
	}
	return s, scheme.AcceptorOutput{State: gss.Complete}, nil
}

type lastWord struct{}

func (lastWord) Question() {}

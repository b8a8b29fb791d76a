package model

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Spec describes a world of a user's own: schemes, what clients want, what the network does
// against them, and what is between client and origin. A mechanism is described by the scheme
// that it runs under, [scheme.NegotiateClient] and [scheme.NegotiateServer] for instance.
//
// The world answers the questions of both halves: a user's password is one for an origin and
// another one for a proxy, and some users do not exist. What the halves are given besides, the
// time and the entropy, is the same in every step, so that states stay few; both must be
// comparable values with few states of their own.
type Spec struct {
	_ struct{}

	// Name is the name of the world.
	Name string
	// Client and Server configure the machines, as a program would. Passwords may go over
	// the world's connections, which are http: Policy.Cleartext counts as set.
	Client machine.ClientConfig
	Server machine.ServerConfig
	// Orders holds what each client may ask for, any of it at any time. A client for which
	// there are none is hostile: it sends any of Adversary.Says, in any order.
	Orders [][]Order
	// Requests bounds the requests of each client; 0 means 2.
	Requests int
	// Statuses are those that the origin's handler may respond with. The first is free, each
	// other costs one of Adversary.Budget. Nil means 200.
	Statuses  []int
	Adversary Adversary
	Topology  Topology
	Driver    Driver
	// Read reads the messages of the schemes but Basic: a token, or the field's whole value
	// where the scheme has parameters in its place. It is a pure function.
	Read func(message string) Reading
	// Answers returns the answers to a question on a side, the good one first, each other at
	// the cost of one of Adversary.Budget; nil for a question that the world knows itself.
	Answers func(q gss.Question, s gss.Side) []gss.Answer
	// Silent tells that the schemes hold their secrets themselves and do not ask for them.
	Silent bool
	// Once tells that servers accept what proves a request once, and ask for that
	// ([gss.NeedReplayCheck]).
	Once bool
	// Properties are judged beside those that [Properties] returns.
	Properties []Property
}

// Order is something that a client's user may want.
type Order struct {
	// Identity is the user's name; "" means alice. The world knows alice, bob and any other
	// name but that of a stranger.
	Identity string
	// Request is completed with GET, the path / and the host o.
	Request machine.Request
	Body    machine.Body
	// Lease and ProxyLease are what the client knows of its peers beforehand. With
	// Topology.Memory they are not used.
	Lease, ProxyLease machine.Lease
}

// Topology is what is between clients and origin.
type Topology struct {
	// Proxy, if not nil, is the configuration of a proxy in front of the origin.
	Proxy *machine.ProxyConfig
	// Tunnels tells that clients ask it for a tunnel.
	Tunnels bool
	// SharedFront tells that the client is a front of several users, with one connection for
	// all of their requests, and that its peer knows it. With it, Proxy.Auth.PinnedFront or
	// Server.PinnedFront would be a lie.
	SharedFront bool
	// Memory tells that clients keep in a [machine.Space] what they learn.
	Memory bool
}

// Adversary is what may go wrong. Every state that can be reached within the budget is
// explored.
type Adversary struct {
	// Budget is how much of it, all in all. Without a budget nothing goes wrong.
	Budget int
	// Tricks are what the network does to messages; nil means [Tricks], without a forged
	// Persistent-Auth: false where Server.Keep is KeepAlways, since nothing can be done
	// against that.
	Tricks []Trick
	// Steady tells that connections do not close at any moment; before a request is
	// written they still may.
	Steady bool
	// Cancels tells that users may give up.
	Cancels bool
	// Says are the requests of hostile clients.
	Says []header.Request
}

// Trick is one thing that the network does to a message under way. One of Request and
// Response is set. They return the message as it was where there is nothing to do.
type Trick struct {
	Name     string
	Request  func(header.Request) header.Request
	Response func(machine.Response) machine.Response

	number int // of one of the model's own, from 1
}

// Driver is what a driver decides about connections, nil functions for what package hop does.
type Driver struct {
	// Lost is what a client does after the loss of a connection, see [hop.Loss.Next].
	Lost func(hop.Loss) hop.Next
	// Over is the connection that a request goes upstream over, where a [hop.Front] names one.
	Over func(hop.Over) hop.Over
	// Used is what becomes of the connection that carried a request, where a [hop.Front] says so.
	Used func(hop.Use) hop.Use
	// Pick is which of n idle connections a request gets, see [hop.Pick].
	Pick func(n int, fit func(int) hop.Fit) int
}

func (d *Driver) lost(l hop.Loss) hop.Next {
	if d.Lost != nil {
		return d.Lost(l)
	}
	return l.Next()
}

func (d *Driver) over(o hop.Over) hop.Over {
	if d.Over != nil {
		return d.Over(o)
	}
	return o
}

func (d *Driver) used(u hop.Use) hop.Use {
	if d.Used != nil {
		return d.Used(u)
	}
	return u
}

func (d *Driver) pick(n int, fit func(int) hop.Fit) int {
	if d.Pick != nil {
		return d.Pick(n, fit)
	}
	return hop.Pick(n, fit)
}

// Tricks returns what the network does to messages of any scheme: it takes away, changes
// and adds challenges, credentials, Persistent-Auth, Proxy-Support and statuses, and sends
// what a handshake began with once more.
func Tricks() []Trick {
	var all []Trick
	for _, name := range generalTricks {
		all = append(all, Trick{Name: name, number: trickSet(name)[0] + 1})
	}
	for _, t := range replayTricks {
		all = append(all, Trick{Name: t.name, number: trickSet(t.name)[0] + 1})
	}
	return all
}

// replayTricks send what was said in a handshake that began with nothing in its way.
var replayTricks = []trick{
	{"sends the server's first message of a handshake again", answers, func(w *World, k packet) packet {
		side, field := gss.Origin, &k.resp.header.WWWAuthenticate
		if k.resp.status == challengeStatus(gss.Proxy) {
			side, field = gss.Proxy, &k.resp.header.ProxyAuthenticate
		}
		if first := w.setup.first[side].challenge; !first.Empty() && k.resp.status == challengeStatus(side) {
			*field = first
		}
		return k
	}},
	{"sends the client's first message of a handshake again", asks, func(w *World, k packet) packet {
		for side, field := range [...]*header.Credentials{gss.Origin: &k.req.header.Authorization, gss.Proxy: &k.req.header.ProxyAuthorization} {
			if first := w.setup.first[side].credentials; first.Present() && w.setup.legged(*field) {
				*field = first
			}
		}
		return k
	}},
}

// generalTricks are those of networkTricks that speak of no toy.
var generalTricks = []string{
	"strips all challenges", "drops the first challenge", "drops the last challenge", "reorders the challenges", "adds bare challenges",
	"takes the tokens out", "forges Persistent-Auth: true", "forges Persistent-Auth: false", "garbles Persistent-Auth", "removes Persistent-Auth",
	"forges Proxy-Support", "removes Proxy-Support", "swaps the status for 200", "swaps the status for 304", "swaps the status for 500",
	"swaps the status for 401", "swaps the status for 407", "marks the connection as closing", "forges an interim response",
	"takes the credentials out", "garbles the credentials",
}

// New returns the world of a Spec. The error says what of it cannot work.
func New(s Spec) (*World, error) {
	c, err := s.setup()
	if err != nil {
		return nil, err
	}
	return newSystem(c)
}

// setup returns the world that a Spec describes.
func (s *Spec) setup() (*setup, error) {
	if len(s.Orders) == 0 || len(s.Orders) > maxAgents {
		return nil, fmt.Errorf("model: %s: Spec.Orders is for %d clients; want 1 to %d", s.Name, len(s.Orders), maxAgents)
	}
	c := &setup{
		requests: uint8(cmp.Or(s.Requests, 2)), trouble: uint8(s.Adversary.Budget), statuses: s.Statuses, wrong: true,
		closes: !s.Adversary.Steady, cancels: s.Adversary.Cancels,
		policy: s.Client.Policy, mutualIfOffered: s.Client.MutualIfOffered, strictProxy: s.Client.StrictProxy, bodies: s.Client.Bodies,
		maxLegs: s.Client.MaxLegs, maxAttempts: s.Client.MaxAttempts, maxReconnects: s.Client.MaxReconnects,
		keep: s.Server.Keep, optional: s.Server.Optional, pinnedFront: s.Server.PinnedFront, acceptorLegs: s.Server.MaxLegs,
		sharedFront: s.Topology.SharedFront, careless: s.Topology.SharedFront, remembers: s.Topology.Memory,
		reader: s.Read, answers: s.Answers, driver: s.Driver, properties: s.Properties,
	}
	if len(c.statuses) == 0 {
		c.statuses = []int{200}
	}
	proxySchemes := s.Client.ProxySchemes
	if proxySchemes == nil {
		proxySchemes = s.Client.Schemes
	}
	var proxy machine.ProxyConfig
	if s.Topology.Proxy != nil {
		proxy = *s.Topology.Proxy
		c.proxied, c.reverse, c.strip, c.chain, c.tunnels = true, proxy.Reverse, proxy.Strip, proxy.Chain, s.Topology.Tunnels
	}
	c.canOrigin, c.origin = s.toys(c, gss.Origin, s.Client.Schemes, s.Server.Schemes)
	c.canProxy, c.proxy = s.toys(c, gss.Proxy, proxySchemes, proxy.Auth.Schemes)
	c.tune = Tune{
		Client: func(m *machine.ClientConfig) { *m = s.Client; m.Policy.Cleartext = true },
		Server: func(m *machine.ServerConfig) { *m = s.Server },
		Proxy:  func(m *machine.ProxyConfig) { *m = proxy },
	}
	if err := s.check(c); err != nil {
		return nil, err
	}
	tricks := s.Adversary.Tricks
	if tricks == nil {
		tricks = slices.DeleteFunc(Tricks(), func(t Trick) bool { return c.keep == machine.KeepAlways && t.Name == "forges Persistent-Auth: false" })
	}
	for _, t := range tricks {
		c.tricks = append(c.tricks, c.known(t))
	}
	for _, list := range s.Orders {
		var orders []order
		for _, o := range list {
			orders = append(orders, o.order(s.Topology))
		}
		c.orders = append(c.orders, orders)
	}
	for _, h := range s.Adversary.Says {
		c.vocabulary = append(c.vocabulary, word{origin: h.Authorization, proxy: h.ProxyAuthorization, via: h.Via, early: h.EarlyData})
	}
	return c, nil
}

// check returns what of the schemes and the sizes cannot be explored.
func (s *Spec) check(c *setup) error {
	reads := func(t toy) bool { return t.own.read() }
	switch {
	case c.reader == nil && slices.ContainsFunc(slices.Concat(c.canOrigin, c.origin, c.canProxy, c.proxy), reads):
		return fmt.Errorf("model: %s: Spec.Read is nil; want a function that reads the messages of its schemes", s.Name)
	case len(c.names) > maxOwn:
		return fmt.Errorf("model: %s: %d schemes with names of their own; want up to %d", s.Name, len(c.names), maxOwn)
	case len(c.statuses) > maxStatuses:
		return fmt.Errorf("model: %s: %d statuses; want up to %d", s.Name, len(c.statuses), maxStatuses)
	case s.Requests < 0 || s.Requests > maxRequests || s.Adversary.Budget < 0 || s.Adversary.Budget > maxRequests:
		return fmt.Errorf("model: %s: %d requests and a budget of %d; want up to %d of each", s.Name, s.Requests, s.Adversary.Budget, maxRequests)
	case len(c.properties) > maxProperties-len(Properties()):
		return fmt.Errorf("model: %s: %d properties; want up to %d", s.Name, len(c.properties), maxProperties-len(Properties()))
	case s.Topology.Tunnels && !c.proxied:
		return fmt.Errorf("model: %s: Topology.Tunnels without a Proxy to ask for them", s.Name)
	}
	return nil
}

// maxRequests bounds what a client asks for and what may go wrong: worlds grow exponentially.
const maxRequests = 32

// toys returns the schemes of a side as clients and servers have them.
func (s *Spec) toys(c *setup, side gss.Side, clients []scheme.Client, servers []scheme.Server) (can, offered []toy) {
	for _, half := range clients {
		if half != nil {
			can = append(can, s.toy(c, half.Traits(), half, nil))
		}
	}
	for _, half := range servers {
		if half != nil {
			offered = append(offered, s.toy(c, half.Traits(), nil, half))
		}
	}
	for i := range can {
		for j := range offered {
			if a, b := &can[i], &offered[j]; ascii.EqualFold(a.name, b.name) {
				together(a.own, b.own, c, side)
				a.mech, b.mech = a.own.mech(), a.own.mech()
			}
		}
	}
	return can, offered
}

// toy returns a scheme in the shape that worlds have them in.
func (s *Spec) toy(c *setup, t scheme.Traits, client scheme.Client, server scheme.Server) toy {
	if _, registered := scheme.TraitsOf(t.Name); !registered && c.setOf(t.Name) == 0 {
		c.names = append(c.names, t.Name)
	}
	if legged(t) {
		c.ownLegs |= c.setOf(t.Name)
	}
	o := &ownScheme{client: client, server: server, traits: t, silent: s.Silent, once: s.Once}
	return toy{name: t.Name, own: o, mech: o.mech()}
}

// legged reports whether a handshake of a scheme may take several legs.
func legged(t scheme.Traits) bool { return t.Affinity != scheme.PerRequest }

// needsConnection reports whether what a scheme establishes may be bound to a connection.
func needsConnection(t scheme.Traits) bool {
	return t.Affinity == scheme.PerConnection || t.ConnectionBased
}

// mech returns what can be said of the scheme in terms of a toy.
func (o *ownScheme) mech() gsstoy.Toy {
	return gsstoy.Toy{Bound: needsConnection(o.traits), Mutual: o.traits.Mutual, Final: legged(o.traits) && (o.traits.Mutual || o.final), Asks: !o.silent}
}

// together lets the halves of a scheme run with nothing in their way, and notes how many messages
// there are of each.
func together(a, b *ownScheme, c *setup, side gss.Side) {
	q := machine.Request{Method: "GET", URI: "/", Scheme: "http", Host: "o", Port: 80, Binding: gss.NoBinding()}
	x := exchangeOf(q, side)
	mine := x
	mine.Target.Identity = "alice"
	offer, _ := b.server.Offer(env, x)
	initiator, acceptor := a.client.Initiate(mine), b.server.Accept(x)
	in := scheme.InitiatorInput{Event: scheme.Challenged, Offer: offer}
	world := &World{setup: c}
	a.traits.Mutual = a.traits.Mutual || b.traits.Mutual
	for range maxTogether {
		next, out, err := initiator.Step(env, in)
		switch initiator = next; {
		case err != nil || out.State == gss.Failed:
			return
		case out.State == gss.Waiting:
			in = scheme.InitiatorInput{Event: scheme.Answered, Answer: world.answersTo(out.Ask, side)[0]}
			continue
		}
		a.legs++
		b.legs = a.legs
		sent := out.Credentials
		if a.ready == 0 && out.State != gss.Continue {
			a.ready, b.ready = a.legs, a.legs
		}
		answer := scheme.AcceptorInput{Event: scheme.Presented, Credentials: out.Credentials}
		for {
			next, got, err := acceptor.Step(env, answer)
			acceptor = next
			if err != nil || got.State == gss.Failed {
				return
			}
			if got.State == gss.Waiting {
				answer = scheme.AcceptorInput{Event: scheme.Answered, Answer: world.answersTo(got.Ask, side)[0]}
				continue
			}
			if got.State == gss.Complete {
				a.final = !got.Challenges.Empty()
				return
			}
			in = scheme.InitiatorInput{Event: scheme.Challenged, Offer: got.Challenges}
			if a.legs == 1 {
				c.first[side] = opening{sent, got.Challenges}
			}
			break
		}
	}
}

// opening is what begins a handshake of several legs.
type opening struct {
	credentials header.Credentials
	challenge   header.Challenges
}

// maxTogether bounds the steps of two halves that run with nothing in their way.
const maxTogether = 64

// known returns the number of a trick, a new one for a user's own.
func (c *setup) known(t Trick) int {
	if t.number > 0 {
		return t.number - 1
	}
	own := trick{name: t.Name, kind: asks, do: func(_ *World, k packet) packet {
		k.req.header = t.Request(k.req.header)
		return k
	}}
	if t.Request == nil {
		own = trick{name: t.Name, kind: answers, do: func(_ *World, k packet) packet {
			r := t.Response(k.resp.event())
			k.resp = response{status: r.Status, header: r.Header, sent: r.BodySent, close: r.Close}
			return k
		}}
	}
	c.forgeries = append(c.forgeries, own)
	return len(tricks) + len(c.forgeries) - 1
}

// order returns an Order as worlds have it.
func (o Order) order(t Topology) order {
	q := o.Request
	return order{
		identity: cmp.Or(o.Identity, "alice"), host: q.Host, method: q.Method, uri: q.URI, body: o.Body, multiplexed: q.Multiplexed,
		early: q.EarlyData, connect: t.Tunnels, lease: o.Lease, proxyLease: o.ProxyLease,
	}
}

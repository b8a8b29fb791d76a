package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Size is how much of a world is explored. Every size is explored to the end;
// they differ in how many requests there are and in how much may go wrong.
type Size uint8

const (
	// Quick is for each run of the tests.
	Quick Size = iota
	// Full is for a run before something is handed in.
	Full
)

// Scenario is one of the worlds by name.
type Scenario struct {
	Name string
	// Says is who is there, and what is special about it.
	Says string

	quick, full size
	setup       func() *setup
}

// size is how far a world goes.
type size struct{ requests, trouble uint8 }

// World makes the world. A Tune may change how its machines are configured.
func (s Scenario) World(n Size, tune Tune) (*System, error) {
	c := s.setup()
	z := s.quick
	if n == Full {
		z = s.full
	}
	c.requests, c.trouble, c.tune = z.requests, z.trouble, tune
	return newSystem(c)
}

// Check explores the world and judges all properties. The outcomes are in the
// order of [Properties].
func (w *System) Check(o Options) Report { return Explore(w, w.checks(), o) }

// lies are what a network does that wants a client to believe what is not so.
func lies() []int {
	return trickSet("strips all challenges", "drops the first challenge", "reorders the challenges", "adds bare challenges",
		"replays the first leg's challenge", "replays a final token", "replays a hint", "takes the tokens out",
		"forges Persistent-Auth: true", "removes Persistent-Auth", "garbles Persistent-Auth", "forges Persistent-Auth: false",
		"swaps the status for 200", "swaps the status for 500", "swaps the status for 401", "swaps the status for 407",
		"marks the connection as closing", "forges an interim response",
		"takes the credentials out", "replays the first leg's credentials", "adds an offer of Nego2", "swaps the status for 304")
}

// proxyLies are those, and what can be lied about a proxy.
func proxyLies() []int {
	return append(lies(), trickSet("forges Proxy-Support", "removes Proxy-Support")...)
}

// someLies are the ones that matter most, for worlds that are large without.
func someLies() []int {
	return trickSet("replays the first leg's challenge", "takes the tokens out", "forges Persistent-Auth: true", "removes Persistent-Auth",
		"swaps the status for 200", "swaps the status for 401", "swaps the status for 407", "forges Proxy-Support", "removes Proxy-Support",
		"takes the credentials out", "strips all challenges")
}

// without is a set of tricks without one of them.
func without(set []int, name string) []int {
	return slices.DeleteFunc(set, func(t int) bool { return tricks[t].name == name })
}

func alice(set ...func(*order)) order {
	o := order{identity: "alice"}
	for _, f := range set {
		f(&o)
	}
	return o
}

func as(name string) func(*order) { return func(o *order) { o.identity = name } }
func at(host string) func(*order) { return func(o *order) { o.host = host } }
func knows(name string) func(*order) {
	return func(o *order) { o.lease.Scheme, o.lease.SessionBased = name, true }
}
func guesses(name string) func(*order) { return func(o *order) { o.lease.Scheme = name } }
func knowsProxy(name string) func(*order) {
	return func(o *order) { o.proxyLease.Scheme = name }
}
func posts(b machine.Body) func(*order) {
	return func(o *order) { o.method, o.body = "POST", b }
}
func overH2(o *order)      { o.multiplexed = true }
func early(o *order)       { o.early = true }
func byConnect(o *order)   { o.connect = true }
func transparent(o *order) { o.transparent = true }

// Worlds are all of them: the likely and the dangerous ones first, then those for what
// is rare.
func Worlds() []Scenario {
	return slices.Concat(commonWorlds(), rareWorlds(), timeWorlds(), connectionWorlds(), memoryWorlds(), bodyWorlds(), hostileWorlds())
}

func knowsDigest(o *order) {
	o.lease.Scheme = scheme.Digest
	o.lease.Memory.Count = 2
	offers, _ := digestToy{}.Offer(gss.Env{}, scheme.Exchange{})
	for c := range offers.All() {
		o.lease.Memory.Offer = c
	}
}

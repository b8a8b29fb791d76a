package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

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
	return func(o *order) {
		if o.proxyLease.Scheme = name; name == scheme.Digest { // which a pedant is
			o.proxyLease.Memory.Offer = pedantOffer
		}
	}
}

func posts(b machine.Body) func(*order) {
	return func(o *order) { o.method, o.body = "POST", b }
}

func overH2(o *order) { o.multiplexed = true }

func early(o *order) { o.early = true }

func byConnect(o *order) { o.connect = true }

func transparent(o *order) { o.transparent = true }

func put(o *order) { o.method = "PUT" }

func secure(o *order) { o.secure = true }

func below(uri string) func(*order) { return func(o *order) { o.uri = uri } }

func knowsDigest(o *order) {
	o.lease.Scheme = scheme.Digest
	o.lease.Memory.Count = 2
	offers, _ := digestToy{}.Offer(gss.Env{}, scheme.Exchange{})
	for c := range offers.All() {
		o.lease.Memory.Offer = c
	}
}

// attacks returns the tricks of a network that wants a client to believe something false.
func attacks() []int {
	return trickSet("strips all challenges", "drops the first challenge", "reorders the challenges", "adds bare challenges",
		"replays the first leg's challenge", "replays a final token", "replays a hint", "takes the tokens out",
		"forges Persistent-Auth: true", "removes Persistent-Auth", "garbles Persistent-Auth", "forges Persistent-Auth: false",
		"swaps the status for 200", "swaps the status for 500", "swaps the status for 401", "swaps the status for 407",
		"marks the connection as closing", "forges an interim response",
		"takes the credentials out", "replays the first leg's credentials", "adds an offer of Nego2", "swaps the status for 304")
}

// proxyAttacks returns those, and the tricks that are about a proxy.
func proxyAttacks() []int {
	return append(attacks(), trickSet("forges Proxy-Support", "removes Proxy-Support")...)
}

// someAttacks returns the ones that matter most, for worlds that are large without more.
func someAttacks() []int {
	return trickSet("replays the first leg's challenge", "takes the tokens out", "forges Persistent-Auth: true", "removes Persistent-Auth",
		"swaps the status for 200", "swaps the status for 401", "swaps the status for 407", "forges Proxy-Support", "removes Proxy-Support",
		"takes the credentials out", "strips all challenges")
}

// without returns a set of tricks without one of them. It reuses the set.
func without(set []int, name string) []int {
	return slices.DeleteFunc(set, func(t int) bool { return tricks[t].name == name })
}

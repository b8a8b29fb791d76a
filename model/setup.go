package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// setup is a world as it is configured: its clients, origins and proxies, what the
// clients' users may want, and what the network may do.
type setup struct {
	// What the clients can answer an origin and a proxy with, and what those two
	// offer.
	canOrigin, canProxy []toy
	origin, proxy       []toy

	orders     [][]order // of each client: what its user may ask for; a client that has none is hostile
	vocabulary []word    // what hostile clients say
	requests   uint8     // of each client
	hours      uint8     // how often the clock moves on, maxHours at most
	trouble    uint8     // what the network and the drivers may do wrong, all in all
	tricks     []int
	forgeries  []trick // that tricks numbers behind those of all worlds
	closes     bool    // connections may close at any moment
	wrong      bool    // users may give a wrong password
	statuses   []int   // of the handler; the first is free, each next one costs one more

	proxied, reverse bool
	tunnels          bool // clients ask for tunnels
	sharedFront      bool // the client of the first server is a front of several clients
	strip            bool
	chain            bool // the proxy passes on the 407 of the next one
	domains          bool // clients are in several domains
	cancels          bool // users may give up at any moment
	// streams: the clients are streams of one multiplexed connection, and what one
	// learns the others know.
	streams bool
	spare   bool // there is an upstream connection more than clients
	// careless: the client is a front that puts each user's requests, made by a
	// client that knows nothing of the others, on one and the same connection.
	careless bool

	policy                              scheme.Policy
	mutualIfOffered                     bool
	strictProxy                         bool
	bodies                              machine.BodyPolicy
	keep                                machine.Keep
	optional, pinnedFront               bool
	maxLegs, maxAttempts, maxReconnects uint8
	acceptorLegs                        uint8
	// remembers: what a client's exchanges learn is kept in a machine.Space for
	// each peer, and leased from there; orders' own leases are not used.
	remembers bool

	tune Tune

	// Of a Spec: the names of its schemes that package scheme does not have, which of those
	// have handshakes, and what reads the messages of all its schemes.
	names      []string
	ownLegs    schemes
	reader     func(string) Reading
	answers    func(gss.Question, gss.Side) []gss.Answer
	driver     Driver
	first      [2]opening // by side, what its handshake begins with
	properties []Property

	fresh [2]any // an acceptor's machine as at first, by its side
}

// Tune changes the configuration of the machines before a world is built, for
// machines that are to be seen to fail.
type Tune struct {
	Client func(*machine.ClientConfig)
	Server func(*machine.ServerConfig) // origins, and the front of proxies
	Proxy  func(*machine.ProxyConfig)
}

// order is something that a user may want.
type order struct {
	identity    string
	host        string
	method      string
	body        machine.Body
	multiplexed bool
	early       bool // it goes before the handshake of its connection is over, unless that was refused
	connect     bool // first through a CONNECT, then inside
	transparent bool // the proxy was not configured by hand
	secure      bool // the request is one for https, on the port of the others
	uri         string
	lease       machine.Lease
	proxyLease  machine.Lease
}

func clients(toys []toy) (all []scheme.Client) {
	for _, t := range toys {
		all = append(all, t.client())
	}
	return all
}

func servers(toys []toy) (all []scheme.Server) {
	for _, t := range toys {
		all = append(all, t.server())
	}
	return all
}

func (c *setup) clientConfig() machine.ClientConfig {
	m := machine.ClientConfig{
		Schemes: clients(c.canOrigin), ProxySchemes: clients(c.canProxy), Policy: c.policy, MutualIfOffered: c.mutualIfOffered, StrictProxy: c.strictProxy, Bodies: c.bodies,
		MaxLegs: c.maxLegs, MaxAttempts: c.maxAttempts, MaxReconnects: c.maxReconnects,
	}
	m.Policy.Cleartext = true
	if c.tune.Client != nil {
		c.tune.Client(&m)
	}
	return m
}

func (c *setup) serverConfig() machine.ServerConfig {
	m := machine.ServerConfig{Schemes: servers(c.origin), Optional: c.optional, Keep: c.keep, PinnedFront: c.pinnedFront, MaxLegs: c.acceptorLegs}
	if c.tune.Server != nil {
		c.tune.Server(&m)
	}
	return m
}

func (c *setup) proxyConfig() machine.ProxyConfig {
	m := machine.ProxyConfig{Reverse: c.reverse, Strip: c.strip, Chain: c.chain}
	m.Auth.Schemes = servers(c.proxy)
	m.Auth.Keep, m.Auth.MaxLegs = c.keep, c.acceptorLegs
	if c.tune.Server != nil && len(m.Auth.Schemes) > 0 {
		c.tune.Server(&m.Auth)
	}
	if c.tune.Proxy != nil {
		c.tune.Proxy(&m)
	}
	return m
}

// can returns the toys that clients answer a side with.
func (c *setup) can(side gss.Side) []toy {
	if side == gss.Proxy {
		return c.canProxy
	}
	return c.canOrigin
}

// asker returns the scheme that asks for credentials of the named one. A mechanism within a
// negotiation asks under its own name.
func (c *setup) asker(side gss.Side, name string) schemes {
	if _, ok := c.toyFor(side, name); ok {
		return c.setOf(name)
	}
	for _, t := range c.can(side) {
		if t.inside && t.shipped != nil || t.own.read() && c.legs(c.setOf(t.name)) {
			return c.setOf(t.name)
		}
	}
	return c.setOf(name)
}

// mute reports whether the contexts of a scheme do not tell what they heard.
func (c *setup) mute(side gss.Side, s schemes) bool {
	t, _ := c.toyFor(side, c.nameOf(s))
	return t.shipped != nil || t.lax || t.own.read()
}

// toyFor returns the toy that a client answers a scheme of a side with.
func (c *setup) toyFor(side gss.Side, name string) (toy, bool) {
	for _, t := range c.can(side) {
		if c.setOf(t.name) == c.setOf(name) {
			return t, true
		}
	}
	return toy{}, false
}

// open reports whether a side admits every request without authentication.
func (c *setup) open(side gss.Side) bool { return side == gss.Proxy && len(c.proxy) == 0 }

// dry reports whether a side lacks the entropy for one of its offers, so that it makes
// none.
func (c *setup) dry(side gss.Side) bool {
	toy, _ := c.acceptorToy(side, scheme.Digest)
	return toy.mute == gss.NoEntropy
}

// acceptorToy returns the toy that a side offers a scheme with.
func (c *setup) acceptorToy(side gss.Side, name string) (toy, bool) {
	list := c.origin
	if side == gss.Proxy {
		list = c.proxy
	}
	for _, t := range list {
		if c.setOf(t.name) == c.setOf(name) {
			return t, true
		}
	}
	return toy{}, false
}

// isKerberos reports whether a scheme is package kerberos on a side.
func (c *setup) isKerberos(side gss.Side, s schemes) bool {
	t, _ := c.toyFor(side, c.nameOf(s))
	return t.shipped != nil && t.shipped.kdc != nil
}

// crowded reports whether a request's connection may carry other clients' requests as
// well. Fronts that pin are those of origins.
func (c *setup) crowded(q *request, side gss.Side) bool {
	if side == gss.Origin {
		return q.r.Multiplexed || (q.header.Via || q.shared) && !c.pinnedFront
	}
	return q.r.Multiplexed || q.header.Via || q.shared || c.sharedFront
}

// The bounds of machines that are configured by 0.
const (
	defaultMaxLegs       = 8
	defaultMaxReconnects = 3
)

func bound8(n, otherwise uint8) uint8 {
	if n == 0 {
		return otherwise
	}
	return n
}

// hostile reports whether client i is.
func (c *setup) hostile(i int) bool { return len(c.orders[i]) == 0 }

// word is a request of a vocabulary.
type word struct {
	as            string // the only identity that it may be served under, "" for any that is proven
	origin, proxy header.Credentials
	method        string
	via           bool // it came through an intermediary
	front         bool // it came from one that the driver knows
	stream        bool // it came over a multiplexed connection
	early         bool
}

package model

import (
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// concern is a set of what a world may have in it. A property that speaks of what a world
// does not have is not judged there.
type concern uint64

const (
	hasHandshakes      concern = 1 << iota // a scheme with handshakes
	hasOriginHandshake                     // one with the origin
	hasProxyHandshake                      // one with a proxy
	hasReadable                            // one whose contexts tell what they took in
	hasNegotiate                           // Negotiate
	hasNego2                               // Nego2
	hasNTLM                                // NTLM
	hasDigest                              // Digest, of the model's or of package digest
	hasPerRequest                          // a scheme that proves each request alone
	hasMutual                              // peers that may prove themselves
	hasFinals                              // acceptors that end with a token
	hasQuestions                           // schemes that ask for what they prove with
	hasReplays                             // acceptors that remember what they have seen
	hasProofs                              // proofs that can be computed from the secrets of the world
	hasShippedDigest                       // package digest
	hasKept                                // identities that outlive their request
	hasProxied                             // a proxy
	hasForwardProxy                        // one that the client knows of
	hasProxyAuth                           // one that authenticates
	hasStrips                              // one that removes challenges
	hasTunnels                             // CONNECT
	hasLeases                              // clients that know a scheme beforehand
	hasMemories                            // and keep what they learn
	hasSharedMemory                        // together, over streams of one connection
	hasProgress                            // authentications that a request may find in progress
	hasContents                            // requests with a body
	hasOnceContents                        // that can be sent once only
	hasEarly                               // early data, or a 425
	hasMultiplexed                         // streams
	hasCrowds                              // connections that several clients share
	hasHostileClients                      // clients that say what they want
	hasSeveral                             // requests one after the other
	hasMistakes                            // a network and drivers that do something wrong
	hasClosing                             // connections that close at any moment
	hasForgery                             // messages that are changed
	hasDemand                              // an origin that demands authentication
	hasOrders                              // clients of the model's own
	hasRanking                             // which take up no weaker scheme for want of a stronger one
	hasBystanders                          // beside hostile ones, over a network that does nothing wrong
	hasLegs                                // a handshake of several legs
	hasQuietEnds                           // one that ends without a token of the acceptor
	hasNTLMContexts                        // NTLM, under whatever scheme
	hasLasting                             // a client that may take a side for authenticated
	hasSharedWire                          // connections on which a server cannot tell clients apart
	hasEnds                                // identities that end
)

// concerns returns what a world has in it.
func (c *setup) concerns() (all concern) {
	add := func(on bool, what concern) {
		if on {
			all |= what
		}
	}
	for i, list := range [...][]toy{c.canOrigin, c.origin, c.canProxy, c.proxy} {
		if i >= 2 && !c.proxied {
			break
		}
		for _, t := range list {
			s := c.setOf(t.name)
			legs := c.legs(s)
			add(legs, hasHandshakes|[...]concern{hasOriginHandshake, hasProxyHandshake}[i/2])
			add(legs || t.pedant, hasProgress)
			add(!legs, hasPerRequest)
			add(s == negotiate, hasNegotiate)
			add(s == nego2, hasNego2)
			add(s == ntlm, hasNTLM)
			add(s == digest && t.own == nil, hasDigest)
			add(legs && !c.mute(gss.Side(i/2), s), hasReadable)
			add(t.mayProve(), hasMutual)
			add(legs && t.mech.Final, hasFinals)
			add(t.asks(), hasQuestions)
			add(s == digest && !t.pedant && t.own == nil || t.shipped != nil && t.shipped.kdc != nil || t.own != nil && t.own.once, hasReplays)
			add(t.shipped != nil && (t.shipped.digest != nil || t.shipped.kdc != nil) || t.own.read(), hasProofs)
			add(t.shipped != nil && t.shipped.digest != nil, hasShippedDigest)
			add(t.own == nil && t.mech.Legs > 1 || t.own != nil && t.own.legs > 1, hasLegs)
			add(legs && t.own == nil && !t.mech.Final && !t.inside, hasQuietEnds)
			add(t.mech.OID == gss.NTLM || s == ntlm, hasNTLMContexts)
			add(t.shipped != nil && t.shipped.kdc != nil, hasEnds)
			add(legs && (c.keep == machine.KeepAlways || c.keep == machine.KeepByMechanism && (t.mech.Bound || t.name == scheme.NTLM)), hasKept)
		}
	}
	add(c.proxied, hasProxied)
	add(c.proxied && !c.reverse, hasForwardProxy)
	add(c.proxied && len(c.proxy) > 0, hasProxyAuth)
	add(c.strip, hasStrips)
	add(c.remembers, hasMemories|hasLeases)
	add(c.streams, hasSharedMemory)
	add(c.sharedFront || c.careless, hasCrowds)
	add(c.hours > 0, hasEnds)
	add(c.trouble > 0, hasMistakes)
	add(c.trouble > 0 && c.closes, hasClosing)
	add(c.trouble > 0 && len(c.tricks) > 0, hasForgery)
	add(!c.optional, hasDemand)
	add(!c.policy.Fallback, hasRanking)
	add(c.proxied && !c.pinnedFront, hasSharedWire)
	for i, list := range c.orders {
		add(c.hostile(i), hasHostileClients|hasSeveral)
		add(!c.hostile(i), hasOrders)
		for _, o := range list {
			add(c.requests > 1, hasSeveral)
			add(o.lease.Scheme != "" || o.proxyLease.Scheme != "", hasLeases)
			add(o.body != machine.NoBody, hasContents)
			add(o.body == machine.Once, hasOnceContents)
			add(o.early, hasEarly)
			add(o.multiplexed, hasMultiplexed|hasCrowds)
			add(o.connect, hasTunnels)
		}
	}
	for _, d := range c.vocabulary {
		add(d.early, hasEarly)
		add(d.stream, hasMultiplexed|hasCrowds)
		add(d.via || d.front, hasCrowds)
		add(d.method == "CONNECT", hasTunnels)
	}
	add(slices.Contains(c.statuses, 425), hasEarly)
	forges := false // that something lasts
	for _, t := range c.tricks {
		forges = forges || c.trouble > 0 && c.trick(t).name == "forges Persistent-Auth: true"
		name := c.trick(t).name
		add(c.trouble > 0 && (name == "marks it as early data" || name == "swaps the status for 425"), hasEarly)
		add(c.trouble > 0 && name == "adds Via", hasCrowds)
	}
	add(all&hasCrowds != 0, hasSharedWire)
	add(all&hasHostileClients != 0 && all&hasOrders != 0 && c.trouble == 0, hasBystanders)
	add(all&hasHandshakes != 0 && (all&hasKept != 0 || forges), hasLasting)
	return all
}

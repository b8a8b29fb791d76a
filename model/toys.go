package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	nlmp "github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// legs returns a toy whose initiator sends n tokens. Both of its sides ask the driver for what they
// need.
func legs(name string, n uint8, set ...func(*gsstoy.Toy)) toy {
	t := toy{name: name, mech: gsstoy.Toy{Legs: n, Asks: true}}
	switch name {
	case scheme.NTLM:
		t.mech.OID, t.mech.Bound = gss.NTLM, true
	case scheme.Nego2:
		t.mech.OpensWithToken = true
	}
	for _, f := range set {
		f(&t.mech)
	}
	return t
}

func proves(t *gsstoy.Toy)   { t.Final, t.Mutual = true, true } // the acceptor ends with a proof
func ends(t *gsstoy.Toy)     { t.Final = true }                 // the acceptor ends with a token
func isNTLM(t *gsstoy.Toy)   { t.OID, t.Bound = gss.NTLM, true }
func retracts(t *gsstoy.Toy) { t.Early = true }
func refuses(t *gsstoy.Toy)  { t.Refuses = true } // the acceptor refuses every client

// silent returns toys that need not ask: they know the secret of alice for a side, and nothing
// else.
func silent(side gss.Side, toys ...toy) (known []toy) {
	for _, t := range toys {
		t.mech.Asks, t.mech.Identity, t.mech.Secret = false, "alice", secretOf("alice", side)
		known = append(known, t)
	}
	return known
}

func (t toy) client() scheme.Client {
	switch {
	case t.own != nil:
		return t.own.client
	case t.pedant:
		return pedant{}
	case t.name == scheme.Basic:
		return scheme.BasicClient()
	case t.name == scheme.Digest && t.shipped != nil:
		return t.shipped.digest.client
	case t.name == scheme.Digest:
		return digestToy{}
	}
	return scheme.MechanismClient(traitsOf(t.name), t.mechanism(initiating))
}

func (t toy) server() scheme.Server {
	switch {
	case t.own != nil:
		return t.own.server
	case t.pedant:
		return pedant{mute: t.mute}
	case t.name == scheme.Basic:
		check := scheme.AskVerifier
		if t.judged {
			check = scheme.AskVerdict
		}
		return scheme.BasicServer("r", check)
	case t.name == scheme.Digest && t.shipped != nil:
		return t.shipped.digest.server
	case t.name == scheme.Digest:
		return digestToy{}
	}
	return scheme.MechanismServer(traitsOf(t.name), t.mechanism(accepting))
}

// mechanism returns the mechanism of a side.
func (t toy) mechanism(side int) gss.Mechanism {
	var m gss.Mechanism = t.mech
	if t.shipped != nil {
		m = t.shipped.mechs[side]
	}
	if t.lax {
		m = lax{m}
	}
	if t.inside {
		return negotiating(spnego.Config{}, m)
	}
	return m
}

// shippedNTLM is package ntlm with an ordinary configuration.
var shippedNTLM = made(nlmp.New(nlmp.Config{Computer: "O", DNSComputer: "o"}))

// whole puts package ntlm in the place of a toy of NTLM's.
func whole(t toy) toy {
	t.shipped = &shipped{mechs: [2]gss.Mechanism{shippedNTLM, shippedNTLM}}
	return t
}

// negotiated puts toys inside gss/spnego.
func negotiated(toys ...toy) []toy {
	for i := range toys {
		toys[i].inside = bound.has(setOf(toys[i].name)) && toys[i].name != scheme.NTLM
	}
	return toys
}

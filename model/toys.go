package model

import (
	"strings"

	"github.com/countersign-auth/countersign/internal/ntlmssp"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/header"
	nlmp "github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// toy is a scheme of a world: one of the registered names, run by gsstoy, or by
// the toy digest where the name is Digest's.
type toy struct {
	name string
	mech gsstoy.Toy
	// inside: the mechanism is negotiated by gss/spnego, whose only one it is.
	inside bool
	// shipped is what stands in the toy's place, nil for the toy itself.
	shipped *shipped
	// lax: its initiator does not mind what comes after its end.
	lax bool
	// pedant: it is a pedant in place of the toy digest; its server has nothing to
	// offer where mute says why.
	pedant bool
	mute   gss.Code
	// judged: passwords go out to be judged, where the toy is Basic's.
	judged bool
}

// shipped is a shipped package in a toy's place: a mechanism for each side, by its place
// in a [Negotiation]; for Digest the two halves of the scheme.
type shipped struct {
	mechs  [2]gss.Mechanism
	digest *digestPeers
	kdc    *realm // Kerberos: what its drivers know
}

// asks reports whether both sides of a toy put a question before they give or take
// credentials.
func (t toy) asks() bool { return !t.pedant && (t.mech.Asks || !bound.has(setOf(t.name))) }

// legs is a toy whose initiator sends n tokens. Both of its sides ask the driver
// for what they need.
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
func refuses(t *gsstoy.Toy)  { t.Refuses = true } // the acceptor refuses everybody

// silent are toys that need not ask, because they know what alice proves herself with
// to a side, and nothing else.
func silent(side gss.Side, toys ...toy) (known []toy) {
	for _, t := range toys {
		t.mech.Asks, t.mech.Identity, t.mech.Secret = false, "alice", secretOf("alice", side)
		known = append(known, t)
	}
	return known
}

func traitsOf(name string) scheme.Traits {
	t, _ := scheme.TraitsOf(name)
	return t
}

func (t toy) client() scheme.Client {
	switch {
	case t.pedant:
		return pedant{}
	case t.name == scheme.Basic:
		return scheme.BasicClient()
	case t.name == scheme.Digest && t.shipped != nil:
		return t.shipped.digest.client
	case t.name == scheme.Digest:
		return digestToy{}
	}
	return scheme.FromMechanism(traitsOf(t.name), t.mechanism(initiating))
}

func (t toy) server() scheme.Server {
	switch {
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
	return scheme.ForMechanism(traitsOf(t.name), t.mechanism(accepting))
}

// mechanism is a side's.
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

// shippedNTLM is what package ntlm makes of an ordinary configuration; dead if
// it would not.
var shippedNTLM, _ = nlmp.New(nlmp.Config{Computer: "O", DNSComputer: "o"})

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

// heardBy are the tokens that the toy in a context heard.
func heardBy(c gss.Context) []string { return gsstoy.Heard(spnego.Leaf(c)) }

// toyToken is the toy's token in a token of gss/spnego, and what a toy would say
// in place of a message of NTLM's.
func toyToken(token string) string {
	leaf := leafToken(token)
	if text := kerberosToken(leaf); text != "" {
		return text
	}
	if _, fault := ntlmssp.ParseNegotiate(leaf); fault.IsZero() {
		return "toy/NTLM:i1"
	}
	if _, fault := ntlmssp.ParseChallenge(leaf); fault.IsZero() {
		return "toy/NTLM:c1"
	}
	if m, fault := ntlmssp.ParseAuthenticate(leaf); fault.IsZero() {
		user, _ := m.Flags.Text(m.User)
		return "toy/NTLM:i2:u=" + user + ":p=" + hidden
	}
	return leaf
}

// hidden stands for a proof that does not show for whom it is meant.
const hidden = "hidden"

// leafToken is the mechanism's own token in one of gss/spnego. An acceptor's
// opening is a hint, and a message that is a refusal and no more is one of the
// toy's.
func leafToken(token string) string {
	if m, fault := spnego.ParseInit(token); fault.IsZero() {
		if m.Hints.Present {
			return "toy:h"
		}
		return m.MechToken.Bytes()
	}
	m, fault := spnego.ParseResp(token)
	switch {
	case !fault.IsZero():
		return token
	case m.State == spnego.Reject && !m.ResponseToken.Present():
		return "toy:x"
	}
	return m.ResponseToken.Bytes()
}

// secretOf is what a user proves itself with, another one to each side, so that
// a proof that goes the wrong way can be seen.
func secretOf(user string, side gss.Side) gss.Secret {
	return gss.NewSecret(user + "-" + side.String())
}

// wrongSecret is what a user gives that does not know its own.
func wrongSecret(side gss.Side) gss.Secret { return gss.NewSecret("wrong-" + side.String()) }

// message is a toy's token as anybody on the wire can read it.
type message struct {
	kind   byte  // 'h', 'i', 'c', 'f' or 'x'; 0 for what is no toy's token
	leg    uint8 // of 'i' and 'c'
	user   string
	proof  bool
	secret string // the proof itself
	ours   bool   // the proof, if any, is one that is meant for this side
	more   bool   // of 'f': gss/spnego, in which it is, goes on after it
}

// read reads a token that was met on a side.
func read(token string, side gss.Side) (m message) {
	whole := token
	token = toyToken(token)
	parts := strings.Split(token, ":")
	if !strings.HasPrefix(token, "toy") || len(parts) < 2 || parts[1] == "" {
		return m
	}
	m.kind = parts[1][0]
	if len(parts[1]) > 1 {
		m.leg = parts[1][1] - '0'
	}
	if m.kind == 'f' {
		resp, fault := spnego.ParseResp(whole)
		m.more = fault.IsZero() && (resp.State == spnego.AcceptIncomplete || resp.State == spnego.RequestMIC)
	}
	m.ours = true
	for _, p := range parts[2:] {
		p = strings.ReplaceAll(p, "%5c", `\`) // which comes before a name in a domain
		if v, ok := strings.CutPrefix(p, "u="); ok {
			m.user = v
		}
		if v, ok := strings.CutPrefix(p, "p="); ok {
			m.proof, m.secret = true, v
			m.ours = v == hidden || strings.HasSuffix(v, "-"+side.String())
		}
	}
	return m
}

// tokenIn is the toy token of a scheme's challenge among others, and whether
// the scheme is offered at all.
func tokenIn(offers header.Challenges, name string, side gss.Side) (m message, offered bool) {
	for c := range offers.Of(name) {
		offered = true
		if t, ok := c.Token(); ok {
			return read(t, side), true
		}
	}
	return m, offered
}

// The schemes that occur here, as a set.
type schemes uint8

var schemeNames = [...]string{scheme.Nego2, scheme.Negotiate, scheme.NTLM, scheme.Digest, scheme.Basic}

func setOf(name string) schemes {
	for i, n := range schemeNames {
		if header.EqualFold(n, name) {
			return 1 << i
		}
	}
	return 0
}

func (s schemes) has(o schemes) bool { return o != 0 && s&o == o }

// offersOf is the set of the schemes that are offered in a usable way: not
// malformed, and with a token where the scheme opens with one.
func offersOf(offers header.Challenges) (s schemes) {
	for c := range offers.All() {
		if c.Form() != header.Malformed {
			s |= setOf(c.Scheme())
		}
	}
	return s
}

// legged reports whether credentials are of a scheme with handshakes.
func legged(c header.Credentials) bool {
	return c.Present() && setOf(c.Scheme())&(setOf(scheme.Nego2)|setOf(scheme.Negotiate)|setOf(scheme.NTLM)) != 0
}

// rawToken is the token of a scheme's challenge.
func rawToken(offers header.Challenges, s schemes) (string, bool) {
	for c := range offers.All() {
		if setOf(c.Scheme()) == s {
			if t, ok := c.Token(); ok {
				return t, true
			}
		}
	}
	return "", false
}

// nameOf is the name of the one scheme in s.
func nameOf(s schemes) string {
	for i, n := range schemeNames {
		if s == 1<<i {
			return n
		}
	}
	return ""
}

var (
	nego2     = setOf(scheme.Nego2)
	negotiate = setOf(scheme.Negotiate)
	ntlm      = setOf(scheme.NTLM)
	digest    = setOf(scheme.Digest)
)

var sides = [...]gss.Side{gss.Origin, gss.Proxy}

// mayProve reports whether a toy's acceptor may prove itself, be it that it need not.
func (t toy) mayProve() bool { return t.mech.Mutual || t.shipped != nil && t.shipped.digest != nil }

package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
)

// toy is a scheme of a world: one of the registered names, run by gsstoy, or by
// the toy digest where the name is Digest's.
type toy struct {
	name string
	mech gsstoy.Toy
	// inside: the mechanism is negotiated by gss/spnego, as the only one.
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
	// own is a scheme of a Spec, whatever its name is.
	own *ownScheme
}

// shipped is a shipped package in a toy's place: a mechanism for each side, by its place
// in a [negotiation]; for Digest the two halves of the scheme.
type shipped struct {
	mechs  [2]gss.Mechanism
	digest *digestPeers
	kdc    *realm // Kerberos: what its drivers know
}

// asks reports whether both sides of a toy put a question before they give or take
// credentials.
func (t toy) asks() bool {
	if t.own != nil {
		return !t.own.silent
	}
	return !t.pedant && (t.mech.Asks || !bound.has(setOf(t.name)))
}

// mayProve reports whether a toy's acceptor may prove itself, be it that it need not.
func (t toy) mayProve() bool { return t.mech.Mutual || t.shipped != nil && t.shipped.digest != nil }

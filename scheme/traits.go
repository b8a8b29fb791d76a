package scheme

import (
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/ascii"
)

// The registered names of the schemes of this project. Names compare without regard to
// case.
const ( // N2HT-1.9-1, R4559-4-1, NTHT-1.9-1
	Negotiate = "Negotiate" // RFC 4559
	Nego2     = "Nego2"     // MS-N2HT
	NTLM      = "NTLM"      // MS-NTHT
	Digest    = "Digest"    // RFC 7616
	Basic     = "Basic"     // RFC 7617
)

// Affinity is whether what a scheme establishes belongs to one connection.
type Affinity uint8

const (
	// PerRequest means that each request carries its own proof (Digest, Basic).
	PerRequest Affinity = iota
	// ByMechanism means that it depends on the negotiated mechanism (Negotiate, Nego2).
	// The legs of one handshake share a connection in any case.
	ByMechanism
	// PerConnection means that it always does (NTLM).
	PerConnection
)

// Opening is what the first challenge of a scheme carries.
type Opening uint8

const (
	// OpeningBare means nothing; a token there is unexpected (RFC 4559 section 4.1).
	OpeningBare Opening = iota
	// OpeningToken means a token, which is the initiator's first input (Nego2, MS-N2HT
	// section 2.2.1).
	OpeningToken
	// OpeningParams means auth-params (Digest, Basic).
	OpeningParams
)

// Strength ranks schemes; the stronger one is tried first (RFC 7616 section 5.6). The
// values leave room for schemes of a user.
type Strength uint8

// The strengths of the schemes of this project.
const ( // NTHT-1.6-1
	BasicStrength     Strength = 20
	DigestStrength    Strength = 40
	NTLMStrength      Strength = 60 // below Negotiate: MS-NTHT section 1.6
	NegotiateStrength Strength = 80 // and of Nego2, the same negotiation begun by the server
)

// Traits describe a scheme to machines and policy.
type Traits struct {
	Name     string      // as registered
	Form     header.Form // Token68 or Params: the form of its credentials
	Opening  Opening
	Affinity Affinity
	Strength Strength
	// OfferedOnly tells that the scheme is never used pre-emptively (Nego2).
	OfferedOnly bool
	// OriginOnly tells that it is never sent to a proxy (Nego2).
	OriginOnly bool
	// ExplicitProxyOnly tells that it is sent to a proxy only if that was configured by
	// hand (Negotiate, RFC 4559 section 6).
	ExplicitProxyOnly bool
	// Mutual tells that the peer can prove itself, so that a missing proof is a failure.
	Mutual bool
	// Cleartext tells that the credentials show on the wire (Basic).
	Cleartext bool
	// ConnectionBased tells that the mechanism, or one that it may negotiate, is bound to
	// its connection (gss.Traits). MechanismClient and MechanismServer set it.
	ConnectionBased bool
}

var names = [...]Traits{
	{Name: Negotiate, Form: header.Token68, Opening: OpeningBare, Affinity: ByMechanism, Strength: NegotiateStrength, ExplicitProxyOnly: true},
	{Name: Nego2, Form: header.Token68, Opening: OpeningToken, Affinity: ByMechanism, Strength: NegotiateStrength, OfferedOnly: true, OriginOnly: true},
	{Name: NTLM, Form: header.Token68, Opening: OpeningBare, Affinity: PerConnection, Strength: NTLMStrength},
	{Name: Digest, Form: header.Params, Opening: OpeningParams, Affinity: PerRequest, Strength: DigestStrength},
	{Name: Basic, Form: header.Token68, Opening: OpeningParams, Affinity: PerRequest, Strength: BasicStrength, Cleartext: true},
}

// TraitsOf returns the traits of a scheme of this project by its name, without regard to
// case.
func TraitsOf(name string) (Traits, bool) {
	for _, t := range names {
		if ascii.EqualFold(t.Name, name) {
			return t, true
		}
	}
	return Traits{}, false
}

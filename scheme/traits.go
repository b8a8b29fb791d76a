package scheme

import "github.com/countersign-auth/countersign/header"

// The registered names of the schemes of this project (N2HT-1.9-1, R4559-4-1,
// NTHT-1.9-1). Names compare without case.
const (
	Negotiate = "Negotiate" // RFC 4559
	Nego2     = "Nego2"     // MS-N2HT
	NTLM      = "NTLM"      // MS-NTHT
	Digest    = "Digest"    // RFC 7616
	Basic     = "Basic"     // RFC 7617
)

// Bound tells whether what a scheme establishes belongs to one connection.
type Bound uint8

const (
	// PerRequest: each request carries its own proof (Digest, Basic).
	PerRequest Bound = iota
	// ByMechanism: it depends on what the negotiation ends in (Negotiate, Nego2);
	// the legs of one handshake share a connection in any case.
	ByMechanism
	// Connection: always (NTLM).
	Connection
)

// First tells what the first challenge of a scheme carries.
type First uint8

const (
	// FirstBare: nothing; a token there is unexpected (R4559-4.1-3, NTHT-2.2.1-2).
	FirstBare First = iota
	// FirstToken: a token, which the initiator takes in (Nego2, N2HT-2.2.1-4).
	FirstToken
	// FirstParams: auth-params (Digest, Basic).
	FirstParams
)

// Strength ranks schemes (R7616-5.6-1); the stronger one is tried first. The
// values leave room for schemes of a user's own.
type Strength uint8

// The strengths of the schemes of this project.
const (
	Weakest           Strength = 0
	BasicStrength     Strength = 20
	DigestStrength    Strength = 40
	NTLMStrength      Strength = 60 // below Negotiate: NTHT-1.6-1
	NegotiateStrength Strength = 80
	Nego2Strength     Strength = NegotiateStrength // the same negotiation, opened by the server
)

// Traits are what machines and policy need to know of a scheme.
type Traits struct {
	Name     string      // as registered
	Form     header.Form // Token68 or Params: how credentials look
	First    First
	Bound    Bound
	Strength Strength
	// OfferedOnly: never used pre-emptively (Nego2, C4).
	OfferedOnly bool
	// OriginOnly: never sent to a proxy (Nego2, C1).
	OriginOnly bool
	// ExplicitProxyOnly: sent to a proxy only if that was configured by hand
	// (Negotiate, R4559-6-4, C1).
	ExplicitProxyOnly bool
	// Mutual: the peer can prove itself, so that its failing to is a failure.
	Mutual bool
	// Cleartext: credentials can be read off the wire (Basic).
	Cleartext bool
	// ConnectionBound: the mechanism, or one that it may negotiate, is bound to its
	// connection (gss.Traits). FromMechanism and ForMechanism set it.
	ConnectionBound bool
}

// NeedsConnection reports whether a handshake may fail to end on a connection that
// carries many requests at once: what it establishes is, or may be, bound to one.
func (t Traits) NeedsConnection() bool { return t.Bound == Connection || t.ConnectionBound }

// Legged reports whether a handshake may take several legs, which then share
// one connection.
func (t Traits) Legged() bool { return t.Bound != PerRequest }

var names = [...]Traits{
	{Name: Negotiate, Form: header.Token68, First: FirstBare, Bound: ByMechanism, Strength: NegotiateStrength, ExplicitProxyOnly: true},
	{Name: Nego2, Form: header.Token68, First: FirstToken, Bound: ByMechanism, Strength: Nego2Strength, OfferedOnly: true, OriginOnly: true},
	{Name: NTLM, Form: header.Token68, First: FirstBare, Bound: Connection, Strength: NTLMStrength},
	{Name: Digest, Form: header.Params, First: FirstParams, Bound: PerRequest, Strength: DigestStrength},
	{Name: Basic, Form: header.Token68, First: FirstParams, Bound: PerRequest, Strength: BasicStrength, Cleartext: true},
}

// TraitsOf are the traits of a scheme of this project, by name without case.
func TraitsOf(name string) (Traits, bool) {
	for _, t := range names {
		if header.EqualFold(t.Name, name) {
			return t, true
		}
	}
	return Traits{}, false
}

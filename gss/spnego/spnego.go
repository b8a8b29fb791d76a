package spnego

import (
	"fmt"
	"reflect"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/internal/negtoken"
)

// maxMechanisms bounds Config.Mechanisms.
const maxMechanisms = 8

// Config says what is negotiated, and how strictly. Both sides have the same.
type Config struct {
	_ struct{}

	// Mechanisms are those that may be agreed upon, favourite and strongest first:
	// 1 to 8, all different, none of them SPNEGO. What is to be
	// refused is left out: NTLM stands here only where policy allows it (C33).
	//
	// Kerberos has two OIDs on the wire, its own and a malformed one of Windows 2000. With
	// gss.Kerberos both are offered and accepted.
	Mechanisms []gss.Mechanism

	// Fallback allows a weaker mechanism without proof that no attacker forced it on the
	// two sides. An initiator with it goes on with weaker mechanisms if a stronger one
	// cannot begin for another reason than missing credentials (without it, an attacker
	// that keeps a client from its KDC does not get NTLM instead), and accepts the choice
	// of a weaker one that has no integrity. An acceptor with it has no preference, and
	// accepts the initiator's choice without MICs; it needs that for clients too old to
	// make any (RFC 4178 appendix C).
	Fallback bool
	// OwnOrder lets an acceptor select the first of its own Mechanisms that the
	// initiator lists, at the price of another leg if the initiator's list begins with
	// another one. Otherwise it selects the first of that list that it has (RFC 4178
	// section 3.1).
	OwnOrder bool
	// RefuseRaw lets an acceptor take SPNEGO only, and not a bare NTLM or Kerberos
	// token in its place, as Windows and browsers send (C33).
	RefuseRaw bool
	// TakeAPREQ lets an acceptor take a Kerberos AP-REQ without any framing, as DCE
	// has it. It has no place in HTTP.
	TakeAPREQ bool
}

// mechanism is SPNEGO over other mechanisms.
type mechanism struct{ cfg *config }

// config is a validated Config. It is read-only after New.
type config struct {
	Config
	mechs  [maxMechanisms]gss.Mechanism
	n      uint8
	traits gss.Traits
	hint   string // the NegTokenInit2, always the same
}

// New returns SPNEGO over the mechanisms of c. It is a comparable value, which implements [gss.Checker] and prints no secret. The error is a
// [gss.Misuse] and says what is wrong with the configuration.
func New(c Config) (gss.Mechanism, error) {
	if n := len(c.Mechanisms); n == 0 || n > maxMechanisms {
		return nil, misuse.Errorf("spnego", "Config.Mechanisms has %d mechanisms; want 1 to %d", n, maxMechanisms)
	}
	p := &config{Config: c}
	p.Mechanisms = nil
	var list [2 * maxMechanisms]gss.OID
	offered := list[:0]
	for i, m := range c.Mechanisms {
		if m == nil || !compares(m) || !compares(m.Initiate(gss.Target{})) || !compares(m.Accept(gss.Target{})) {
			return nil, misuse.Errorf("spnego", "Config.Mechanisms[%d] is nil, or it or its contexts do not compare with ==", i)
		}
		mech := m.Mech()
		if mech == gss.SPNEGO || mech == gss.MSKerberos || mech == "" || len(mech) > negtoken.MaxMech { // R4178-3.1-1
			return nil, misuse.Errorf("spnego", "Config.Mechanisms[%d] is SPNEGO itself, has no OID or one longer than %d bytes, or has that of MSKerberos (use Kerberos)", i, negtoken.MaxMech)
		}
		if p.find(mech) >= 0 {
			return nil, misuse.Errorf("spnego", "Config.Mechanisms[%d], %v, is there twice; leave one out", i, mech)
		}
		p.mechs[p.n] = m
		p.n++
		offered = appendOIDs(offered, mech)
		t := m.Traits()
		p.traits.ConnectionBased = p.traits.ConnectionBased || t.ConnectionBased
		p.traits.Mutual = p.traits.Mutual || t.Mutual
		p.traits.Integrity = p.traits.Integrity || t.Integrity
		p.traits.MaxLegs = max(p.traits.MaxLegs, t.MaxLegs)
	}
	// A first token that is not taken, and a mechListMIC on its own.
	p.traits.MaxLegs += min(2, 255-p.traits.MaxLegs)
	p.hint = negtoken.Init{ // SPNG-3.2.5.2-1
		MechTypes: negtoken.MechTypesOf(offered...),
		Hints:     negtoken.Hints{Present: true, Name: gss.TokenOf(negtoken.HintName)},
	}.Encode()
	return mechanism{p}, nil
}

// CheckInitiate implements [gss.Checker].
func (m mechanism) CheckInitiate() error { return m.check(gss.Checker.CheckInitiate) }

// CheckAccept implements [gss.Checker]. An acceptor that cannot run one of its mechanisms
// would offer it all the same, and then refuse the clients that choose it.
func (m mechanism) CheckAccept() error { return m.check(gss.Checker.CheckAccept) }

func (m mechanism) check(side func(gss.Checker) error) error {
	for i, mech := range m.cfg.mechs[:m.cfg.n] {
		if c, ok := mech.(gss.Checker); ok {
			if err := side(c); err != nil {
				return misuse.Errorf("spnego", "Config.Mechanisms[%d]: %s", i, misuse.Reason(err))
			}
		}
	}
	return nil
}

func compares(v any) bool { return v != nil && reflect.ValueOf(v).Comparable() }

// appendOIDs adds the OIDs of a mechanism. Windows offers the malformed one of Kerberos
// first, and fails if the response has the correct one (MS-SPNG section 3.1.5.2, note 9).
func appendOIDs(list []gss.OID, m gss.OID) []gss.OID {
	if first := firstOID(m); first != m {
		list = append(list, first)
	}
	return append(list, m)
}

// firstOID returns the OID under which a mechanism is offered first.
func firstOID(m gss.OID) gss.OID {
	if m == gss.Kerberos {
		return gss.MSKerberos
	}
	return m
}

// proper returns the OID of the mechanism that m is an alias of.
func proper(m gss.OID) gss.OID {
	if m == gss.MSKerberos {
		return gss.Kerberos
	}
	return m
}

// find returns the index of the mechanism with an OID, -1 if it is not configured.
func (c *config) find(m gss.OID) int {
	m = proper(m)
	for i := range int(c.n) {
		if c.mechs[i].Mech() == m {
			return i
		}
	}
	return -1
}

// Mech implements gss.Mechanism.
func (m mechanism) Mech() gss.OID { return gss.SPNEGO }

// Traits implements gss.Mechanism. It returns the union of the mechanisms' traits,
// since any of them may be negotiated. A context's Info has those of the negotiated
// mechanism.
func (m mechanism) Traits() gss.Traits { return m.cfg.traits }

// Initiate implements gss.Mechanism. Mutual authentication is always requested (MS-SPNG
// section 3.3.3).
func (m mechanism) Initiate(t gss.Target) gss.Context { // SPNG-3.3.3-1
	t.Want |= gss.Mutual
	return initiator{m.cfg, t}
}

// Accept implements gss.Mechanism.
func (m mechanism) Accept(t gss.Target) gss.Context { return acceptor{m.cfg, t} }

// Format implements fmt.Formatter: mechanisms may hold secrets.
func (m mechanism) Format(f fmt.State, _ rune) {
	fmt.Fprint(f, "spnego mechanism(")
	for i, mech := range m.cfg.mechs[:m.cfg.n] {
		if i > 0 {
			fmt.Fprint(f, ", ")
		}
		fmt.Fprint(f, mech.Mech())
	}
	fmt.Fprint(f, ")")
}

package kerberos

import (
	"crypto/fips140"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/names"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// defaultMaxSkew is how far apart the clocks of two sides may be (RFC 4120 section 3.2.3).
const defaultMaxSkew = 5 * time.Minute

// maxSkew keeps sums of a time and some skews within what nanoseconds count, for
// two centuries to come.
const maxSkew = 1 << 60

// Config says what both sides of a mechanism do. Its zero value is an initiator,
// and an acceptor that asks for its keys.
type Config struct {
	_ struct{}

	// ChannelBinding is how strictly gss.Target.Binding is required. An acceptor with a
	// binding refuses another one, and the all-zero binding of a client that supports
	// bindings, also under IfAvailable. Under Require it refuses clients that send no
	// binding, and all clients if it has none itself. An initiator under Require fails
	// without a binding.
	ChannelBinding gss.Requirement
	// MaxSkew is how far the clocks may be apart. 0 is 5 minutes; more than 36 years
	// count as 36 years.
	MaxSkew time.Duration
	// AllowRC4 takes keys of rc4-hmac, which are off otherwise (RFC 8429). An initiator with a
	// password then sends a proof under a key that is one MD4 of the password, if an
	// unauthenticated answer asks for that, whatever other types the KDC has.
	AllowRC4 bool

	// Keys are the acceptor's. It tries up to 16 of them on one ticket, those of the service that the ticket names first.
	Keys *keytab.Keytab
	// Services are the names of the acceptor, each with its realm. If it is empty, a key
	// in Keys is enough, under any name on the ticket, since a directory gives one
	// account many names.
	Services []krb.Principal
	// ClientRealms lists the realms of accepted clients, compared byte by byte. An empty
	// list accepts all: every realm that the service's KDC trusts, over a path of any
	// length, can then name clients, and handlers must compare gss.Info.Name, which has
	// the realm, and not Peer alone. The realm of the anonymous principal is
	// krb.AnonymousRealm.
	ClientRealms []string
	// RequireTransitedChecked refuses a client of another realm, or with a ticket that came
	// through one, unless the KDC says that it checked the path (TRANSITED-POLICY-CHECKED,
	// RFC 4120 section 2.7). The service's own realm is that of the key which decrypts the
	// ticket. It is off by default: Microsoft's KDCs do not set the flag, and its servers
	// ignore it.
	RequireTransitedChecked bool
	// BareRequests takes an AP-REQ without the framing of GSS (C33).
	BareRequests bool
	// KeepPAC keeps what the ticket says of the user's groups, for [PAC].
	KeepPAC bool
	// RefuseAnonymous refuses anonymous clients (RFC 6112), also those of a real realm, which
	// vouches for them without saying which of its clients they are. Without it the
	// anonymous principal is gss.Info.Anonymous, which servers refuse unless they are
	// Optional, and an anonymous client of a real realm is WELLKNOWN/ANONYMOUS there.
	RefuseAnonymous bool

	// Realm is an initiator's own: for names without one, and where services are that RealmOf
	// does not know.
	Realm string
	// Realms says where hosts and realms are; nil knows nothing, and leaves it to the
	// client's KDC.
	Realms Realms
	// Canonicalize is when an initiator names services by the canonical name of their host,
	// which it asks with [NeedHostName]. Names of gss.Target.ServiceHost stay as they are.
	// krb5conf.Config.Canonicalizes returns what krb5.conf says.
	Canonicalize krb.Canonicalization
	// OneWay lets an initiator request no proof of the service, and be complete with its
	// own request. It is for servers that send none, and leaves them unauthenticated.
	OneWay bool
	// Delegate is when an initiator hands on a forwarded ticket-granting ticket, where
	// gss.Delegate is wanted.
	Delegate Delegation
	// MinIterations is the least number of iterations of string-to-key that a KDC may ask an
	// initiator with a password for; 0 is the default of the encryption type. See
	// ticket.Request. krb5.conf has no setting for it; MIT's library wants the defaults.
	MinIterations uint32
	// PAC asks KDCs for tickets with (Include) or without a PAC.
	PAC PACRequest
}

// Realms maps hosts to realms for an initiator. krb5conf.Config implements it. It must be a
// comparable value, and pure.
type Realms interface {
	// RealmOf returns the realm of a host, "" if it is unknown.
	RealmOf(host string) string
}

// Delegation is when an initiator delegates.
type Delegation uint8

const (
	// DelegateNever: asking for it is not enough.
	DelegateNever Delegation = iota
	// DelegateIfTrusted: to services that the KDC marks as trusted (ok-as-delegate).
	DelegateIfTrusted
	// DelegateAlways delegates to every service for which the application asks it.
	DelegateAlways
	delegations
)

// PACRequest is what to ask of KDCs.
type PACRequest uint8

const (
	PACDefault PACRequest = iota // say nothing
	PACInclude
	PACExclude
	pacRequests
)

// mechanism is Kerberos as a gss.Mechanism.
type mechanism struct{ cfg *config }

// config is a validated Config. It is read-only after New.
type config struct {
	Config
	fips  bool
	types krb.ETypes // what initiators ask for
	skew  int64      // nanoseconds
}

// New returns Kerberos as a mechanism. It is a comparable value, and prints no secret. The error is a [gss.Misuse] and says which field cannot
// work.
func New(c Config) (gss.Mechanism, error) {
	switch {
	case !c.ChannelBinding.Valid():
		return nil, misuse.Errorf("kerberos", "Config.ChannelBinding is %d; use a gss.Requirement", c.ChannelBinding)
	case c.MaxSkew < 0:
		return nil, misuse.Errorf("kerberos", "Config.MaxSkew is %v; want more than 0, or 0 for %v", c.MaxSkew, defaultMaxSkew)
	case c.Delegate >= delegations:
		return nil, misuse.Errorf("kerberos", "Config.Delegate is %d; use DelegateNever, DelegateIfTrusted or DelegateAlways", c.Delegate)
	case c.Canonicalize > krb.CanonicalizeAlways:
		return nil, misuse.Errorf("kerberos", "Config.Canonicalize is %d; use krb.CanonicalizeNever, CanonicalizeFallback or CanonicalizeAlways", c.Canonicalize)
	case c.PAC >= pacRequests:
		return nil, misuse.Errorf("kerberos", "Config.PAC is %d; use PACDefault, PACInclude or PACExclude", c.PAC)
	case c.MinIterations > enctype.MaxIterations:
		return nil, misuse.Errorf("kerberos", "Config.MinIterations is %d, and a KDC may ask for %d at most; lower it", c.MinIterations, enctype.MaxIterations)
	case !names.Valid(c.Realm):
		return nil, misuse.Errorf("kerberos", "Config.Realm is not a realm: it has characters that Kerberos does not allow")
	case c.Realms != nil && !reflect.ValueOf(c.Realms).Comparable():
		return nil, misuse.Errorf("kerberos", "Config.Realms is a %T, which does not compare with ==; use a pointer to it", c.Realms)
	}
	for i, s := range c.Services {
		if s.Name.IsZero() || s.Realm == "" {
			return nil, misuse.Errorf("kerberos", "Config.Services[%d] has no name or no realm; want both, as in HTTP/www.example@EXAMPLE", i)
		}
	}
	for i, r := range c.ClientRealms {
		if r == "" || !names.Valid(r) {
			return nil, misuse.Errorf("kerberos", "Config.ClientRealms[%d] is empty or not a realm", i)
		}
	}
	c.Services = append([]krb.Principal(nil), c.Services...)
	c.ClientRealms = append([]string(nil), c.ClientRealms...)
	p := &config{Config: c, fips: fips140.Enforced(), skew: min(int64(c.MaxSkew), maxSkew)}
	if p.skew == 0 {
		p.skew = int64(defaultMaxSkew)
	}
	var types []krb.EType
	for _, t := range enctype.Preferred {
		if p.allows(t).IsZero() {
			types = append(types, t)
		}
	}
	p.types = krb.ETypesOf(types...)
	if c.Keys != nil && !p.hasKey() {
		return nil, misuse.Errorf("kerberos", "Config.Keys has no key of Config.Services (of any principal, if there are none) with an encryption type that is allowed: add one, or set AllowRC4 for keys of rc4-hmac")
	}
	return mechanism{p}, nil
}

// hasKey reports whether an acceptor could open a ticket with one of its keys.
func (c *config) hasKey() bool {
	for e := range c.Keys.All() {
		if c.allows(e.Key.Type()).IsZero() && (len(c.Services) == 0 || slices.ContainsFunc(c.Services, e.Principal.Equal)) {
			return true
		}
	}
	return false
}

// allows returns the fault of a type that policy or FIPS-only mode does not allow.
func (c *config) allows(t krb.EType) gss.Fault {
	if fault := t.Usable(); !fault.IsZero() {
		return fault
	}
	if t.Weak() && !c.AllowRC4 {
		return gss.Fault{Code: gss.NotPermitted, Detail: "kerberos: rc4-hmac, which Config.AllowRC4 can allow for old peers"}
	}
	return gss.Fault{}
}

// Mech implements gss.Mechanism.
func (m mechanism) Mech() gss.OID { return gss.Kerberos }

// Traits implements gss.Mechanism. A request proves itself: nothing ties it to a
// connection.
func (m mechanism) Traits() gss.Traits {
	return gss.Traits{Mutual: !m.cfg.OneWay, Integrity: true, MaxLegs: 1}
}

// Initiate implements gss.Mechanism.
func (m mechanism) Initiate(t gss.Target) gss.Context { return initiator{m.cfg, t} }

// Accept implements gss.Mechanism.
func (m mechanism) Accept(t gss.Target) gss.Context { return acceptor{m.cfg, t.Binding} }

// Format implements fmt.Formatter.
func (m mechanism) Format(f fmt.State, _ rune) { fmt.Fprint(f, "kerberos mechanism") }

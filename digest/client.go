package digest

import (
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/scheme"
)

// Names says how a client writes a user name that is not ASCII when the server
// did not say charset=UTF-8; where it did, the name goes out as raw UTF-8.
type Names uint8

const (
	// ExtNames writes username* (RFC 8187), the only form that says what it is.
	ExtNames Names = iota
	// Latin1Names writes raw ISO 8859-1, as old servers expect; username* where
	// the name does not fit into it. The password is hashed in the same encoding.
	Latin1Names
	// UTF8Names writes raw UTF-8 unasked, as curl does.
	UTF8Names
)

// ClientConfig configures [NewClient]. Its zero value is a sound configuration.
type ClientConfig struct {
	_ struct{}

	// Algorithms are those that are answered; nil stands for all. The strongest
	// one offered is taken, whatever their order here.
	Algorithms []Algorithm
	// PreferAuthInt takes qop=auth-int where both are offered, and the body can be
	// hashed. Without it auth-int is taken if nothing else is offered.
	PreferAuthInt bool
	// RefuseLegacy leaves challenges without qop (RFC 2069) unanswered. They let
	// the server choose all that the password is hashed with.
	RefuseLegacy bool
	// RequireProof fails a response below 400 that lacks the server's proof
	// (rspauth). Many servers never send one.
	RequireProof bool
	// Names is for names that are not ASCII.
	Names Names
	// Microsoft is the profile of MS-DPSP: qop goes out in quotes, and Latin1Names
	// stands in for ExtNames, which Windows does not know.
	Microsoft bool
}

// client is a [scheme.Client] for Digest. It may be shared.
type client struct {
	algs          set
	fips          bool
	preferAuthInt bool
	refuseLegacy  bool
	requireProof  bool
	quotedQOP     bool
	names         Names
}

// NewClient returns the client half of Digest. It may be shared. The error is a
// [gss.Misuse]: an algorithm that does not exist, or none that may be used in FIPS-only
// mode, which is looked up here and nowhere else.
func NewClient(cfg ClientConfig) (scheme.Client, error) {
	c := &client{
		algs:          usable(),
		fips:          !usable().has(MD5),
		preferAuthInt: cfg.PreferAuthInt,
		refuseLegacy:  cfg.RefuseLegacy,
		requireProof:  cfg.RequireProof,
		quotedQOP:     cfg.Microsoft,
		names:         cfg.Names,
	}
	if cfg.Names > UTF8Names {
		return nil, misuse.Errorf("digest", "ClientConfig.Names is %d; use ExtNames, Latin1Names or UTF8Names", cfg.Names)
	}
	if cfg.Microsoft && cfg.Names == ExtNames {
		c.names = Latin1Names
	}
	if cfg.Algorithms != nil {
		if len(cfg.Algorithms) == 0 {
			return nil, misuse.Errorf("digest", "ClientConfig.Algorithms is an empty list; leave it nil for all")
		}
		for i, a := range cfg.Algorithms {
			if !a.valid() {
				return nil, misuse.Errorf("digest", "ClientConfig.Algorithms[%d] is %d, which is no algorithm; %s", i, a, algorithmsThere)
			}
		}
		c.algs &= setOf(cfg.Algorithms...)
	}
	if c.algs == 0 {
		return nil, misuse.Errorf("digest", "ClientConfig.Algorithms has MD5 alone, which is not available in FIPS-only mode; add SHA256")
	}
	return c, nil
}

// Traits implements [scheme.Client].
func (*client) Traits() scheme.Traits { return traits }

// Initiate implements [scheme.Client].
func (c *client) Initiate(x scheme.Exchange) scheme.Initiator {
	return initiator{c: c, x: x, phase: opening}
}

var traits, _ = scheme.TraitsOf(scheme.Digest)

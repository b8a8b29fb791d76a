package scheme

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/misuse"
)

// Checker is implemented by a [Client] or [Server] that can have a configuration which
// cannot work: the zero value of a type that has a constructor, or a mechanism that is
// not configured for this side. The error is a [gss.Misuse] and says what is missing.
// Machines look when they are made, so that such a scheme is not offered to a peer first.
type Checker interface {
	CheckConfig() error
}

// CheckConfig implements [Checker].
func (c mechanismClient) CheckConfig() error {
	if err := checkMechanism(c.traits, c.mech); err != nil {
		return err
	}
	if m, ok := c.mech.(gss.Checker); ok { // HTA-32
		return within(c.traits, "could authenticate to no server", m.CheckInitiate())
	}
	return nil
}

// CheckConfig implements [Checker].
func (s mechanismServer) CheckConfig() error {
	if err := checkMechanism(s.traits, s.mech); err != nil {
		return err
	}
	if m, ok := s.mech.(gss.Checker); ok { // HTA-32
		if err := within(s.traits, "could accept no client", m.CheckAccept()); err != nil {
			return err
		}
	}
	if s.traits.Opening == OpeningToken {
		if _, f := s.Offer(gss.Env{}, Exchange{}); !f.IsZero() && f.Code != gss.NoEntropy {
			return gss.Misuse(s.traits.Name + " opens with a token of the server, which the mechanism " + s.mech.Mech().String() + " does not have; use SPNEGO")
		}
	}
	return nil
}

// checkMechanism returns what is wrong with a mechanism under a scheme on either side.
func checkMechanism(t Traits, m gss.Mechanism) error {
	switch {
	case m == nil:
		return gss.Misuse("the mechanism of " + t.Name + " is nil")
	case t.Form != header.Token68 || t.Opening == OpeningParams:
		return gss.Misuse(t.Name + " has parameters, and no mechanism's tokens; use the package of that scheme")
	case t.Name == NTLM && (m.Mech() == gss.SPNEGO || m.Mech() == gss.Kerberos):
		return gss.Misuse("NTLM carries bare NTLM messages, and the mechanism is " + m.Mech().String() + "; use package ntlm, or the scheme Negotiate")
	}
	return nil
}

// within says of which scheme an error is.
func within(t Traits, what string, err error) error {
	if err == nil {
		return nil
	}
	return gss.Misuse(t.Name + " " + what + ": " + misuse.Reason(err))
}

// CheckConfig implements [Checker].
func (s basicServer) CheckConfig() error {
	switch {
	case s.realm == "" || hasControl(s.realm):
		return gss.Misuse("Basic: the realm of BasicServer is empty or has control characters; it names the protection space to users (RFC 7617 section 2)")
	case s.check > AskVerdict:
		return gss.Misuse(fmt.Sprintf("Basic: the BasicCheck is %d; use AskVerifier or AskVerdict", s.check))
	}
	return nil
}

package setup

import (
	"crypto/fips140"
	"errors"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/scheme"
)

// negotiating returns the builder of a scheme that negotiates, Nego2 or Negotiate, with the
// mechanisms Kerberos and NTLM.
func negotiating(name string) builder {
	traits, _ := scheme.TraitsOf(name)
	return builder{name, either,
		func(o *Options) (scheme.Client, error) {
			m, err := o.negotiation((*Options).kerberosInitiator, (*Options).ntlmInitiator)
			if err != nil {
				return nil, err
			}
			if o.Delegate {
				return scheme.MechanismClient(traits, m, gss.Delegate), nil
			}
			return scheme.MechanismClient(traits, m), nil
		},
		func(o *Options, _ gss.Secret) (scheme.Server, error) {
			m, err := o.negotiation((*Options).kerberosAcceptor, (*Options).ntlmAcceptor)
			if err != nil {
				return nil, err
			}
			return scheme.MechanismServer(traits, m), nil
		},
	}
}

// negotiation returns SPNEGO over the mechanisms of o.
func (o *Options) negotiation(kerberos, ntlm func(*Options) (gss.Mechanism, error)) (gss.Mechanism, error) {
	c := spnego.Config{Fallback: o.Fallback}
	for _, make := range []struct {
		has  bool
		mech func(*Options) (gss.Mechanism, error)
	}{{o.Kerberos, kerberos}, {o.negotiatesNTLM(), ntlm}} {
		if !make.has {
			continue
		}
		m, err := make.mech(o)
		if err != nil {
			return nil, err
		}
		c.Mechanisms = append(c.Mechanisms, m)
	}
	if len(c.Mechanisms) == 0 {
		return nil, errors.New("neither Kerberos nor NTLM is available to negotiate")
	}
	return spnego.New(c)
}

// negotiatesNTLM reports whether NTLM is among the mechanisms to negotiate.
func (o *Options) negotiatesNTLM() bool { return !o.NoNTLM && !(o.Kerberos && fips140.Enforced()) }

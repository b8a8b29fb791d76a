package setup

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/scheme"
)

// negotiating makes a builder of a scheme that negotiates: Nego2 and Negotiate, with
// NTLM as the mechanism that there is.
func negotiating(name string) builder {
	traits, _ := scheme.TraitsOf(name)
	return builder{name, true,
		func(o *Options) (scheme.Client, error) {
			n, err := o.ntlmInitiator()
			if err != nil {
				return nil, err
			}
			m, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{n}})
			if err != nil {
				return nil, err
			}
			return scheme.FromMechanism(traits, m), nil
		},
		func(o *Options, _ gss.Secret) (scheme.Server, error) {
			n, err := o.ntlmAcceptor()
			if err != nil {
				return nil, err
			}
			m, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{n}})
			if err != nil {
				return nil, err
			}
			return scheme.ForMechanism(traits, m), nil
		},
	}
}

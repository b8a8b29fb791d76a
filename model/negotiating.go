package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/negtoken"
)

// made returns a mechanism, or if its configuration was refused the zero toy: the contexts of that fail, and no world with it completes.
func made(m gss.Mechanism, err error) gss.Mechanism {
	if err != nil {
		return gsstoy.Toy{}
	}
	return m
}

// negotiating returns gss/spnego over toys.
func negotiating[M gss.Mechanism](c spnego.Config, toys ...M) gss.Mechanism {
	for _, t := range toys {
		c.Mechanisms = append(c.Mechanisms, t)
	}
	return made(spnego.New(c))
}

// The two sides, by their place in a state.
const (
	initiating = iota
	accepting
)

// negotiationMessage describes a message of SPNEGO.
func negotiationMessage(token string) string {
	if m, fault := negtoken.ParseInit(token); fault.IsZero() {
		say := "init"
		for mech := range m.MechTypes.All() {
			say += " " + mech.String()
		}
		return say + parts(m.MechToken, m.MechListMIC)
	}
	m, fault := negtoken.ParseResp(token)
	if !fault.IsZero() {
		return "nonsense"
	}
	say := m.State.String()
	if m.SupportedMech != "" {
		say += " " + m.SupportedMech.String()
	}
	return say + parts(m.ResponseToken, m.MechListMIC)
}

func parts(token, mic gss.Token) (say string) {
	if token.Present() {
		say += " <" + toyToken(token.Bytes()) + ">"
	}
	if mic.Present() {
		say += " +MIC"
	}
	return say
}

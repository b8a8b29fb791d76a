package model

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/negtoken"
)

// negotiating returns gss/spnego over toys. Where that cannot be it returns the zero
// Mechanism: its contexts fail, and BothComplete says so.
func negotiating[M gss.Mechanism](c spnego.Config, toys ...M) gss.Mechanism {
	for _, t := range toys {
		c.Mechanisms = append(c.Mechanisms, t)
	}
	m, err := spnego.New(c)
	if err != nil {
		return spnego.Mechanism{}
	}
	return m
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

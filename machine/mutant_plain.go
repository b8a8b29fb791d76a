//go:build !mutants

package machine

import "github.com/countersign-auth/countersign/scheme"

// mutation is the fault that a machine's configuration carries: none.
type mutation struct{}

func (mutation) is(mutant) bool { return false }

func (mutation) client(_ Client, _ Event, _ *Client, acts Actions) Actions { return acts }

func (mutation) server(_ Server, _ Event, _ *Server, acts Actions) Actions { return acts }

func (mutation) proxy(_ Proxy, _ Event, _ *Proxy, acts Actions) Actions { return acts }

func (mutation) choosing(_ *Client, k scheme.Conditions) scheme.Conditions { return k }

package model

import (
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/side"
	"github.com/countersign-auth/countersign/scheme"
)

// newSideWorld returns the world of one side of a client alone, which is explored whole. Its
// schemes are NTLM, with legs, and Digest, which proves each request; what their contexts do
// is open.
func newSideWorld() *sideWorld {
	w := &sideWorld{leases: []string{"", scheme.NTLM, scheme.Digest}}
	for _, text := range []string{"", "NTLM", "NTLM dG9rZW4=", `NTLM, Digest realm="r"`, `Digest realm="r"`} {
		w.offers = append(w.offers, header.ParseChallenges(text))
	}
	w.config = side.Config{
		Schemes: []scheme.Client{whim{name: scheme.NTLM}, whim{name: scheme.Digest}}, Policy: &scheme.Policy{},
		MaxLegs: 2, MaxAttempts: 2,
	}
	return w
}

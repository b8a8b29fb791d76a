//go:build mutants

package main

import (
	"testing"

	"github.com/countersign-auth/countersign/machine"
)

func TestCheckMutant(t *testing.T) {
	r := call(t, "", "check", "--mutant")
	for _, m := range machine.Mutants() {
		r.want(t, 0, m.Name, "")
	}
	call(t, "", "check", "--mutant", "Nonsense").want(t, exitUsage, "", "--mutant alone lists them")
	for _, args := range [][]string{{"--mutant", "BelieveMissingProof"}, {"--mutant=BelieveMissingProof"}} {
		call(t, "", append([]string{"check", "--world", "origin"}, args...)...).want(t, exitUsage, "FailedMutualNeverDelivered falls in world origin", "fall")
	}
}

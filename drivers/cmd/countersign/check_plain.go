//go:build !mutants

package main

import (
	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/model"
)

// mutantFlag adds nothing: only builds with the tag mutants have faults to seed.
func mutantFlag(*cobra.Command) func(args []string) (tune model.Tune, done bool, err error) {
	return func([]string) (model.Tune, bool, error) { return model.Tune{}, false, nil }
}

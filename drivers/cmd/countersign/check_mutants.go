//go:build mutants

package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/model"
)

// listMutants is the flag's value when it has none.
const listMutants = "?"

// mutantFlag adds --mutant, which seeds a fault in the machines that are checked.
// Its name may stand behind it as an argument of its own.
func mutantFlag(cmd *cobra.Command) func(args []string) (tune model.Tune, done bool, err error) {
	name := cmd.Flags().String("mutant", "", "seed this fault; without `name`, list them")
	cmd.Flags().Lookup("mutant").NoOptDefVal = listMutants
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if *name == listMutants {
			return cobra.MaximumNArgs(1)(cmd, args)
		}
		return cobra.NoArgs(cmd, args)
	}
	return func(args []string) (model.Tune, bool, error) {
		mutants := machine.Mutants()
		if *name == listMutants && len(args) == 1 {
			*name = args[0]
		}
		switch *name {
		case "":
			return model.Tune{}, false, nil
		case listMutants:
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, m := range mutants {
				fmt.Fprintf(t, "%s\t%s\t%s\n", m.Name, strings.Join(m.Kills, " "), m.Says)
			}
			return model.Tune{}, true, t.Flush()
		}
		i := slices.IndexFunc(mutants, func(m machine.Mutant) bool { return m.Name == *name })
		if i < 0 {
			return model.Tune{}, false, usage("no mutant is called %q: --mutant alone lists them", *name)
		}
		return model.Seed(mutants[i]), false, nil
	}
}

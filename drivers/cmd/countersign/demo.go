package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/drivers/cmd/countersign/internal/demo"
)

func newDemo() *cobra.Command {
	var mermaid bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show every scheme in every role",
		Long: `Demo starts an origin and a forward proxy on loopback, and authenticates to them with
a client of its own, by every scheme in every role. It prints the messages of each
exchange with an explanation, and then a table of expected and actual results.
Passwords are shown as ***.

With --mermaid it prints each exchange as a Mermaid sequence diagram in Markdown.

Exit codes: 0 if all results are as expected, 1 if not.`,
		Example: `  countersign demo
  countersign demo --mermaid > demo.md`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ok, err := demo.Run(cmd.Context(), cmd.OutOrStdout(), mermaid)
			switch {
			case err != nil:
				return exit{exitTransport, err}
			case !ok:
				return exit{exitUsage, errors.New("some results are not as expected")}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&mermaid, "mermaid", false, "print sequence diagrams instead")
	return cmd
}

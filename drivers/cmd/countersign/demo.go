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
		Short: "Watch every scheme work in every role",
		Long: `Demo starts an origin and a forward proxy on loopback and lets a client of its own
authenticate to them, by every scheme in every role. It shows each exchange: who
said what to whom, and what it means; then a table of what was expected and what
came. Passwords show as ***.

With --mermaid it prints each exchange as a Mermaid sequence diagram in Markdown.

Exit codes: 0 if everything came out as it must, 1 if not.`,
		Example: `  countersign demo
  countersign demo --mermaid > demo.md`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ok, err := demo.Run(cmd.Context(), cmd.OutOrStdout(), mermaid)
			switch {
			case err != nil:
				return exit{exitTransport, err}
			case !ok:
				return exit{exitUsage, errors.New("not everything came out as it must")}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&mermaid, "mermaid", false, "print sequence diagrams instead")
	return cmd
}

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/drivers/krb5"
)

func newKdestroy() *cobra.Command {
	var name, file string
	var all bool
	cmd := &cobra.Command{
		Use:   "kdestroy [flags]",
		Short: "Remove a credential cache",
		Long: `Kdestroy removes a credential cache with its tickets, or with --all each cache of its
collection.

Exit codes: 0 success, 1 wrong use, 2 the cache does not exist or cannot be removed.`,
		Example: `  countersign kdestroy
  countersign kdestroy -A`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, conf, err := openCache(cmd.Context(), name, file)
			if err != nil {
				return err
			}
			list := []*krb5.Cache{c}
			if all {
				if list, err = collection(cmd.Context(), c, conf); err != nil {
					return err
				}
			}
			var failed error
			for _, c := range list {
				failed = errors.Join(failed, c.Destroy(cmd.Context()))
			}
			if failed != nil {
				return exit{exitTransport, failed}
			}
			return nil
		},
	}
	cacheFlags(cmd, &name, &file)
	cmd.Flags().BoolVarP(&all, "all", "A", false, "remove all caches of the collection")
	return cmd
}

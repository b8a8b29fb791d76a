package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

func newKlist() *cobra.Command {
	var cache, keys string
	cmd := &cobra.Command{
		Use:   "klist [flags]",
		Short: "List tickets, or the keys of a keytab",
		Long: `Klist lists the tickets of a credential cache, or with --keytab the principals of a
keytab. It does not show keys and tickets themselves.

Exit codes: 0 if there is a valid ticket-granting ticket (or a keytab), 1 if there is
none, 2 if the file cannot be read.`,
		Example: `  countersign klist
  countersign klist --keytab /etc/krb5.keytab`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if keys != "" {
				return listKeys(cmd.OutOrStdout(), keys)
			}
			return listTickets(cmd.OutOrStdout(), cache)
		},
	}
	cmd.Flags().StringVarP(&cache, "ccache", "c", "", "`FILE` of the credential cache (default $KRB5CCNAME, or the system's default cache)")
	cmd.Flags().StringVarP(&keys, "keytab", "k", "", "`FILE` of a keytab to list instead")
	return cmd
}

func listTickets(w io.Writer, name string) error {
	path, err := krb5.CachePath(name)
	if err != nil {
		return exit{exitUsage, fmt.Errorf("--ccache: %w", err)}
	}
	c, err := krb5.ReadCache(path)
	if err != nil {
		return exit{exitTransport, err}
	}
	fmt.Fprintf(w, "%v in %s\n\n", c.Principal(), path)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "from\tuntil\trenewable until\tservice\tkey\tflags")
	now := krb.TimeOf(time.Now().UnixNano())
	holds := false
	for cred := range c.All() {
		_, tgs := cred.Server.IsTGS()
		holds = holds || tgs && cred.Starts() <= now && now < cred.EndTime
		fmt.Fprintf(t, "%s\t%s\t%s\t%v\t%v\t%v\n", clock(cred.Starts()), clock(cred.EndTime), clock(cred.RenewTill), cred.Server, cred.Key.Type(), cred.Flags)
	}
	if err := t.Flush(); err != nil {
		return exit{exitTransport, err}
	}
	if !holds {
		return exit{exitUsage, fmt.Errorf("no valid ticket-granting ticket; get one with kinit")}
	}
	return nil
}

func listKeys(w io.Writer, name string) error {
	path, err := krb5.KeytabPath(name)
	if err != nil {
		return exit{exitUsage, fmt.Errorf("--keytab: %w", err)}
	}
	keys, err := (&krb5.Keytab{Path: path}).Load()
	if err != nil {
		return exit{exitTransport, err}
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "version\twritten\tprincipal\tkey")
	for e := range keys.All() {
		fmt.Fprintf(t, "%d\t%s\t%v\t%v\n", e.Kvno, clock(e.Time), e.Principal, e.Key.Type())
	}
	if err := t.Flush(); err != nil {
		return exit{exitTransport, err}
	}
	return nil
}

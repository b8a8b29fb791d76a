package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
)

func newKlist() *cobra.Command {
	var cache, keys, conf string
	var all bool
	cmd := &cobra.Command{
		Use:   "klist [flags]",
		Short: "List tickets, or the keys of a keytab",
		Long: `Klist lists the tickets of a credential cache, with --all those of each cache in its
collection, or with --keytab the principals of a keytab. It does not show keys and
tickets themselves.

Exit codes: 0 if there is a valid ticket-granting ticket (or a keytab), 1 if there is
none, 2 if the cache or the keytab cannot be read.`,
		Example: `  countersign klist
  countersign klist -A
  countersign klist --keytab /etc/krb5.keytab`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if keys != "" {
				return listKeys(cmd.OutOrStdout(), keys)
			}
			c, config, err := openCache(cmd.Context(), cache, conf)
			if err != nil {
				return err
			}
			list := []*krb5.Cache{c}
			if all {
				if list, err = collection(cmd.Context(), c, config); err != nil {
					return err
				}
			}
			return listTickets(cmd.Context(), cmd.OutOrStdout(), list)
		},
	}
	cacheFlags(cmd, &cache, &conf)
	cmd.Flags().StringVarP(&keys, "keytab", "k", "", "`FILE` of a keytab to list instead")
	cmd.Flags().BoolVarP(&all, "all", "A", false, "list all caches of the collection")
	return cmd
}

// cacheFlags adds the flags that name a credential cache.
func cacheFlags(cmd *cobra.Command, cache, conf *string) {
	cmd.Flags().StringVarP(cache, "ccache", "c", "", "`NAME` of the credential cache: a file, or KIND:NAME with FILE, DIR, KEYRING or KCM (default $KRB5CCNAME, or default_ccache_name of krb5.conf)")
	cmd.Flags().StringVar(conf, "krb5conf", "", "`FILE` that names realms and KDCs (default $KRB5_CONFIG, or /etc/krb5.conf)")
}

// openCache returns the one cache that a name stands for, and the configuration.
func openCache(ctx context.Context, name, file string) (*krb5.Cache, *krb5conf.Config, error) {
	conf, err := krb5.ReadConfig(file)
	if err != nil {
		return nil, nil, exit{exitTransport, fmt.Errorf("krb5.conf: %w", err)}
	}
	cache := &krb5.Cache{Name: name, Config: conf}
	if cache.Name, err = cache.Resolve(ctx); err != nil {
		return nil, nil, exit{exitUsage, fmt.Errorf("--ccache: %w", err)}
	}
	return cache, conf, nil
}

// collection returns the caches of a collection.
func collection(ctx context.Context, c *krb5.Cache, conf *krb5conf.Config) (list []*krb5.Cache, err error) {
	names, err := c.List(ctx)
	if err != nil {
		return nil, exit{exitTransport, err}
	}
	for _, n := range names {
		list = append(list, &krb5.Cache{Name: n, Config: conf})
	}
	return list, nil
}

// listTickets lists caches. One that cannot be read does not keep the others from being listed.
func listTickets(ctx context.Context, w io.Writer, list []*krb5.Cache) error {
	holds := false
	var failed error
	for _, c := range list {
		contents, err := c.Read(ctx)
		if err == nil {
			var valid bool
			valid, err = writeTickets(w, c.Name, contents)
			holds = holds || valid
		}
		if err != nil {
			failed = errors.Join(failed, err)
		}
	}
	switch {
	case failed != nil:
		return exit{exitTransport, failed}
	case !holds:
		return exit{exitUsage, fmt.Errorf("no valid ticket-granting ticket; get one with kinit")}
	}
	return nil
}

// writeTickets writes what is in a cache, and reports whether it has a valid ticket-granting ticket.
func writeTickets(w io.Writer, name string, c *ccache.Cache) (holds bool, err error) {
	fmt.Fprintf(w, "%v in %s\n\n", c.Principal(), name)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "from\tuntil\trenewable until\tservice\tkey\tflags")
	now := krb.TimeOf(time.Now().UnixNano())
	for cred := range c.All() {
		_, tgs := cred.Server.IsTGS()
		holds = holds || tgs && cred.Starts() <= now && now < cred.EndTime
		fmt.Fprintf(t, "%s\t%s\t%s\t%v\t%v\t%v\n", clock(cred.Starts()), clock(cred.EndTime), clock(cred.RenewTill), cred.Server, cred.Key.Type(), cred.Flags)
	}
	return holds, t.Flush()
}

func listKeys(w io.Writer, name string) error {
	path, err := krb5.KeytabPath(name)
	if err != nil {
		return exit{exitUsage, fmt.Errorf("--keytab: %w", err)}
	}
	keys, err := (&krb5.Keytab{Path: path}).Load()
	if err != nil {
		return exit{exitTransport, fmt.Errorf("--keytab: %w", err)}
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

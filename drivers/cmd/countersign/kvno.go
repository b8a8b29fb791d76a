package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

func newKvno() *cobra.Command {
	var name, file string
	cmd := &cobra.Command{
		Use:   "kvno [flags] SERVICE...",
		Short: "Get service tickets, and print the versions of the services' keys",
		Long: `Kvno gets a ticket for each SERVICE with the ticket-granting ticket in the credential
cache, adds it to the cache, and prints the version of the key that it is encrypted
under. A ticket that is in the cache already is not asked for again.

Exit codes: 0 success, 1 wrong use, 2 the cache cannot be read or written, or no KDC
answers, 3 the KDC refuses, 4 there is no valid ticket-granting ticket or nothing that
the KDC offers is permitted, 5 the KDC breaks the protocol, 6 a defect of this program.`,
		Example: `  countersign kvno HTTP/www.example.com`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cache, conf, err := openCache(cmd.Context(), name, file)
			if err != nil {
				return err
			}
			for _, service := range args {
				server, err := parsePrincipal(service, conf)
				if err != nil {
					return exit{exitUsage, err}
				}
				cred, err := serviceTicket(cmd.Context(), cache, conf, server)
				if err != nil {
					return err
				}
				_, kvno, _ := cred.TicketKey()
				fmt.Fprintf(cmd.OutOrStdout(), "%v: kvno = %d\n", cred.Server, kvno)
			}
			return nil
		},
	}
	cacheFlags(cmd, &name, &file)
	return cmd
}

// serviceTicket returns the ticket of a service from the cache, or gets it and adds it.
func serviceTicket(ctx context.Context, cache *krb5.Cache, conf *krb5conf.Config, server krb.Principal) (cred ccache.Credential, err error) {
	contents, err := cache.Read(ctx)
	if err != nil {
		return cred, exit{exitTransport, err}
	}
	now := krb.TimeOf(time.Now().Add(contents.Offset()).UnixNano())
	if cred, ok := contents.Find(server, now); ok {
		return cred, nil
	}
	realm := contents.Principal().Realm
	tgt, ok := contents.Find(krb.TGS(realm, realm), now)
	if !ok {
		return cred, exit{exitPolicy, fmt.Errorf("%s has no valid ticket-granting ticket; get one with kinit", cache.Name)}
	}
	result, err := krb5.Get(ctx, &krb5.Client{Config: conf}, ticket.Request{Client: tgt.Client, Server: server, TGT: tgt, Offset: contents.Offset()})
	if err != nil {
		return cred, exit{exitOf(err), err}
	}
	if cache.Answer(ctx, kerberos.KeepTicket{Credential: result.Credential}) != (kerberos.Kept{}) {
		return cred, exit{exitTransport, fmt.Errorf("%s cannot be written", cache.Name)}
	}
	return result.Credential, nil
}

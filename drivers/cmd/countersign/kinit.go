package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// kinitOptions holds the flags of kinit.
type kinitOptions struct {
	kerberos            clientKerberos
	lifetime, renewable time.Duration
	forwardable, renew  bool
	allowRC4            bool
}

func newKinit() *cobra.Command {
	var o kinitOptions
	cmd := &cobra.Command{
		Use:   "kinit [flags] [PRINCIPAL]",
		Short: "Get a ticket-granting ticket",
		Long: `Kinit gets a ticket-granting ticket for PRINCIPAL and writes it to the credential
cache, which get, curl and other programs read. The password is that of the environment
variable COUNTERSIGN_PASSWORD; without it kinit prompts on a terminal, and otherwise reads
the first line of standard input. With --keytab it needs no password.

With --renew it renews the ticket in the cache.

Exit codes: 0 success, 1 wrong use, 2 a file cannot be read or written, no KDC answers,
or the clocks differ, 3 the KDC refuses, 4 there is no ticket to renew or nothing that
the KDC offers is permitted, 5 the KDC breaks the protocol, 6 a defect of this program.`,
		Example: `  countersign kinit alice@EXAMPLE.COM
  countersign kinit --keytab www.keytab HTTP/www.example.com@EXAMPLE.COM
  countersign kinit --renew`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.kerberos.ccache, "ccache", "c", "", "`NAME` of the cache to write to: a file, or KIND:NAME with FILE, DIR, KEYRING or KCM (default $KRB5CCNAME, or default_ccache_name of krb5.conf)")
	f.StringVar(&o.kerberos.keytab, "keytab", "", "`FILE` with the principal's keys, instead of a password")
	f.StringVar(&o.kerberos.krb5conf, "krb5conf", "", "`FILE` that names realms and KDCs (default $KRB5_CONFIG, or /etc/krb5.conf)")
	f.DurationVarP(&o.lifetime, "lifetime", "l", 0, "requested lifetime of the ticket (default ticket_lifetime of krb5.conf, or ten hours)")
	f.DurationVarP(&o.renewable, "renewable", "r", 0, "requested time within which it can be renewed (default renew_lifetime of krb5.conf, or not renewable)")
	f.BoolVarP(&o.forwardable, "forwardable", "f", false, "request a ticket that can be delegated (default forwardable of krb5.conf)")
	f.BoolVarP(&o.renew, "renew", "R", false, "renew the ticket in the cache")
	f.BoolVar(&o.allowRC4, "allow-rc4", false, "allow rc4-hmac in Kerberos, for old directories")
	return cmd
}

func (o *kinitOptions) run(cmd *cobra.Command, args []string) error {
	cache, conf, err := openCache(cmd.Context(), o.kerberos.ccache, o.kerberos.krb5conf)
	if err != nil {
		return err
	}
	r, err := o.request(cmd, args, cache, conf)
	if err != nil {
		return err
	}
	result, err := krb5.Get(cmd.Context(), &krb5.Client{Config: conf}, r)
	if err != nil {
		if e, ok := errors.AsType[gss.FaultError](err); ok {
			err = remedied(err, e.Fault, o.allowRC4)
		}
		return exit{exitOf(err), err}
	}
	cred := result.Credential
	if err := cache.Write(cmd.Context(), ccache.New(cred.Client, cred).WithOffset(result.Offset)); err != nil {
		return exit{exitTransport, fmt.Errorf("--ccache: %s cannot be written: %w", cache.Name, err)}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%v: until %s, in %s\n", cred.Client, clock(cred.EndTime), cache.Name)
	return nil
}

// request returns the request for the KDC.
func (o *kinitOptions) request(cmd *cobra.Command, args []string, cache *krb5.Cache, conf *krb5conf.Config) (r ticket.Request, err error) {
	var types []krb.EType
	for _, t := range enctype.Preferred {
		if t.Usable().IsZero() && (o.allowRC4 || !t.Weak()) {
			types = append(types, t)
		}
	}
	r.Types = krb.ETypesOf(types...)
	r.Lifetime = seconds(o.lifetime, conf.Duration("ticket_lifetime", 0))
	r.RenewLifetime = seconds(o.renewable, conf.Duration("renew_lifetime", 0))
	if o.forwardable || conf.Bool("forwardable", false) {
		r.Options |= krb.Forwardable
	}
	if o.renew {
		c, err := cache.Read(cmd.Context())
		if err != nil {
			return r, exit{exitTransport, err}
		}
		realm := c.Principal().Realm
		tgt, ok := c.Find(krb.TGS(realm, realm), krb.TimeOf(time.Now().UnixNano()))
		if !ok {
			return r, exit{exitPolicy, fmt.Errorf("%s has no ticket that can be renewed", cache.Name)}
		}
		r.Client, r.Server, r.TGT, r.Options = tgt.Client, tgt.Server, tgt, r.Options|krb.Renew
		return r, nil
	}
	if len(args) == 0 {
		return r, usage("expected a principal, user@REALM, or --renew")
	}
	if r.Client, err = parsePrincipal(args[0], conf); err != nil {
		return r, exit{exitUsage, err}
	}
	if o.kerberos.keytab != "" {
		if r.Keytab, err = (&krb5.Keytab{Path: o.kerberos.keytab}).Load(); err != nil {
			err = exit{exitTransport, fmt.Errorf("--keytab: %w", err)}
		}
		return r, err
	}
	password, err := newLogins(cmd).find(r.Client.String(), "", passwordVariable)
	if err != nil {
		err = exit{exitOfSetup(err), err}
	}
	r.Password = gss.NewSecret(password)
	return r, err
}

// seconds returns the first positive duration, in seconds, or 0.
func seconds(ds ...time.Duration) int64 {
	for _, d := range ds {
		if d > 0 {
			return int64(d / time.Second)
		}
	}
	return 0
}

// clock returns t in local time for display.
func clock(t krb.Time) string {
	if t == 0 {
		return "-"
	}
	return time.Unix(int64(t), 0).Local().Format("2006-01-02 15:04:05")
}

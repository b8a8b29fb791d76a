package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/internal/setup"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
)

// clientKerberos holds the flags for the source of a client's tickets.
type clientKerberos struct {
	ccache, keytab, principal, krb5conf string

	missing bool   // the default cache does not exist, which matters only where a ticket is wanted
	other   string // what the user of a password may be called in the default realm, where Kerberos is not tried
}

func (o *clientKerberos) flags(f *pflag.FlagSet) {
	f.StringVar(&o.ccache, "ccache", "", "`NAME` of the credential cache for Kerberos: a file, or KIND:NAME with FILE, DIR, KEYRING or KCM (default $KRB5CCNAME, or default_ccache_name of krb5.conf)")
	f.StringVar(&o.keytab, "keytab", "", "`FILE` with the keys of --principal, instead of a password")
	f.StringVar(&o.principal, "principal", "", "`NAME` of the principal in --keytab: user@REALM or service/host@REALM")
	f.StringVar(&o.krb5conf, "krb5conf", "", "`FILE` that names realms and KDCs (default $KRB5_CONFIG, or /etc/krb5.conf)")
}

// source returns the answers to Kerberos' questions and turns Kerberos on in m, or returns nil
// if there are no credentials for it. passwords are the user names with a password: a
// user@REALM is for Kerberos. A name alone may be one of NTLM's, and a KDC that cannot be
// reached must not keep its user from a server: Kerberos is not tried, and errors say so.
func (o *clientKerberos) source(ctx context.Context, m *setup.Machine, passwords []string) (answer.Source, error) {
	upn := slices.ContainsFunc(passwords, func(s string) bool { return strings.Contains(s, "@") })
	conf, err := krb5.ReadConfig(o.krb5conf)
	if err != nil {
		return nil, fmt.Errorf("krb5.conf: %w", err)
	}
	login, err := o.login(ctx, conf, len(passwords) > 0)
	if err != nil || login == nil && !upn {
		for _, name := range passwords {
			if realm := conf.DefaultRealm(); realm != "" && !strings.Contains(name, `\`) {
				o.other = name + "@" + realm
			}
		}
		return nil, err
	}
	m.Kerberos, m.Krb5Conf = true, string(conf.Append(nil))
	return answer.Chain(login, &krb5.Tickets{}, &krb5.Client{Config: conf}), nil
}

// login returns the source of credentials without a password, nil for none. others reports
// whether there are passwords: then the default cache is not used.
func (o *clientKerberos) login(ctx context.Context, conf *krb5conf.Config, others bool) (answer.Source, error) {
	if o.keytab != "" {
		if o.principal == "" {
			return nil, errors.New("--keytab needs --principal")
		}
		p, err := parsePrincipal(o.principal, conf)
		if err != nil {
			return nil, err
		}
		k := &krb5.Keytab{Path: o.keytab, Principal: p}
		if _, err := k.Load(); err != nil {
			return nil, fmt.Errorf("--keytab: %w", err)
		}
		return k, nil
	}
	if o.principal != "" {
		return nil, errors.New("--principal needs --keytab")
	}
	if o.ccache == "" && others {
		return nil, nil
	}
	cache := &krb5.Cache{Name: o.ccache, Config: conf}
	if _, err := cache.Read(ctx); err != nil {
		if o.ccache == "" && errors.Is(err, fs.ErrNotExist) {
			o.missing = true
			return cache, nil
		}
		return nil, fmt.Errorf("--ccache: %w", err)
	}
	return cache, nil
}

func parsePrincipal(text string, conf *krb5conf.Config) (krb.Principal, error) {
	p, fault := krb.ParsePrincipal(text, conf.DefaultRealm())
	switch {
	case !fault.IsZero():
		return p, errors.New("invalid principal: expected user@REALM or service/host@REALM")
	case p.Realm == "":
		return p, errors.New("the principal has no realm, and krb5.conf has no default_realm")
	}
	return p, nil
}

// serverKerberos holds the flags for a server's Kerberos keys.
type serverKerberos struct {
	keytab string
	spns   []string
	realms []string
}

func (o *serverKerberos) flags(f *pflag.FlagSet) {
	f.StringVar(&o.keytab, "keytab", "", "`FILE` with the service's keys, which makes Negotiate and Nego2 accept Kerberos; reloaded when it changes")
	f.StringArrayVar(&o.spns, "spn", nil, "`NAME` of the service, service/host or service/host@REALM; may be repeated (default all that --keytab has)")
	f.StringArrayVar(&o.realms, "client-realm", nil, "`REALM` of accepted Kerberos clients; may be repeated (default all that the KDC trusts)")
}

// source returns the answers to a server's Kerberos questions, nil without a keytab.
func (o *serverKerberos) source(m *setup.Machine, replays *krb5.ReplayCache) (answer.Source, error) {
	if o.keytab == "" {
		switch {
		case len(o.spns) > 0:
			return nil, errors.New("--spn needs --keytab")
		case len(o.realms) > 0:
			return nil, errors.New("--client-realm needs --keytab")
		}
		return nil, nil
	}
	path, err := krb5.KeytabPath(o.keytab)
	if err != nil {
		return nil, fmt.Errorf("--keytab: %w", err)
	}
	k := &krb5.Keytab{Path: path}
	keys, err := k.Load()
	if err != nil {
		return nil, fmt.Errorf("--keytab: %w", err)
	}
	for _, spn := range o.spns {
		names := servicesOf(keys, spn)
		if names == nil {
			return nil, fmt.Errorf("--spn: %s has no key of %s", path, spn)
		}
		m.Services = append(m.Services, names...)
	}
	m.Kerberos, m.ClientRealms = true, o.realms
	return answer.Chain(replays, k), nil
}

// servicesOf returns the principals of a keytab that match a name, in any realm if the name
// has none.
func servicesOf(keys *keytab.Keytab, name string) (all []string) {
	want, fault := krb.ParsePrincipal(name, "")
	if !fault.IsZero() {
		return nil
	}
	for e := range keys.All() {
		p := e.Principal
		if p.Name.Equal(want.Name) && (want.Realm == "" || want.Realm == p.Realm) && !slices.Contains(all, p.String()) {
			all = append(all, p.String())
		}
	}
	return all
}

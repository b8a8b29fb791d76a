package setup

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
)

// kerberosInitiator returns Kerberos for clients.
func (o *Options) kerberosInitiator() (gss.Mechanism, error) {
	conf, fault := krb5conf.Parse(o.Krb5Conf, nil)
	if !fault.IsZero() {
		return nil, fault.Err()
	}
	c := kerberos.Config{Realm: conf.DefaultRealm(), Realms: conf, Canonicalize: conf.Canonicalizes(), AllowRC4: o.AllowRC4, OneWay: o.oneWay}
	if o.Delegate {
		c.Delegate = kerberos.DelegateAlways
	}
	return kerberos.New(c)
}

// kerberosAcceptor returns Kerberos for servers, which asks for its keys.
func (o *Options) kerberosAcceptor() (gss.Mechanism, error) {
	c := kerberos.Config{AllowRC4: o.AllowRC4, ClientRealms: o.ClientRealms, KeepPAC: o.KeepPAC}
	var err error
	if c.ChannelBinding, err = o.demand(); err != nil {
		return nil, err
	}
	for _, name := range o.Services {
		p, fault := krb.ParsePrincipal(name, "")
		if !fault.IsZero() || p.Realm == "" {
			return nil, fmt.Errorf("invalid service %q: expected service/host@REALM", name)
		}
		c.Services = append(c.Services, p)
	}
	return kerberos.New(c)
}

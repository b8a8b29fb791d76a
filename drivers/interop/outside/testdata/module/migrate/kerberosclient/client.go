// Package kerberosclient is the example httpClient.go of gokrb5, with countersign:
//
//	c, _ := config.NewFromString(kRB5CONF)
//	cl := client.NewWithKeytab("testuser1", "TEST.GOKRB5", kt, c, client.DisablePAFXFAST(true))
//	cl.Login()
//	spnegoCl := spnego.NewClient(cl, nil, "HTTP/host.test.gokrb5")
//	resp, _ := spnegoCl.Get(url)
package kerberosclient

import (
	"context"
	"net/http"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Client is what a client is made of.
type Client struct {
	Conf string // the text of krb5.conf
	// User and Keys are the client's. Tickets are shown to services on Hosts alone.
	User  string
	Keys  *keytab.Keytab
	Hosts []string
	// KDC answers for the realms' KDCs; nil asks those of Conf.
	KDC  answer.Source
	Base *http.Transport
}

// New returns the client.
func (c Client) New() (*http.Client, error) {
	conf, fault := krb5conf.Parse(c.Conf, nil)
	if err := fault.Err(); err != nil {
		return nil, err
	}
	user, fault := krb.ParsePrincipal(c.User, conf.DefaultRealm())
	if err := fault.Err(); err != nil {
		return nil, err
	}
	mech, err := kerberos.New(kerberos.Config{Realm: conf.DefaultRealm(), Realms: conf})
	if err != nil {
		return nil, err
	}
	negotiate, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{mech}})
	if err != nil {
		return nil, err
	}
	login := answer.On(func(context.Context, gss.NeedCredential) gss.Answer {
		return kerberos.Keys{Principal: user, Keytab: c.Keys}
	})
	if c.KDC == nil {
		c.KDC = &krb5.Client{Config: conf}
	}
	transport, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{scheme.NegotiateClient(negotiate)}},
		Source:  answer.Chain(answer.Allow(login, c.Hosts...), new(krb5.Tickets), c.KDC),
		Base:    c.Base,
	})
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: transport}, nil
}

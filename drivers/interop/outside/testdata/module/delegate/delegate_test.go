package delegate

import (
	"context"
	"errors"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

func principal(t *testing.T, name string) krb.Principal {
	p, fault := krb.ParsePrincipal(name, "A.TEST")
	if err := fault.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

func newRealm(t *testing.T) *kdctest.KDC {
	realm, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{
		{Name: "alice", Password: "wonder"},
		{Name: "HTTP/front.a.test", Password: "front", ForOthers: true, DelegatesTo: []string{"HTTP/back.a.test"}},
		{Name: "HTTP/back.a.test", Password: "back"},
		{Name: "HTTP/other.a.test", Password: "other"},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	return realm
}

// TestFor: the service shows the user's ticket to the other one, which sees the user.
func TestFor(t *testing.T) {
	realm := newRealm(t)
	front := principal(t, "HTTP/front.a.test")
	alice, back := principal(t, "alice"), principal(t, "HTTP/back.a.test")
	s := Service{Principal: front, Keys: realm.Keytab(front.String()), KDC: krb5.InProcess(realm)}
	d, err := s.For(t.Context(), alice, back)
	if err != nil {
		t.Fatal(err)
	}
	if !d.Self.Client.Equal(alice) || !d.Self.Server.Equal(front) {
		t.Errorf("S4U2Self: %v", d.Self)
	}
	if !d.Proxy.Client.Equal(alice) || !d.Proxy.Server.Equal(back) {
		t.Errorf("S4U2Proxy: %v", d.Proxy)
	}

	client, err := kerberos.New(kerberos.Config{Realm: "A.TEST"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := kerberos.New(kerberos.Config{Keys: realm.Keytab(back.String())})
	if err != nil {
		t.Fatal(err)
	}
	tickets := answer.On(func(context.Context, gss.NeedCredential) gss.Answer {
		return kerberos.Tickets{Cache: ccache.New(alice, d.Proxy)}
	})
	at := gss.Target{Service: "HTTP", Scheme: "https", Host: "back.a.test", Port: 443}
	_, request := step(t, tickets, client.Initiate(at), gss.Input{})
	accepted, reply := step(t, new(krb5.ReplayCache), server.Accept(at), gss.Input{Token: request.Token})
	if reply.State != gss.Complete || accepted.Info().Name() != "alice@A.TEST" {
		t.Errorf("the other service: %v, %q, %v", reply.State, accepted.Info().Name(), reply.Fault)
	}
}

// step steps a context and answers what it asks.
func step(t *testing.T, source answer.Source, c gss.Context, in gss.Input) (gss.Context, gss.Output) {
	for {
		next, out, err := c.Step(entropy.Env(), in)
		if err != nil {
			t.Fatal(err)
		}
		if out.State != gss.Waiting {
			return next, out
		}
		c, in = next, gss.Input{Answer: source.Answer(t.Context(), out.Ask)}
	}
}

// TestNotPermitted: the KDC lets the service show the ticket to no further one.
func TestNotPermitted(t *testing.T) {
	realm := newRealm(t)
	front := principal(t, "HTTP/front.a.test")
	s := Service{Principal: front, Keys: realm.Keytab(front.String()), KDC: krb5.InProcess(realm)}
	_, err := s.For(t.Context(), principal(t, "alice"), principal(t, "HTTP/other.a.test"))
	if !errors.Is(err, gss.NotPermitted) {
		t.Errorf("%v, want %v", err, gss.NotPermitted)
	}
}

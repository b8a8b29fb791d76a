package keystore

import (
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
)

func TestStore(t *testing.T) {
	realm, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{
		{Name: "alice", Password: "wonder"}, {Name: "HTTP/www.a.test", Password: "service"},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	full := new(Store)
	for e := range realm.Keytab("HTTP/www.a.test@A.TEST").All() {
		if err := full.Put(e.Principal, e.Key.Type(), e.Kvno, gss.NewSecret(e.Key.Reveal())); err != nil {
			t.Fatal(err)
		}
	}
	login, err := answer.For("https://www.a.test", "alice@A.TEST", "wonder")
	if err != nil {
		t.Fatal(err)
	}
	mech, err := kerberos.New(kerberos.Config{Realm: "A.TEST"})
	if err != nil {
		t.Fatal(err)
	}
	at := gss.Target{Service: "HTTP", Scheme: "https", Host: "www.a.test", Port: 443}
	_, request := step(t, answer.Chain(login, krb5.InProcess(realm)), mech.Initiate(at), gss.Input{})
	for _, row := range []struct {
		store *Store
		want  gss.Code
	}{{full, gss.NoFault}, {new(Store), gss.WrongTarget}} {
		source := answer.Chain(answer.On(row.store.Find), new(krb5.ReplayCache))
		accepted, out := step(t, source, mech.Accept(at), gss.Input{Token: request.Token})
		if out.Fault.Code != row.want || row.want == gss.NoFault && accepted.Info().Name() != "alice@A.TEST" {
			t.Errorf("%v %q, want %v", out.Fault, accepted.Info().Name(), row.want)
		}
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

package krb5_test

import (
	"context"
	"fmt"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
)

// Both sides of a handshake, with a KDC in the same process: the client logs on with a password.
func Example() {
	realm, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{
		{Name: "alice", Password: "wonder"}, {Name: "HTTP/www.a.test", Password: "service"},
	}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	login, err := answer.For("https://www.a.test", "alice@A.TEST", "wonder")
	if err != nil {
		fmt.Println(err)
		return
	}
	source := answer.Chain(login, krb5.InProcess(realm), &krb5.Tickets{}, krb5.NewReplayCache(1000, 0))

	client, _ := kerberos.New(kerberos.Config{Realm: "A.TEST"})
	service, _ := kerberos.New(kerberos.Config{Keys: realm.Keytab("HTTP/www.a.test@A.TEST")})
	at := gss.Target{Service: "HTTP", Scheme: "https", Host: "www.a.test", Port: 443}

	i, out := run(source, client.Initiate(at), gss.Input{})
	a, out := run(source, service.Accept(at), gss.Input{Token: out.Token})
	fmt.Println("the service sees", a.Info().Peer, "of", a.Info().Domain)
	i, _ = run(source, i, gss.Input{Token: out.Token})
	fmt.Println("the client sees", i.Info().Peer)
	// Output:
	// the service sees alice of A.TEST
	// the client sees HTTP/www.a.test
}

// run steps a context and answers what it asks.
func run(source answer.Source, c gss.Context, in gss.Input) (gss.Context, gss.Output) {
	for {
		next, out, err := c.Step(entropy.Env(), in)
		if err != nil || out.Ask == nil {
			return next, out
		}
		c, in = next, gss.Input{Answer: source.Answer(context.Background(), out.Ask)}
	}
}

package kdctest_test

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// A test of a client in one realm and a service in another has both realms in its process, and no
// network: the KDC is a function from request to reply. The client is referred from realm to realm.
func Example() {
	kdc, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{
		{Name: "A.TEST", Trusts: []string{"B.TEST"}, Principals: []kdctest.Principal{{Name: "alice", Password: "wonder"}}},
		{Name: "B.TEST", Principals: []kdctest.Principal{{Name: "HTTP/www.b.test", Password: "service"}}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	get := func(r ticket.Request) ticket.Result {
		x, answer := ticket.New(r), gss.Answer(nil)
		for {
			env := gss.Env{Now: time.Now().UnixNano()}
			rand.Read(env.Seed[:])
			var result ticket.Result
			if x, result, err = x.Step(env, answer); err != nil || result.Ask == nil {
				return result
			}
			q, ok := result.Ask.(gss.NeedExchange)
			if !ok {
				answer = gss.Declined{}
				continue
			}
			fmt.Println("to the KDC of", q.Realm)
			rand.Read(env.Seed[:]) // the KDC has entropy of its own
			answer = gss.Reply{Data: kdc.Answer(env, q.Realm, q.Request)}
		}
	}

	alice, _ := krb.ParsePrincipal("alice@A.TEST", "")
	service, _ := krb.ParsePrincipal("HTTP/www.b.test", "") // of a realm that the client need not know
	// The KDC of A.TEST is asked for a first ticket without and with a proof of the password, and then for the
	// service, which it does not know: it names the realm to go to.
	granting := get(ticket.Request{Client: alice, Password: gss.NewSecret("wonder")})
	got := get(ticket.Request{Client: alice, Server: service, TGT: granting.Credential})
	fmt.Println(got.Credential.Client, "has a ticket for", got.Credential.Server)

	// The service under test gets its keys without a file.
	keys := kdc.Keytab("HTTP/www.b.test@B.TEST")
	fmt.Println("keys of the service:", keys.Len())
	// Output:
	// to the KDC of A.TEST
	// to the KDC of A.TEST
	// to the KDC of A.TEST
	// to the KDC of B.TEST
	// alice@A.TEST has a ticket for HTTP/www.b.test@B.TEST
	// keys of the service: 1
}

package ticket_test

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

// A password gets a ticket-granting ticket, as kinit does, and that one a ticket for a service, as kvno does.
// An exchange asks for what the KDC says; here a KDC of this process answers.
func Example() {
	kdc, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{
		{Name: "alice", Password: "wonder"}, {Name: "HTTP/www.a.test", Password: "service"},
	}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	env := func() gss.Env { // the time, and entropy that is used for one step
		env := gss.Env{Now: time.Now().UnixNano()}
		rand.Read(env.Seed[:])
		return env
	}
	get := func(r ticket.Request) (ticket.Result, error) {
		x, result, err := ticket.New(r).Step(env(), nil)
		for err == nil && result.Ask != nil {
			var answer gss.Answer = gss.Declined{}
			if q, ok := result.Ask.(gss.NeedExchange); ok { // in a program, by package krb5 of the drivers
				answer = gss.Reply{Data: kdc.Answer(env(), q.Realm, q.Request)}
			}
			x, result, err = x.Step(env(), answer)
		}
		return result, err
	}

	alice, _ := krb.ParsePrincipal("alice@A.TEST", "")
	service, _ := krb.ParsePrincipal("HTTP/www.a.test@A.TEST", "")
	granting, err := get(ticket.Request{Client: alice, Password: gss.NewSecret("wonder")})
	if err != nil || !granting.Done() {
		fmt.Println(err, granting.Fault)
		return
	}
	fmt.Println(granting.Credential.Client, "has a ticket for", granting.Credential.Server)
	got, err := get(ticket.Request{Client: alice, Server: service, TGT: granting.Credential})
	if err != nil || !got.Done() {
		fmt.Println(err, got.Fault)
		return
	}
	fmt.Println(got.Credential.Client, "has a ticket for", got.Credential.Server)

	refused, err := get(ticket.Request{Client: alice, Password: gss.NewSecret("guess")})
	fmt.Println("a wrong password:", refused.Done(), refused.Fault.Code, err)
	// Output:
	// alice@A.TEST has a ticket for krbtgt/A.TEST@A.TEST
	// alice@A.TEST has a ticket for HTTP/www.a.test@A.TEST
	// a wrong password: false bad credentials <nil>
}

package kerberos_test

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
)

// A client with a password gets a ticket from a KDC and authenticates to a service, which
// proves itself in turn. Whatever either side has to know it asks for; here a KDC of this
// process and a map answer. In a program package krb5 of the drivers has the answers.
func Example() {
	realm, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{
		{Name: "alice", Password: "wonder"}, {Name: "HTTP/www.a.test", Password: "service"},
	}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := kerberos.New(kerberos.Config{Realm: "A.TEST"})
	if err != nil {
		fmt.Println(err)
		return
	}
	service, err := kerberos.New(kerberos.Config{Keys: realm.Keytab("HTTP/www.a.test@A.TEST"), ClientRealms: []string{"A.TEST"}})
	if err != nil {
		fmt.Println(err)
		return
	}

	now := func() gss.Env { // the time, and entropy that is used for one step
		env := gss.Env{Now: time.Now().UnixNano()}
		rand.Read(env.Seed[:])
		return env
	}
	seen := map[string]bool{}
	answer := func(q gss.Question) gss.Answer {
		switch q := q.(type) {
		case gss.NeedCredential: // the user's credentials?
			return gss.Password{User: "alice", Password: gss.NewSecret("wonder")}
		case gss.NeedExchange: // what does the realm's KDC say to this?
			return gss.Reply{Data: realm.Answer(now(), q.Realm, q.Request)}
		case gss.NeedReplayCheck: // was this request here before?
			first := !seen[q.Key]
			seen[q.Key] = true
			return gss.ReplayVerdict{First: first}
		}
		return gss.Declined{} // no store of tickets, no other keys
	}
	run := func(c gss.Context, in gss.Input) (gss.Context, gss.Output) {
		for {
			next, out, err := c.Step(now(), in)
			if err != nil || out.State != gss.Waiting {
				return next, out
			}
			c, in = next, gss.Input{Answer: answer(out.Ask)}
		}
	}

	at := gss.Target{Service: "HTTP", Scheme: "https", Host: "www.a.test", Port: 443}
	c, request := run(client.Initiate(at), gss.Input{})                  // an AP-REQ for the service
	s, reply := run(service.Accept(at), gss.Input{Token: request.Token}) // and its AP-REP
	fmt.Println("the service:", reply.State == gss.Complete, s.Info().Name())
	c, end := run(c, gss.Input{Token: reply.Token})
	fmt.Println("the client:", end.State == gss.Complete, c.Info().Name())

	_, again := run(service.Accept(at), gss.Input{Token: request.Token})
	fmt.Println("the same request once more:", again.Fault.Code)
	// Output:
	// the service: true alice@A.TEST
	// the client: true HTTP/www.a.test@A.TEST
	// the same request once more: replayed
}

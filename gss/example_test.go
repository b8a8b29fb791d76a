package gss_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
)

// run steps a context and answers what it asks, until it has something for the
// peer or is done: the loop that every user of a Context writes.
func run(c gss.Context, env gss.Env, in gss.Input) (gss.Context, gss.Output) {
	for {
		next, out, err := c.Step(env, in)
		if err != nil {
			panic(err) // a misuse: the peer cannot cause it
		}
		if c = next; out.State != gss.Waiting {
			return c, out
		}
		in = gss.Input{Answer: gss.Password{User: "alice", Password: gss.NewSecret("correct horse")}}
	}
}

// Two contexts talk until both are complete. Each Step gives the next context; the
// old one stays as it was.
func Example() {
	mech := gsstoy.Toy{Legs: 2, Final: true, Mutual: true, Asks: true}
	env := gss.Env{Now: 1_700_000_000e9, Seed: gss.Seed{1}}
	target := gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443, Binding: gss.NoBinding()}

	client, server := mech.Initiate(target), mech.Accept(target)
	var fromServer gss.Token
	for {
		next, out := run(client, env, gss.Input{Token: fromServer})
		client = next
		fmt.Println("client:", out.State)
		if !out.Token.Present() {
			break
		}
		server, out = run(server, env, gss.Input{Token: out.Token})
		fmt.Println("server:", out.State)
		if fromServer = out.Token; !fromServer.Present() {
			break
		}
	}
	fmt.Println(target.SPN(), "was asked by", server.Info().Peer)

	// Output:
	// client: continue
	// server: continue
	// client: ready
	// server: complete
	// client: complete
	// HTTP/www.example was asked by alice
}

// A channel binding is none, bytes or unavailable, and the three never mix.
func ExampleBinding() {
	fmt.Println(gss.NoBinding(), gss.BindingOf("tls-server-end-point:..."), gss.Binding{}, gss.EndPoint("no certificate"))
	// Output: binding(none) binding(24 bytes) binding(unavailable) binding(unavailable)
}

// Secrets do not show, whatever the verb.
func ExampleSecret() {
	s := gss.NewSecret("correct horse")
	fmt.Printf("%v %+v %#v %s %x\n", s, s, s, s, s)
	// Output: secret(***) secret(***) secret(***) secret(***) secret(***)
}

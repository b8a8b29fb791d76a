package spnego_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
)

// Two sides agree on the one mechanism that both have. The client's favourite is another one, so the two exchange MICs, which prove that its list
// arrived as it was sent.
func Example() {
	strong := gsstoy.Toy{OID: gss.Kerberos, Legs: 1, Identity: "alice", Secret: gss.NewSecret("secret"), Final: true, Integrity: true}
	weak := gsstoy.Toy{OID: gss.NTLM, Legs: 2, Identity: "alice", Secret: gss.NewSecret("secret"), Integrity: true}

	client, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{strong, weak}})
	if err != nil {
		panic(err)
	}
	server, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{weak}})
	if err != nil {
		panic(err)
	}
	target := gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example", Port: 443}
	sides := [2]gss.Context{client.Initiate(target), server.Accept(target)}
	var in gss.Input
	for turn := 0; ; turn = 1 - turn {
		next, out, err := sides[turn].Step(gss.Env{}, in) // a driver gives time and entropy
		if err != nil {
			panic(err)
		}
		sides[turn] = next
		fmt.Println([]string{"client", "server"}[turn], out.State)
		if out.State == gss.Complete && !out.Token.Present() {
			break
		}
		in = gss.Input{Token: out.Token}
	}
	fmt.Println("server sees", sides[1].Info().Peer, "by", sides[1].Info().Mech)

	// Output:
	// client ready
	// server continue
	// client continue
	// server continue
	// client ready
	// server complete
	// client complete
	// server sees alice by NTLM
}

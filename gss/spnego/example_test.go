package spnego_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
)

// Two sides agree on the one mechanism that both have. The client's favourite is
// another one, so MICs prove that its list arrived as it was sent.
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
		show(out.Token.Bytes())
		in = gss.Input{Token: out.Token}
	}
	fmt.Println("server sees", sides[1].Info().Peer, "by", sides[1].Info().Mech)

	// Output:
	// client ready
	//   offers MS-Kerberos Kerberos NTLM
	// server continue
	//   request-mic, chooses NTLM
	// client continue
	//   accept-incomplete
	// server continue
	//   accept-incomplete
	// client ready
	//   accept-incomplete, with a MIC
	// server complete
	//   accept-completed, with a MIC
	// client complete
	// server sees alice by NTLM
}

// show takes a token apart.
func show(token string) {
	if framing, _ := spnego.FramingOf(token); framing == spnego.Initial {
		m, _ := spnego.ParseInit(token)
		fmt.Print("  offers")
		for mech := range m.MechTypes.All() {
			fmt.Print(" ", mech)
		}
		fmt.Println()
		return
	}
	m, fault := spnego.ParseResp(token)
	if !fault.IsZero() {
		fmt.Println(fault)
		return
	}
	fmt.Print("  ", m.State)
	if m.SupportedMech != "" {
		fmt.Print(", chooses ", m.SupportedMech)
	}
	if m.MechListMIC.Present() {
		fmt.Print(", with a MIC")
	}
	fmt.Println()
}

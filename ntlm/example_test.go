package ntlm_test

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ntlmssp"
	"github.com/countersign-auth/countersign/ntlm"
)

// Both sides of a login, driven by hand. A driver does the same with tokens from
// and to the network, a clock, and 32 random bytes for each step.
func Example() {
	client, _ := ntlm.New(ntlm.Config{})
	server, err := ntlm.New(ntlm.Config{Computer: "WWW", Domain: "EXAMPLE", RequireMIC: true, ChannelBinding: gss.Require})
	if err != nil {
		fmt.Println(err)
		return
	}
	channel := gss.BindingOf("tls-server-end-point:" + strings.Repeat("h", 32)) // see gss.EndPoint
	steps := byte(0)
	env := func() gss.Env {
		steps++
		return gss.Env{Now: 1_700_000_000_000_000_000, Seed: gss.Seed{steps}}
	}

	initiator := client.Initiate(gss.Target{Service: "HTTP", Host: "www.example", Binding: channel, Want: gss.Confidential})
	acceptor := server.Accept(gss.Target{Binding: channel})
	initiator, out, _ := initiator.Step(env(), gss.Input{})
	for out.State != gss.Complete && out.State != gss.Failed {
		var back gss.Output
		switch out.State {
		case gss.Waiting: // the client's question
			login := gss.Password{User: `EXAMPLE\alice`, Password: gss.NewSecret("Correct-Horse-7")}
			initiator, out, _ = initiator.Step(env(), gss.Input{Answer: login})
			continue
		case gss.Continue:
			acceptor, back, _ = acceptor.Step(env(), gss.Input{Token: out.Token})
		}
		initiator, out, _ = initiator.Step(env(), gss.Input{Token: back.Token})
	}
	acceptor, verdict, _ := acceptor.Step(env(), gss.Input{Token: out.Token})
	fmt.Printf("the server asks %+v\n", verdict.Ask)
	hash, _ := ntlm.ParseKey("3A0D49F5E71A5A6AB25CBF0E9FD3C2AC") // of another user
	_, verdict, _ = acceptor.Step(env(), gss.Input{Answer: ntlm.Hash{NT: hash}})
	fmt.Println(verdict.Fault)
	hash, _ = ntlm.HashOf(gss.NewSecret("Correct-Horse-7"))
	acceptor, verdict, _ = acceptor.Step(env(), gss.Input{Answer: ntlm.Hash{NT: hash}})
	info := acceptor.Info()
	fmt.Println(verdict.State, info.Domain, info.Peer, "over this channel:", info.Flags.Has(gss.ChannelBound))

	ours, _ := initiator.Session()
	theirs, _ := acceptor.Session()
	_, sealed, _ := ours.Wrap(env(), "hello", true)
	_, plain, _, _ := theirs.Unwrap(sealed)
	fmt.Println(plain, "in", len(sealed), "bytes")
	// Output:
	// the server asks {Scheme:NTLM Realm:EXAMPLE User:alice Hashed:false Kind:}
	// bad credentials: ntlm: the response does not match the user's password
	// complete EXAMPLE alice over this channel: true
	// hello in 21 bytes
}

// Looking at a message, here a client's first.
func ExampleParseNegotiate() {
	m, fault := ntlmssp.ParseNegotiate("NTLMSSP\x00\x01\x00\x00\x00\x07\x82\x08\xa2" + strings.Repeat("\x00", 16) + "\x06\x03\x80\x25\x00\x00\x00\x0f")
	fmt.Println(m.Flags, m.Version.Build, fault.IsZero())
	_, fault = ntlmssp.ParseNegotiate("NTLMSSP\x00\x01")
	fmt.Println(fault)
	// Output:
	// UNICODE|OEM|REQUEST_TARGET|NTLM|ALWAYS_SIGN|EXTENDED_SESSIONSECURITY|VERSION|128|56 9600 true
	// malformed message: ntlm: expected a NEGOTIATE message of 16 to 1024 bytes
}

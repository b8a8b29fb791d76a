package digest_test

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/scheme"
)

// One request with Digest, both sides. The two loops are what a machine does for
// every scheme; the answers are what a driver looks up.
func Example() {
	key := make([]byte, 32)
	rand.Read(key)
	server, err := digest.NewServer(digest.ServerConfig{Realm: "staff", Keys: []gss.Secret{gss.NewSecret(string(key))}})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := digest.NewClient(digest.ClientConfig{RequireProof: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	password := gss.Password{User: "alice", Password: gss.NewSecret("rosebud")}
	env := func() gss.Env { // a fresh one for each step
		e := gss.Env{Now: time.Now().UnixNano()}
		rand.Read(e.Seed[:])
		return e
	}
	x := scheme.Exchange{Method: "GET", URI: "/", Authority: "www.example.org", Target: gss.Target{Service: "HTTP", Scheme: "https", Host: "www.example.org", Port: 443}}

	// The server challenges: 401, WWW-Authenticate.
	offer, _ := server.Offer(env(), x)
	for c := range offer.All() {
		algorithm, _ := c.Param("algorithm")
		fmt.Println("offered:", algorithm)
	}

	// The client asks for a password, and answers.
	i, out, _ := client.Initiate(x).Step(env(), scheme.InitiatorInput{Event: scheme.Challenged, Offer: offer})
	fmt.Printf("client asks: %T\n", out.Ask)
	i, out, _ = i.Step(env(), scheme.InitiatorInput{Event: scheme.Answered, Answer: password})
	algorithm, _ := out.Credentials.Param("algorithm")
	fmt.Println("answered:", algorithm)

	// The server asks for the user's password, and whether the nonce count is new.
	a := server.Accept(x)
	a, verdict, _ := a.Step(env(), scheme.AcceptorInput{Event: scheme.Presented, Credentials: header.ParseCredentials(out.Credentials.Text())})
	for verdict.State == gss.Waiting {
		fmt.Printf("server asks: %T\n", verdict.Ask)
		var answer gss.Answer = gss.Declined{}
		switch verdict.Ask.(type) {
		case gss.NeedVerifier:
			answer = password
		case gss.NeedReplayCheck:
			answer = gss.ReplayVerdict{First: true}
		}
		a, verdict, _ = a.Step(env(), scheme.AcceptorInput{Event: scheme.Answered, Answer: answer})
	}
	fmt.Println("server:", verdict.State, a.Info().Peer)

	// The response carries the server's own proof: Authentication-Info.
	_, verdict, _ = a.Step(env(), scheme.AcceptorInput{Event: scheme.Responding, Status: 200})
	i, out, _ = i.Step(env(), scheme.InitiatorInput{Event: scheme.Concluded, Status: 200, Info: verdict.Info})
	fmt.Println("client:", out.State, i.Info().Flags.Has(gss.Mutual))
	// Output:
	// offered: SHA-256
	// offered: MD5
	// client asks: gss.NeedCredential
	// answered: SHA-256
	// server asks: gss.NeedVerifier
	// server asks: gss.NeedReplayCheck
	// server: complete alice
	// client: complete true
}

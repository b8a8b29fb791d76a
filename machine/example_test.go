package machine_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A machine is told events and gives actions. Every Client is a value: the old one
// can be kept, compared, or stepped again with another event.
func ExampleClient() {
	client, _ := machine.NewClient(machine.ClientConfig{Schemes: []scheme.Client{scheme.BasicClient()}})
	env := gss.Env{Now: 1_700_000_000e9, Seed: gss.Seed{1}} // a fresh one for each Step in real life
	step := func(e machine.Event) {
		next, actions, err := client.Step(env, e)
		if err != nil {
			panic(err) // a misuse: no peer can cause it
		}
		client = next
		switch a := actions.At(0).(type) {
		case machine.Send:
			fmt.Println("send, Authorization:", a.Authorization)
		case machine.Ask:
			fmt.Println("ask for", a.Question.(gss.NeedCredential).Realm)
		case machine.Deliver:
			fmt.Println("deliver, authenticated:", a.Authenticated)
		}
	}

	step(machine.Begin{Request: machine.Request{Method: "GET", URI: "/", Scheme: "https", Host: "www.example", Port: 443}})
	step(machine.Response{Status: 401, Header: header.Response{WWWAuthenticate: header.ParseChallenges(`Basic realm="staff"`)}})
	before := client
	step(machine.Answered{ID: 1, Answer: gss.Password{User: "alice", Password: gss.NewSecret("correct horse")}})
	step(machine.Response{Status: 200})
	fmt.Println("the question is still open in the old value:", before)

	// Output:
	// send, Authorization: none
	// ask for staff
	// send, Authorization: Basic ***
	// deliver, authenticated: true
	// the question is still open in the old value: client(asking origin{persistent=false bound=false scheme=1 state=waiting legs=0})
}

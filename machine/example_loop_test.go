package machine_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// exchanges are a client and a server with nothing but values between them.
type exchanges struct {
	client machine.Client
	server machine.Server
	space  machine.Space
	seed   byte
}

// env is fresh for each Step; a driver takes the time and 32 random bytes.
func (x *exchanges) env() gss.Env {
	x.seed++
	return gss.Env{Now: 1_700_000_000e9, Seed: gss.Seed{x.seed}}
}

// get is the client's loop: one request, as often as it has to be sent.
func (x *exchanges) get(uri string) {
	request := machine.Request{Method: "GET", URI: uri, Scheme: "https", Host: "www.example", Port: 443}
	var lease machine.Lease
	x.space, lease = x.space.Lease(uri)
	event := machine.Event(machine.Begin{Request: request, Lease: lease})
	for event != nil {
		next, actions, err := x.client.Step(x.env(), event)
		if err != nil {
			panic(err) // a bug of the driver: the client is as it was
		}
		x.client, event = next, nil
		for action := range actions.All() {
			switch a := action.(type) {
			case machine.Send:
				event = x.serve(request, a)
			case machine.Ask:
				fmt.Println("the client is asked for a credential")
				event = machine.Answered{ID: a.ID, Answer: gss.Password{User: "alice", Password: gss.NewSecret("correct horse")}}
			case machine.Deliver:
				fmt.Println("delivered, authenticated:", a.Authenticated)
				x.space = x.space.Learn(a.OriginFacts)
			case machine.Fail:
				fmt.Println("failed:", a.Fault)
			case machine.Reopen, machine.Retire:
				fmt.Println("another connection is needed")
			}
		}
	}
}

// serve is the server's loop: it gives the response as the client's next event.
func (x *exchanges) serve(request machine.Request, sent machine.Send) machine.Event {
	event := machine.Event(machine.Received{Request: request, Header: header.Request{Authorization: sent.Authorization}})
	for {
		next, actions, err := x.server.Step(x.env(), event)
		if err != nil {
			panic(err)
		}
		x.server = next
		for action := range actions.All() {
			switch a := action.(type) {
			case machine.Ask:
				fmt.Println("the server is asked to verify", a.Question.(gss.NeedVerifier).User)
				event = machine.Answered{ID: a.ID, Answer: gss.Password{Password: gss.NewSecret("correct horse")}}
			case machine.Reply:
				fmt.Println("the server replies", a.Status)
				return machine.Response{Status: a.Status, Header: header.Response{WWWAuthenticate: a.Challenges}}
			case machine.Accept:
				fmt.Println("the handler runs for", a.Info.Peer)
				event = machine.Responding{Status: 200}
			case machine.Finish:
				return machine.Response{Status: 200, Header: header.Response{AuthenticationInfo: a.Info, PersistentAuth: a.PersistentAuth}}
			}
		}
	}
}

// The loop of the package comment, for a client and a server.
func Example() {
	client, err := machine.NewClient(machine.ClientConfig{Schemes: []scheme.Client{scheme.BasicClient()}})
	if err != nil {
		panic(err)
	}
	server, err := machine.NewServer(machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("staff", scheme.AskVerifier)}})
	if err != nil {
		panic(err)
	}
	x := exchanges{client: client, server: server}
	x.get("/report")
	fmt.Println("once more, with what was learned:")
	x.get("/report")

	// Output:
	// the server replies 401
	// the client is asked for a credential
	// the server is asked to verify alice
	// the handler runs for alice
	// delivered, authenticated: true
	// once more, with what was learned:
	// the client is asked for a credential
	// the server is asked to verify alice
	// the handler runs for alice
	// delivered, authenticated: true
}

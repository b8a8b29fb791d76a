package countersign_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// message is what this driver's transport carries: a status (requests have
// none) and fields.
type message struct {
	status int
	fields map[string][]string
}

func (m message) lines(field string) []string { return m.fields[field] }

// clock makes the environment of each step. A real driver takes the time and the
// seed from the system; see the package drivers/entropy.
type clock struct{ n byte }

func (c *clock) env() gss.Env {
	c.n++
	return gss.Env{Now: 1_700_000_000e9 + int64(c.n), Seed: gss.Seed{31: c.n}}
}

// answers knows one user. It answers both sides' questions here; the two would
// be apart in real life.
func answers(q gss.Question) gss.Answer {
	switch q := q.(type) {
	case gss.NeedCredential:
		if q.Target.Host == "example.org" && !q.Rejected {
			return gss.Password{User: "alice", Password: gss.NewSecret("correct horse")}
		}
	case gss.NeedVerifier:
		if q.User == "alice" {
			return gss.Password{Password: gss.NewSecret("correct horse")}
		}
		return gss.Unknown{}
	case gss.NeedReplayCheck:
		return gss.ReplayVerdict{First: true} // a real store remembers
	}
	return gss.Declined{}
}

// origin drives a machine.Server for one connection.
type origin struct {
	server machine.Server
	clock  clock
}

// serve deals with one request from its fields to its response.
func (o *origin) serve(request machine.Request, in message) message {
	out := message{200, map[string][]string{}}
	var event machine.Event = machine.Received{Request: request, Header: header.ParseRequest(in.lines)}
	for event != nil {
		next, actions, err := o.server.Step(o.clock.env(), event)
		if err != nil {
			panic(err) // a fault of this driver
		}
		o.server, event = next, nil
		for action := range actions.All() {
			switch a := action.(type) {
			case machine.Ask:
				event = machine.Answered{ID: a.ID, Answer: answers(a.Question)}
			case machine.Reply:
				out.status = a.Status
				for c := range a.Challenges.All() {
					out.fields[header.WWWAuthenticate] = append(out.fields[header.WWWAuthenticate], c.Text())
				}
			case machine.Accept:
				fmt.Printf("  origin: the handler runs for %s via %s\n", a.Info.Peer, a.Scheme)
				event = machine.Responding{Status: out.status}
			case machine.Finish:
				if a.Info.Present() {
					out.fields[header.AuthenticationInfo] = []string{a.Info.Text()}
				}
			}
		}
	}
	return out
}

// fetch drives a machine.Client through one exchange.
func fetch(client machine.Client, space *machine.Space, o *origin) (machine.Client, string) {
	var clock clock
	request := machine.Request{Method: "GET", URI: "/secret", Scheme: "https", Host: "example.org", Port: 443}
	var lease machine.Lease
	*space, lease = space.Lease(request.URI)
	var event machine.Event = machine.Begin{Request: request, Lease: lease}
	for {
		next, actions, err := client.Step(clock.env(), event)
		if err != nil {
			panic(err)
		}
		client = next
		for action := range actions.All() {
			switch a := action.(type) {
			case machine.Ask:
				event = machine.Answered{ID: a.ID, Answer: answers(a.Question)}
			case machine.Send:
				out := message{fields: map[string][]string{}}
				if a.Authorization.Present() {
					out.fields[header.Authorization] = []string{a.Authorization.Text()}
				}
				fmt.Println("  client: GET /secret", a.Authorization)
				in := o.serve(request, out)
				fmt.Println("  origin:", in.status)
				event = machine.Response{Status: in.status, Header: header.ParseResponse(in.lines)}
			case machine.Deliver:
				*space = space.Learn(a.OriginFacts)
				return client, fmt.Sprintf("authenticated=%t mutual=%t", a.Authenticated, a.Info.Flags.Has(gss.Mutual))
			case machine.Fail:
				*space = space.Learn(a.OriginFacts)
				return client, a.Fault.String()
			}
		}
	}
}

// A whole driver for both sides over messages in memory: the loop of the manual
// above, with nothing left out but the network.
func Example() {
	digestClient, _ := digest.NewClient(digest.ClientConfig{})
	digestServer, _ := digest.NewServer(digest.ServerConfig{
		Realm: "example", Keys: []gss.Secret{gss.NewSecret("thirty-two bytes of random data!")},
	})
	client, _ := machine.NewClient(machine.ClientConfig{Schemes: []scheme.Client{digestClient}})
	server, _ := machine.NewServer(machine.ServerConfig{Schemes: []scheme.Server{digestServer}})

	var space machine.Space
	o := &origin{server: server}
	for range 2 {
		var outcome string
		client, outcome = fetch(client, &space, o)
		fmt.Println(outcome)
	}

	// Output:
	//   client: GET /secret none
	//   origin: 401
	//   client: GET /secret Digest ***
	//   origin: the handler runs for alice via Digest
	//   origin: 200
	// authenticated=true mutual=true
	//   client: GET /secret Digest ***
	//   origin: the handler runs for alice via Digest
	//   origin: 200
	// authenticated=true mutual=true
}

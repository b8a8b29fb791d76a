package hop_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// fields are a message's, by their names as they are written here.
type fields map[string][]string

func (f fields) Values(name string) []string { return f[name] }
func (f fields) Set(name, value string)      { f[name] = []string{value} }
func (f fields) Add(name, value string)      { f[name] = append(f[name], value) }
func (f fields) Del(name string)             { delete(f, name) }

// A client begins NTLM through a proxy: the connection that brought the challenge becomes
// the client's own, the next leg goes out on it, and it closes when the client goes.
func ExampleFront() {
	front, err := hop.NewFront(machine.ProxyConfig{})
	if err != nil {
		panic(err)
	}
	tell := func(e hop.Event) {
		next, orders, err := front.Step(gss.Env{Now: 1, Seed: [32]byte{1}}, e)
		if err != nil {
			panic(err) // the driver's mistake
		}
		front = next
		fmt.Printf("%T:", e)
		if orders.CloseOwn {
			fmt.Print(" close the client's own connection")
		}
		if orders.Used != hop.Stay {
			fmt.Print(" ", orders.Used, " the connection")
		}
		switch do := orders.Do.(type) {
		case hop.Send:
			fmt.Print(" send over one that is ", do.Over)
		case hop.Pass:
			h := fields{"WWW-Authenticate": {"NTLM"}}
			do.Apply(h, "1.1 proxy")
			fmt.Print(" pass the response on, ", h["Proxy-Support"])
		}
		fmt.Println()
	}
	request := func(lines fields) hop.Received {
		return hop.Received{Received: machine.Received{
			Request: machine.Request{Method: "GET", URI: "/", Scheme: "http", Host: "www.example", Port: 80},
			Header:  header.ParseRequest(lines.Values),
		}}
	}
	tell(request(nil))
	tell(hop.Response{Response: machine.Response{Status: 401, Header: header.ParseResponse(fields{"WWW-Authenticate": {"NTLM"}}.Values)}})
	tell(hop.Ended{Usable: true})
	tell(request(fields{"Authorization": {"NTLM TlRMTVNTUAAB"}}))
	tell(hop.Closed{})
	// Output:
	// hop.Received: send over one that is pooled
	// hop.Response: keep the connection pass the response on, [Session-Based-Authentication]
	// hop.Ended:
	// hop.Received: send over one that is own
	// hop.Closed: close the client's own connection
}

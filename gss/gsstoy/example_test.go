package gsstoy_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
)

// The toy's tokens say in words what a real mechanism proves by cryptography, so
// that a state space stays small and a failure can be read.
func Example() {
	toy := gsstoy.Toy{Legs: 1, Final: true, Identity: "alice", Secret: gss.NewSecret("s")}
	_, first, _ := toy.Initiate(gss.Target{}).Step(gss.Env{}, gss.Input{})
	fmt.Println(first.State, first.Token.Bytes())

	acceptor, final, _ := toy.Accept(gss.Target{}).Step(gss.Env{}, gss.Input{Token: first.Token})
	fmt.Println(final.State, final.Token.Bytes(), acceptor.Info().Peer)
	fmt.Println(gsstoy.Heard(acceptor))
	// Output:
	// ready toy:i1:u=alice:p=s
	// complete toy:f alice
	// [toy:i1:u=alice:p=s]
}

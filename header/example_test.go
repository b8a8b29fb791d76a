package header_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/header"
)

func ExampleParseChallenges() {
	cs := header.ParseChallenges(
		`Negotiate, NTLM, Digest realm="staff", nonce="abc"`,
		`Basic realm="a, b = c"`,
		`Digest realm="broken`,
	)
	for c := range cs.All() {
		fmt.Println(c.Scheme(), c.Form())
	}
	for c := range cs.Of("basic") {
		realm, _ := c.Param("Realm")
		fmt.Println(realm)
	}
	// Output:
	// Negotiate Bare
	// NTLM Bare
	// Digest Params
	// Basic Params
	// Digest Malformed
	// a, b = c
}

func ExampleBuild() {
	c := header.Build(nil, "Digest").Quoted("username", `DOMAIN\user`).Token("qop", "auth").Credentials()
	fmt.Println(c.Text())
	fmt.Println(c)
	// Output:
	// Digest username="DOMAIN\\user", qop=auth
	// Digest ***
}

package krb5conf_test

import (
	"fmt"
	"time"

	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
)

// The questions that a client has for the configuration: which realm a host is of, and where its KDCs are.
func Example() {
	config, fault := krb5conf.Parse(`
[libdefaults]
	default_realm = A.TEST
	ticket_lifetime = 8h
[realms]
	A.TEST = {
		kdc = kdc1.a.test
		kdc = kdc2.a.test:8888
	}
[domain_realm]
	.a.test = A.TEST
`, nil) // no include lines
	if !fault.IsZero() {
		fmt.Println(fault)
		return
	}
	realm := config.RealmOf("www.a.test")
	fmt.Println(realm, config.KDCs(realm))
	fmt.Println(config.Duration("ticket_lifetime", 24*time.Hour))
	// Output:
	// A.TEST [kdc1.a.test kdc2.a.test:8888]
	// 8h0m0s
}

// A server maps principals to users of this system as auth_to_local of the default realm says. A principal that
// no rule matches is no user.
func ExampleConfig_LocalName() {
	config, fault := krb5conf.Parse(`
[libdefaults]
	default_realm = A.TEST
[realms]
	A.TEST = {
		auth_to_local = RULE:[2:$1;$2](^.*;admin$)s/;admin$//
		auth_to_local = DEFAULT
	}
`, nil)
	if !fault.IsZero() {
		fmt.Println(fault)
		return
	}
	for _, text := range []string{"alice", "alice/admin", "alice@B.TEST"} {
		p, fault := krb.ParsePrincipal(text, config.DefaultRealm())
		if !fault.IsZero() {
			fmt.Println(fault)
			return
		}
		name, ok := config.LocalName(p)
		fmt.Printf("%s: %q %t\n", p, name, ok)
	}
	// Output:
	// alice@A.TEST: "alice" true
	// alice/admin@A.TEST: "alice" true
	// alice@B.TEST: "" false
}

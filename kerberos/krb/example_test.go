package krb_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Names of principals as users write them, in a default realm where they name none. Compare
// principals with Equal, not names alone: any realm may have an alice.
func ExampleParsePrincipal() {
	for _, text := range []string{"alice", "alice@B.TEST", "HTTP/www.a.test", `back\/slash`, "alice@"} {
		p, fault := krb.ParsePrincipal(text, "A.TEST")
		if !fault.IsZero() {
			fmt.Println(text, "has a fault:", fault.Code)
			continue
		}
		fmt.Println(p, "has components:", p.Name.Len())
	}
	// Output:
	// alice@A.TEST has components: 1
	// alice@B.TEST has components: 1
	// HTTP/www.a.test@A.TEST has components: 2
	// back\/slash@A.TEST has components: 1
	// alice@ has a fault: malformed message
}

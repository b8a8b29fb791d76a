package keytab_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// A service's keys are derived from its password, written as a file that other programs read too,
// and read back.
func Example() {
	service, fault := krb.ParsePrincipal("HTTP/www.a.test@A.TEST", "")
	if !fault.IsZero() {
		fmt.Println(fault)
		return
	}
	entries, fault := keytab.FromPassword(service, gss.NewSecret("service"), "", 3, krb.AES256SHA1, krb.AES128SHA1)
	if !fault.IsZero() {
		fmt.Println(fault)
		return
	}
	file := keytab.New(entries...).Append(nil) // for os.WriteFile with 0600: what reads it can act as the service

	keys, fault := keytab.Parse(string(file))
	if !fault.IsZero() {
		fmt.Println(fault)
		return
	}
	for e := range keys.All() {
		fmt.Println(e.Principal, "version", e.Kvno, e.Key.Type())
	}
	_, ok := keys.Latest(service, krb.AES256SHA384)
	fmt.Println("a key of another type:", ok)
	// Output:
	// HTTP/www.a.test@A.TEST version 3 aes256-cts-hmac-sha1-96
	// HTTP/www.a.test@A.TEST version 3 aes128-cts-hmac-sha1-96
	// a key of another type: false
}

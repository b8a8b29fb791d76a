package pac_test

import (
	"fmt"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/pac"
)

// The groups of a user, as a directory signed them for the service. A server has the Verified of its
// client from kerberos.PAC; here it is made from a PAC's bytes, the service's key, and the name and
// time of the ticket that the PAC was in.
func Example() {
	service, _ := krb.ParsePrincipal("HTTP/www.a.test@A.TEST", "")
	keys, fault := keytab.FromPassword(service, gss.NewSecret("service"), "", 1, krb.AES256SHA1)
	if !fault.IsZero() {
		fmt.Println(fault)
		return
	}
	krbtgt, fault := keytab.FromPassword(krb.TGS("A.TEST", "A.TEST"), gss.NewSecret("kdc"), "", 1, krb.AES256SHA1)
	if !fault.IsZero() {
		fmt.Println(fault)
		return
	}
	alice, authTime := krb.NameOf(krb.NamePrincipal, "alice"), krb.Time(1795608000)
	domain := pac.SIDOf(5, 21, 1, 2, 3)
	b := pac.Write(alice, authTime, pac.User{ // as the domain controller does
		Name: "alice", Domain: "A", DomainSID: domain, RID: 1104, Groups: []uint32{513},
		Extra: []pac.SID{pac.SIDOf(5, 32, 544)}, // of another domain, or of none
	}, keys[0].Key, krbtgt[0].Key)

	p, fault := pac.Parse(b)
	if !fault.IsZero() {
		fmt.Println(fault)
		return
	}
	verified, fault := p.Verify(keytab.Prepare(keys[0].Key), alice, authTime)
	if !fault.IsZero() {
		fmt.Println(fault)
		return
	}
	logon, ok, fault := verified.Logon()
	if !ok {
		fmt.Println("no logon information", fault)
		return
	}
	fmt.Println(logon.Domain()+`\`+logon.User(), logon.UserSID())
	administrators, _ := pac.ParseSID("S-1-5-32-544") // MS-DTYP section 2.4.2.4
	for group := range logon.Groups() {
		fmt.Println("in", group, group == administrators)
	}

	_, fault = p.Verify(keytab.Prepare(keys[0].Key), krb.NameOf(krb.NamePrincipal, "bob"), authTime)
	fmt.Println("with bob's ticket:", fault.Code)
	// Output:
	// A\alice S-1-5-21-1-2-3-1104
	// in S-1-5-21-1-2-3-513 false
	// in S-1-5-32-544 true
	// with bob's ticket: peer not authentic
}

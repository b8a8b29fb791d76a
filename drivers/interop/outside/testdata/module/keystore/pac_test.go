package keystore

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/pac"
)

func newKey(t *testing.T, value string) krb.Key {
	key, fault := krb.NewKey(krb.AES128SHA1, value)
	if err := fault.Err(); err != nil {
		t.Fatal(err)
	}
	return key
}

// TestPAC: a PAC that came another way than in a ticket is verified with keys that are in
// no keytab.
func TestPAC(t *testing.T) {
	alice := krb.NameOf(krb.NamePrincipal, "alice")
	service, krbtgt := newKey(t, "a service's key!"), newKey(t, "the KDC's own ke")
	text := pac.Write(alice, 1_795_608_000, pac.User{Name: "alice", DomainSID: pac.SIDOf(5, 21, 1, 2, 3), RID: 1103}, service, krbtgt)
	parsed, fault := pac.Parse(text)
	if err := fault.Err(); err != nil {
		t.Fatal(err)
	}
	if _, fault := parsed.Verify(keytab.Prepare(krbtgt), alice, 1_795_608_000); fault.Code != gss.NotAuthentic {
		t.Errorf("with another key: %v", fault)
	}
	verified, fault := parsed.Verify(keytab.Prepare(service), alice, 1_795_608_000)
	if err := fault.Err(); err != nil {
		t.Fatal(err)
	}
	if verified, fault = verified.VerifyKDC(keytab.Prepare(krbtgt)); !fault.IsZero() || !verified.ByKDC() {
		t.Errorf("the KDC's signature: %v", fault)
	}
}

// TestAddresses: a ticket for some hosts alone can be put into a cache.
func TestAddresses(t *testing.T) {
	const ipv4 = 2
	var hosts ccache.Addresses
	hosts = hosts.Append(ipv4, "\x7f\x00\x00\x01")
	c := ccache.New(krb.Principal{}, ccache.Credential{Ticket: "a ticket", Addresses: hosts})
	for credential := range c.All() {
		for kind, address := range credential.Addresses.All() {
			if kind != ipv4 || address != "\x7f\x00\x00\x01" {
				t.Errorf("address %d %x", kind, address)
			}
		}
	}
}

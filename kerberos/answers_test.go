package kerberos_test

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Answers with pointers name the user that a service will see, also if a cache holds another
// user's tickets.
func TestSubjects(t *testing.T) {
	principal := func(name string) krb.Principal {
		p, f := krb.ParsePrincipal(name, "A.TEST")
		if !f.IsZero() {
			t.Fatal(f)
		}
		return p
	}
	alice, bob := principal("alice"), principal("bob")
	own := ccache.Credential{Client: alice, Ticket: "a ticket"}
	others := ccache.Credential{Client: bob, Ticket: "another ticket"}
	for _, test := range []struct {
		answer gss.Subject
		want   string
	}{
		{kerberos.Keys{Principal: alice}, "alice@A.TEST"},
		{kerberos.Ticket{Credential: others}, "bob@A.TEST"},
		{kerberos.Tickets{}, ""},
		{kerberos.Tickets{Cache: ccache.New(alice, own)}, "alice@A.TEST"},
		{kerberos.Tickets{Cache: ccache.New(alice, own, others)}, "alice@A.TEST\nbob@A.TEST"},
	} {
		if got := test.answer.Subject(); got != test.want {
			t.Errorf("%T: %q, want %q", test.answer, got, test.want)
		}
	}
	if got := (kerberos.NeedTicket{Client: alice}).Named(); got != "alice@A.TEST" {
		t.Errorf("NeedTicket names %q", got)
	}
}

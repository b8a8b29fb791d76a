package kerberos

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Delegated credentials are those of the client that authenticated, each of them: a cache
// made of them is never another client's.
func TestDelegatedCredentialsAreTheClients(t *testing.T) {
	tgs := krb.TGS("A.TEST", "A.TEST")
	bob := principal("bob@A.TEST")
	www := principal("HTTP/back.a.test@A.TEST")
	for _, row := range []struct {
		name  string
		infos []message.CredInfo
		want  gss.Code
	}{
		{"one", []message.CredInfo{{Client: alice, Service: tgs}}, gss.NoFault},
		{"two, the second a ticket-granting ticket", []message.CredInfo{{Client: alice, Service: www}, {Client: alice, Service: tgs}}, gss.NoFault},
		{"of the same name by another type", []message.CredInfo{{Client: named(krb.NameUnknown, "A.TEST", "alice"), Service: tgs}}, gss.NoFault},
		{"another client's", []message.CredInfo{{Client: bob, Service: tgs}}, gss.BadCredentials},
		{"of another realm", []message.CredInfo{{Client: principal("alice@B.TEST"), Service: tgs}}, gss.BadCredentials},
		{"of no realm", []message.CredInfo{{Client: krb.Principal{Name: alice.Name}, Service: tgs}}, gss.BadCredentials},
		{"of no name", []message.CredInfo{{Client: krb.Principal{Realm: "A.TEST"}, Service: tgs}}, gss.BadCredentials},
		{"of no client", []message.CredInfo{{Service: tgs}}, gss.BadCredentials},
		{"in other letters", []message.CredInfo{{Client: principal("Alice@A.TEST"), Service: tgs}}, gss.BadCredentials},
		{"another client's behind the client's", []message.CredInfo{{Client: alice, Service: tgs}, {Client: bob, Service: tgs}}, gss.BadCredentials},
		{"another client's before the client's", []message.CredInfo{{Client: bob, Service: www}, {Client: alice, Service: tgs}}, gss.BadCredentials},
		{"no ticket-granting ticket", []message.CredInfo{{Client: alice, Service: www}}, gss.Malformed},
		{"none", nil, gss.Malformed},
	} {
		f := newForger(t, krb.AES256SHA1)
		for i := range row.infos {
			row.infos[i].Key = f.session
		}
		f.delegate(row.infos...)
		r := accept(t, Config{Keys: f.keys}, gss.NoBinding(), f.token())
		if r.Fault.Code != row.want {
			t.Errorf("%s: %v", row.name, r.Fault)
		}
		if d, ok := r.Info().Delegated.(Delegated); ok != (row.want == gss.NoFault) || ok && (!d.Credential.Client.Equal(alice) || !d.Cache().Principal().Equal(alice)) {
			t.Errorf("%s: delegated %v", row.name, r.Info().Delegated)
		}
		requirement.Held(t, "unit:krb_delegated_are_the_clients", "KRB-5")
	}
	// A ticket without an entry, an entry without a ticket, and credentials under another
	// type of encryption than is written beside them.
	for _, change := range []func(*message.Cred){
		func(m *message.Cred) { m.Tickets += m.Tickets },
		func(m *message.Cred) { m.Tickets = "" },
		func(m *message.Cred) { m.Enc.Type = krb.AES128SHA256 },
		func(m *message.Cred) { m.Enc.Type = 0 },
	} {
		f := newForger(t, krb.AES256SHA1)
		f.delegate(message.CredInfo{Key: f.session, Client: alice, Service: tgs})
		m, fault := message.ParseCred(f.sum.Delegation)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		change(&m)
		f.sum.Delegation = string(m.Append(nil))
		if r := accept(t, Config{Keys: f.keys}, gss.NoBinding(), f.token()); r.State != gss.Failed || r.Info().Delegated != nil {
			t.Errorf("%d bytes of tickets, type %v: %v", len(m.Tickets), m.Enc.Type, r.Fault)
		}
	}
	// A ticket more than there are entries, where none of these is of a ticket-granting ticket.
	more := newForger(t, krb.AES256SHA1)
	more.delegate(message.CredInfo{Key: more.session, Client: alice, Service: www})
	m, fault := message.ParseCred(more.sum.Delegation)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	m.Tickets += m.Tickets
	more.sum.Delegation = string(m.Append(nil))
	refused(t, accept(t, Config{Keys: more.keys}, gss.NoBinding(), more.token()), gss.Malformed)
	// The fault does not repeat the name (law L10).
	f := newForger(t, krb.AES256SHA1)
	f.delegate(message.CredInfo{Key: f.session, Client: principal("canary@A.TEST"), Service: tgs})
	if r := accept(t, Config{Keys: f.keys}, gss.NoBinding(), f.token()); strings.Contains(r.Fault.Detail, "canary") {
		t.Error(r.Fault)
	}
}

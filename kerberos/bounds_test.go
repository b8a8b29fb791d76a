package kerberos

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/bound"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// A token of MaxToken bytes is judged, with a ticket as long as that takes, and one of a byte
// more is not.
func TestMaxToken(t *testing.T) {
	f := newForger(t, krb.AES256SHA1)
	padding := 0
	grow := func(size int) gss.Token {
		t.Helper()
		for {
			f.ticket.AuthData = message.AuthorizationData("").Append(message.ADPAC, strings.Repeat("p", padding)).IfRelevant()
			token := f.token()
			switch n := len(token.Bytes()); {
			case n == size:
				return token
			case n > size:
				t.Fatalf("no token of %d bytes: %d", size, n)
			default:
				padding += max(1, (size-n)/2)
			}
		}
	}
	if r := accept(t, Config{Keys: f.keys}, gss.NoBinding(), grow(bound.Token)); r.State != gss.Complete {
		t.Errorf("a token of MaxToken: %v", r.Fault)
	}
	refused(t, accept(t, Config{Keys: f.keys}, gss.NoBinding(), grow(bound.Token+1)), gss.Malformed)
}

// With Config.Services a ticket for any other service is refused, though its key be here.
func TestTicketOfAnotherService(t *testing.T) {
	f := newForger(t, krb.AES256SHA1)
	other := principal("HTTP/other.a.test@A.TEST")
	for _, row := range []struct {
		services []krb.Principal
		want     gss.Code
	}{
		{nil, gss.NoFault}, {[]krb.Principal{f.service}, gss.NoFault}, {[]krb.Principal{other, f.service}, gss.NoFault}, {[]krb.Principal{other}, gss.WrongTarget},
	} {
		r := accept(t, Config{Keys: withKey(t, f.keys, other), Services: row.services}, gss.NoBinding(), f.token())
		if r.Fault.Code != row.want || (r.State == gss.Complete) != (row.want == gss.NoFault) {
			t.Errorf("%v: %v", row.services, r.Fault)
		}
		if row.want != gss.NoFault && errorOf(t, r) != message.ErrNotUs {
			t.Errorf("%v: the client is told %v", row.services, errorOf(t, r))
		}
	}
}

// A ticket without a PAC is one without a fault, whether PACs are kept or not.
func TestTicketWithoutPAC(t *testing.T) {
	for _, keep := range []bool{false, true} {
		f := newForger(t, krb.AES256SHA1)
		r := accept(t, Config{Keys: f.keys, KeepPAC: keep}, gss.NoBinding(), f.token())
		if r.State != gss.Complete {
			t.Fatal(r.Fault)
		}
		if _, ok, fault := PAC(r.Context); ok || !fault.IsZero() {
			t.Errorf("KeepPAC %t: there is one %t, %v", keep, ok, fault)
		}
	}
	if _, ok, fault := PAC(newMechanism(t, Config{}).Initiate(gss.Target{})); ok || !fault.IsZero() {
		t.Errorf("a context that is none: there is one %t, %v", ok, fault)
	}
}

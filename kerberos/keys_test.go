package kerberos

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// An acceptor tries the key of the service that the ticket names first, and no more than
// maxKeyTries keys, however many there are: a client chooses the name, the type and the
// version that are written on it.
func TestKeysTriedAreBounded(t *testing.T) {
	f := newForger(t, krb.AES256SHA1)
	right := keytab.Entry{Principal: service, Kvno: 2, Key: f.serviceKey()}
	other := func(i int, p krb.Principal) keytab.Entry {
		key, _ := krb.NewKey(krb.AES256SHA1, fmt.Sprintf("%032d", i))
		return keytab.Entry{Principal: p, Kvno: 2, Key: key}
	}
	others := make([]keytab.Entry, 1000)
	for i := range others {
		others[i] = other(i, principal(fmt.Sprintf("HTTP/host%d.a.test@A.TEST", i)))
	}
	at := func(n int, e keytab.Entry) *keytab.Keytab {
		return keytab.New(append(append(append([]keytab.Entry(nil), others[:n]...), e), others[n:]...)...)
	}
	alias := principal("HTTP/alias.a.test@A.TEST")
	for _, row := range []struct {
		name    string
		keys    *keytab.Keytab
		service krb.Principal
		want    gss.Code
		tries   int
	}{
		{"the named service's, at the end", at(1000, right), service, gss.NoFault, 1},
		{"under an alias, among the first", at(maxKeyTries-1, right), alias, gss.NoFault, maxKeyTries},
		{"under an alias, behind them", at(maxKeyTries, right), alias, gss.BadCredentials, maxKeyTries},
		{"under another service's name, among the first", at(maxKeyTries-2, right), others[999].Principal, gss.NoFault, maxKeyTries},
		{"under another service's name, behind them", at(maxKeyTries, right), others[0].Principal, gss.BadCredentials, maxKeyTries},
		{"none", keytab.New(others...), service, gss.BadCredentials, maxKeyTries},
	} {
		f.service = row.service
		r := accept(t, Config{Keys: row.keys}, gss.NoBinding(), f.token())
		if r.Fault.Code != row.want {
			t.Errorf("%s: %v", row.name, r.Fault)
		}
		ap, fault := message.ParseAPReq(f.apreq())
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		// Each is tried once: no key comes twice, and it ends with the one that opens.
		n, seen := 0, map[*enctype.Prepared]bool{}
		for e, key := range newMechanism(t, Config{Keys: row.keys}).cfg.tries(&ap.Ticket) {
			n++
			if seen[key] {
				t.Errorf("%s: a key is tried twice", row.name)
			}
			if seen[key] = true; e.Key == right.Key {
				break
			}
		}
		if n != row.tries {
			t.Errorf("%s: %d keys are tried, want %d", row.name, n, row.tries)
		}
		requirement.Held(t, "unit:krb_keys_tried", "KRB-6")
	}
	// With Services only the named one's are tried, as many versions as there are up to the bound.
	versions := make([]keytab.Entry, 1000)
	for i := range versions {
		versions[i] = other(i, service)
	}
	f.service = service
	c := Config{Keys: keytab.New(append(others, versions...)...), Services: []krb.Principal{service}}
	ap, _ := message.ParseAPReq(f.apreq())
	n := 0
	for e := range newMechanism(t, c).cfg.tries(&ap.Ticket) {
		if n++; !e.Principal.Equal(service) {
			t.Errorf("a key of %v is tried", e.Principal)
		}
	}
	if n != maxKeyTries {
		t.Errorf("%d versions are tried", n)
	}
	if r := accept(t, c, gss.NoBinding(), f.token()); r.Fault.Code != gss.BadCredentials || !strings.Contains(r.Fault.Detail, "the first 64 keys") || errorOf(t, r) != message.ErrModified {
		t.Error(r.Fault)
	}
}

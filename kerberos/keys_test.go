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
		for e, key := range newMechanism(t, Config{Keys: row.keys}).cfg.tries(row.keys, &ap.Ticket) {
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
	for e := range newMechanism(t, c).cfg.tries(c.Keys, &ap.Ticket) {
		if n++; !e.Principal.Equal(service) {
			t.Errorf("a key of %v is tried", e.Principal)
		}
	}
	if n != maxKeyTries {
		t.Errorf("%d versions are tried", n)
	}
	if r := accept(t, c, gss.NoBinding(), f.token()); r.Fault.Code != gss.BadCredentials || !strings.Contains(r.Fault.Detail, "the first 16 keys") || errorOf(t, r) != message.ErrModified {
		t.Error(r.Fault)
	}
}

// TestKeyOfAnotherVersion: a key opens a ticket whatever its version is, the ticket's own is tried first, and of several with
// one version each is.
func TestKeyOfAnotherVersion(t *testing.T) {
	f := newForger(t, krb.AES256SHA1)
	right := f.serviceKey()
	entry := func(kvno uint32, key krb.Key) keytab.Entry {
		return keytab.Entry{Principal: service, Kvno: kvno, Key: key}
	}
	wrong := func(kvno uint32, n int) keytab.Entry {
		key, _ := krb.NewKey(krb.AES256SHA1, fmt.Sprintf("%032d", n))
		return entry(kvno, key)
	}
	alias := principal("HTTP/alias.a.test@A.TEST")
	for _, row := range []struct {
		name  string
		keys  []keytab.Entry
		kvno  uint32 // of the ticket
		tries int    // 0: it is refused with says
		says  message.ErrorCode
	}{
		{"a keytab without versions", []keytab.Entry{entry(0, right)}, 4, 1, 0},
		{"an older one", []keytab.Entry{entry(3, right)}, 4, 1, 0},
		{"a newer one", []keytab.Entry{entry(5, right)}, 4, 1, 0},
		{"a version of 32 bits", []keytab.Entry{entry(70_000, right)}, 4, 1, 0},
		{"a ticket's of 32 bits", []keytab.Entry{entry(4, right)}, 70_000, 1, 0},
		{"the last 8 bits of the ticket's", []keytab.Entry{wrong(1, 1), entry(112, right)}, 70_000, 1, 0}, // 70000 & 0xFF
		{"the ticket's version first", []keytab.Entry{wrong(3, 1), wrong(5, 2), entry(4, right)}, 4, 1, 0},
		{"then the others, in their order", []keytab.Entry{wrong(3, 1), entry(5, right), wrong(4, 2)}, 4, 3, 0},
		{"the older key first under one version", []keytab.Entry{wrong(4, 1), entry(4, right)}, 4, 2, 0},
		{"the newer key first under one version", []keytab.Entry{entry(4, right), wrong(4, 1)}, 4, 1, 0},
		{"a ticket without a version", []keytab.Entry{wrong(4, 1), entry(5, right)}, 0, 2, 0},
		{"no key, of other versions", []keytab.Entry{wrong(3, 1), wrong(5, 2)}, 4, 0, message.ErrBadKeyVersion},
		{"no key, of that version too", []keytab.Entry{wrong(3, 1), wrong(4, 2)}, 4, 0, message.ErrModified},
		{"no key", nil, 4, 0, message.ErrNoKey},
	} {
		keys := keytab.New(row.keys...)
		f.mangle = func(m *message.APReq) { m.Ticket.Enc.HasKvno, m.Ticket.Enc.Kvno = row.kvno != 0, row.kvno }
		for _, name := range []krb.Principal{service, alias} { // under a name without a key those of all are tried likewise
			f.service = name
			for _, c := range []Config{{Keys: keys}, {}} {
				if c.Keys.Len() == 0 {
					c.Keys = nil
				}
				r := take(t, newMechanism(t, c).Accept(gss.Target{}), env, gss.Input{Token: f.token()})
				if _, ok := r.Ask.(NeedServiceKey); ok {
					r = take(t, r.Context, env, gss.Input{Answer: ServiceKeys{keys}})
				} else if c.Keys == nil {
					t.Errorf("%s: no keys are asked for", row.name)
				}
				opened := r.State == gss.Waiting
				if opened != (row.tries > 0) || !opened && errorOf(t, r) != row.says {
					t.Errorf("%s, Config.Keys %v: %v", row.name, c.Keys, r.Fault)
				}
			}
			ap, fault := message.ParseAPReq(f.apreq())
			if !fault.IsZero() {
				t.Fatal(fault)
			}
			if o := (&config{}).open(keys, &ap.Ticket); row.tries > 0 && o.tries != row.tries || o.opened != (row.tries > 0) {
				t.Errorf("%s: %d keys are tried, want %d", row.name, o.tries, row.tries)
			}
		}
		switch row.says {
		case message.ErrBadKeyVersion:
			requirement.Held(t, "unit:krb_key_of_another_version", "KRB-22")
		case 0:
			requirement.Held(t, "unit:krb_key_of_another_version", "KRB-21")
		}
	}
}

// TestKeysElsewhere: what Config.Keys does not open is asked about, and what they were tried for counts in the refusal.
func TestKeysElsewhere(t *testing.T) {
	f := newForger(t, krb.AES256SHA1)
	old, _ := keytab.FromPassword(service, gss.NewSecret("old"), "", 2, krb.AES256SHA1)
	older, _ := keytab.FromPassword(service, gss.NewSecret("older"), "", 1, krb.AES256SHA1)
	for _, row := range []struct {
		name   string
		keys   []keytab.Entry
		answer gss.Answer
		want   gss.Code
		says   message.ErrorCode
	}{
		{"written anew under the same version", old, ServiceKeys{f.keys}, gss.NoFault, 0},
		{"written anew under another", older, ServiceKeys{f.keys}, gss.NoFault, 0},
		{"there is no other", old, gss.Unknown{}, gss.BadCredentials, message.ErrModified},
		{"no other source", older, gss.Declined{}, gss.WrongTarget, message.ErrBadKeyVersion},
		{"others alike", old, ServiceKeys{keytab.New(older...)}, gss.BadCredentials, message.ErrModified},
	} {
		r := step(t, newMechanism(t, Config{Keys: keytab.New(row.keys...)}).Accept(gss.Target{}), env, gss.Input{Token: f.token()}, gss.Waiting)
		r = take(t, r.Context, env, gss.Input{Answer: row.answer})
		if r.Fault.Code != row.want || row.want != gss.NoFault && errorOf(t, r) != row.says {
			t.Errorf("%s: %v", row.name, r.Fault)
		}
		requirement.Held(t, "unit:krb_keys_elsewhere", "KRB-21")
	}
}

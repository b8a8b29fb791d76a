package kerberos_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// TestValuesShowNoKeys: keytabs, caches, prepared keys and a test KDC show no key and no
// password, by value as by pointer.
func TestValuesShowNoKeys(t *testing.T) {
	const canary = "0123456789abcdef0123456789ABCDEF"
	key, fault := krb.NewKey(krb.AES256SHA1, canary)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	name, fault := krb.ParsePrincipal("HTTP/a.test", "A.TEST")
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	prepared := enctype.Prepare(key, enctype.UsageTicket)
	table := keytab.New(keytab.Entry{Principal: name, Kvno: 1, Key: key})
	cache := ccache.New(name, ccache.Credential{Client: name, Server: name, Key: key})
	kdc, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{{Name: "alice", Password: canary}}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{prepared, *prepared, table, *table, cache, *cache, kdc, *kdc, []any{*table}, map[string]any{"k": prepared}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := strings.ToLower(fmt.Sprintf(verb, v))
			for _, secret := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprint([]byte(canary))} {
				if strings.Contains(text, strings.ToLower(secret)) {
					t.Errorf("%s of a %T: %s", verb, v, text)
				}
			}
		}
		if b, err := json.Marshal(v); err != nil || strings.Contains(string(b), canary) {
			t.Errorf("JSON of a %T: %s, %v", v, b, err)
		}
	}
	requirement.Held(t, "unit:values_show_no_keys", "SECRET-1")
}

package kerberos

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/internal/misuse/misusetest"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// A configuration that cannot work is a gss.Misuse of New, which says why.
func TestConfigurations(t *testing.T) {
	keys := func(of krb.Principal, types ...krb.EType) *keytab.Keytab {
		entries, fault := keytab.FromPassword(of, gss.NewSecret("password"), "", 1, types...)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		return keytab.New(entries...)
	}
	good := keys(service, krb.AES128SHA1)
	misusetest.Run(t, "kerberos", func(c Config) error { _, err := New(c); return err }, []misusetest.Row[Config]{
		{Field: "ChannelBinding", Config: Config{ChannelBinding: gss.Require + 1}},
		{Field: "MaxSkew", Config: Config{MaxSkew: -1}},
		{Field: "Keys", Config: Config{Keys: keytab.New()}},
		{Field: "Keys", Config: Config{Keys: keys(service, krb.RC4)}},
		{Field: "Keys", Config: Config{Keys: good, Services: []krb.Principal{alice}}},
		{Field: "Services[0]", Config: Config{Services: []krb.Principal{{}}}},
		{Field: "Services[1]", Config: Config{Services: []krb.Principal{service, {Name: service.Name}}}},
		{Field: "ClientRealms[1]", Config: Config{ClientRealms: []string{"A.TEST", ""}}},
		{Field: "ClientRealms[0]", Config: Config{ClientRealms: []string{"A\x00B"}}},
		{Field: "Realm", Config: Config{Realm: "A\x00B"}},
		{Field: "Realms", Config: Config{Realms: realmList{"a"}}},
		{Field: "Delegate", Config: Config{Delegate: delegations}},
		{Field: "Canonicalize", Config: Config{Canonicalize: krb.CanonicalizeAlways + 1}},
		{Field: "MinIterations", Config: Config{MinIterations: enctype.MaxIterations + 1}},
		{Field: "PAC", Config: Config{PAC: pacRequests}},
	}, map[string]string{
		"AllowRC4": "both work", "RequireTransitedChecked": "both work", "BareRequests": "both work", "KeepPAC": "both work",
		"RefuseAnonymous": "both work", "OneWay": "both work",
	})
	for name, c := range map[string]Config{
		"the zero value":           {},
		"realms that compare":      {Realms: &realmList{"a"}},
		"the most iterations":      {MinIterations: enctype.MaxIterations},
		"the last of each":         {ChannelBinding: gss.Require, Delegate: delegations - 1, Canonicalize: krb.CanonicalizeAlways, PAC: pacRequests - 1},
		"keys of one service":      {Keys: good, Services: []krb.Principal{service}},
		"keys under any name":      {Keys: good},
		"RC4 alone, allowed":       {Keys: keys(service, krb.RC4), AllowRC4: true},
		"RC4 beside a better type": {Keys: keys(service, krb.RC4, krb.AES128SHA1)},
	} {
		if _, err := New(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// realmList is a Realms that does not compare with ==.
type realmList []string

func (realmList) RealmOf(string) string { return "" }

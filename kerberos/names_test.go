package kerberos_test

import (
	"slices"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
)

// The principal that a ticket is wanted for, by the host of the URL and the name that the
// application gives.
func TestServicePrincipal(t *testing.T) {
	conf, fault := krb5conf.Parse("[domain_realm]\n.a.test = A.TEST\n", nil)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	for _, row := range []struct{ host, other, service, want string }{
		{"www.a.test", "", "HTTP", "HTTP/www.a.test@A.TEST"},
		{"WWW.a.test.", "", "HTTP", "HTTP/www.a.test@A.TEST"},
		{"www.a.test", "plain.A.test.", "web", "web/plain.a.test@A.TEST"},
		{"192.0.2.1", "www.a.test:8080", "HTTP", "HTTP/www.a.test:8080@A.TEST"},
		{"2001:db8::1", "", "HTTP", "HTTP/2001:db8::1@"},
		{"fe80::1%a.test", "", "HTTP", "HTTP/fe80::1@"},
	} {
		w := newWorld(t, "www.a.test")
		w.client.Realms = conf
		w.target.Host, w.target.ServiceHost, w.target.Service = row.host, row.other, row.service
		client, _, _ := mech(t, w.client).Initiate(w.target).Step(w.env(0), gss.Input{})
		_, out, err := client.Step(w.env(0), gss.Input{Answer: w.login})
		need, ok := out.Ask.(kerberos.NeedTicket)
		if got := need.Server.Name.String() + "@" + need.Server.Realm; err != nil || !ok || got != row.want {
			t.Errorf("%+v: %q, %v", row, got, err)
		}
		requirement.Held(t, "unit:service_names_of_mechanisms")
		requirement.Held(t, "unit:service_port")
	}
}

// The canonical name of a host is asked for, and used, where the configuration says so: always, or
// if no KDC knows the name as it stands.
func TestCanonicalNames(t *testing.T) {
	const known, alias, nowhere = "www.a.test", "alias.a.test", "nowhere.a.test"
	hosts := map[string]string{alias: "WWW.a.test.", known: "plain.a.test", nowhere: nowhere}
	for _, row := range []struct {
		when        krb.Canonicalization
		host, other string
		want        string // the service, "" for none
		asks        bool
	}{
		{krb.CanonicalizeNever, known, "", known, false},
		{krb.CanonicalizeNever, alias, "", "", false},
		{krb.CanonicalizeFallback, known, "", known, false},
		{krb.CanonicalizeFallback, alias, "", known, true},
		{krb.CanonicalizeFallback, nowhere, "", "", true},
		{krb.CanonicalizeFallback, "unlisted.a.test", "", "", true},
		{krb.CanonicalizeFallback, known, alias, "", false}, // what the application says is no alias
		{krb.CanonicalizeAlways, alias + ".", "", known, true},
		{krb.CanonicalizeAlways, "plain.a.test", "", "plain.a.test", true}, // which the resolver does not know
		{krb.CanonicalizeAlways, known, "", "plain.a.test", true},
		{krb.CanonicalizeAlways, alias, known, known, false},
	} {
		for _, stored := range []bool{false, true} {
			w := newWorld(t, known)
			w.hosts, w.client.Canonicalize = hosts, row.when
			w.target.Host, w.target.ServiceHost = row.host, row.other
			w.server.Keys = w.kdc.Keytab("HTTP/" + row.want + "@A.TEST")
			if stored {
				w.store = map[string]ccache.Credential{}
			}
			client, _, out, _ := w.run()
			if got := client.Info().Peer; row.want == "" && out.Fault.Code != gss.WrongTarget || row.want != "" && got != "HTTP/"+row.want {
				t.Errorf("%+v: %q, %v", row, got, out.Fault)
			}
			if got := slices.Contains(w.asked, "kerberos.NeedHostName"); got != row.asks {
				t.Errorf("%+v: asked %v", row, w.asked)
			}
			// The ticket-granting ticket is got once: two requests, of which one is refused for want of
			// a proof; and then one for each name of the service.
			if n := count(w.asked, "NeedExchange"); n > 4 {
				t.Errorf("%+v: %d requests to KDCs", row, n)
			}
			requirement.Held(t, "unit:canonical_names")
		}
	}
}

func count(list []string, s string) (n int) {
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

// Answers of other types are the driver's mistake.
func TestHostNameMisuse(t *testing.T) {
	w := newWorld(t, "www.a.test")
	w.client.Canonicalize = krb.CanonicalizeAlways
	c, _, _ := mech(t, w.client).Initiate(w.target).Step(w.env(0), gss.Input{})
	c, out, err := c.Step(w.env(0), gss.Input{Answer: w.login})
	if out.Ask != (kerberos.NeedHostName{Host: "www.a.test"}) || err != nil {
		t.Fatal(out, err)
	}
	if next, _, err := c.Step(w.env(0), gss.Input{Answer: gss.Unknown{}}); err == nil || next != c {
		t.Error("an unknown host name is taken")
	}
	if _, err := kerberos.New(kerberos.Config{Canonicalize: krb.CanonicalizeAlways + 1}); err == nil {
		t.Error("a canonicalization of another number is taken")
	}
}

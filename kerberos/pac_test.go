package kerberos

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/pac"
)

// KILE-3.4.5.3-1: a PAC is shown if its signature verifies, and never decides whether the
// user is accepted.
func TestPAC(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newForger(t, krb.AES256SHA1)
		kept := rapid.Bool().Draw(rt, "kept")
		what := rapid.SampledFrom([]string{"none", "good", "signed by another", "changed", "of another client", "of another time", "no PAC at all"}).Draw(rt, "PAC")
		key, client, authTime := f.serviceKey(), f.ticket.Client.Name, f.ticket.AuthTime
		switch what {
		case "signed by another":
			key = f.session
		case "of another client":
			client = krb.NameOf(krb.NamePrincipal, "bob")
		case "of another time":
			authTime++
		}
		data := pac.Write(client, authTime, pac.User{Name: "alice", DomainSID: pac.SIDOf(5, 21, 1, 2, 3), RID: 1000, Groups: []uint32{513}}, key, f.session)
		switch what {
		case "changed":
			at := rapid.IntRange(0, len(data)-40).Draw(rt, "byte") // before the KDC's signature
			data = data[:at] + string([]byte{data[at] ^ 1}) + data[at+1:]
		case "no PAC at all":
			data = "garbage"
		}
		if what != "none" {
			f.ticket.AuthData = message.AuthorizationData("").Append(message.ADPAC, data).IfRelevant()
		}
		r := accept(t, Config{Keys: f.keys, KeepPAC: kept}, gss.NoBinding(), f.token())
		if r.State != gss.Complete || r.Info().Peer != "alice" {
			rt.Fatalf("%s: %v", what, r.Fault)
		}
		v, ok, fault := PAC(r.Context)
		if ok != (kept && what == "good") || ok == (v == pac.Verified{}) || !fault.IsZero() && (!kept || what == "none" || what == "good") {
			rt.Fatalf("%s, kept %v: %v %v", what, kept, ok, fault)
		}
		if kept && what == "signed by another" {
			if fault.Code != gss.NotAuthentic {
				rt.Fatal(fault)
			}
			requirement.Held(t, "golden:krb_pac_bad_signature")
		}
		requirement.Held(t, "prop:pac_only_when_verified")
	})
}

// The tickets of a real directory.
func TestRecordedPAC(t *testing.T) {
	var rows []recording
	load(t, "accept.json", &rows)
	verified, logons := 0, 0
	for _, row := range rows {
		keys, _ := keytab.Parse(string(row.Keytab))
		at := gss.Env{Now: int64(row.Time * 1e9), Seed: gss.Seed{9}}
		r := take(t, newMechanism(t, Config{Keys: keys, AllowRC4: true, KeepPAC: true}).Accept(gss.Target{}), at, gss.Input{Token: gss.TokenOf(string(row.Token))})
		r = take(t, r.Context, at, gss.Input{Answer: gss.ReplayVerdict{First: true}})
		v, ok, fault := PAC(r.Context)
		if !fault.IsZero() {
			t.Errorf("%s: %v", row.Name, fault)
		}
		if !ok {
			continue
		}
		verified++
		l, ok, fault := v.Logon()
		if !fault.IsZero() {
			t.Errorf("%s: %v", row.Name, fault)
		}
		if !ok {
			continue
		}
		logons++
		groups := 0
		for range l.Groups() {
			groups++
		}
		u, ok, fault := v.UPN()
		if l.User() != "alice" || l.Domain() != "ADLAB" || groups == 0 || !ok || !fault.IsZero() || u.DNSDomain != "AD.TEST" {
			t.Errorf("%s: %q of %q, %d groups, %+v %v", row.Name, l.User(), l.Domain(), groups, u, fault)
		}
	}
	if verified < 20 || logons < 3 {
		t.Errorf("%d verified, %d with logon information", verified, logons)
	}
}

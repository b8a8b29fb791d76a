package kerberos

import (
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/message"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// Config.ClientRealms lists the realms of accepted clients. Neither the ticket's own
// fields nor an authenticator can put a client into another realm.
func TestClientRealms(t *testing.T) {
	for _, row := range []struct {
		client  string
		welcome []string
		want    gss.Code
	}{
		{"alice@A.TEST", nil, gss.NoFault},
		{"Administrator@EVIL.TEST", nil, gss.NoFault},
		{"alice@A.TEST", []string{"A.TEST"}, gss.NoFault},
		{"alice@B.TEST", []string{"A.TEST", "B.TEST"}, gss.NoFault},
		{"Administrator@EVIL.TEST", []string{"A.TEST", "B.TEST"}, gss.NotPermitted},
		{"Administrator@a.test", []string{"A.TEST"}, gss.NotPermitted},
		{"Administrator@A.TEST.EVIL.TEST", []string{"A.TEST"}, gss.NotPermitted},
		{`Administrator@EVIL.TEST\@A.TEST`, []string{"A.TEST"}, gss.NotPermitted},
		{"WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", []string{"A.TEST"}, gss.NotPermitted},
		{"WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", []string{"A.TEST", krb.AnonymousRealm}, gss.NoFault},
	} {
		f := newForger(t, krb.AES256SHA1).as(principal(row.client))
		f.ticket.TransitedType, f.ticket.Transited = 1, "MALLORY.TEST"
		for _, written := range []string{"A.TEST", f.ticket.Client.Realm} {
			f.service = krb.Principal{Name: service.Name, Realm: written}
			r := accept(t, Config{Keys: f.keys, ClientRealms: row.welcome}, gss.NoBinding(), f.token())
			if r.Fault.Code != row.want {
				t.Errorf("%s where %q are welcome: %v", row.client, row.welcome, r.Fault)
			}
			if row.want != gss.NoFault && errorOf(t, r) != message.ErrPolicy {
				t.Error("the client is not told")
			}
		}
		requirement.Held(t, "unit:krb_client_realms", "KRB-4")
	}
	given := []string{"A.TEST"}
	m := newMechanism(t, Config{ClientRealms: given})
	if given[0] = "EVIL.TEST"; m.cfg.ClientRealms[0] != "A.TEST" {
		t.Error("what the caller does to its list changes the mechanism")
	}
}

// RFC 4120 section 2.7: under Config.RequireTransitedChecked a ticket that crossed realms has
// the flag that says that its path was checked. Which realm is the service's own does
// not come from the ticket.
func TestRequireTransitedChecked(t *testing.T) {
	away := krb.Principal{Name: service.Name, Realm: "EVIL.TEST"}
	for _, row := range []struct {
		name      string
		client    string
		transited string
		flags     krb.Flags
		want      gss.Code
	}{
		{"at home", "alice@A.TEST", "", 0, gss.NoFault},
		{"from a neighbour, checked", "alice@B.TEST", "", krb.TransitedOK, gss.NoFault},
		{"from a neighbour", "alice@B.TEST", "", 0, gss.NotPermitted},
		{"from afar, checked", "alice@C.TEST", "B.TEST", krb.TransitedOK, gss.NoFault},
		{"from afar", "Administrator@EVIL.TEST", "MALLORY.TEST", 0, gss.NotPermitted},
		{"at home, by way of others", "Administrator@A.TEST", "MALLORY.TEST", 0, gss.NotPermitted},
		{"at home, by way of others, in an encoding that is not known", "Administrator@A.TEST", "\xFF\x00", 0, gss.NotPermitted},
		{"anonymous", "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", "MALLORY.TEST", 0, gss.NoFault},
	} {
		f := newForger(t, krb.AES256SHA1).as(principal(row.client))
		f.ticket.Flags |= row.flags
		f.ticket.TransitedType, f.ticket.Transited = 1, row.transited
		for _, c := range []Config{{Keys: f.keys}, {Keys: f.keys, RequireTransitedChecked: true}} {
			for _, written := range []krb.Principal{service, away} {
				f.service = written
				want := row.want
				if !c.RequireTransitedChecked {
					want = gss.NoFault
				}
				r := accept(t, c, gss.NoBinding(), f.token())
				if r.Fault.Code != want {
					t.Errorf("%s, %+v: %v", row.name, written, r.Fault)
				}
				if want != gss.NoFault && errorOf(t, r) != message.ErrPathRejected {
					t.Error("the client is not told")
				}
			}
		}
		requirement.Held(t, "unit:krb_transited_checked", "R4120-2.7-1")
	}
	// So it is with a key from elsewhere.
	for _, client := range []string{"alice@A.TEST", "alice@B.TEST"} {
		f := newForger(t, krb.AES256SHA1).as(principal(client))
		f.service = away
		r := step(t, newMechanism(t, Config{RequireTransitedChecked: true}).Accept(gss.Target{}), env, gss.Input{Token: f.token()}, gss.Waiting)
		if r = take(t, r.Context, env, gss.Input{Answer: ServiceKeys{f.keys}}); (r.Fault.Code == gss.NotPermitted) != (client == "alice@B.TEST") {
			t.Errorf("%s, with a key from elsewhere: %v", client, r.Fault)
		}
	}
}

// RFC 1964 section 2.1.1: the name that logs and handlers are given has the realm.
func TestNameHasRealm(t *testing.T) {
	for client, want := range map[string]string{
		"alice@A.TEST": "alice@A.TEST", "alice@EVIL.TEST": "alice@EVIL.TEST", `a\@b/c@R\/S\@T`: `a\@b/c@R\/S\@T`, "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS": "",
	} {
		f := newForger(t, krb.AES256SHA1).as(principal(client))
		if got := accept(t, Config{Keys: f.keys}, gss.NoBinding(), f.token()).Info().Name(); got != want {
			t.Errorf("%s is %q", client, got)
		}
		requirement.Held(t, "unit:krb_name_has_realm", "R1964-2.1.1-1")
	}
	// A realm is behind the name, which a domain of another mechanism is not.
	for mech, want := range map[gss.OID]string{gss.NTLM: `LAB\alice`, gss.SPNEGO: "alice"} {
		if got := (gss.Info{Mech: mech, Peer: "alice", Domain: "LAB"}).Name(); got != want {
			t.Errorf("of %v: %q, want %q", mech, got, want)
		}
	}
}

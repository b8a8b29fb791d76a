package krb5_test

import (
	"errors"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/pac"
)

var domain = pac.SIDOf(5, 21, 1, 2, 3)

// accepted returns the identity of a client that logged on at a service over SPNEGO. sign makes
// the PAC of its ticket; the service keeps it if keep is set.
func accepted(t *testing.T, keep bool, sign func(client krb.Principal, at krb.Time, service, krbtgt krb.Key) string) drive.Identity {
	t.Helper()
	realm, err := kdctest.New(kdctest.Config{PAC: sign, Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{
		{Name: "alice", Password: "wonder"}, {Name: "HTTP/www.a.test", Password: "service"},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	login, err := answer.For("https://www.a.test", "alice@A.TEST", "wonder")
	if err != nil {
		t.Fatal(err)
	}
	source := answer.Chain(login, krb5.InProcess(realm), &krb5.Tickets{}, krb5.NewReplayCache(1000, 0))
	half := func(c kerberos.Config) gss.Mechanism {
		k, err := kerberos.New(c)
		if err != nil {
			t.Fatal(err)
		}
		s, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{k}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	at := gss.Target{Service: "HTTP", Scheme: "https", Host: "www.a.test", Port: 443}
	_, out := run(source, half(kerberos.Config{Realm: "A.TEST"}).Initiate(at), gss.Input{})
	a, out := run(source, half(kerberos.Config{Keys: realm.Keytab("HTTP/www.a.test@A.TEST"), KeepPAC: keep}).Accept(at), gss.Input{Token: out.Token})
	if out.State != gss.Complete {
		t.Fatal(out.Fault)
	}
	return drive.Identity{Scheme: "Negotiate", Info: a.Info(), Context: a}
}

func signed(client krb.Principal, at krb.Time, service, krbtgt krb.Key) string {
	return pac.Write(client.Name, at, pac.User{Name: "alice", DomainSID: domain, RID: 1104, PrimaryGroupRID: 513, Groups: []uint32{513, 512}, Extra: []pac.SID{pac.SIDOf(5, 32, 544)}}, service, krbtgt)
}

// A user is a member of the groups in a PAC that verifies, and of none otherwise.
func TestMemberOf(t *testing.T) {
	byName := func(name string) (pac.SID, error) {
		if name != "Domain Admins" {
			return "", errors.New("no such group")
		}
		return pac.SIDOf(5, 21, 1, 2, 3, 512), nil
	}
	forged := func(client krb.Principal, at krb.Time, _, krbtgt krb.Key) string {
		return signed(client, at, krbtgt, krbtgt)
	}
	for _, row := range []struct {
		name    string
		id      drive.Identity
		members bool
		fails   bool
	}{
		{"signed", accepted(t, true, signed), true, false},
		{"not kept", accepted(t, false, signed), false, false},
		{"without a PAC", accepted(t, true, nil), false, false},
		{"signed by another key", accepted(t, true, forged), false, true},
		{"no identity", drive.Identity{}, false, false},
	} {
		groups, err := krb5.Groups(row.id.Context)
		if (len(groups) == 3) != row.members || (err != nil) != row.fails {
			t.Errorf("%s: groups %v, error %v", row.name, groups, err)
		}
		for _, group := range []string{"S-1-5-21-1-2-3-512", "Domain Admins", "S-1-5-32-544"} {
			allowed, err := krb5.MemberOf(byName, "S-1-5-21-9-9-9-9", group)
			if err != nil {
				t.Fatal(err)
			}
			if allowed(row.id) != row.members {
				t.Errorf("%s: member of %s: %t", row.name, group, !row.members)
			}
		}
		if other, err := krb5.MemberOf(nil, "S-1-5-21-1-2-3-519"); err != nil || other(row.id) {
			t.Errorf("%s: member of a group that the PAC does not name (%v)", row.name, err)
		}
	}
	login := accepted(t, true, signed)
	groups, err := krb5.SessionGroups(login.Info, login.Context)
	if err != nil || len(groups) != 3 {
		t.Errorf("the groups of a session: %v, %v", groups, err)
	}
	if other := accepted(t, true, forged).Context; other != nil {
		if groups, err := krb5.SessionGroups(gss.Info{}, other); err == nil {
			t.Errorf("the groups of a forged PAC: %v", groups)
		}
	}
	login.Context, login.Session = nil, &session.Session{Groups: groups}
	for group, want := range map[string]bool{"S-1-5-21-1-2-3-512": true, "S-1-5-32-544": true, "S-1-5-21-9-9-9-9": false} {
		if allowed, err := krb5.MemberOf(nil, group); err != nil || allowed(login) != want {
			t.Errorf("a session is a member of %s: %t, %v", group, !want, err)
		}
	}
	anonymous := accepted(t, true, signed)
	anonymous.Anonymous = true
	if allowed, _ := krb5.MemberOf(nil, "S-1-5-32-544"); allowed(anonymous) {
		t.Error("an identity that is not named is a member of a group")
	}
}

// Groups that cannot be meant are refused where they are configured.
func TestMemberOfMisuse(t *testing.T) {
	none := func(string) (pac.SID, error) { return "", nil }
	gone := errors.New("the directory is gone")
	for want, of := range map[string]func() (func(drive.Identity) bool, error){
		"misuse: krb5: MemberOf has no groups, so that it would refuse all users; name one":                 func() (func(drive.Identity) bool, error) { return krb5.MemberOf(none) },
		`misuse: krb5: MemberOf: the group "Staff" is no SID, and there is no function to resolve its name`: func() (func(drive.Identity) bool, error) { return krb5.MemberOf(nil, "Staff") },
		`krb5: the group "Staff" has no SID`: func() (func(drive.Identity) bool, error) { return krb5.MemberOf(none, "S-1-5-32-544", "Staff") },
		`krb5: the group "Staff": the directory is gone`: func() (func(drive.Identity) bool, error) {
			return krb5.MemberOf(func(string) (pac.SID, error) { return "", gone }, "Staff")
		},
	} {
		if f, err := of(); f != nil || err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

package pac_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/pac"
)

const at = krb.Time(1795608000)

var (
	alice  = krb.NameOf(krb.NamePrincipal, "alice")
	domain = pac.SIDOf(5, 21, 1, 2, 3)
	user   = pac.User{Name: "alice", FullName: "Alice Ünnamed", Domain: "A", Server: "DC", DomainSID: domain, RID: 1104, PrimaryGroupRID: 513,
		Groups: []uint32{513, 1200}, Extra: []pac.SID{pac.SIDOf(18, 1), pac.SIDOf(5, 32, 544)}, UPN: "alice@a.test", DNSDomain: "A.TEST"}
)

func key(t testing.TB, kind krb.EType, fill string) krb.Key {
	t.Helper()
	k, fault := krb.NewKey(kind, strings.Repeat(fill, kind.KeySize()))
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	return k
}

func verify(b string, service krb.Key) (pac.Verified, gss.Fault) {
	p, fault := pac.Parse(b)
	if !fault.IsZero() {
		return pac.Verified{}, fault
	}
	return p.Verify(enctype.Prepare(service, enctype.UsageNonKerbChecksum), alice, at)
}

func TestPAC(t *testing.T) {
	for _, kind := range []krb.EType{krb.AES256SHA1, krb.AES128SHA256, krb.AES256SHA384, krb.RC4} {
		service, krbtgt := key(t, kind, "s"), key(t, krb.AES256SHA1, "k")
		v, fault := verify(pac.Write(alice, at, user, service, krbtgt), service)
		if !fault.IsZero() {
			t.Fatal(kind, fault)
		}
		l, ok, fault := v.Logon()
		if !ok || !fault.IsZero() || l.User() != "alice" || l.FullName() != "Alice Ünnamed" || l.Domain() != "A" || l.Server() != "DC" || l.UserSID().String() != "S-1-5-21-1-2-3-1104" {
			t.Errorf("%v %v: %q %q %v", ok, fault, l.User(), l.FullName(), l.UserSID())
		}
		var groups []string
		for g := range l.Groups() {
			groups = append(groups, g.String())
		}
		if want := []string{"S-1-5-21-1-2-3-513", "S-1-5-21-1-2-3-1200", "S-1-18-1", "S-1-5-32-544"}; !slices.Equal(groups, want) {
			t.Errorf("%v", groups)
		}
		u, ok, fault := v.UPN()
		if !ok || !fault.IsZero() || u.Name != "alice@a.test" || u.DNSDomain != "A.TEST" || u.Account != "alice" || u.SID != l.UserSID() {
			t.Errorf("%v %v %+v", ok, fault, u)
		}
		if v.ByKDC() {
			t.Error("the KDC's signature was not looked at")
		}
		if v, fault := v.VerifyKDC(enctype.Prepare(krbtgt)); !fault.IsZero() || !v.ByKDC() {
			t.Error(fault)
		}
		if v, fault := v.VerifyKDC(enctype.Prepare(service)); fault.Code != gss.NotAuthentic || v != (pac.Verified{}) {
			t.Error("another key's signature is the KDC's")
		}
	}
}

// Without logon information, as MIT's KDC has it, a PAC is as good.
func TestWithoutLogon(t *testing.T) {
	service, krbtgt := key(t, krb.AES256SHA1, "s"), key(t, krb.AES256SHA1, "k")
	v, fault := verify(pac.Write(alice, at, pac.User{}, service, krbtgt), service)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	if _, ok, fault := v.Logon(); ok || !fault.IsZero() {
		t.Error("there is none")
	}
	if _, ok, fault := v.UPN(); ok || !fault.IsZero() {
		t.Error("there is none")
	}
}

// Nothing that was changed, and nothing of another ticket, says anything.
func TestNotVerified(t *testing.T) {
	service, krbtgt := key(t, krb.AES256SHA1, "s"), key(t, krb.AES256SHA1, "k")
	good := pac.Write(alice, at, user, service, krbtgt)
	if _, fault := verify(good, krbtgt); fault.Code != gss.NotAuthentic {
		t.Error("another key")
	}
	p, _ := pac.Parse(good)
	for _, row := range []struct {
		name krb.Name
		time krb.Time
	}{{krb.NameOf(1, "bob"), at}, {alice, at + 1}} {
		if _, fault := p.Verify(enctype.Prepare(service), row.name, row.time); fault.Code != gss.NotAuthentic {
			t.Errorf("%v: %v", row, fault)
		}
	}
	// Only the KDC's signature and what pads buffers may change without notice.
	quiet := 0
	for i := range len(good) {
		b := []byte(good)
		b[i] ^= 0x40
		if v, fault := verify(string(b), service); fault.IsZero() {
			if quiet++; v == (pac.Verified{}) {
				t.Error("no fault, and nothing verified")
			}
		}
		if v, fault := verify(good[:i], service); fault.IsZero() || v != (pac.Verified{}) {
			t.Errorf("cut to %d bytes it verifies", i)
		}
	}
	if quiet > 12 {
		t.Errorf("%d bytes can be changed, 12 are the KDC's signature", quiet)
	}
	for _, v := range []any{p, user} {
		if s := fmt.Sprintf("%v", v); v == any(p) && strings.Contains(s, "alice") {
			t.Error("an unverified PAC shows names")
		}
	}
	var none pac.Verified
	if _, ok, _ := none.Logon(); ok || none.ByKDC() {
		t.Error("the zero Verified says something")
	}
}

func FuzzParse(f *testing.F) {
	service, krbtgt := key(f, krb.AES256SHA1, "s"), key(f, krb.AES256SHA1, "k")
	f.Add(pac.Write(alice, at, user, service, krbtgt))
	f.Add(pac.Write(alice, at, pac.User{}, service, krbtgt))
	f.Fuzz(func(t *testing.T, b string) {
		p, fault := pac.Parse(b)
		if !fault.IsZero() {
			return
		}
		if v, fault := p.Verify(enctype.Prepare(service), alice, at); fault.IsZero() {
			v.Logon()
			v.UPN()
		}
		// What a KDC signs is read all the same, however broken it is.
		v := pac.Trust(p)
		if l, ok, _ := v.Logon(); ok {
			n := 0
			for range l.Groups() {
				n++
			}
			if n > 3*pac.MaxSIDs {
				t.Error("more groups than there may be")
			}
			_ = l.User() + l.FullName() + l.Domain() + l.Server()
		}
		v.UPN()
	})
}

func BenchmarkPAC(b *testing.B) {
	service, krbtgt := key(b, krb.AES256SHA1, "s"), key(b, krb.AES256SHA1, "k")
	raw, prepared := pac.Write(alice, at, user, service, krbtgt), enctype.Prepare(service, enctype.UsageNonKerbChecksum)
	b.ReportAllocs()
	for b.Loop() {
		p, _ := pac.Parse(raw)
		v, fault := p.Verify(prepared, alice, at)
		if !fault.IsZero() {
			b.Fatal(fault)
		}
		v.Logon()
	}
}

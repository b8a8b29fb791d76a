package krb_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

// RFC 1964 section 2.1.1: a principal as text is read back as the same principal, and no
// part of one that is read holds a NUL, however it is written.
func TestPrincipalText(t *testing.T) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab/@\\nt0\n\t\b\x00é")), 0, 24, -1)
	rapid.Check(t, func(rt *rapid.T) {
		p, fault := krb.ParsePrincipal(text.Draw(rt, "text"), text.Draw(rt, "realm"))
		if !fault.IsZero() {
			if fault.Code != gss.Malformed || p != (krb.Principal{}) {
				rt.Fatalf("%v beside %q", fault, p)
			}
			return
		}
		if strings.ContainsRune(p.Realm, 0) {
			rt.Fatalf("a realm with a NUL: %q", p.Realm)
		}
		if again, fault := krb.ParsePrincipal(p.String(), ""); !fault.IsZero() || again != p {
			rt.Fatalf("%q comes back as %q: %v", p, again, fault)
		}
	})
	for _, bad := range []string{"|@\\\x00", "a@R\x00", "a@R\\0S", "a\x00", "a\\\x00", "a\\0b", "a/b\\\x00c", "a@" + strings.Repeat("r", krb.MaxText+1), strings.Repeat("a", krb.MaxText+1)} {
		if p, fault := krb.ParsePrincipal(bad, "R"); fault.Code != gss.Malformed || !p.IsZero() {
			t.Errorf("%.20q is %v: %v", bad, p, fault)
		}
	}
	for _, realm := range []string{"R\x00", strings.Repeat("r", krb.MaxText+1)} {
		if p, fault := krb.ParsePrincipal("a", realm); fault.Code != gss.Malformed || !p.IsZero() {
			t.Errorf("in the realm %.20q is %v: %v", realm, p, fault)
		}
	}
	// What is written may be longer than what was read: a line break becomes two bytes.
	long := strings.Repeat("\n", krb.MaxText)
	p, fault := krb.ParsePrincipal(long, long)
	if again, also := krb.ParsePrincipal(p.String(), ""); !fault.IsZero() || !also.IsZero() || again != p {
		t.Errorf("%d bytes do not come back: %v, %v", krb.MaxText, fault, also)
	}
	requirement.Held(t, "unit:krb_principal_text", "KRB-3")
}

// Standing is the same for every case and every type of a name.
func TestStandingIgnoresCaseAndType(t *testing.T) {
	for _, row := range []struct {
		realm, name string
		want        krb.Standing
	}{
		{"A.TEST", "alice", krb.Named}, {"A.TEST", "HTTP/wellknown", krb.Named}, {"WELLKNOWN", "alice", krb.Named}, {"", "alice", krb.Named},
		{"WELLKNOWN:ANONYMOUS", "WELLKNOWN/ANONYMOUS", krb.Anonymous}, {"WELLKNOWN:ANONYMOUS", "alice", krb.Anonymous},
		{"A.TEST", "WELLKNOWN/ANONYMOUS", krb.AnonymousMember}, {"", "WELLKNOWN/ANONYMOUS", krb.AnonymousMember},
		{"A.TEST", "WELLKNOWN/OTHER", krb.Reserved}, {"A.TEST", "WELLKNOWN", krb.Reserved}, {"A.TEST", "WELLKNOWN/ANONYMOUS/x", krb.Reserved},
		{"WELLKNOWN:", "alice", krb.Reserved}, {"WELLKNOWN:X", "WELLKNOWN/ANONYMOUS", krb.Reserved}, {"WELLKNOWN:ANONYMOUSLY", "a", krb.Reserved},
	} {
		for _, kind := range []int32{krb.NameUnknown, krb.NamePrincipal, krb.NameServiceInst, krb.NameServiceHost, krb.NameEnterprise, krb.NameWellKnown} {
			for _, form := range []func(string) string{func(s string) string { return s }, strings.ToLower, mixed} {
				p := krb.Principal{Name: krb.NameOf(kind, strings.Split(form(row.name), "/")...), Realm: form(row.realm)}
				want := row.want
				if kind == krb.NameWellKnown && want == krb.Named {
					want = krb.Reserved // it says that it is well known, and it is not
				}
				if got := p.Standing(); got != want {
					t.Errorf("%v of type %d: %d, want %d", p, kind, got, want)
				}
			}
		}
	}
	if got := (krb.Principal{}).Standing(); got != krb.Named {
		t.Errorf("the zero Principal: %d", got)
	}
}

// mixed is s in small letters but for the first.
func mixed(s string) string {
	if s == "" {
		return s
	}
	return s[:1] + strings.ToLower(s[1:])
}

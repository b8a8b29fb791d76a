package krb_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/kerberos/names"
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
	for _, bad := range []string{"|@\\\x00", "a@R\x00", "a@R\\0S", "a\x00", "a\\\x00", "a\\0b", "a/b\\\x00c", "a@" + strings.Repeat("r", names.MaxText+1), strings.Repeat("a", names.MaxText+1)} {
		if p, fault := krb.ParsePrincipal(bad, "R"); fault.Code != gss.Malformed || !p.IsZero() {
			t.Errorf("%.20q is %v: %v", bad, p, fault)
		}
	}
	for _, realm := range []string{"R\x00", strings.Repeat("r", names.MaxText+1)} {
		if p, fault := krb.ParsePrincipal("a", realm); fault.Code != gss.Malformed || !p.IsZero() {
			t.Errorf("in the realm %.20q is %v: %v", realm, p, fault)
		}
	}
	// What is written may be longer than what was read: a line break becomes two bytes.
	long := strings.Repeat("\n", names.MaxText)
	p, fault := krb.ParsePrincipal(long, long)
	if again, also := krb.ParsePrincipal(p.String(), ""); !fault.IsZero() || !also.IsZero() || again != p {
		t.Errorf("%d bytes do not come back: %v, %v", names.MaxText, fault, also)
	}
	requirement.Held(t, "unit:krb_principal_text", "KRB-3")
}

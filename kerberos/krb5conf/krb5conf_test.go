package krb5conf

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos/krb"
)

const file = `
# a comment
include /etc/other.conf
[libdefaults]
	default_realm = A.TEST
	dns_canonicalize_hostname = false
	clockskew = 2m 30s
	ticket_lifetime = 10:00
	udp_preference_limit = 1
	permitted_enctypes = aes -aes128-cts-hmac-sha1-96, rc4 nonsense
[realms]
	A.TEST = {
		kdc = kdc1.a.test:88
		kdc = "https://proxy.a.test/KdcProxy"
		auth_to_local_names = {
			root = nobody
		}
		auth_to_local = RULE:[2:$1;$2](^.*;admin$)s/;admin$//
		auth_to_local = RULE:[1:$1@$0](.*@B\.TEST)s/@.*//s/x/y/g
		auth_to_local = DEFAULT
	}
	B.TEST = { 
		kdc = kdc.b.test
	}
[domain_realm]
	.a.test = A.TEST
	.sub.a.test = SUB.TEST
	odd.a.test = ODD.TEST
[capaths]
	A.TEST = {
		C.TEST = B.TEST
		B.TEST = .
	}
`

func parse(t testing.TB, text string) *Config {
	t.Helper()
	c, fault := Parse(text, func(directive, name string) (string, bool) {
		if directive != "include" || name != "/etc/other.conf" {
			return "", false
		}
		return "[realms]\nD.TEST = {\n kdc = kdc.d.test\n}\n", true
	})
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	return c
}

func TestConfig(t *testing.T) {
	c := parse(t, file)
	if c.DefaultRealm() != "A.TEST" || c.Canonicalizes() != krb.CanonicalizeNever || c.Number("udp_preference_limit", 1465) != 1 {
		t.Error("libdefaults")
	}
	if got := c.KDCs("A.TEST"); !slices.Equal(got, []string{"kdc1.a.test:88", "https://proxy.a.test/KdcProxy"}) {
		t.Errorf("%q", got)
	}
	if got := c.KDCs("D.TEST"); !slices.Equal(got, []string{"kdc.d.test"}) {
		t.Errorf("what is included: %q", got)
	}
	for host, want := range map[string]string{"www.a.test": "A.TEST", "WWW.A.TEST.": "A.TEST", "x.sub.a.test": "SUB.TEST", "odd.a.test": "ODD.TEST", "a.test": "", "other": "", "xa.test": ""} {
		if got := c.RealmOf(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
	if got := c.CAPath("A.TEST", "C.TEST"); !slices.Equal(got, []string{"B.TEST"}) || c.CAPath("A.TEST", "B.TEST") != nil || c.CAPath("X", "Y") != nil {
		t.Errorf("%q", got)
	}
	if got := c.Types("permitted_enctypes"); !slices.Equal(got, []krb.EType{krb.AES256SHA1, krb.AES256SHA384, krb.AES128SHA256, krb.RC4}) || c.Types("default_tkt_enctypes") != nil {
		t.Errorf("%v", got)
	}
	if c.Duration("clockskew", 0) != 150*time.Second || c.Duration("ticket_lifetime", 0) != 10*time.Hour || c.Duration("none", time.Hour) != time.Hour {
		t.Error("durations")
	}
	for text, want := range map[string]time.Duration{"300": 300 * time.Second, "1d": 24 * time.Hour, "1:2:3": time.Hour + 2*time.Minute + 3*time.Second} {
		if got, ok := duration(text); !ok || got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for text, want := range map[string]time.Duration{
		"106751d": 106751 * 24 * time.Hour, "106752d": math.MaxInt64, "16777216d": math.MaxInt64, "106751d 106751d": math.MaxInt64, "16777216d 1s": math.MaxInt64,
		"1048575:1048575:1048575": 1048575 * (time.Hour + time.Minute + time.Second), "2147483647": 2147483647 * time.Second, "16777216h 16777216h": math.MaxInt64,
	} {
		if got, ok := duration(text); !ok || got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		requirement.Held(t, "unit:krb5conf_durations_saturate", "R4120-5.2.3-1")
	}
	for _, bad := range []string{"", "x", "1x", "d", "5m3", "1:2:3:4", "99999999999999999999s"} {
		if _, ok := duration(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
	var none *Config
	if none.DefaultRealm() != "" || none.RealmOf("x") != "" || none.KDCs("X") != nil || !none.Bool("x", true) || fmt.Sprint(none) == "" {
		t.Error("the nil Config")
	}
}

func TestLocalName(t *testing.T) {
	c := parse(t, file)
	for text, want := range map[string]string{"alice@A.TEST": "alice", "root@A.TEST": "nobody", "bob/admin@A.TEST": "bob", "foxx@B.TEST": "foyy", "alice@C.TEST": "", "bob/other@A.TEST": "", "a/b/c@A.TEST": ""} {
		p, _ := krb.ParsePrincipal(text, "")
		if got, ok := c.LocalName(p); got != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	p, _ := krb.ParsePrincipal("alice@A.TEST", "")
	grow := "RULE:[1:$1]" + strings.Repeat("s//"+strings.Repeat("x", 200)+"/g", 4)
	for _, rule := range []string{"RULE:", "RULE:[", "RULE:[1:$9]", "RULE:[x:$1]", "RULE:[1:$1](", "RULE:[1:$1]((", "RULE:[1:$1]s/a", "RULE:[1:$1]" + strings.Repeat("s/a/a/", maxReplacements+1), grow, "OTHER"} {
		c := parse(t, "[libdefaults]\ndefault_realm = A.TEST\n[realms]\nA.TEST = {\nauth_to_local = "+rule+"\n}\n")
		if got, ok := c.LocalName(p); ok {
			t.Errorf("%s gives %q", rule, got)
		}
	}
}

// Each bound: as much as it says is taken, and one more is not (L9).
func TestBounds(t *testing.T) {
	rule := func(name, rule string) bool {
		c := parse(t, "[libdefaults]\ndefault_realm = A.TEST\n[realms]\nA.TEST = {\nauth_to_local = "+rule+"\n}\n")
		p, _ := krb.ParsePrincipal(name+"@A.TEST", "")
		_, ok := c.LocalName(p)
		return ok
	}
	taken := func(text string, include func(string, string) (string, bool)) bool {
		_, fault := Parse(text, include)
		return fault.IsZero()
	}
	for name, take := range map[string]func(more int) bool{
		"MaxSize":      func(more int) bool { return taken(strings.Repeat("#", maxSize+more), nil) },
		"MaxRelations": func(more int) bool { return taken("[a]\n"+strings.Repeat("b = c\n", maxRelations-1+more), nil) },
		"MaxDepth": func(more int) bool {
			n := maxDepth - 1 + more
			return taken("[a]\n"+strings.Repeat("b = {\n", n)+strings.Repeat("}\n", n), nil)
		},
		"MaxLocalName": func(more int) bool { return rule(strings.Repeat("a", maxLocalName+more), "RULE:[1:$1]") },
		"maxReplacements": func(more int) bool {
			return rule("alice", "RULE:[1:$1]"+strings.Repeat("s/a/a/", maxReplacements+more))
		},
		"MaxDepth of includes": func(more int) bool {
			left := maxDepth + more
			return taken("include x\n", func(string, string) (string, bool) {
				if left--; left == 0 {
					return "", true
				}
				return "include x\n", true
			})
		},
	} {
		if !take(0) {
			t.Errorf("%s: as much as is allowed is refused", name)
		}
		if take(1) {
			t.Errorf("%s: one more is taken", name)
		}
	}
}

// TestSlips: a line that does not parse costs nothing but itself, and what MIT's library reads is read.
func TestSlips(t *testing.T) {
	include := func(string, string) (string, bool) { return "[libdefaults]\nincluded = 1\n", true }
	for text, want := range map[string]string{
		"x = y\n[r]\nk = 1\n":                         "1",   // before the first section
		"[r]\nk = 1\n[a\nk = 2\n[r]\nk = 3\n":         "1 3", // in a section without an end
		"[r]\nk = 1\n}\nk = 2\n":                      "1 2",
		"[r]\nk = 1\nA = {\nb = c\n":                  "1", // the file ends inside of braces
		"[r]\nk = 1\nA = {\nb = c\n[s]\n[r]\nk = 2\n": "1 2",
		"[r]\nk\nk = 1\n":                             "1",
		"[r]\nk = \"0\nk = 1\n":                       "1",
		"[r]\n= 0\nk = 1\n":                           "1",
		"[r]\nA =\n# no more\n\n{\nk = 1\n}\nk = 2\n": "1 2", // the brace on a line of its own
		"[r]\n{\nk = 1\n":                             "1",
		"[r]\nA = {\ninclude x\nk = 1\n}\nk = 2\n":    "1 2",
	} {
		c, fault := Parse(text, include)
		if !fault.IsZero() {
			t.Errorf("%q: %v", text, fault)
			continue
		}
		if got := strings.Join(append(c.all("r", "A", "k"), c.all("r", "k")...), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if strings.Contains(text, "include") && c.Number("included", 0) != 1 {
			t.Errorf("%q: what was included is not there", text)
		}
	}
	requirement.Held(t, "unit:krb_conf_slips", "KRB-66")
}

func TestMalformed(t *testing.T) {
	for text, line := range map[string]int{
		"[a]\n" + strings.Repeat("b = {\n", maxDepth+1): maxDepth + 1, "include /none\n": 1,
	} {
		_, fault := Parse(text, func(string, string) (string, bool) { return "", false })
		if fault.Code != gss.Malformed || !strings.Contains(fault.Detail, fmt.Sprintf("line %d", line)) {
			t.Errorf("%.20q: %v", text, fault)
		}
	}
	if _, fault := Parse(strings.Repeat("#", maxSize+1), nil); fault.Code != gss.Malformed {
		t.Error("more than MaxSize")
	}
	endless := func(string, string) (string, bool) { return "include x\n", true }
	if _, fault := Parse("include x\n", endless); fault.Code != gss.Malformed {
		t.Error("files that include each other")
	}
	if _, fault := Parse("[a]\n"+strings.Repeat("b = c\n", maxRelations), nil); fault.Code != gss.Malformed {
		t.Error("more than MaxRelations")
	}
	// An include inside of a section adds others and leaves this one as it was.
	many := ""
	for i := range 20 {
		many += fmt.Sprintf("[s%d]\nx = y\n", i)
	}
	c, fault := Parse("[libdefaults]\ninclude\tmore\ndefault_realm = R\n", func(string, string) (string, bool) { return many, true })
	if !fault.IsZero() || c.DefaultRealm() != "R" {
		t.Errorf("%v %v", c, fault)
	}
}

// TestFinal: a mark counts for the files that come later (krb5.conf(5)).
func TestFinal(t *testing.T) {
	k := func(c *Config) []string { return append(c.all("r", "A", "k"), c.all("r", "k")...) }
	for _, row := range []struct {
		earlier, later string
		want           []string
	}{
		{"[r]*\nk = 1\n[r]\nk = 2\n", "", []string{"1", "2"}},
		{"[r]\nA = {\nk = 1\n}*\nA = {\nk = 2\n}\n", "", []string{"1", "2"}},
		{"[r]\nA = {\nk* = 1\nk = 2\n}\n", "", []string{"1", "2"}},
		{"[r]\nA = {\nk = 1\n}\n[r]\nA = {\nk = 2\n}\n", "", []string{"1", "2"}},
		{"[r]\nk = 1\n", "[r]\nk = 2\n", []string{"1", "2"}},
		{"[r]*\nk = 1\n", "[r]\nk = 2\n", []string{"1"}},
		{"[r]\nk* = 1\nk = 2\n", "[r]\nk = 3\n", []string{"1", "2", "3"}},
		{"[r]\nA = {\nk = 1\n}*\nk = 2\n", "[r]\nA = {\nk = 3\n}\nk = 4\n", []string{"1", "2", "4"}},
		{"[r]\nA* = {\nk = 1\n}\n", "[r]\nA = {\nk = 2\n}\n", []string{"1"}},
		{"[r]\nA* = 1\n", "[r]\nA = {\nk = 2\n}\n", []string{"2"}},
		{"[r]*\nk = 1\n", "[s]\nk = 2\n", []string{"1"}},
	} {
		c, later := parse(t, row.earlier), parse(t, row.later)
		whole := parse(t, string(c.Before(later).Append(nil)))
		if got, again := k(c.Before(later)), k(whole); !slices.Equal(got, row.want) || !slices.Equal(again, row.want) {
			t.Errorf("%q before %q: %q, and %q when it was written; want %q", row.earlier, row.later, got, again, row.want)
		}
	}
	var none *Config
	if c := parse(t, "[r]\nk = 1\n"); none.Before(c) != c || c.Before(nil) != c {
		t.Error("an empty configuration makes a difference")
	}
	requirement.Held(t, "unit:krb_conf_lists", "KRB-69")
}

func FuzzParse(f *testing.F) {
	f.Add(file, "alice", "A.TEST")
	f.Add("[a]\nb* = \"c\\n\"\n", "", "")
	f.Add("[a]\nc** = {\n}\n", "", "")
	f.Add("[a]*\nb = {\nc** = {\nd = \"{\"\ne =\n}*\n}\n[a]\nb = {\n}\n", "", "")
	f.Fuzz(func(t *testing.T, text, name, realm string) {
		c, fault := Parse(text, func(_, name string) (string, bool) { return "[x]\ny = z\n", name != "" })
		if !fault.IsZero() {
			return
		}
		c.LocalName(krb.Principal{Name: krb.NameOf(1, name), Realm: realm})
		c.RealmOf(name)
		c.Types("permitted_enctypes")
		c.Duration("clockskew", 0)
		c.CAPath(realm, name)
		if written := string(c.Append(nil)); len(written) <= maxSize {
			again, fault := Parse(written, nil)
			if !fault.IsZero() || !reflect.DeepEqual(again, c) {
				t.Errorf("%q was written as %q: %v", text, written, fault)
			}
		}
	})
}

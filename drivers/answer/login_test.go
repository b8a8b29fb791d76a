package answer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

func need(side gss.Side, uriScheme, host string, port uint16) gss.NeedCredential {
	return gss.NeedCredential{Scheme: scheme.Digest, Side: side, Target: gss.Target{Scheme: uriScheme, Host: host, Port: port}}
}

// R9110-11.5-1, V17: a login is used for its own origin only.
func TestLoginIsForOneOrigin(t *testing.T) {
	for _, c := range []struct {
		url  string
		make func(origin, name, password string) (answer.Source, error)
		mine gss.NeedCredential
	}{
		{"https://Intranet.example", answer.For, need(gss.Origin, "https", "intranet.example", 443)},
		{"HTTP://intranet.example/path?query", answer.For, need(gss.Origin, "http", "intranet.example", 80)},
		{"http://[2001:DB8::1]:8080", answer.For, need(gss.Origin, "http", "2001:db8::1", 8080)},
		{"https://Bücher.example", answer.For, need(gss.Origin, "https", "xn--bcher-kva.example", 443)},
		{"http://proxy.example:3128", answer.ForProxy, need(gss.Proxy, "http", "proxy.example", 3128)},
	} {
		s, err := c.make(c.url, "alice", "wonder")
		if err != nil {
			t.Errorf("%s: %v", c.url, err)
			continue
		}
		if got, ok := ask(s, c.mine).(gss.Password); !ok || got.User != "alice" || got.Password.Reveal() != "wonder" {
			t.Errorf("%s: its own origin got %T", c.url, got)
		}
		named := c.mine
		named.Target.Service, named.Target.ServiceHost = "web", "alias.example"
		if got, ok := ask(s, named).(gss.Password); !ok || got.User != "alice" { // the URL decides
			t.Errorf("%s: its own origin under another service's name got %T", c.url, got)
		}
		elsewhere := c.mine
		elsewhere.Target.Host, elsewhere.Target.ServiceHost = "attacker.example", c.mine.Target.Host
		if got := ask(s, elsewhere); got != (gss.Declined{}) {
			t.Errorf("%s: another origin under the service's name got %T", c.url, got)
		}
		requirement.Held(t, "unit:sources_match_the_url")
		for name, change := range map[string]func(*gss.NeedCredential){
			"another scheme":   func(n *gss.NeedCredential) { n.Target.Scheme += "s" },
			"another host":     func(n *gss.NeedCredential) { n.Target.Host = "www." + n.Target.Host },
			"a longer host":    func(n *gss.NeedCredential) { n.Target.Host += ".attacker.example" },
			"another port":     func(n *gss.NeedCredential) { n.Target.Port++ },
			"another dot":      func(n *gss.NeedCredential) { n.Target.Host += "." },
			"the other side":   func(n *gss.NeedCredential) { n.Side = 1 - n.Side },
			"another identity": func(n *gss.NeedCredential) { n.Target.Identity = "bob" },
			"once refused":     func(n *gss.NeedCredential) { n.Rejected = true },
		} {
			other := c.mine
			change(&other)
			if got := ask(s, other); got != (gss.Declined{}) {
				t.Errorf("%s: %s got %T", c.url, name, got)
			}
		}
		if got := ask(s, gss.NeedVerifier{User: "alice"}); got != (gss.Declined{}) {
			t.Errorf("%s: another question got %T", c.url, got)
		}
		if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); strings.Contains(text, "wonder") {
			t.Errorf("%s: the password shows in %s", c.url, text)
		}
	}
}

func TestLoginRefusesURLs(t *testing.T) {
	for _, url := range []string{"", "intranet.example", "ftp://intranet.example", "https://", "https://x:0", "https://x:65536", "https://x:port", "://"} {
		if s, err := answer.For(url, "alice", "wonder"); err == nil || s != nil {
			t.Errorf("%q: accepted", url)
		} else if strings.Contains(err.Error(), "wonder") {
			t.Errorf("%q: the error shows the password", url)
		}
	}
}

func TestAs(t *testing.T) {
	s, err := answer.For("https://intranet.example", "b.builder", "builder")
	if err != nil {
		t.Fatal(err)
	}
	s = answer.As("bob", s)
	n := need(gss.Origin, "https", "intranet.example", 443)
	for identity, want := range map[string]bool{"bob": true, "": false, "alice": false} {
		n.Target.Identity = identity
		if _, got := ask(s, n).(gss.Password); got != want {
			t.Errorf("identity %q: answered %t, want %t", identity, got, want)
		}
	}
}

// Schemes that know domains get them apart, the others the name as it was
// typed.
func TestNamesWithDomains(t *testing.T) {
	for name, want := range map[string][2]string{
		`DOMAIN\alice`:      {"alice", "DOMAIN"},
		`DOMAIN/alice`:      {"alice", "DOMAIN"},
		`\alice`:            {"alice", ""},
		`alice@example.com`: {"alice@example.com", ""},
		`D\alice@example`:   {"alice@example", "D"},
		`D\a\b`:             {`a\b`, "D"},
		`alice`:             {"alice", ""},
		``:                  {"", ""},
	} {
		s, err := answer.For("https://x", name, "p")
		if name == "" {
			if err == nil {
				t.Error("a login without a name is no error")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		n := need(gss.Origin, "https", "x", 443)
		if got := ask(s, n).(gss.Password); got.User != name || got.Domain != "" {
			t.Errorf("%q: Digest got %q and domain %q", name, got.User, got.Domain)
		}
		n.Scheme = scheme.NTLM
		if got := ask(s, n).(gss.Password); got.User != want[0] || got.Domain != want[1] {
			t.Errorf("%q: NTLM got %q and domain %q", name, got.User, got.Domain)
		}
	}
}

// Where a realm asks for UTF-8, Basic and Digest get name and password composed, and nothing else
// does: other realms, and mechanisms that compute with the password as it is.
func TestLoginComposed(t *testing.T) {
	const composed, apart = "caf\u00e9", "cafe\u0301"
	s, err := answer.For("https://intranet.example", apart, "p"+apart)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		scheme string
		mech   gss.OID
		utf8   bool
		want   string
	}{
		{scheme.Basic, "", true, composed}, {scheme.Digest, "", true, composed},
		{scheme.Basic, "", false, apart}, {scheme.Digest, "", false, apart},
		{"", gss.NTLM, true, apart}, {"", gss.Kerberos, true, apart}, {scheme.NTLM, gss.NTLM, true, apart},
	} {
		n := need(gss.Origin, "https", "intranet.example", 443)
		n.Scheme, n.Mech, n.UTF8 = row.scheme, row.mech, row.utf8
		if got, ok := ask(s, n).(gss.Password); !ok || got.User != row.want || got.Password.Reveal() != "p"+row.want {
			t.Errorf("%s %v, UTF-8 %v: %q", row.scheme, row.mech, row.utf8, got.User)
		}
		requirement.Held(t, "unit:composed_names")
	}
}

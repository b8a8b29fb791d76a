package reqtarget

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement"
)

// Every request-target has one of the four forms, or is refused.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		method, text string
		want         Target
	}{
		{"GET", "/a%20b?c=d", Target{Form: Origin, Resource: "/a%20b?c=d"}},
		{"GET", "/%7Ea/../b", Target{Form: Origin, Resource: "/%7Ea/../b"}},
		{"GET", "//host/path", Target{Form: Origin, Resource: "//host/path"}},
		{"GET", "/a://b/c", Target{Form: Origin, Resource: "/a://b/c"}},
		{"GET", "/?q=100%&u=http://h/", Target{Form: Origin, Resource: "/?q=100%&u=http://h/"}},
		{"GET", "/caf\xc3\xa9|{}", Target{Form: Origin, Resource: "/caf\xc3\xa9|{}"}},
		{"OPTIONS", "*", Target{Form: Asterisk, Resource: "*"}},
		{"GET", "http://Other.example/%7Ex?y", Target{Absolute, "http", "other.example", 0, "/%7Ex?y"}},
		{"GET", "HTTP://h/p", Target{Absolute, "http", "h", 0, "/p"}},
		{"GET", "HTTPS://h:8443", Target{Absolute, "https", "h", 8443, "/"}},
		{"GET", "http://h?q", Target{Absolute, "http", "h", 0, "/?q"}},
		{"GET", "http://h:/p", Target{Absolute, "http", "h", 0, "/p"}},
		{"GET", "http://[2001:DB8::1]:81/", Target{Absolute, "http", "2001:db8::1", 81, "/"}},
		{"GET", "http://h/a://b/c", Target{Absolute, "http", "h", 0, "/a://b/c"}},
		{"GET", "http://h/a@b", Target{Absolute, "http", "h", 0, "/a@b"}},
		{"GET", "http://h//double", Target{Absolute, "http", "h", 0, "//double"}},
		{"OPTIONS", "http://h:8001", Target{Absolute, "http", "h", 8001, "*"}},
		{"OPTIONS", "http://h/", Target{Absolute, "http", "h", 0, "/"}},
		{"OPTIONS", "http://h?q", Target{Absolute, "http", "h", 0, "/?q"}},
		{"CONNECT", "Tunnel.example:443", Target{Authority, "", "tunnel.example", 443, "Tunnel.example:443"}},
		{"CONNECT", "[::1]:443", Target{Authority, "", "::1", 443, "[::1]:443"}},
	} {
		if got := Parse(c.method, c.text); got != c.want {
			t.Errorf("%s %s: %+v, want %+v", c.method, c.text, got, c.want)
		}
	}
	for method, texts := range map[string][]string{
		"GET": {
			"", "*", "secret", "https:/secret", "x:/secret", "http:/a://b/c", "x:/public/y://h/admin", "http:/public/a://b/admin/delete?all=1",
			"http:path", "http:", "http://", "http:///p", "http://:80/", "http://?q", "http://user@h/", "http://user:pass@h/", "http://h@/", "x://h/p", "ftp://h/p", "://h/p",
			"http://h/p#f", "/p#f", "/#", "/a b", "/a\tb", "/a\x00b", "/a\rb", "/a\nb", "/a\x7f", "/%", "/%2", "/%zz", "/a%2?b",
			"http://h:99999/", "http://h:0/", "http://h:080/", "http://h:8a/", "http://h:-1/", "http://h:80:80/", "http://[::1/", "http://[::1]x/", "http://[]/", "http://[fe80::1%25eth0]/", "http://[v1.x]/",
			"http://h%61/", "http://h\\@i/", "http://h\xc3\xa9/", "http://h i/", " /p", "/p ", "h:443", "/" + strings.Repeat("a", maxText),
		},
		"CONNECT": {"h", "h:", "h:0", "h:65536", ":443", "/p", "*", "http://h:443/", "h:443/", "h:443?q", "u@h:443", "[::1]", "h:443 "},
		"OPTIONS": {"**", "*?q", "", "http:*"},
	} {
		for _, text := range texts {
			if got := Parse(method, text); got != (Target{}) {
				t.Errorf("%s %.80q: %+v, want none", method, text, got)
			}
			requirement.Held(t, "unit:request_target", "R9112-3.2-1", "R9110-4.2.1-1")
		}
	}
}

// FuzzParse: what is taken is taken by net/url as well, for the same resource of
// the same host, and so is the resource when it stands alone.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"/", "//h/p", "*", "http://h/p?q", "https:/secret", "x:/public/y://h/admin", "http://[::1]:80", "http://h?q", "/a%2Fb", "h:443", "http://[::ffff:1.2.3.4]/"} {
		for _, method := range []string{"GET", "OPTIONS", "CONNECT"} {
			f.Add(method, s)
		}
	}
	f.Fuzz(func(t *testing.T, method, s string) {
		got := Parse(method, s)
		switch got.Form {
		case Invalid:
			if got != (Target{}) {
				t.Fatalf("%+v is invalid, and says something", got)
			}
			return
		case Asterisk:
			return
		case Authority:
			if h, p, ok := ParseAuthority(s); !ok || h != got.Host || p != got.Port || p == 0 {
				t.Fatalf("%+v", got)
			}
			return
		}
		u, err := url.ParseRequestURI(s)
		if err != nil {
			t.Fatalf("%+v: %v", got, err)
		}
		if u.Opaque != "" || u.User != nil || u.Fragment != "" || u.IsAbs() != (got.Form == Absolute) || strings.ToLower(u.Hostname()) != got.Host || strings.ToLower(u.Scheme) != got.Scheme {
			t.Fatalf("%+v, and net/url reads %+v", got, u)
		}
		if got.Resource != "*" {
			again := Parse("GET", got.Resource)
			alone, err := url.ParseRequestURI(got.Resource)
			if err != nil || again.Form != Origin || again.Resource != got.Resource {
				t.Fatalf("%q does not stand alone: %+v, %v", got.Resource, again, err)
			}
			if u.Path == "" {
				u.Path = "/"
			}
			if alone.Path != u.Path || alone.RawQuery != u.RawQuery {
				t.Fatalf("%q is %+v alone, and was %+v", got.Resource, alone, u)
			}
		}
		requirement.Held(t, "unit:request_target", "TARGET-1")
	})
}

// An IPv6 address is what the standard library takes for one.
func FuzzParseAuthority(f *testing.F) {
	for _, s := range []string{"h", "h:80", "[::1]:80", "[1:2:3:4:5:6:7:8]", "[1::8]", "[::ffff:1.2.3.4]", "[1:2:3:4:5:6:1.2.3.4]", "[1:2:3:4:5:6:7::]", "[::1:2:3:4:5:6:7]", "[1::2::3]", "[:1::]", "[::1.2.3.04]", "[1:2:3:4:5:6:7:8::]", "[::1:2:3:4:5:6:7:8]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host, port, ok := ParseAuthority(s)
		if !ok && (host != "" || port != 0) {
			t.Fatalf("%q, %d of nothing", host, port)
		}
		if strings.HasPrefix(s, "[") {
			text, rest, closed := strings.Cut(s[1:], "]")
			a, err := netip.ParseAddr(text)
			is := closed && err == nil && a.Is6() && a.Zone() == ""
			if ok && !is || is && !ok && rest == "" {
				t.Fatalf("%q: %v, and netip says %v, %v", s, ok, a, err)
			}
		}
	})
}

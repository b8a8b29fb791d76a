package machine

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// What an origin server judges is the resource of the request-target, at the scheme of
// the connection; what has none is refused before anything looks at it.
func TestAtOrigin(t *testing.T) {
	type want struct {
		status int
		q      Request
	}
	at := func(uri, scheme, host string, port uint16) want {
		return want{0, Request{URI: uri, Scheme: scheme, Host: host, Port: port}}
	}
	refused := func(status int) want { return want{status: status} }
	h1 := func(method, target string) Incoming {
		return Incoming{Method: method, Target: target, Authority: "Host.example:8080"}
	}
	h2 := func(method, target string) Incoming {
		return Incoming{Method: method, Target: target, Authority: "h", Secure: true, Multiplexed: true}
	}
	for _, c := range []struct {
		in   Incoming
		want want
	}{
		{h1("GET", "/a%20b?c=d"), at("/a%20b?c=d", "http", "host.example", 8080)},
		{h1("GET", "//host/path"), at("//host/path", "http", "host.example", 8080)},
		{h1("GET", "http://Other.example/%7Ex?y"), at("/%7Ex?y", "http", "other.example", 80)},
		{h1("GET", "http://other.example?q"), at("/?q", "http", "other.example", 80)},
		{h1("GET", "http://h/a://b/c"), at("/a://b/c", "http", "h", 80)},
		{h1("OPTIONS", "*"), at("*", "http", "host.example", 8080)},
		{h1("OPTIONS", "http://h:81"), at("*", "http", "h", 81)},
		{h1("CONNECT", "tunnel.example:443"), at("tunnel.example:443", "http", "tunnel.example", 443)},
		{Incoming{Method: "GET", Target: "/"}, at("/", "http", "", 80)}, // HTTP/1.0
		{Incoming{Method: "GET", Target: "/", Authority: "[::1]", Secure: true}, at("/", "https", "::1", 443)},
		{Incoming{Method: "GET", Target: "https://h/", Secure: true}, at("/", "https", "h", 443)},
		{h2("GET", "/p?q"), at("/p?q", "https", "h", 443)},
		{h2("OPTIONS", "*"), at("*", "https", "h", 443)},
		{h2("CONNECT", "h:443"), at("h:443", "https", "h", 443)},
		{h2("CONNECT", "/chat"), at("/chat", "https", "h", 443)},

		{h1("GET", "https:/secret"), refused(400)},
		{h1("GET", "x:/public/y://h/admin"), refused(400)},
		{h1("GET", "http:/public/a://b/admin/delete?all=1"), refused(400)},
		{h1("GET", "http://user@h/"), refused(400)},
		{h1("GET", "*"), refused(400)},
		{h1("GET", ""), refused(400)},
		{h1("CONNECT", "/p"), refused(400)},
		{h2("GET", "http://h/p"), refused(400)}, // RFC 9113 section 8.3.1
		{h2("GET", "x:/public/y://h/admin"), refused(400)},
		{h2("GET", "https://h/p"), refused(400)},
		{Incoming{Method: "GET", Target: "/", Authority: "h:99999"}, refused(400)},
		{Incoming{Method: "GET", Target: "/", Authority: "u@h"}, refused(400)},
		{Incoming{Method: "GET", Target: "/", Authority: ":80"}, refused(400)},
		{Incoming{Method: "GET", Target: "/", Authority: "h/p"}, refused(400)},
	} {
		in := c.in
		in.EarlyData, in.Binding = len(in.Target)%2 == 0, gss.NoBinding()
		q, status := in.AtOrigin()
		if c.want.status == 0 {
			c.want.q.Method, c.want.q.Multiplexed, c.want.q.EarlyData, c.want.q.Binding = in.Method, in.Multiplexed, in.EarlyData, in.Binding
		}
		if (want{status, q}) != c.want {
			t.Errorf("%s %s: %d, %+v, want %+v", c.in.Method, c.in.Target, status, q, c.want)
		}
		requirement.Held(t, "unit:incoming_request", "TARGET-1")
	}
}

// The scheme is the connection's, whatever the peer writes.
func TestSchemeIsTheConnections(t *testing.T) {
	for _, secure := range []bool{false, true} {
		own := map[bool]string{false: "http", true: "https"}[secure]
		for _, in := range []Incoming{
			{Target: "/"}, {Target: "http://h/"}, {Target: "https://h/"}, {Target: "HTTPS://h/"},
		} {
			in.Method, in.Authority, in.Secure = "GET", "h", secure
			other := in.Target != "/" && !strings.HasPrefix(strings.ToLower(in.Target), own+":")
			q, status := in.AtOrigin()
			if other != (status == 421) || !other && q.Scheme != own {
				t.Errorf("%+v: %d, %+v", in, status, q)
			}
			in.AnyScheme = true
			if q, status := in.AtOrigin(); status != 0 || q.Scheme != own {
				t.Errorf("%+v: %d, %+v, want it taken for %s", in, status, q, own)
			}
			requirement.Held(t, "unit:scheme_is_the_connections", "TARGET-2")
		}
	}
}

// A forward proxy takes the absolute form, and for CONNECT the authority form, and
// nothing else.
func TestAtProxy(t *testing.T) {
	for target, want := range map[string]Request{
		"http://Other.example/%7Ex?y": {Method: "GET", URI: "/%7Ex?y", Scheme: "http", Host: "other.example", Port: 80},
		"HTTPS://h:8443":              {Method: "GET", URI: "/", Scheme: "https", Host: "h", Port: 8443},
		"http://[::1]?q":              {Method: "GET", URI: "/?q", Scheme: "http", Host: "::1", Port: 80},
	} {
		if got, status := (Incoming{Method: "GET", Target: target, Authority: "other"}).AtProxy(); status != 0 || got != want {
			t.Errorf("%s: %d, %+v, want %+v", target, status, got, want)
		}
	}
	if q, status := (Incoming{Method: "CONNECT", Target: "h:8443", Secure: true}).AtProxy(); status != 0 || q.URI != "h:8443" || q.Host != "h" || q.Port != 8443 {
		t.Errorf("%d, %+v", status, q)
	}
	if q, status := (Incoming{Method: "OPTIONS", Target: "http://h:81"}).AtProxy(); status != 0 || q.URI != "*" || q.target(gss.Proxy) != "http://h:81" { // RFC 9112 section 3.2.4
		t.Errorf("%d, %+v, %s", status, q, q.target(gss.Proxy))
	}
	for _, in := range []Incoming{
		{Method: "GET", Target: "/p"}, {Method: "GET", Target: "*"}, {Method: "OPTIONS", Target: "*"}, {Method: "GET", Target: "https:/secret"}, {Method: "GET", Target: "ftp://h/p"},
		{Method: "GET", Target: "http://u@h/"}, {Method: "CONNECT", Target: "h"}, {Method: "CONNECT", Target: "/p", Multiplexed: true}, {Method: "GET", Target: "http://h/", Multiplexed: true}, {},
	} {
		if q, status := in.AtProxy(); status != 400 || q != (Request{}) {
			t.Errorf("%+v: %d, %+v, want 400", in, status, q)
		}
	}
}

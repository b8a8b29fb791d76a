package nethttp

import (
	"bufio"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// What a server's machine hears of a request is the request-target as it was
// written.
func TestInbound(t *testing.T) {
	for line, want := range map[string]machine.Request{
		"GET /a%20b?c=d HTTP/1.1":                         {Method: "GET", URI: "/a%20b?c=d", Scheme: "http", Host: "host.example", Port: 8080},
		"GET /%7Ea/../b HTTP/1.1":                         {Method: "GET", URI: "/%7Ea/../b", Scheme: "http", Host: "host.example", Port: 8080},
		"GET //double HTTP/1.1":                           {Method: "GET", URI: "//double", Scheme: "http", Host: "host.example", Port: 8080},
		"OPTIONS * HTTP/1.1":                              {Method: "OPTIONS", URI: "*", Scheme: "http", Host: "host.example", Port: 8080},
		"GET http://Other.example/%7Ex?y HTTP/1.1":        {Method: "GET", URI: "/%7Ex?y", Scheme: "http", Host: "other.example", Port: 80},
		"GET HTTPS://other.example:8443 HTTP/1.1":         {Method: "GET", URI: "/", Scheme: "https", Host: "other.example", Port: 8443},
		"GET http://other.example?q HTTP/1.1":             {Method: "GET", URI: "/?q", Scheme: "http", Host: "other.example", Port: 80},
		"GET http://[2001:DB8::1]:81/ HTTP/1.1":           {Method: "GET", URI: "/", Scheme: "http", Host: "2001:db8::1", Port: 81},
		"CONNECT tunnel.example:443 HTTP/1.1":             {Method: "CONNECT", URI: "tunnel.example:443", Scheme: "http", Host: "tunnel.example", Port: 443},
		"GET http://user:pass@other.example/a@b HTTP/1.1": {Method: "GET", URI: "/a@b", Scheme: "http", Host: "other.example", Port: 80},
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line + "\r\nHost: Host.example:8080\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		want.Binding = gss.NoBinding()
		if got := inbound(r, gss.NoBinding()); got != want {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
	}
}

func TestOutbound(t *testing.T) {
	for raw, want := range map[string]machine.Request{
		"http://Host.example/a%20b?c=d": {Method: "GET", URI: "/a%20b?c=d", Scheme: "http", Host: "host.example", Port: 80},
		"https://host.example":          {Method: "GET", URI: "/", Scheme: "https", Host: "host.example", Port: 443, Multiplexed: true},
		"http://[::1]:8080?q":           {Method: "GET", URI: "/?q", Scheme: "http", Host: "::1", Port: 8080},
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := outbound(&http.Request{}, u, gss.Binding{}, want.Multiplexed); got != want {
			t.Errorf("%s: %+v, want %+v", raw, got, want)
		}
	}
}

func TestAuthority(t *testing.T) {
	for raw, want := range map[string]string{
		"http://Host.example:80/": "host.example", "https://host.example:443": "host.example", "http://host.example:443": "host.example:443",
		"https://[2001:DB8::1]/": "[2001:db8::1]", "http://[::1]:81": "[::1]:81", "http://host": "host",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := drive.Authority(u); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

func TestApplySend(t *testing.T) {
	h := http.Header{"Authorization": {"Bearer mine"}}
	drive.ApplySend(h, machine.Send{})
	if h.Get("Authorization") != "Bearer mine" || len(h) != 1 {
		t.Errorf("%v", h)
	}
	drive.ApplySend(h, machine.Send{Authorization: header.TokenCredentials("NTLM", "a"), ProxyAuthorization: header.TokenCredentials("NTLM", "b")})
	if h.Get("Authorization") != "NTLM YQ==" || h.Get("Proxy-Authorization") != "NTLM Yg==" {
		t.Errorf("%v", h)
	}
}

// Challenges go into the field of their side, one to a line.
func TestApplyReply(t *testing.T) {
	cs := header.ListOf(header.BareChallenge("Negotiate"), header.ParamChallenge("Basic", `realm="a, b"`))
	want := []string{"Negotiate", `Basic realm="a, b"`}
	for side, field := range map[gss.Side]string{gss.Origin: "Www-Authenticate", gss.Proxy: "Proxy-Authenticate"} {
		h := http.Header{}
		drive.ApplyReply(h, machine.Reply{Side: side, Challenges: cs})
		if !slices.Equal(h[field], want) || len(h) != 1 {
			t.Errorf("%v: %v", side, h)
		}
		drive.ApplyReply(h, machine.Reply{Close: true})
		if h.Get("Connection") != "close" {
			t.Errorf("%v: not closed", side)
		}
	}
}

func TestApplyFinish(t *testing.T) {
	h := http.Header{}
	drive.ApplyFinish(h, machine.Finish{})
	if len(h) != 0 {
		t.Errorf("%v", h)
	}
	drive.ApplyFinish(h, machine.Finish{
		Challenges: header.ListOf(header.TokenChallenge("Negotiate", "done")), Info: header.NewInfo(`nextnonce="n"`),
		PersistentAuth: header.PersistFalse, Close: true,
	})
	for field, want := range map[string]string{
		"WWW-Authenticate": "Negotiate ZG9uZQ==", "Authentication-Info": `nextnonce="n"`, "Persistent-Auth": "false", "Connection": "close",
	} {
		if h.Get(field) != want {
			t.Errorf("%s: %q, want %q", field, h.Get(field), want)
		}
	}
}

// HTA-17: a received Proxy-Support never passes, and ours is listed in
// Connection.
func TestApplyRelay(t *testing.T) {
	h := http.Header{"Proxy-Support": {"Session-Based-Authentication"}}
	drive.ApplyRelay(h, machine.Relay{}, nil)
	if len(h) != 0 {
		t.Errorf("%v", h)
	}
	h = http.Header{"Proxy-Support": {"forged"}}
	drive.ApplyRelay(h, machine.Relay{
		SessionBased: true, Close: true, Info: header.NewInfo("a=b"), Challenges: header.ListOf(header.TokenChallenge("Negotiate", "done")),
	}, nil)
	if got := h["Connection"]; !slices.Equal(got, []string{"close", "Proxy-Support"}) {
		t.Errorf("Connection %q", got)
	}
	if h.Get("Proxy-Support") != "Session-Based-Authentication" || h.Get("Proxy-Authentication-Info") != "a=b" || h.Get("Proxy-Authenticate") != "Negotiate ZG9uZQ==" {
		t.Errorf("%v", h)
	}
}

// Stripping takes the named schemes wherever they stand, and nothing else, not
// even what does not parse.
func TestStripChallenges(t *testing.T) {
	h := http.Header{"Www-Authenticate": {
		`Basic realm="NTLM, Negotiate"`, `negotiate`, `Digest realm="r", nonce="n",  NTLM , Basic realm="x"`, `Bearer not base64!`, `NTLM TlRM`,
	}}
	drive.ApplyRelay(h, machine.Relay{Strip: true}, []string{"Negotiate", "NTLM"})
	want := []string{`Basic realm="NTLM, Negotiate"`, `Digest realm="r", nonce="n"`, `Basic realm="x"`, `Bearer not base64!`}
	if got := h["Www-Authenticate"]; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

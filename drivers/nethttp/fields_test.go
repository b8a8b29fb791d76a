package nethttp

import (
	"bufio"
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
)

// A server's machine receives a request as it was sent: the request-target byte for
// byte, and what net/http knows about the connection.
func TestIncoming(t *testing.T) {
	for line, want := range map[string]machine.Incoming{
		"GET /a%20b?c=d HTTP/1.1":                  {Method: "GET", Target: "/a%20b?c=d", Authority: "Host.example:8080"},
		"GET //double HTTP/1.1":                    {Method: "GET", Target: "//double", Authority: "Host.example:8080"},
		"OPTIONS * HTTP/1.1":                       {Method: "OPTIONS", Target: "*", Authority: "Host.example:8080"},
		"GET http://Other.example/%7Ex?y HTTP/1.1": {Method: "GET", Target: "http://Other.example/%7Ex?y", Authority: "Other.example"},
		"GET x:/public/y://h/admin HTTP/1.1":       {Method: "GET", Target: "x:/public/y://h/admin", Authority: "Host.example:8080"},
		"CONNECT tunnel.example:443 HTTP/1.1":      {Method: "CONNECT", Target: "tunnel.example:443", Authority: "tunnel.example:443"},
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line + "\r\nHost: Host.example:8080\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		want.Binding = gss.NoBinding()
		if got := incoming(r, gss.NoBinding()); got != want {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
		r.TLS = &tls.ConnectionState{}
		want.Secure, want.EarlyData = true, true
		if got := incoming(r, gss.NoBinding()); got != want {
			t.Errorf("%s before the handshake is over: %+v, want %+v", line, got, want)
		}
		r.TLS.HandshakeComplete = true
		if got := incoming(r, gss.NoBinding()); got.EarlyData {
			t.Errorf("%s after the handshake is early data", line)
		}
	}
}

// resource returns r.URL, spelled as the client wrote it if that means the same.
func TestUpstreamResource(t *testing.T) {
	for written, want := range map[string]string{
		"/a%2Fb?x=%zz;y": "/a%2Fb?x=%zz;y", "//d/e": "//d/e", "/%7Ex/../y": "/%7Ex/../y", "/": "/", "/?": "/?", "/caf\xc3\xa9|": "/caf\xc3\xa9|",
	} {
		in, err := url.ParseRequestURI(written)
		if err != nil {
			t.Fatal(err)
		}
		if got := resource(written, in).RequestURI(); got != want {
			t.Errorf("%q goes up as %q, want %q", written, got, want)
		}
		for _, other := range []string{"/public/y", "//public", "/public?q"} {
			in, err := url.ParseRequestURI(other)
			if err != nil {
				t.Fatal(err)
			}
			if got := resource(written, in).RequestURI(); got != other {
				t.Errorf("%q, and in front it was %q: %q went up", written, other, got)
			}
			requirement.Held(t, "unit:one_resource", "TARGET-1")
		}
	}
	absolute, err := url.ParseRequestURI("http://h")
	if err != nil {
		t.Fatal(err)
	}
	for written, want := range map[string]string{"/": "/", "*": "*"} {
		if got := resource(written, absolute).RequestURI(); got != want {
			t.Errorf("http://h as %q goes up as %q", written, got)
		}
	}
}

// FuzzTarget: if net/http and the parser of request-targets both accept a target, they
// read the same path and query, and that is sent upstream.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/a?b", "//h/p", "x:/public/y://h/admin", "http:/a://b/c", "http://h/p", "http://h?q", "*", "h:443", "/%2F%zz", "/a;b?c;d", "/?", "http://h/?"} {
		f.Add("GET", s)
		f.Add("OPTIONS", s)
		f.Add("CONNECT", s)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: h\r\n\r\n")))
		if err != nil {
			return
		}
		in := incoming(r, gss.NoBinding())
		in.AnyScheme = true
		q, status := in.AtOrigin()
		if status != 0 || q.Method == "CONNECT" {
			return
		}
		if q.URI == "*" {
			if r.URL.Path != "*" && r.URL.Path != "" {
				t.Fatalf("%q is %q to net/http", target, r.URL.Path)
			}
			return
		}
		alone, err := url.ParseRequestURI(q.URI)
		if err != nil {
			t.Fatalf("%q: net/http does not take %q", target, q.URI)
		}
		path := r.URL.Path
		if path == "" {
			path = "/"
		}
		if alone.Path != path || alone.RawQuery != r.URL.RawQuery || r.URL.Opaque != "" || r.URL.Fragment != "" {
			t.Fatalf("%q is %q to the machine, and %+v to a handler", target, q.URI, r.URL)
		}
		up, err := url.ParseRequestURI(resource(q.URI, r.URL).RequestURI())
		if err != nil || up.Path != path || up.RawQuery != r.URL.RawQuery {
			t.Fatalf("%q goes up as %+v, %v", target, up, err)
		}
		requirement.Held(t, "unit:one_resource", "TARGET-1")
	})
}

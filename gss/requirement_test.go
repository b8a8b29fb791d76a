package gss

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/countersign-auth/countersign/internal/requirement"
)

// prop:spn_canonical (R4559-4.1-13): a service principal is the service and the host,
// whatever the scheme, the port and the binding.
func TestSPNCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		host := rapid.StringMatching(`[a-z0-9-]{1,10}(\.[a-z0-9-]{1,10}){0,3}`).Draw(t, "host")
		target := Target{
			Service: "HTTP", Host: host, Port: rapid.Uint16().Draw(t, "port"),
			Scheme: rapid.SampledFrom([]string{"http", "https"}).Draw(t, "scheme"), Binding: BindingOf(rapid.String().Draw(t, "binding")),
		}
		if got := target.SPN(); got != "HTTP/"+host {
			t.Fatalf("%q for %q", got, host)
		}
		requirement.Held(t, "prop:spn_canonical")
	})
}

// The host of a URL and the host of a service's name are two things: the one ends with a dot, has a
// zone, or is written in capitals, and the other does not.
func TestServiceNames(t *testing.T) {
	for _, row := range []struct{ host, other, want string }{
		{"www.example", "", "HTTP/www.example"},
		{"www.example.", "", "HTTP/www.example"},
		{"www.example..", "", "HTTP/www.example."}, // one dot, as MIT's library
		{"WWW.Example.", "", "HTTP/www.example"},
		{"", "", "HTTP/"},
		{".", "", "HTTP/"},
		{"192.0.2.1", "", "HTTP/192.0.2.1"},
		{"2001:DB8::1", "", "HTTP/2001:db8::1"},
		{"fe80::1%eth0", "", "HTTP/fe80::1"},
		{"a%b.example", "", "HTTP/a%b.example"},
		{"www.example", "Other.Example.", "HTTP/other.example"},
		{"www.example", "www.example:8080", "HTTP/www.example:8080"},
		{"xn--bcher-kva.example.", "", "HTTP/xn--bcher-kva.example"},
	} {
		target := Target{Service: "HTTP", Host: row.host, ServiceHost: row.other, Port: 8080}
		if got := target.SPN(); got != row.want || got != "HTTP/"+target.SPNHost() {
			t.Errorf("%q, %q: %q with the host %q, want %q", row.host, row.other, got, target.SPNHost(), row.want)
		}
		requirement.Held(t, "unit:service_names")
	}
}

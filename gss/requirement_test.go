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

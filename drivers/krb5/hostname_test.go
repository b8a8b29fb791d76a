package krb5

import (
	"context"
	"errors"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
)

// resolver is DNS: canonical names, addresses, and the names of addresses.
type resolver struct {
	names     map[string]string
	addresses map[string][]string
	reverse   map[string][]string
}

var errNone = errors.New("no such host")

func (r resolver) cname(_ context.Context, host string) (string, error) {
	if name, ok := r.names[host]; ok {
		return name, nil
	}
	return "", errNone
}

func look(in map[string][]string) func(context.Context, string) ([]string, error) {
	return func(_ context.Context, name string) ([]string, error) {
		if list, ok := in[name]; ok {
			return list, nil
		}
		return nil, errNone
	}
}

// TestCanonicalHost: a canonical name is that of DNS, and with rdns that of the first address.
func TestCanonicalHost(t *testing.T) {
	r := resolver{
		names:     map[string]string{"alias.example": "www.example.", "www.example": "www.example.", "odd.example": "", "bare.example": "bare.example."},
		addresses: map[string][]string{"alias.example": {"192.0.2.1", "192.0.2.2"}, "www.example": {"192.0.2.1"}, "bare.example": {"192.0.2.9"}},
		reverse:   map[string][]string{"192.0.2.1": {"host7.example.", "x.example."}, "192.0.2.2": {"wrong.example."}},
	}
	for _, row := range []struct{ conf, host, want string }{
		{"rdns = false", "alias.example", "www.example."},
		{"rdns = false", "www.example", "www.example."},
		{"rdns = false", "nowhere.example", "nowhere.example"},
		{"rdns = false", "odd.example", "odd.example"},
		{"rdns = false", "192.0.2.1", "192.0.2.1"},
		{"", "alias.example", "host7.example."},
		{"rdns = true", "alias.example", "host7.example."},
		{"", "bare.example", "bare.example."},
		{"", "odd.example", "odd.example"},
		{"", "192.0.2.1", "host7.example."},
		{"", "2001:db8::1", "2001:db8::1"},
	} {
		conf, fault := krb5conf.Parse("[libdefaults]\n"+row.conf+"\n", nil)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		c := &Client{Config: conf, LookupCNAME: r.cname, LookupHost: look(r.addresses), LookupAddr: look(r.reverse)}
		if got := c.Answer(t.Context(), kerberos.NeedHostName{Host: row.host}); got != gss.Answer(kerberos.HostName{Host: row.want}) {
			t.Errorf("%q, %s: %+v, want %s", row.conf, row.host, got, row.want)
		}
		requirement.Held(t, "unit:canonical_names")
	}
	// The system's resolver has a name for this machine.
	c := &Client{}
	if got, ok := c.Answer(t.Context(), kerberos.NeedHostName{Host: "127.0.0.1"}).(kerberos.HostName); !ok || got.Host == "" {
		t.Errorf("%+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := c.Answer(ctx, kerberos.NeedHostName{Host: "www.example"}); got != gss.Answer(kerberos.HostName{Host: "www.example"}) {
		t.Errorf("after the end: %+v", got)
	}
}

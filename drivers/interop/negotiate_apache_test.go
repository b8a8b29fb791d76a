package interop

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// wantTokens checks the messages of the client's legs: what it sent, and what came
// back for it.
func (c *client) wantTokens(t testing.TB, sent, got string) {
	t.Helper()
	var out, in []string
	for _, l := range c.tap.legs(t) {
		out = append(out, l.request.Header.Values("Authorization")...)
		in = append(in, l.response.Header.Values("Www-Authenticate")...)
	}
	if s, g := tokens(out), tokens(in); s != sent || g != got {
		t.Errorf("sent\n %s\nand got\n %s\nwant\n %s\n %s", s, g, sent, got)
	}
}

// TestClientNegotiateApache: our client and mod_auth_gssapi, with NTLM inside
// Negotiate: as the only mechanism, and by reselection after a favourite that the
// server lacks. gss-ntlmssp gives its MIC in SPNEGO, and so do we.
func TestClientNegotiateApache(t *testing.T) {
	t.Parallel()
	apacheNTLM.up(t)
	body, hash := payload()
	n := ntlmMechanism(t, ntlm.Config{})
	const (
		sent = "Negotiate init NTLM; Negotiate accept-incomplete token MIC"
		got  = "Negotiate; NTLM; Negotiate accept-incomplete token; Negotiate accept-completed MIC"
	)
	for _, row := range []struct {
		name, method, login, user string
		mech                      gss.Mechanism
		body                      []byte
		sent, got                 string
	}{
		{"GET", "GET", alice, alice, spnegoOver(t, spnego.Config{}, n), nil, sent, got},
		{"domain", "GET", `LAB\alice`, `LAB\alice`, spnegoOver(t, spnego.Config{}, n), nil, sent, got},
		{"HEAD", "HEAD", alice, alice, spnegoOver(t, spnego.Config{}, n), nil, sent, got},
		{"POST", "POST", alice, alice, spnegoOver(t, spnego.Config{}, n), body, sent, got},
		{"PUT", "PUT", alice, alice, spnegoOver(t, spnego.Config{}, n), body, sent, got},
		{"reselected", "POST", alice, alice, spnegoOver(t, spnego.Config{}, kerberosToy(), n), body,
			"Negotiate init MS-Kerberos Kerberos NTLM; Negotiate accept-incomplete token; Negotiate accept-incomplete token MIC",
			"Negotiate; NTLM; Negotiate request-mic; Negotiate accept-incomplete token; Negotiate accept-completed MIC"},
		{"raw", "GET", alice, alice, n, nil, "Negotiate raw; Negotiate raw", "Negotiate; NTLM; Negotiate raw"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, func(conf *nethttp.ClientConfig) {
				conf.Machine.Schemes = []scheme.Client{clientOf(scheme.Nego2, row.mech), clientOf(scheme.Negotiate, row.mech)}
			}, loginFor(t, apacheNTLMURL(), row.login, password))
			var r io.Reader
			want := report{user: row.user, auth: scheme.Negotiate, method: row.method, length: "0", sha256: emptyHash}
			if row.body != nil {
				r = bytes.NewReader(row.body)
				want.length, want.sha256 = strconv.Itoa(len(row.body)), hash
			}
			got := c.do(t, row.method, apacheNTLMURL()+"/ntlm/echo", r)
			if row.method != "HEAD" {
				if got := got.report(t); got != want {
					t.Errorf("Apache got %+v, want %+v", got, want)
				}
			}
			if d := got.delivered; got.status != 200 || !d.Authenticated || d.Info.Mech != gss.NTLM || d.Info.Flags.Has(gss.Mutual) {
				t.Errorf("status %d and %+v, want 200, and nobody proven", got.status, d)
			}
			c.wantTokens(t, row.sent, row.got)
		})
	}
}

// TestClientNegotiateApachePersistent: one negotiation for a connection.
func TestClientNegotiateApachePersistent(t *testing.T) {
	t.Parallel()
	apacheNTLM.up(t)
	c := newClient(t, byNegotiate(t, ntlmMechanism(t, ntlm.Config{})), loginFor(t, apacheNTLMURL(), alice, password))
	for range 3 {
		if got := c.get(t, apacheNTLMURL()+"/ntlm/echo"); got.user != alice {
			t.Errorf("Apache got %+v", got)
		}
	}
	c.wantLegs(t, "401", "401 Negotiate", "200 Negotiate", "200", "200")
	c.wantAsked(t, 3) // one for each request
}

// TestClientNegotiateApacheRefused: a typed refusal.
func TestClientNegotiateApacheRefused(t *testing.T) {
	t.Parallel()
	apacheNTLM.up(t)
	for _, row := range []struct{ name, login, password string }{
		{"wrong password", `LAB\alice`, "wrong"}, {"unknown user", `LAB\mallory`, password},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, byNegotiate(t, ntlmMechanism(t, ntlm.Config{})), loginFor(t, apacheNTLMURL(), row.login, row.password))
			e := c.fault(t, apacheNTLMURL()+"/ntlm/echo")
			if e.Fault.Code != gss.Refused || e.Side != gss.Origin || e.Status != http.StatusUnauthorized || e.Tried != scheme.Negotiate {
				t.Errorf("%+v, want a refusal by the origin", e)
			}
		})
	}
}

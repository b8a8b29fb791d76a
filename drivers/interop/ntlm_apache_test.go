package interop

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// apacheNTLM is Apache httpd 2.4 with mod_auth_gssapi and gss-ntlmssp, which takes
// no NEGOTIATE below 40 bytes. It offers Negotiate as well, and names the service
// in its challenge.
var apacheNTLM = &peer{
	name: "apache-ntlm", program: "apache2", debian: "apache2", ports: 1,
	configure: configureApacheNTLM, ready: func(addrs []string) error { return echoes(addrs[0]) },
	env: func(dir string) []string { return []string{"NTLM_USER_FILE=" + filepath.Join(dir, "ntlm.users")} },
	needs: map[string]string{
		apacheModules + "/mod_auth_gssapi.so": "libapache2-mod-auth-gssapi",
		"/etc/gss/mech.d/mech.ntlmssp.conf":   "gss-ntlmssp",
	},
}

func configureApacheNTLM(dir string, addrs []string) ([]string, error) {
	if err := copyFile(filepath.Join(dir, "echo"), "echo", 0o755); err != nil {
		return nil, err
	}
	var users bytes.Buffer
	for _, a := range ntlmAccounts {
		fmt.Fprintf(&users, "%s:%s:%s\n", domain, a.name, a.password)
	}
	if err := os.WriteFile(filepath.Join(dir, "ntlm.users"), users.Bytes(), 0o644); err != nil {
		return nil, err
	}
	conf, err := render(dir, "apache-ntlm.conf", map[string]any{
		"Dir": dir, "Addr": addrs[0], "Realm": realm, "ModuleDir": apacheModules,
		"Modules": strings.Fields("mpm_prefork authn_core authz_core authz_user auth_gssapi alias cgi mime"),
	})
	return []string{"-f", conf, "-DFOREGROUND"}, err
}

func apacheNTLMURL() string { return "http://" + apacheNTLM.addrs[0] }

// TestClientNTLMApache: what gss-ntlmssp takes of us, and what it takes us for.
func TestClientNTLMApache(t *testing.T) {
	t.Parallel()
	apacheNTLM.up(t)
	body, hash := payload()
	for _, row := range []struct {
		name, method, login, password, user string
		body                                []byte
	}{
		{"GET", "GET", alice, password, alice, nil},
		{"HEAD", "HEAD", alice, password, alice, nil},
		{"POST", "POST", alice, password, alice, body},
		{"PUT", "PUT", `LAB\alice`, password, `LAB\alice`, body},
		{"domain", "GET", `LAB/alice`, password, `LAB\alice`, nil},
		{"case", "GET", `LAB\ALICE`, password, `LAB\ALICE`, nil},
		{"no domain", "GET", `\alice`, password, alice, nil},
		{"UTF-8 password", "GET", `LAB\jason`, "pässwörd", `LAB\jason`, nil},
		// No name beyond ASCII: gss-ntlmssp 1.2.0 does not find it under Apache, while as a
		// client it says one that we take, and Samba takes ours.
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, byNTLM(t), loginFor(t, apacheNTLMURL(), row.login, row.password))
			var r io.Reader
			want := report{user: row.user, auth: scheme.NTLM, method: row.method, length: "0", sha256: emptyHash}
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
			if d := got.delivered; got.status != 200 || !d.Authenticated || d.Info.Flags.Has(gss.Mutual) {
				t.Errorf("status %d and %+v, want 200, and nobody proven", got.status, d)
			}
			c.wantLegs(t, "401", "401 NTLM", "200 NTLM")
			for n, l := range c.tap.legs(t) {
				if l.conn != 0 || n == 1 && l.sent != 0 {
					t.Errorf("leg %d on connection %d with a body of %d bytes", n, l.conn, l.sent)
				}
			}
		})
	}
}

// TestClientNTLMApachePersistent: one handshake for a connection.
func TestClientNTLMApachePersistent(t *testing.T) {
	t.Parallel()
	apacheNTLM.up(t)
	c := newClient(t, byNTLM(t), loginFor(t, apacheNTLMURL(), alice, password))
	for range 3 {
		if got := c.get(t, apacheNTLMURL()+"/ntlm/echo"); got.user != alice {
			t.Errorf("Apache got %+v", got)
		}
	}
	c.wantLegs(t, "401", "401 NTLM", "200 NTLM", "200", "200")
	c.wantAsked(t, 3) // one for each request
}

// TestClientNTLMApacheRefused: a typed refusal, after one try.
func TestClientNTLMApacheRefused(t *testing.T) {
	t.Parallel()
	apacheNTLM.up(t)
	for _, row := range []struct {
		name, login, password string
		level                 ntlm.Level
	}{
		{"wrong password", `LAB\alice`, "wrong", ntlm.V2}, {"unknown user", `LAB\mallory`, password, ntlm.V2}, {"another domain", `EVIL\mallory`, password, ntlm.V2},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, func(conf *nethttp.ClientConfig) {
				conf.Machine.Schemes = []scheme.Client{ntlmClient(t, ntlm.Config{Level: row.level})}
			}, loginFor(t, apacheNTLMURL(), row.login, row.password))
			e := c.fault(t, apacheNTLMURL()+"/ntlm/echo")
			if e.Fault.Code != gss.Refused || e.Side != gss.Origin || e.Status != 401 || e.Tried != scheme.NTLM {
				t.Errorf("%+v, want a refusal by the origin", e)
			}
			if got := c.get(t, apacheNTLMURL()+"/open/echo"); got.user != "" {
				t.Errorf("Apache got %+v", got)
			}
		})
	}
}

package interop

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/scheme"
)

// apacheKrb is Apache httpd 2.4 with mod_auth_gssapi and MIT's Kerberos, a service of
// mitKDC's realm.
//
//	/krb/         Negotiate
//	/delegated/   Negotiate, and keeps what is delegated
//	/persistent/  Negotiate, once for a connection
//
// All of it is there under TLS too.
var apacheKrb = &peer{
	name: "apache-krb", program: "apache2", debian: "apache2", ports: 2,
	configure: configureApacheKrb, ready: func(addrs []string) error { return echoes(addrs[0]) },
	env:   func(string) []string { return krbEnv(krbDir) },
	needs: map[string]string{apacheModules + "/mod_auth_gssapi.so": "libapache2-mod-auth-gssapi"},
}

func configureApacheKrb(dir string, addrs []string) ([]string, error) {
	if err := copyFile(filepath.Join(dir, "echo"), "echo", 0o755); err != nil {
		return nil, err
	}
	delegated := filepath.Join(dir, "delegated")
	if err := os.Mkdir(delegated, 0o777); err != nil {
		return nil, err
	}
	if err := os.Chmod(delegated, 0o777); err != nil { // independent of umask
		return nil, err
	}
	conf, err := render(dir, "apache-krb.conf", map[string]any{
		"Dir": dir, "Addr": addrs[0], "TLS": addrs[1], "Realm": realm, "ModuleDir": apacheModules, "Cert": pki.file, "Key": pki.key, "Delegated": delegated,
		"Modules": strings.Fields("mpm_prefork authn_core authz_core authz_user auth_gssapi alias cgi mime ssl"),
	})
	return []string{"-f", conf, "-DFOREGROUND"}, err
}

// upApacheKrb brings it and its KDC up.
func upApacheKrb(t testing.TB) {
	t.Helper()
	mitKDC.up(t)
	apacheKrb.up(t)
}

// apacheKrbURL names it as its keys do.
func apacheKrbURL() string {
	return "http://" + strings.Replace(apacheKrb.addrs[0], "127.0.0.1", "localhost", 1)
}

func apacheKrbURLTLS() string {
	return "https://" + strings.Replace(apacheKrb.addrs[1], "127.0.0.1", "localhost", 1)
}

// krbLogins are the ways in which alice logs in.
func krbLogins(t testing.TB, url string) map[string]answer.Source {
	return map[string]answer.Source{
		"password": loginFor(t, url, alice+"@"+krbRealm, password),
		"no realm": loginFor(t, url, alice, password),
		"keytab":   &krb5.Keytab{Path: krbFile("alice.keytab"), Principal: krbPrincipal(t, alice)},
		"ccache":   &krb5.Cache{Name: krbFile("alice.ccache"), ReadOnly: true},
	}
}

// TestClientKerberosApache: our client and mod_auth_gssapi, with a password, keys, and the
// cache that MIT's kinit wrote; under TLS with a channel binding, which Apache does not look at.
func TestClientKerberosApache(t *testing.T) {
	t.Parallel()
	upApacheKrb(t)
	body, hash := payload()
	for _, at := range []string{apacheKrbURL(), apacheKrbURLTLS()} {
		for how, login := range krbLogins(t, at) {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT"} {
				t.Run(at[:5]+" "+how+" "+method, func(t *testing.T) {
					t.Parallel()
					c := newClient(t, byKerberos(t, kerberos.Config{}), krbSource(t, login))
					var r io.Reader
					want := report{user: alice + "@" + krbRealm, auth: scheme.Negotiate, method: method, length: "0", sha256: emptyHash}
					if method == "POST" || method == "PUT" {
						r = bytes.NewReader(body)
						want.length, want.sha256 = strconv.Itoa(len(body)), hash
					}
					got := c.do(t, method, at+"/krb/echo", r)
					if method != "HEAD" {
						if got := got.report(t); got != want {
							t.Errorf("Apache got %+v, want %+v", got, want)
						}
					}
					if d := got.delivered; got.status != 200 || !d.Authenticated || d.Info.Mech != gss.Kerberos || !d.Info.Flags.Has(gss.Mutual) || d.Info.Peer != "HTTP/localhost" {
						t.Errorf("status %d and %+v, want 200, and the service proven", got.status, d)
					}
					if at[:5] == "http:" {
						c.wantTokens(t, "Negotiate init MS-Kerberos Kerberos", "Negotiate; Negotiate accept-completed token")
					}
				})
			}
		}
	}
}

// TestClientKerberosApacheDelegates: what is delegated arrives, and only where policy and the
// application both say so.
func TestClientKerberosApacheDelegates(t *testing.T) {
	t.Parallel()
	upApacheKrb(t)
	file := filepath.Join(apacheKrb.dir, "delegated", alice+"@"+krbRealm)
	login := krbSource(t, loginFor(t, apacheKrbURL(), alice, password))
	for _, row := range []struct {
		policy kerberos.Delegation
		want   []gss.Flags
		gets   bool
	}{
		{kerberos.DelegateNever, []gss.Flags{gss.Delegate}, false},
		{kerberos.DelegateAlways, nil, false},
		{kerberos.DelegateIfTrusted, []gss.Flags{gss.Delegate}, false}, // the service is not marked as trusted
		{kerberos.DelegateAlways, []gss.Flags{gss.Delegate}, true},
	} {
		c := newClient(t, byKerberos(t, kerberos.Config{Delegate: row.policy}, row.want...), login)
		got := c.do(t, "GET", apacheKrbURL()+"/delegated/echo", nil)
		if d := got.delivered; got.status != 200 || d.Info.Flags.Has(gss.Delegate) != row.gets {
			t.Errorf("%+v: status %d and %+v", row, got.status, d)
		}
		if _, err := os.Stat(file); (err == nil) != row.gets {
			t.Errorf("%+v: %v", row, err)
		}
	}
	c, err := (&krb5.Cache{Name: file}).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !c.Principal().Equal(krbPrincipal(t, alice)) {
		t.Errorf("delegated are tickets of %v", c.Principal())
	}
}

// TestClientKerberosApachePersistent: once for a connection where the server says so, and for
// each request otherwise; the ticket is got once.
func TestClientKerberosApachePersistent(t *testing.T) {
	t.Parallel()
	upApacheKrb(t)
	for at, legs := range map[string][]string{
		"/persistent/echo": {"401", "200 Negotiate", "200", "200"},
		"/krb/echo":        {"401", "200 Negotiate", "200 Negotiate", "200 Negotiate"},
	} {
		c := newClient(t, byKerberos(t, kerberos.Config{}), krbSource(t, loginFor(t, apacheKrbURL(), alice, password)))
		for range 3 {
			if got := c.get(t, apacheKrbURL()+at); got.user != alice+"@"+krbRealm {
				t.Errorf("Apache got %+v", got)
			}
		}
		c.wantLegs(t, legs...)
	}
}

// TestClientKerberosApacheOneWay: the service proves nothing where it is not asked to.
func TestClientKerberosApacheOneWay(t *testing.T) {
	t.Parallel()
	upApacheKrb(t)
	c := newClient(t, byKerberos(t, kerberos.Config{OneWay: true}), krbSource(t, loginFor(t, apacheKrbURL(), alice, password)))
	got := c.do(t, "GET", apacheKrbURL()+"/krb/echo", nil)
	if d := got.delivered; got.report(t).user != alice+"@"+krbRealm || d.Info.Flags.Has(gss.Mutual) {
		t.Errorf("%+v", got)
	}
	c.wantTokens(t, "Negotiate init MS-Kerberos Kerberos", "Negotiate; Negotiate accept-completed")
}

// TestClientKerberosApacheRefused: typed refusals, before anything is sent.
func TestClientKerberosApacheRefused(t *testing.T) {
	t.Parallel()
	upApacheKrb(t)
	unreachable := answer.Chain(loginFor(t, apacheKrbURL(), alice, password), &krb5.Client{Config: krbConfig(t), Timeout: time.Nanosecond})
	for _, row := range []struct {
		name  string
		login answer.Source
		want  gss.Code
	}{
		{"wrong password", krbSource(t, loginFor(t, apacheKrbURL(), "carol", "wrong")), gss.BadCredentials},
		{"no such user", krbSource(t, loginFor(t, apacheKrbURL(), "mallory", password)), gss.UnknownUser},
		{"nothing", krbSource(t, nil), gss.NoCredentials},
		{"an empty cache", krbSource(t, &krb5.Cache{Name: os.DevNull}), gss.NoCredentials},
		{"no KDC", unreachable, gss.QuestionFailed},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, byKerberos(t, kerberos.Config{}), row.login)
			e := c.fault(t, apacheKrbURL()+"/krb/echo")
			if e.Fault.Code != row.want || e.Side != gss.Origin {
				t.Errorf("%+v, want %v", e, row.want)
			}
		})
	}
}

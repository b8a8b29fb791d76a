package interop

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/kerberos"
)

// TestServeKerberos: "countersign serve --keytab" to curl with what kinit got: the service
// proves itself too.
func TestServeKerberos(t *testing.T) {
	t.Parallel()
	needCurl(t)
	mitKDC.up(t)
	for _, row := range []struct {
		name string
		args []string
		want int
		why  string
	}{
		{"negotiate", []string{"--scheme", "negotiate"}, 200, ""},
		{"one name", []string{"--scheme", "negotiate", "--spn", "HTTP/localhost"}, 200, ""},
		{"another name", []string{"--scheme", "negotiate", "--spn", "HTTP/127.0.0.1@" + krbRealm}, 401, "credentials for another resource"},
		{"a realm", []string{"--scheme", "negotiate", "--client-realm", "B.TEST", "--client-realm", krbRealm}, 200, ""},
		{"another realm", []string{"--scheme", "negotiate", "--client-realm", "B.TEST"}, 401, "not permitted by policy"},
		{"among others", []string{"--scheme", "nego2,negotiate,ntlm,digest", "--user", "alice:" + password}, 200, ""},
		{"bound", []string{"--scheme", "negotiate", "--channel-binding", "require", "--tls-cert", pki.file, "--tls-key", pki.key}, 401, "bad channel binding"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := startServe(t, append([]string{"--keytab", krbFile("http.keytab")}, row.args...)...)
			c := krbCurl(t, "localhost", s.url)
			c.want(t, row.want, row.want)
			if strings.Count(c.bodies, "hello alice@"+krbRealm+" via Negotiate") != 2 && row.want == 200 {
				t.Errorf("curl got %q", c.bodies)
			}
			var reasons []string
			for _, l := range s.lines(t) {
				if l.Reason != "" && !slices.Contains(reasons, l.Reason) {
					reasons = append(reasons, l.Reason)
				}
			}
			if strings.Join(reasons, " ") != row.why {
				t.Errorf("the log has the reasons %q", reasons)
			}
		})
	}
}

// TestServeKerberosRotation: a keytab that is written anew is taken without a restart.
func TestServeKerberosRotation(t *testing.T) {
	t.Parallel()
	needCurl(t)
	mitKDC.up(t)
	file := filepath.Join(t.TempDir(), "keytab")
	keys, err := os.ReadFile(krbFile("http.keytab"))
	if err != nil {
		t.Fatal(err)
	}
	others, err := os.ReadFile(krbFile("alice.keytab"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, others, 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServe(t, "--scheme", "negotiate", "--keytab", file)
	krbCurl(t, "localhost", s.url).want(t, 401, 401)
	if err := os.WriteFile(file, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	krbCurl(t, "localhost", s.url).want(t, 200, 200)
}

// TestServeProxyKerberos: "countersign serve --proxy --keytab" to curl.
func TestServeProxyKerberos(t *testing.T) {
	t.Parallel()
	needCurl(t)
	mitKDC.up(t)
	s := startServe(t, "--proxy", "--connect-port", "any", "--scheme", "negotiate", "--keytab", krbFile("http.keytab"))
	for _, secure := range []bool{false, true} {
		curlWith(t, krbEnv(krbDir), "--proxy", s.url, "--proxy-negotiate", "--proxy-user", ":", "--cacert", pki.file, page(t, secure).URL).want(t, 200)
	}
}

// TestGetKerberos: "countersign get" to Apache from a password alone, from keys and from a
// cache; to our own server bound to the channel; and through Squid.
func TestGetKerberos(t *testing.T) {
	t.Parallel()
	upApacheKrb(t)
	squidKrb.up(t)
	at := apacheKrbURL() + "/krb/echo"
	in := "user=alice@" + krbRealm + "\nauth=Negotiate\n"
	conf := []string{"--krb5conf", krbFile("krb5.conf"), "--scheme", "negotiate"}
	byNTLM := startServe(t, "--scheme", "negotiate", "--user", "alice:"+password)
	far := filepath.Join(t.TempDir(), "krb5.conf")
	if err := os.WriteFile(far, []byte("[libdefaults]\ndefault_realm = NOWHERE.TEST\ndns_lookup_kdc = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bound := startServe(t, "--scheme", "negotiate", "--keytab", krbFile("http.keytab"), "--channel-binding", "require", "--tls-cert", pki.file, "--tls-key", pki.key)
	u, err := url.Parse(bound.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{"password", []string{"--user", "alice@" + krbRealm + ":" + password, at}, 0, in, ""},
		{"password without a realm", []string{"--user", "alice:" + password, at}, 3, "", "Kerberos was not tried, since the user's name has no realm; here: alice@" + krbRealm},
		{"wrong password", []string{"--user", "alice@" + krbRealm + ":wrong", at}, 3, "", "bad credentials"},
		{"keys", []string{"--keytab", krbFile("alice.keytab"), "--principal", "alice", at}, 0, in, ""},
		{"cache", []string{"--ccache", krbFile("alice.ccache"), at}, 0, in, ""},
		{"delegating", []string{"--ccache", krbFile("alice.ccache"), "--delegate", apacheKrbURL() + "/delegated/echo"}, 0, in, ""},
		{"no such cache", []string{"--ccache", krbFile("none"), at}, 2, "", "--ccache"},
		{"another realm", []string{"--user", "alice@NOWHERE.TEST:" + password, at}, 2, "", "no KDC of the realm answered"},
		{"bound", []string{"--user", "alice@" + krbRealm + ":" + password, "--cacert", pki.file, "https://localhost:" + u.Port()}, 0, "hello alice@" + krbRealm + " via Negotiate", ""},
		{"proxy", []string{"--proxy", squidKrbURL(), "--proxy-user", "alice@" + krbRealm + ":" + password, page(t, false).URL}, 0, "user=", ""},
		{"proxy without a realm", []string{"--proxy", squidKrbURL(), "--proxy-user", "alice:" + password, page(t, false).URL}, 3, "", "Kerberos was not tried, since the user's name has no realm; here: alice@" + krbRealm},
		{"NTLM beside a realm that has no KDC", []string{"--krb5conf", far, "--user", "alice:" + password, byNTLM.url}, 0, "hello", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			g := runGet(t, append(conf, row.args...)...)
			if g.code != row.code || !strings.Contains(g.stdout, row.stdout) || !strings.Contains(g.stderr, row.stderr) {
				t.Errorf("exit code %d, want %d, %q and %q\n%s%s", g.code, row.code, row.stdout, row.stderr, g.stdout, g.stderr)
			}
			if strings.Contains(g.stderr, password) {
				t.Error("a password stands on standard error")
			}
		})
	}
}

// TestExplainKerberos: what curl sends, opened with the service's keys.
func TestExplainKerberos(t *testing.T) {
	t.Parallel()
	needCurl(t)
	mitKDC.up(t)
	o := newKerberosOrigin(t, false, kerberos.Config{})
	field := "Authorization: " + krbCurl(t, "localhost", o.URL).sent("Authorization")[0]
	for _, row := range []struct {
		args []string
		code int
		want []string
	}{
		{[]string{field}, 0, []string{"Kerberos AP-REQ", `"HTTP/localhost@` + krbRealm + `"`, "mutual-required"}},
		{[]string{"--keytab", krbFile("http.keytab"), field}, 0, []string{`"alice@` + krbRealm + `"`, "PAC", "subkey", "mutual"}},
		{[]string{"--keytab", krbFile("alice.keytab"), field}, 1, []string{"does not open with the keytab"}},
	} {
		out, err := countersign(t, append([]string{"explain"}, row.args...)...).CombinedOutput()
		if code := exitCode(err); code != row.code {
			t.Errorf("exit code %d, want %d", code, row.code)
		}
		for _, want := range row.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
	}
}

// exitCode is that of a program that ran.
func exitCode(err error) int {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	return 0
}

package interop

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lighttpdKrb is lighttpd with mod_authn_gssapi, a service of mitKDC's realm. It sends no final token: it
// never proves itself.
var lighttpdKrb = &peer{
	name: "lighttpd-krb", program: "lighttpd", debian: "lighttpd", ports: 1,
	configure: configureLighttpdKrb, ready: func(addrs []string) error { return echoes(addrs[0]) },
	env:   func(string) []string { return krbEnv(krbDir) },
	needs: map[string]string{"/usr/lib/lighttpd/mod_authn_gssapi.so": "lighttpd-mod-authn-gssapi"},
}

func configureLighttpdKrb(dir string, addrs []string) ([]string, error) {
	for _, path := range []string{"open", "krb"} {
		www := filepath.Join(dir, "www", path)
		if err := os.MkdirAll(www, 0o755); err != nil {
			return nil, err
		}
		if err := copyFile(filepath.Join(www, "echo"), "echo", 0o644); err != nil {
			return nil, err
		}
	}
	_, port, err := net.SplitHostPort(addrs[0])
	if err != nil {
		return nil, err
	}
	conf, err := render(dir, "lighttpd-krb.conf", map[string]any{"Dir": dir, "Port": port, "Realm": realm, "KrbRealm": krbRealm, "Keytab": krbFile("http.keytab")})
	return []string{"-D", "-f", conf}, err
}

func upLighttpdKrb(t testing.TB) {
	t.Helper()
	mitKDC.up(t)
	lighttpdKrb.up(t)
}

// lighttpdKrbURL names it as its keys do.
func lighttpdKrbURL() string {
	return "http://" + strings.Replace(lighttpdKrb.addrs[0], "127.0.0.1", "localhost", 1)
}

// TestGetUnproven: servers that never prove themselves are refused, with the option that takes them; what they say then is said
// to be unproven. One that proves itself is not.
func TestGetUnproven(t *testing.T) {
	t.Parallel()
	upLighttpdKrb(t)
	upGokrb5(t)
	upApacheKrb(t)
	for name, at := range map[string]string{"lighttpd": lighttpdKrbURL() + "/krb/echo", "gokrb5": gokrb5URL()} {
		args := []string{"--krb5conf", krbFile("krb5.conf"), "--scheme", "negotiate", "--ccache", krbFile("alice.ccache"), "--delegate", at}
		if g := runGet(t, args...); g.code != 5 || g.stdout != "" || !strings.Contains(g.stderr, "--mutual if-offered") {
			t.Errorf("%s: exit code %d, want 5 and the option", name, g.code)
		}
		if g := runGet(t, append([]string{"--mutual", "if-offered"}, args...)...); g.code != 0 || !strings.Contains(g.stdout, "user=alice") || !strings.Contains(g.stderr, "is unproven") {
			t.Errorf("%s: exit code %d, want 0 and alice's page, said to be unproven", name, g.code)
		}
	}
	args := []string{"--krb5conf", krbFile("krb5.conf"), "--scheme", "negotiate", "--ccache", krbFile("alice.ccache")}
	for when, unproven := range map[string]bool{"require": false, "if-offered": false, "off": true} {
		g := runGet(t, append([]string{"--mutual", when, apacheKrbURL() + "/krb/echo"}, args...)...)
		if g.code != 0 || !strings.Contains(g.stdout, "user=alice") || strings.Contains(g.stderr, "is unproven") != unproven {
			t.Errorf("Apache, %s: exit code %d, want 0 and alice's page", when, g.code)
		}
	}
	if g := runGet(t, append([]string{"--mutual", "never", "http://localhost:1"}, args...)...); g.code != 1 || !strings.Contains(g.stderr, "require, if-offered, off") {
		t.Errorf("exit code %d, want 1 and the words that there are", g.code)
	}
}

package interop

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

const squidKrbHelper = "/usr/lib/squid/negotiate_kerberos_auth"

// squidKrb is the proxy Squid with its Kerberos helper. It needs mitKDC to be up.
var squidKrb = &peer{
	name: "squid-krb", program: "squid", debian: "squid", ports: 1,
	configure: configureSquidKrb, ready: squid.ready, env: func(string) []string { return krbEnv(krbDir) },
	needs: map[string]string{squidKrbHelper: "squid"},
}

func configureSquidKrb(dir string, addrs []string) ([]string, error) {
	conf, err := render(dir, "squid-krb.conf", map[string]any{
		"Dir": dir, "Addr": addrs[0], "Helper": squidKrbHelper, "Keytab": krbDir + "/http.keytab",
	})
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 { // it gives root up before it opens its logs
		proxy, err := user.Lookup("proxy")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(proxy.Uid)
		gid, _ := strconv.Atoi(proxy.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
	}
	return []string{"-N", "-n", "interopk" + strconv.Itoa(os.Getpid()), "-f", conf}, nil
}

func squidKrbURL() string {
	return "http://" + strings.Replace(squidKrb.addrs[0], "127.0.0.1", "localhost", 1)
}

func upSquidKrb(t testing.TB) {
	t.Helper()
	mitKDC.up(t)
	squidKrb.up(t)
}

// krbProxySchemes are Kerberos for a proxy.
func krbProxySchemes(t testing.TB) []scheme.Client {
	return []scheme.Client{clientOf(scheme.Negotiate, spnegoOver(t, spnego.Config{}, krbMechanism(t, kerberos.Config{})))}
}

// TestClientKerberosSquid: plain requests and tunnels by Kerberos, with bodies. Each request
// proves itself.
func TestClientKerberosSquid(t *testing.T) {
	t.Parallel()
	upSquidKrb(t)
	body, hash := payload()
	for _, secure := range []bool{false, true} {
		for how, login := range map[string]string{"password": alice, "with a realm": alice + "@" + krbRealm} {
			t.Run(fmt.Sprint(how, "/TLS ", secure), func(t *testing.T) {
				t.Parallel()
				origin := newHTTP(t, secure, throughSquid, nil)
				c := newProxyClient(t, squidKrbURL(), byKerberos(t, kerberos.Config{}), krbSource(t, loginForProxy(t, squidKrbURL(), login, password)))
				for n := range 3 {
					got := c.do(t, "POST", fmt.Sprint(origin.URL, "/", n), bytes.NewReader(body)).report(t)
					if got.sha256 != hash || !secure && got.user != alice+"@"+krbRealm {
						t.Errorf("the origin got %+v", got)
					}
				}
				if secure {
					c.wantLegs(t, "407", "200 Negotiate")
				} else {
					c.wantLegs(t, "407", "200 Negotiate", "200 Negotiate", "200 Negotiate")
				}
			})
		}
	}
}

// TestClientKerberosSquidBoth: Squid and the origin behind it each authenticate, each by a
// ticket of its own.
func TestClientKerberosSquidBoth(t *testing.T) {
	t.Parallel()
	upSquidKrb(t)
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS ", secure), func(t *testing.T) {
			t.Parallel()
			o := newKerberosOrigin(t, secure, kerberos.Config{})
			c := newProxyClient(t, squidKrbURL(), byKerberos(t, kerberos.Config{}), krbSource(t, &krb5.Cache{Name: krbFile("alice.ccache"), ReadOnly: true}))
			if got := c.get(t, o.URL); got.user != alice {
				t.Errorf("the origin got %+v", got)
			}
			o.wantOutcome(t, "401 no credentials; "+letInKerberos)
		})
	}
}

// TestConnectKerberosSquid: a bare tunnel, for anything that dials.
func TestConnectKerberosSquid(t *testing.T) {
	t.Parallel()
	upSquidKrb(t)
	proxy, err := url.Parse(squidKrbURL())
	if err != nil {
		t.Fatal(err)
	}
	origin := newHTTP(t, false, throughSquid, nil)
	for password, want := range map[string]gss.Code{password: 0, "wrong": gss.BadCredentials} {
		d, err := connect.New(connect.Config{
			Proxy: proxy, Machine: machine.ClientConfig{Schemes: krbProxySchemes(t)},
			Source: krbSource(t, loginForProxy(t, squidKrbURL(), "carol", password)),
		})
		if err != nil {
			t.Fatal(err)
		}
		c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(origin.URL, "http://"))
		if err == nil {
			c.Close()
		}
		if code := faultOf(err); code != want {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// TestProxyKerberosCurl: our proxy and curl, plain and for tunnels.
func TestProxyKerberosCurl(t *testing.T) {
	t.Parallel()
	needCurl(t)
	mitKDC.up(t)
	m := spnegoOver(t, spnego.Config{}, krbMechanism(t, kerberos.Config{}))
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS ", secure), func(t *testing.T) {
			t.Parallel()
			f := newForwardFor(t, krb5.NewReplayCache(100, 0), serverOf(scheme.Negotiate, m))
			c := curlWith(t, krbEnv(krbDir), "--proxy", f.URL, "--proxy-negotiate", "--proxy-user", ":", "--cacert", pki.file, page(t, secure).URL)
			c.want(t, 200)
			if got := c.reports(t); len(got) != 1 {
				t.Errorf("the origin got %+v", got)
			}
		})
	}
}

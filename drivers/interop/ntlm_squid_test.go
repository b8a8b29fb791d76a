package interop

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// squidNTLM is the proxy Squid with Samba's NTLM helper. It needs samba to be up.
var squidNTLM = &peer{
	name: "squid-ntlm", program: "squid", debian: "squid", ports: 1,
	configure: configureSquidNTLM, ready: squid.ready,
}

func configureSquidNTLM(dir string, addrs []string) ([]string, error) {
	conf, err := render(dir, "squid-ntlm.conf", map[string]any{
		"Dir": dir, "Addr": addrs[0], "Env": strings.Join(sambaEnv(sambaDir), " "), "Helper": "/usr/bin/ntlm_auth", "Conf": sambaDir + "/smb.conf",
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
	return []string{"-N", "-n", "interopn" + strconv.Itoa(os.Getpid()), "-f", conf}, nil
}

func squidNTLMURL() string { return "http://" + squidNTLM.addrs[0] }

// upSquidNTLM brings both up.
func upSquidNTLM(t testing.TB) {
	t.Helper()
	samba.up(t)
	squidNTLM.up(t)
}

// TestClientNTLMSquid: plain requests and tunnels by NTLM, with bodies; the
// connection to the proxy stays authenticated.
func TestClientNTLMSquid(t *testing.T) {
	t.Parallel()
	upSquidNTLM(t)
	body, hash := payload()
	for _, row := range []struct{ name, login, password, user string }{
		{"plain name", alice, password, alice},
		{"domain", computer + `\alice`, password, computer + `\alice`},
		{"case", "ALICE", password, alice},
		{"UTF-8 password", "jason", "pässwörd", "jason"},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(row.name, "/TLS ", secure), func(t *testing.T) {
				t.Parallel()
				origin := newHTTP(t, secure, throughSquid, nil)
				c := newProxyClient(t, squidNTLMURL(), byNTLM(t), loginForProxy(t, squidNTLMURL(), row.login, row.password))
				for n := range 3 {
					got := c.do(t, "POST", fmt.Sprint(origin.URL, "/", n), bytes.NewReader(body)).report(t)
					if got.sha256 != hash || !secure && !strings.HasSuffix(strings.ToLower(got.user), strings.ToLower(row.user)) {
						t.Errorf("the origin got %+v", got)
					}
				}
				if secure {
					c.wantLegs(t, "407", "407 NTLM", "200 NTLM")
				} else {
					c.wantLegs(t, "407", "407 NTLM", "200 NTLM", "200", "200")
				}
				c.wantAsked(t, 3) // one for each request
			})
		}
	}
}

// TestClientNTLMSquidRefused: a wrong password is the proxy's refusal, for a tunnel
// as for a request.
func TestClientNTLMSquidRefused(t *testing.T) {
	t.Parallel()
	upSquidNTLM(t)
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the request reached the origin") })
	plain, secure := newHTTP(t, false, nothing, nil), newHTTP(t, true, nothing, nil)
	for _, login := range [][2]string{{alice, "wrong"}, {"mallory", password}} {
		for _, origin := range []string{plain.URL, secure.URL} {
			t.Run(login[0]+origin[:5], func(t *testing.T) {
				t.Parallel()
				c := newProxyClient(t, squidNTLMURL(), byNTLM(t), loginForProxy(t, squidNTLMURL(), login[0], login[1]))
				e := c.fault(t, origin)
				if e.Fault.Code != gss.Refused || e.Side != gss.Proxy || e.Status != 407 {
					t.Errorf("%+v, want a refusal by the proxy", e)
				}
			})
		}
	}
}

// TestClientNTLMSquidBoth: NTLM with the proxy and with an origin of ours behind
// it, which Squid keeps a connection for.
func TestClientNTLMSquidBoth(t *testing.T) {
	t.Parallel()
	upSquidNTLM(t)
	body, hash := payload()
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS ", secure), func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, secure, ntlmSource(t), ntlmServer(t, ntlm.Config{}))
			c := newProxyClient(t, squidNTLMURL(), byNTLM(t), loginForProxy(t, squidNTLMURL(), alice, password), loginFor(t, o.URL, `LAB\jason`, "pässwörd"))
			for range 2 {
				if got := c.do(t, "POST", o.URL+"/", bytes.NewReader(body)).report(t); got.user != "jason" || got.sha256 != hash {
					t.Errorf("the origin got %+v", got)
				}
			}
		})
	}
}

// TestConnectNTLMSquid: a bare tunnel by NTLM.
func TestConnectNTLMSquid(t *testing.T) {
	t.Parallel()
	upSquidNTLM(t)
	proxy, err := url.Parse(squidNTLMURL())
	if err != nil {
		t.Fatal(err)
	}
	origin := newHTTP(t, false, throughSquid, nil)
	d, err := connect.New(connect.Config{
		Proxy:   proxy,
		Machine: machine.ClientConfig{Schemes: []scheme.Client{ntlmClient(t, ntlm.Config{})}},
		Source:  loginForProxy(t, squidNTLMURL(), alice, password),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c := &http.Client{Transport: &http.Transport{DialContext: d.DialContext}, Timeout: patience + time.Second}
		res, err := c.Get(origin.URL)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		c.CloseIdleConnections()
	}
}

package interop

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// apache is Apache httpd 2.4 with mod_auth_digest. It knows MD5 alone: no -sess,
// no auth-int, no response without qop.
//
//	/digest/  Digest, and its domain has /more/ too
//	/once/    Digest        a nonce counts once
//	/next/    Digest        a nonce lives 2 s, each response names the next one
//	/basic/   Basic
//	/one/     Digest        and /two/, each a realm of its own
//	/unsaid/  Digest        a nonce counts once, and it does not say stale
//	/elsewhere/  Digest     its domain is another origin
//	/site/    Basic         for alice, and /site/staff/ for bob in a realm of its own
//	/open/    nothing
//
// All of it is there under TLS too, and a third port is a proxy like /once/.
var apache = &peer{
	name: "apache", program: "apache2", debian: "apache2", ports: 3,
	configure: configureApache, ready: func(addrs []string) error { return echoes(addrs[0]) },
}

const apacheModules = "/usr/lib/apache2/modules"

func configureApache(dir string, addrs []string) ([]string, error) {
	if err := copyFile(filepath.Join(dir, "echo"), "echo", 0o755); err != nil {
		return nil, err
	}
	for file, users := range map[string][]byte{
		"digest.users": htdigest(false, "MD5"), "basic.users": htpasswd(), "realms.users": append(htdigestIn("one"), htdigestIn("two")...), "staff.users": htpasswdOf("bob"),
		"unsaid.txt": []byte("refused\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), users, 0o644); err != nil {
			return nil, err
		}
	}
	modules := strings.Fields("mpm_prefork authn_core authn_file authz_core authz_user auth_basic auth_digest alias cgi headers ssl mime proxy proxy_http")
	conf, err := render(dir, "apache.conf", map[string]any{
		"Dir": dir, "Addr": addrs[0], "TLS": addrs[1], "Proxy": addrs[2], "Realm": realm,
		"Modules": modules, "ModuleDir": apacheModules, "Cert": pki.file, "Key": pki.key,
	})
	return []string{"-f", conf, "-DFOREGROUND"}, err
}

// apacheURL is where Apache serves.
func apacheURL() string    { return "http://" + apache.addrs[0] }
func apacheURLTLS() string { return "https://" + apache.addrs[1] }

// TestClientApache: Digest MD5 with real Apache, which proves itself in turn
// (R7616-3.5-1), and a login with names of all kinds.
func TestClientApache(t *testing.T) {
	t.Parallel()
	apache.up(t)
	body, hash := payload()
	for _, row := range []struct {
		name, method, query string
		body                []byte
	}{
		{"GET", "GET", "", nil},
		{"query", "GET", `a=1&b=%2F%22,d&e='(;)`, nil},
		{"HEAD", "HEAD", "", nil},
		{"POST", "POST", "", body},
		{"PUT", "PUT", "x", body},
	} {
		for _, a := range accounts {
			t.Run(row.name+"/"+a.name, func(t *testing.T) {
				t.Parallel()
				c := newClient(t, utf8Names(t), loginFor(t, apacheURL(), a.name, a.password))
				url := apacheURL() + "/digest/echo"
				if row.query != "" {
					url += "?" + row.query
				}
				var r io.Reader
				want := report{user: a.name, auth: "Digest", method: row.method, query: row.query, length: "0", sha256: emptyHash}
				if row.body != nil {
					r = bytes.NewReader(row.body)
					want.length, want.sha256 = strconv.Itoa(len(row.body)), hash
				}
				got := c.do(t, row.method, url, r)
				if row.method != "HEAD" {
					if got := got.report(t); got != want {
						t.Errorf("Apache got %+v, want %+v", got, want)
					}
				}
				if d := got.delivered; got.status != 200 || !d.Authenticated || !d.Info.Flags.Has(gss.Mutual) || d.Info.Domain != realm {
					t.Errorf("status %d and %+v, want 200 and Apache proven", got.status, d)
				}
				c.wantLegs(t, "401", "200 nc=1")
				c.wantAsked(t, 1)
			})
		}
	}
}

// TestClientApacheOnce: a body that can be read once only arrives whole, with the
// leg that has the credentials (HTA-22, R4559-6-8).
func TestClientApacheOnce(t *testing.T) {
	t.Parallel()
	apache.up(t)
	body, hash := payload()
	c := newClient(t, nil, loginFor(t, apacheURL(), alice, password))
	r, err := http.NewRequestWithContext(t.Context(), "POST", apacheURL()+"/digest/echo", io.MultiReader(bytes.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = int64(len(body))
	got := c.send(t, r).report(t)
	if got.sha256 != hash || got.user != alice {
		t.Errorf("Apache got %+v", got)
	}
	c.wantLegs(t, "401", "200 nc=1")
	if legs := c.tap.legs(t); legs[0].sent != 0 || legs[1].sent != len(body) {
		t.Errorf("the body went out as %d and %d bytes, want 0 and %d", legs[0].sent, legs[1].sent, len(body))
	}
}

// TestClientApachePersistent: one nonce with an increasing count, and one connection
// (RFC 7616 section 3.4). Other paths belong to the protection space if the domain says
// so, and nothing else does (R7616-3.3-2).
func TestClientApachePersistent(t *testing.T) {
	t.Parallel()
	apache.up(t)
	c := newClient(t, nil, loginFor(t, apacheURL(), alice, password))
	for _, path := range []string{"/digest/echo?1", "/digest/echo?2", "/more/echo", "/digest/echo?3"} {
		if got := c.get(t, apacheURL()+path); got.user != alice {
			t.Errorf("%s: Apache got %+v", path, got)
		}
	}
	if got := c.get(t, apacheURL()+"/open/echo"); got.user != "" {
		t.Errorf("Apache got %+v", got)
	}
	c.wantLegs(t, "401", "200 nc=1", "200 nc=2", "200 nc=3", "200 nc=4", "200")
	if legs := c.tap.legs(t); legs[len(legs)-1].conn != 0 {
		t.Error("more than one connection")
	}
}

// getThrice requests a page of Apache three times as alice, by one client, and returns the client.
func getThrice(t *testing.T, path string) *client {
	t.Helper()
	c := newClient(t, nil, loginFor(t, apacheURL(), alice, password))
	for range 3 {
		if got := c.get(t, apacheURL()+path); got.user != alice {
			t.Errorf("Apache got %+v", got)
		}
	}
	return c
}

// TestClientApacheStale: a nonce that was used up costs one more leg and no
// question (R7616-3.3-2, MSDIG-13).
func TestClientApacheStale(t *testing.T) {
	t.Parallel()
	apache.up(t)
	c := getThrice(t, "/once/echo")
	c.wantLegs(t, "401", "200 nc=1", "401 stale nc=2", "200 nc=1", "401 stale nc=2", "200 nc=1")
	c.wantAsked(t, 3) // one for each request
}

// TestClientApacheRealms: what a client remembers of one realm is no password for another one, in the same order and back
// (R9110-11.5-2).
func TestClientApacheRealms(t *testing.T) {
	t.Parallel()
	apache.up(t)
	c := newClient(t, nil, loginFor(t, apacheURL(), alice, password))
	for _, path := range []string{"/one/echo", "/two/echo", "/one/echo"} {
		if got := c.get(t, apacheURL()+path); got.user != alice {
			t.Errorf("%s: Apache got %+v", path, got)
		}
	}
	c.wantLegs(t, "401", "200 nc=1", "401 nc=2", "200 nc=1", "401 nc=2", "200 nc=1")
	requirement.Held(t, "unit:realms_of_one_origin")
}

// TestClientApacheUnsaid: a nonce that counts once costs one more leg where Apache does not say stale, too; a wrong password is one
// as before.
func TestClientApacheUnsaid(t *testing.T) {
	t.Parallel()
	apache.up(t)
	c := getThrice(t, "/unsaid/echo")
	c.wantLegs(t, "401", "200 nc=1", "401 nc=2", "200 nc=1", "401 nc=2", "200 nc=1")
	c = newClient(t, nil, loginFor(t, apacheURL(), alice, "wrong"))
	for range 2 {
		if e := c.fault(t, apacheURL()+"/unsaid/echo"); e.Fault.Code != gss.Refused {
			t.Errorf("%+v, want a refusal", e)
		}
	}
	c.wantLegs(t, "401", "401 nc=1", "401", "401 nc=1")
}

// unsaid is a connection from a peer that does not say stale.
type unsaid struct{ net.Conn }

func (c unsaid) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	copy(b, bytes.ReplaceAll(b[:n], []byte("stale=true"), []byte("stale=nope")))
	return n, err
}

// TestClientApacheUnsaidProxy: and so where a proxy does, for plain requests and on the way to an origin that wants credentials, too.
// Apache's own word is taken out on the way.
func TestClientApacheUnsaidProxy(t *testing.T) {
	t.Parallel()
	apache.up(t)
	at := "http://" + apache.addrs[2]
	c := newProxyClient(t, at, func(conf *nethttp.ClientConfig) {
		dial := conf.Base.DialContext
		conf.Base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			return unsaid{conn}, err
		}
	}, loginForProxy(t, at, alice, password), loginFor(t, apacheURL(), alice, password))
	for _, path := range []string{"/open/echo", "/open/echo", "/one/echo", "/two/echo", "/one/echo"} {
		c.get(t, apacheURL()+path)
	}
	stale := 0
	for _, l := range c.tap.legs(t) {
		if strings.Contains(l.String(), "407 stale") {
			stale++
		}
	}
	if stale < 4 {
		t.Errorf("Apache refused %d nonces, want one for each request after the first", stale)
	}
}

// TestClientApacheElsewhere: a protection space at another origin leaves nothing to begin with, and each request is challenged anew
// (R9110-11.5-3).
func TestClientApacheElsewhere(t *testing.T) {
	t.Parallel()
	apache.up(t)
	c := getThrice(t, "/elsewhere/echo")
	c.wantLegs(t, "401", "200 nc=1", "401", "200 nc=1", "401", "200 nc=1")
	requirement.Held(t, "unit:gerrit_domain")
}

// TestClientApacheUsersByRealm: Basic asks for the user of each realm, and says of none that the password was wrong.
func TestClientApacheUsersByRealm(t *testing.T) {
	t.Parallel()
	apache.up(t)
	users := answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
		need, ok := q.(gss.NeedCredential)
		switch {
		case !ok:
		case need.Rejected:
			t.Errorf("the password for %q was refused", need.Realm)
		case need.Realm == "site":
			return gss.Password{User: alice, Password: gss.NewSecret(password)}
		case need.Realm == "staff":
			return gss.Password{User: "bob", Password: gss.NewSecret(password)}
		}
		return gss.Declined{}
	})
	c := newClient(t, func(conf *nethttp.ClientConfig) { conf.Machine.Policy.Cleartext = true }, users)
	for _, row := range [][2]string{{"/site/echo", alice}, {"/site/staff/echo", "bob"}, {"/site/echo", alice}, {"/site/staff/echo", "bob"}} {
		if got := c.get(t, apacheURL()+row[0]); got.user != row[1] || got.auth != "Basic" {
			t.Errorf("%s: Apache got %+v", row[0], got)
		}
	}
}

// TestClientApacheNext: the next nonce that Apache names is taken, and starts at 1
// (RFC 7616 section 3.5).
func TestClientApacheNext(t *testing.T) {
	t.Parallel()
	apache.up(t)
	c := newClient(t, nil, loginFor(t, apacheURL(), alice, password))
	for range 3 {
		c.get(t, apacheURL()+"/next/echo")
	}
	c.wantLegs(t, "401", "200 nc=1", "200 nc=1", "200 nc=1")
}

// TestClientApacheRefused: a wrong password ends in a typed refusal after one try,
// and leaves the connection and the client in good order.
func TestClientApacheRefused(t *testing.T) {
	t.Parallel()
	apache.up(t)
	for _, path := range []string{"/digest/echo", "/basic/echo"} {
		for _, login := range [][2]string{{alice, "wrong"}, {"mallory", password}, {alice, ""}} {
			t.Run(path+" "+login[0]+" "+login[1], func(t *testing.T) {
				t.Parallel()
				c := newClient(t, func(conf *nethttp.ClientConfig) { conf.Machine.Policy.Cleartext = true },
					loginFor(t, apacheURL(), login[0], login[1]))
				e := c.fault(t, apacheURL()+path)
				if e.Fault.Code != gss.Refused || e.Side != gss.Origin || e.Status != 401 {
					t.Errorf("%+v, want a refusal by the origin", e)
				}
				if got := c.get(t, apacheURL()+"/open/echo"); got.user != "" {
					t.Errorf("Apache got %+v", got)
				}
				if legs := c.tap.legs(t); len(legs) != 3 {
					t.Errorf("%d legs, want 3: one try and the open page", len(legs))
				}
			})
		}
	}
}

// TestClientApacheBasic: never in clear unless policy says so, and under TLS
// without further ado (RFC 7617 section 4).
func TestClientApacheBasic(t *testing.T) {
	t.Parallel()
	apache.up(t)
	for _, row := range []struct {
		name, url string
		cleartext bool
		refused   bool
	}{
		{"clear", apacheURL(), false, true},
		{"clear by policy", apacheURL(), true, false},
		{"TLS", apacheURLTLS(), false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, func(conf *nethttp.ClientConfig) { conf.Machine.Policy.Cleartext = row.cleartext },
				loginFor(t, row.url, alice, password))
			if row.refused {
				if e := c.fault(t, row.url+"/basic/echo"); e.Fault.Code != gss.NotPermitted {
					t.Errorf("%v, want a refusal by policy", e)
				}
				c.wantLegs(t, "401")
				return
			}
			for range 2 {
				if got := c.get(t, row.url+"/basic/echo"); got.user != alice || got.auth != "Basic" {
					t.Errorf("Apache got %+v", got)
				}
			}
			if row.cleartext {
				c.wantLegs(t, "401", "200 Basic", "200 Basic")
			}
		})
	}
}

// TestClientApacheTLS: Digest under TLS, with bodies.
func TestClientApacheTLS(t *testing.T) {
	t.Parallel()
	apache.up(t)
	body, hash := payload()
	c := newClient(t, nil, loginFor(t, apacheURLTLS(), alice, password))
	for range 2 {
		got := c.do(t, "POST", apacheURLTLS()+"/digest/echo", bytes.NewReader(body)).report(t)
		if got.user != alice || got.sha256 != hash {
			t.Errorf("Apache got %+v", got)
		}
	}
}

// TestClientApacheParallel: many requests at once share the protection space.
func TestClientApacheParallel(t *testing.T) {
	t.Parallel()
	apache.up(t)
	c := newClient(t, nil, loginFor(t, apacheURL(), alice, password))
	c.get(t, apacheURL()+"/digest/echo") // so that there is a nonce to count
	const n = 16
	var wg sync.WaitGroup
	got := make([]answered, n)
	for i := range n {
		wg.Go(func() { got[i] = c.do(t, "GET", fmt.Sprint(apacheURL(), "/digest/echo?", i), nil) })
	}
	wg.Wait()
	for i, a := range got {
		if r := a.report(t); r.user != alice || r.query != strconv.Itoa(i) {
			t.Errorf("request %d: Apache got %+v", i, r)
		}
	}
	counts := make(map[string]bool)
	for _, l := range c.tap.legs(t)[1:] {
		counts[digestParam(l.request.Header.Get("Authorization"), "nc")] = true
	}
	if len(counts) != n+1 {
		t.Errorf("%d different nonce counts in %d requests", len(counts), n+1)
	}
}

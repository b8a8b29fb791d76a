package interop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// squidCount is how often Squid counts a nonce, which it names stale at the second
// request after that. Its next one comes with the request before the last.
const squidCount = 3

// squid is the proxy Squid with its Digest helper. It knows MD5 alone and proves
// nothing: Proxy-Authentication-Info has nothing but a next nonce, when one is
// due, and that not on the second port.
var squid = &peer{
	name: "squid", program: "squid", debian: "squid", ports: 2,
	configure: configureSquid,
	ready: func(addrs []string) error {
		res, err := http.Get("http://" + addrs[0] + "/") // no request for a proxy
		if err != nil {
			return err
		}
		res.Body.Close()
		if !strings.HasPrefix(res.Header.Get("Server"), "squid") {
			return fmt.Errorf("not Squid")
		}
		return nil
	},
}

const squidHelper = "/usr/lib/squid/digest_file_auth"

func configureSquid(dir string, addrs []string) ([]string, error) {
	var users bytes.Buffer
	for _, a := range append(accounts, account{refused, password}) {
		fmt.Fprintf(&users, "%s:%s\n", a.name, a.password)
	}
	if err := os.WriteFile(filepath.Join(dir, "digest.users"), users.Bytes(), 0o644); err != nil {
		return nil, err
	}
	conf, err := render(dir, "squid.conf", map[string]any{
		"Dir": dir, "Addr": addrs[0], "Forgetful": addrs[1], "Realm": realm, "Helper": squidHelper, "MaxCount": squidCount,
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
	// -n names its shared memory: several Squids may run here.
	return []string{"-N", "-n", "interop" + strconv.Itoa(os.Getpid()), "-f", conf}, nil
}

func squidURL() string     { return "http://" + squid.addrs[0] }
func forgetfulURL() string { return "http://" + squid.addrs[1] }

// newProxyClient is a client that goes through a proxy.
func newProxyClient(t testing.TB, at string, options func(*nethttp.ClientConfig), logins ...answer.Source) *client {
	t.Helper()
	return newClient(t, func(conf *nethttp.ClientConfig) {
		proxy, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		conf.Proxy = http.ProxyURL(proxy)
		if options != nil {
			options(conf)
		}
	}, logins...)
}

// the user is the one that Squid sends
var throughSquid = echo(func(r *http.Request) (string, string) { return r.Header.Get("X-Proxy-User"), "Squid" })

// TestClientSquid: plain requests through Squid. Towards it the Digest uri is the
// absolute request-target, as RFC 7616 section 3.4.6 has it and Squid receives
// it, where other clients send the path: Squid takes it, and what it is computed
// over (C29).
func TestClientSquid(t *testing.T) {
	t.Parallel()
	squid.up(t)
	origin := newHTTP(t, false, throughSquid, nil)
	body, hash := payload()
	for _, a := range accounts[:2] { // no q"uo\te: Squid hands it to its helper without escapes
		for _, method := range []string{"GET", "HEAD", "POST"} {
			t.Run(method+"/"+a.name, func(t *testing.T) {
				t.Parallel()
				c := newProxyClient(t, squidURL(), utf8Names(t), loginForProxy(t, squidURL(), a.name, a.password))
				var r io.Reader
				want := report{user: a.name, auth: "Squid", method: method, query: "q=1", length: "0", sha256: emptyHash}
				if method == "POST" {
					r = bytes.NewReader(body)
					want.length, want.sha256 = strconv.Itoa(len(body)), hash
				}
				target := origin.URL + "/page?q=1"
				got := c.do(t, method, target, r)
				if user := got.header.Get("X-Proxy-User"); got.status != 200 || user != a.name {
					t.Errorf("status %d and user %q of Squid, want 200 and %q", got.status, user, a.name)
				}
				if method != "HEAD" {
					if got := got.report(t); got != want {
						t.Errorf("the origin got %+v, want %+v", got, want)
					}
				}
				c.wantLegs(t, "407", "200 nc=1")
				if uri := digestParam(c.tap.legs(t)[1].request.Header.Get("Proxy-Authorization"), "uri"); uri != target {
					t.Errorf("the uri towards Squid is %q, want %q", uri, target)
				}
			})
		}
	}
}

// refused is a user of Squid for which no test uses the right password. Squid caches
// its verdict on Digest credentials by user and not by request: while alice logs in,
// alice with a wrong password would be accepted.
const refused = "carol"

// TestClientSquidRefused: a wrong password is the proxy's refusal, for a tunnel as
// for a request.
func TestClientSquidRefused(t *testing.T) {
	t.Parallel()
	squid.up(t)
	plain, secure := newHTTP(t, false, throughSquid, nil), newHTTP(t, true, throughSquid, nil)
	for _, login := range [][2]string{{refused, "wrong"}, {"mallory", password}} {
		for _, origin := range []string{plain.URL, secure.URL} {
			t.Run(login[0]+origin[:5], func(t *testing.T) {
				t.Parallel()
				c := newProxyClient(t, squidURL(), nil, loginForProxy(t, squidURL(), login[0], login[1]))
				e := c.fault(t, origin)
				if e.Fault.Code != gss.Refused || e.Side != gss.Proxy || e.Status != 407 {
					t.Errorf("%+v, want a refusal by the proxy", e)
				}
				c.wantLegs(t, "407", "407 nc=1")
			})
		}
	}
}

// TestClientSquidStale: Squid takes a nonce for so many requests and says
// stale=true to the next one, which costs a leg and no question (R7616-3.3-2). If
// it names the next nonce before, not even that.
func TestClientSquidStale(t *testing.T) {
	t.Parallel()
	squid.up(t)
	for _, row := range []struct {
		at   string
		legs []string
	}{
		{squidURL(), []string{"407", "200 nc=1", "200 nc=2", "200 nc=1", "200 nc=2", "200 nc=1"}},
		{forgetfulURL(), []string{"407", "200 nc=1", "200 nc=2", "200 nc=3", "200 nc=4", "407 stale nc=5", "200 nc=1"}},
	} {
		t.Run(row.at, func(t *testing.T) {
			t.Parallel()
			origin := newHTTP(t, false, throughSquid, nil)
			c := newProxyClient(t, row.at, nil, loginForProxy(t, row.at, alice, password))
			for range squidCount + 2 {
				if got := c.get(t, origin.URL); got.user != alice {
					t.Errorf("the origin got %+v", got)
				}
			}
			c.wantLegs(t, row.legs...)
			c.wantAsked(t, squidCount+2) // one for each request
		})
	}
}

// TestClientSquidTunnel: an https origin behind CONNECT, with host:port as its Digest
// uri (R7616-3.4.6-1). The origin sees nothing of the exchange with the proxy (HTA-15);
// the facts learned in it serve the next tunnel.
func TestClientSquidTunnel(t *testing.T) {
	t.Parallel()
	squid.up(t)
	body, hash := payload()
	c := newProxyClient(t, squidURL(), nil, loginForProxy(t, squidURL(), alice, password))
	for range 2 {
		origin := newHTTP(t, true, throughSquid, nil)
		got := c.do(t, "POST", origin.URL, bytes.NewReader(body)).report(t)
		if got.user != "" || got.sha256 != hash {
			t.Errorf("the origin got %+v, want nothing of the proxy's", got)
		}
	}
	c.wantLegs(t, "407", "200 nc=1", "200 nc=2")
	for _, l := range c.tap.legs(t)[1:] {
		if uri := digestParam(l.request.Header.Get("Proxy-Authorization"), "uri"); l.request.Method != "CONNECT" || uri != l.request.RequestURI {
			t.Errorf("%s with uri %q, want CONNECT with %q", l.request.Method, uri, l.request.RequestURI)
		}
	}
}

// TestConnectSquid: a bare tunnel, for anything that dials.
func TestConnectSquid(t *testing.T) {
	t.Parallel()
	squid.up(t)
	proxy, err := url.Parse(squidURL())
	if err != nil {
		t.Fatal(err)
	}
	far, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	go func() {
		for {
			c, err := far.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprint(c, "hello") // before the client says anything
				io.Copy(c, c)
			}()
		}
	}()
	dialer := func(name, password string) *connect.Dialer {
		d, err := connect.New(connect.Config{
			Proxy:   proxy,
			Machine: machine.ClientConfig{Schemes: []scheme.Client{digestClient(t, digest.ClientConfig{})}},
			Source:  loginForProxy(t, squidURL(), name, password),
		})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := dialer(alice, password)
	for range 2 {
		c, err := d.DialContext(t.Context(), "tcp", far.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		fmt.Fprint(c, ", world")
		var got [12]byte
		if _, err := io.ReadFull(c, got[:]); err != nil || string(got[:]) != "hello, world" {
			t.Errorf("through the tunnel came %q (%v)", got, err)
		}
	}
	_, err = dialer(refused, "wrong").DialContext(t.Context(), "tcp", far.Addr().String())
	if e, ok := errors.AsType[*drive.Error](err); !ok || e.Fault.Code != gss.Refused || e.Status != 407 {
		t.Errorf("%v, want a refusal by the proxy", err)
	}
	// The proxy accepts alice, but cannot reach the target: no server listens there.
	_, err = d.DialContext(t.Context(), "tcp", "127.0.0.1:1")
	if e, ok := errors.AsType[*drive.Error](err); !ok || !e.Fault.IsZero() || e.Status != 503 {
		t.Errorf("%v, want the proxy's 503", err)
	}
}

// TestClientSquidBoth: Squid and the origin behind it each authenticate the same
// request, with names and nonces of their own.
func TestClientSquidBoth(t *testing.T) {
	t.Parallel()
	squid.up(t)
	body, hash := payload()
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS ", secure), func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, secure, accountSource(), digestServer(t, digest.ServerConfig{}))
			c := newProxyClient(t, squidURL(), nil, loginForProxy(t, squidURL(), alice, password), loginFor(t, o.URL, accounts[1].name, accounts[1].password))
			for range 2 {
				got := c.do(t, "POST", o.URL+"/page?q=1", bytes.NewReader(body))
				if r := got.report(t); r.user != accounts[1].name || r.sha256 != hash {
					t.Errorf("the origin got %+v", r)
				}
				if !got.delivered.Authenticated || !got.delivered.Info.Flags.Has(gss.Mutual) {
					t.Errorf("%+v, want the origin proven", got.delivered)
				}
			}
			if secure {
				c.wantLegs(t, "407", "200 nc=1")
			} else {
				// The proxy's nonce is counted twice in the first exchange; then the next
				// one that it named comes into use.
				c.wantLegs(t, "407", "401 nc=1", "200 nc=2 nc=1", "200 nc=1 nc=2")
			}
			in := "200 " + accounts[1].name + " by Digest"
			o.wantOutcome(t, "401 no credentials; "+in+"; "+in)
		})
	}
}

// TestClientSquidApache: the same with a real server behind the real proxy.
func TestClientSquidApache(t *testing.T) {
	t.Parallel()
	squid.up(t)
	apache.up(t)
	for _, origin := range []string{apacheURL(), apacheURLTLS()} {
		t.Run(origin[:5], func(t *testing.T) {
			t.Parallel()
			c := newProxyClient(t, squidURL(), nil, loginForProxy(t, squidURL(), alice, password), loginFor(t, origin, alice, password))
			for range 2 {
				if got := c.get(t, origin+"/digest/echo?q=1"); got.user != alice || got.query != "q=1" {
					t.Errorf("Apache got %+v", got)
				}
			}
		})
	}
}

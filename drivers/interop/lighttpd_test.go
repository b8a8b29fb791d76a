package interop

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/scheme"
)

// lighttpd knows three algorithms, several of them at once, and userhash.
var lighttpd = &peer{
	name: "lighttpd", program: "lighttpd", debian: "lighttpd", ports: 1,
	configure: configureLighttpd, ready: func(addrs []string) error { return echoes(addrs[0]) },
}

// lighttpdPath is a protected directory.
type lighttpdPath struct {
	Path       string
	Algorithms string
	Users      string // the file
	UserHash   bool
}

var lighttpdPaths = []lighttpdPath{
	{"md5", "MD5", "MD5", false},
	{"sha-two", "SHA-256", "SHA-256", false},
	{"sha-five", "SHA-512-256", "SHA-512-256", false},
	{"both", "MD5|SHA-256", "both", false}, // a line of the file for each algorithm
	{"userhash", "SHA-256", "hashed", true},
}

func configureLighttpd(dir string, addrs []string) ([]string, error) {
	for file, users := range map[string][]byte{
		"MD5": htdigest(false, "MD5"), "SHA-256": htdigest(false, "SHA-256"), "SHA-512-256": htdigest(false, "SHA-512-256"),
		"both": htdigest(false, "MD5", "SHA-256"), "hashed": htdigest(true, "SHA-256"),
	} {
		if err := os.WriteFile(filepath.Join(dir, file+".users"), users, 0o644); err != nil {
			return nil, err
		}
	}
	for _, p := range append([]lighttpdPath{{Path: "open"}}, lighttpdPaths...) {
		www := filepath.Join(dir, "www", p.Path)
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
	conf, err := render(dir, "lighttpd.conf", map[string]any{"Dir": dir, "Port": port, "Realm": realm, "Paths": lighttpdPaths})
	return []string{"-D", "-f", conf}, err
}

func lighttpdURL() string { return "http://" + lighttpd.addrs[0] }

// answers are the algorithms that our client must answer, by directory.
var answers = map[string]string{
	"md5": "MD5", "sha-two": "SHA-256", "sha-five": "SHA-512-256",
	"both":     "SHA-256", // whatever the order (V10, R7616-5.6-1)
	"userhash": "SHA-256",
}

// TestClientLighttpd: every algorithm, the stronger one of two, and names plain
// and hashed, with and without a body. lighttpd sends no Authentication-Info, so
// it never proves itself.
func TestClientLighttpd(t *testing.T) {
	t.Parallel()
	lighttpd.up(t)
	body, hash := payload()
	for _, p := range lighttpdPaths {
		for _, a := range accounts[:2] { // lighttpd does not take escapes back out of quoted strings: no q"uo\te
			for _, method := range []string{"GET", "HEAD", "POST"} {
				t.Run(p.Path+"/"+method+"/"+a.name, func(t *testing.T) {
					t.Parallel()
					c := newClient(t, nil, loginFor(t, lighttpdURL(), a.name, a.password))
					want := report{user: a.name, auth: "Digest", method: method, query: "q=1", length: "0", sha256: emptyHash}
					var r io.Reader
					if method == "POST" {
						r = bytes.NewReader(body)
						want.length, want.sha256 = strconv.Itoa(len(body)), hash
					}
					url := lighttpdURL() + "/" + p.Path + "/echo?q=1"
					for range 2 {
						got := c.do(t, method, url, r)
						if got.status != 200 || !got.delivered.Authenticated || got.delivered.Info.Flags.Has(gss.Mutual) {
							t.Errorf("status %d and %+v, want 200 and nothing proven by lighttpd", got.status, got.delivered)
						}
						if method != "HEAD" {
							if got := got.report(t); got != want {
								t.Errorf("lighttpd got %+v, want %+v", got, want)
							}
						}
						if r != nil {
							r = bytes.NewReader(body)
						}
					}
					c.wantLegs(t, "401", "200 nc=1", "200 nc=2")
					creds := c.tap.legs(t)[1].request.Header.Get("Authorization")
					if alg := digestParam(creds, "algorithm"); alg != answers[p.Path] {
						t.Errorf("answered %q, want %s", alg, answers[p.Path])
					}
					if hashed := digestParam(creds, "userhash") == "true"; hashed != p.UserHash || hashed == strings.Contains(creds, a.name) {
						t.Errorf("the name went out in a form that was not asked for: %s", creds)
					}
				})
			}
		}
	}
}

// TestClientProof: a client that requires the server's proof works with Apache, but not
// with lighttpd, which never sends one (R7616-3.5-1).
func TestClientProof(t *testing.T) {
	t.Parallel()
	apache.up(t)
	lighttpd.up(t)
	proof := func(conf *nethttp.ClientConfig) {
		conf.Machine.Schemes = []scheme.Client{digestClient(t, digest.ClientConfig{RequireProof: true})}
	}
	c := newClient(t, proof, loginFor(t, apacheURL(), alice, password), loginFor(t, lighttpdURL(), alice, password))
	if got := c.get(t, apacheURL()+"/digest/echo"); got.user != alice {
		t.Errorf("Apache got %+v", got)
	}
	if e := c.fault(t, lighttpdURL()+"/sha-two/echo"); e.Fault.Code != gss.NotAuthentic || e.Status != 200 {
		t.Errorf("%+v, want a failure for want of the proof", e)
	}
}

// TestClientLighttpdRefused: a wrong password and an unknown user end after one
// try.
func TestClientLighttpdRefused(t *testing.T) {
	t.Parallel()
	lighttpd.up(t)
	for _, p := range lighttpdPaths {
		for _, login := range [][2]string{{alice, "wrong"}, {"mallory", password}} {
			t.Run(p.Path+"/"+login[0], func(t *testing.T) {
				t.Parallel()
				c := newClient(t, nil, loginFor(t, lighttpdURL(), login[0], login[1]))
				e := c.fault(t, lighttpdURL()+"/"+p.Path+"/echo")
				if e.Fault.Code != gss.Refused || e.Side != gss.Origin || e.Status != 401 {
					t.Errorf("%+v, want a refusal by the origin", e)
				}
				c.wantLegs(t, "401", "401 nc=1")
			})
		}
	}
}

// TestClientLighttpdCloses: lighttpd closes the connection after the 401 to a
// request with a body that it has not read. The exchange goes on over a new one,
// and the body arrives whole.
func TestClientLighttpdCloses(t *testing.T) {
	t.Parallel()
	lighttpd.up(t)
	body, hash := payload()
	c := newClient(t, nil, loginFor(t, lighttpdURL(), alice, password))
	got := c.do(t, "POST", lighttpdURL()+"/sha-two/echo", bytes.NewReader(body)).report(t)
	if got.user != alice || got.sha256 != hash {
		t.Errorf("lighttpd got %+v", got)
	}
	c.wantLegs(t, "401", "200 nc=1")
	if legs := c.tap.legs(t); !legs[0].response.Close || legs[1].conn == legs[0].conn || legs[1].sent != len(body) {
		t.Errorf("lighttpd closes: %v, the second leg went over connection %d with %d bytes", legs[0].response.Close, legs[1].conn, legs[1].sent)
	}
}

package interop

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

const letInKerberos = "200 alice by Negotiate"

// newKerberosOrigin is a server of mitKDC's realm.
func newKerberosOrigin(t testing.TB, secure bool, c kerberos.Config) *origin {
	t.Helper()
	m := spnegoOver(t, spnego.Config{}, krbMechanism(t, c))
	return newOrigin(t, secure, krb5.NewReplayCache(1000, 0), serverOf(scheme.Negotiate, m))
}

// krbCurl is curl with alice's tickets, which finds host on loopback.
func krbCurl(t testing.TB, host, at string, args ...string) curled {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(u.Host)
	u.Host = net.JoinHostPort(host, port)
	return curlWith(t, krbEnv(krbDir), append(args, "--negotiate", "--user", ":", "--cacert", pki.file, "--insecure",
		"--resolve", u.Host+":127.0.0.1", u.String()+"/1", u.String()+"/2")...)
}

// TestServerKerberosCurl: curl --negotiate with what kinit got, in each encryption type and
// with everything that it sends. It proves itself with each request, and hears the
// service's proof.
func TestServerKerberosCurl(t *testing.T) {
	t.Parallel()
	needCurl(t)
	mitKDC.up(t)
	body, hash := payload()
	file := upload(t, body)
	in := letInKerberos + "; " + letInKerberos
	for _, secure := range []bool{false, true} {
		for _, e := range krbTypes {
			t.Run(e.mit, func(t *testing.T) {
				t.Parallel()
				o := newKerberosOrigin(t, secure, kerberos.Config{})
				c := krbCurl(t, e.host, o.URL)
				c.want(t, 200, 200)
				o.wantOutcome(t, in)
				const once = "Negotiate init Kerberos"
				if sent, got := tokens(c.sent("Authorization")), tokens(c.got("WWW-Authenticate")); sent != once+"; "+once || got != "Negotiate accept-completed token; Negotiate accept-completed token" {
					t.Errorf("curl sent %s, and got %s", sent, got)
				}
			})
		}
	}
	for name, args := range map[string][]string{"POST": {"--data-binary", "@" + file}, "PUT": {"--upload-file", file}, "HTTP/2": {"--http2", "--data-binary", "@" + file}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newKerberosOrigin(t, name == "HTTP/2", kerberos.Config{})
			c := krbCurl(t, "localhost", o.URL, args...)
			c.want(t, 200, 200)
			o.wantOutcome(t, in)
			// curl uploads to the first URL alone.
			if got := c.reports(t); len(got) != 2 || got[0].user != alice || got[0].sha256 != hash {
				t.Errorf("the handler got %+v", got)
			}
		})
	}
}

// TestServerKerberosRefuses: refusals have their reason inside, and are one outside.
func TestServerKerberosRefuses(t *testing.T) {
	t.Parallel()
	needCurl(t)
	mitKDC.up(t)
	for name, row := range map[string]struct {
		conf kerberos.Config
		why  string
	}{
		"no binding":      {kerberos.Config{ChannelBinding: gss.Require}, "bad channel binding"},
		"another service": {kerberos.Config{Services: []krb.Principal{krbPrincipal(t, "HTTP/127.0.0.1")}}, "credentials for another resource"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newKerberosOrigin(t, true, row.conf)
			c := krbCurl(t, "localhost", o.URL, "--http1.1")
			c.want(t, 401, 401)
			o.wantOutcome(t, "401 "+row.why+"; 401 "+row.why)
		})
	}
	t.Run("replay", func(t *testing.T) {
		t.Parallel()
		o := newKerberosOrigin(t, false, kerberos.Config{})
		c := krbCurl(t, "localhost", o.URL)
		c.want(t, 200, 200)
		curl(t, "--header", "Authorization: "+c.sent("Authorization")[0], o.URL).want(t, 401)
		o.wantOutcome(t, letInKerberos+"; "+letInKerberos+"; 401 replayed")
	})
}

// TestServerKerberosOrNTLM: a server that takes both, and the client decides by what it has.
func TestServerKerberosOrNTLM(t *testing.T) {
	t.Parallel()
	needCurl(t)
	mitKDC.up(t)
	m := spnegoOver(t, spnego.Config{}, krbMechanism(t, kerberos.Config{}), ntlmMechanism(t, ntlm.Config{}))
	source := answer.Chain(krb5.NewReplayCache(1000, 0), ntlmSource(t))
	withTicket := newOrigin(t, false, source, serverOf(scheme.Negotiate, m))
	krbCurl(t, "localhost", withTicket.URL).want(t, 200, 200)
	withTicket.wantOutcome(t, letInKerberos+"; "+letInKerberos)
	without := newOrigin(t, false, source, serverOf(scheme.Negotiate, m))
	curlWith(t, gssUser(t, alice, password), "--negotiate", "--user", ":", without.URL).want(t, 200)
	without.wantOutcome(t, letInNegotiate)
}

// TestServerKerberosPython: python3-gssapi, in SPNEGO and with bare Kerberos tokens in its
// place, bound to the TLS channel or not; and messages protected afterwards.
func TestServerKerberosPython(t *testing.T) {
	t.Parallel()
	const interpreter = "/usr/bin/python3"
	needFile(t, "/usr/share/doc/python3-gssapi", "python3-gssapi")
	needFile(t, interpreter, "python3")
	mitKDC.up(t)
	leaf := sha256.Sum256(pki.cert.Certificate[0])
	right := hex.EncodeToString(append([]byte("tls-server-end-point:"), leaf[:]...))
	wrong := right[:len(right)-2] + "00"
	for _, row := range []struct {
		name, mechanism, binding string
		demand                   gss.Requirement
		secure                   bool
		want                     string // the server says of the last leg
	}{
		{"SPNEGO", "spnego", "", gss.IfAvailable, false, letInKerberos},
		{"raw", "krb5", "", gss.IfAvailable, false, letInKerberos},
		{"SPNEGO, TLS", "spnego", "", gss.IfAvailable, true, letInKerberos},
		{"SPNEGO, right binding", "spnego", right, gss.Require, true, letInKerberos},
		{"raw, right binding", "krb5", right, gss.Require, true, letInKerberos},
		{"SPNEGO, wrong binding", "spnego", wrong, gss.IfAvailable, true, "401 bad channel binding"},
		{"raw, wrong binding", "krb5", wrong, gss.IfAvailable, true, "401 bad channel binding"},
		{"wrong binding, ignored", "krb5", wrong, gss.Ignore, true, letInKerberos},
		{"raw, no binding", "krb5", "", gss.Require, true, "401 bad channel binding"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := new(origin)
			m := spnegoOver(t, spnego.Config{}, krbMechanism(t, kerberos.Config{ChannelBinding: row.demand}))
			auth := newAuthenticator(t, &o.journal, krb5.NewReplayCache(1000, 0), serverOf(scheme.Negotiate, m))
			o.Server = newHTTP(t, row.secure, auth.Wrap(http.HandlerFunc(pong)), auth.ConnContext)
			cmd := exec.Command(interpreter, filepath.Join("testdata", "negotiate_client.py"), strings.Replace(o.URL, "127.0.0.1", "localhost", 1), pki.file, row.mechanism, row.binding)
			cmd.Env = append(krbEnv(krbDir), "HOME="+t.TempDir(), "PATH="+os.Getenv("PATH"), "LC_ALL=C.UTF-8", "OPENSSL_CONF="+filepath.Join("testdata", "openssl.cnf"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("python: %v\n%s", err, out)
			}
			want, last := "401 no credentials; "+row.want, "\nUnauthorized\n"
			if strings.HasPrefix(row.want, "200") { // the next request has a MIC, and no credentials
				want, last = want+"; 401 no credentials", "\ncomplete=True\nstatus=401\n"
			}
			o.wantOutcome(t, want)
			if !strings.Contains(string(out), last) {
				t.Errorf("python got\n%s", out)
			}
		})
	}
}

// decodeLine is a token of a line, "-" for none.
func decodeLine(t testing.TB, line string) string {
	t.Helper()
	if line == "-" {
		return ""
	}
	b, err := base64.StdEncoding.DecodeString(line)
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return string(b)
}

package interop

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

const letInNegotiate = "401; 200 alice by Negotiate"

// What goes over the wire with curl: it begins unasked, and gss-ntlmssp's MIC makes
// those of SPNEGO compulsory.
const (
	negotiateSent = "Negotiate init NTLM; Negotiate accept-incomplete token MIC"
	negotiateGot  = "Negotiate accept-incomplete token; Negotiate accept-completed MIC"
)

// TestServerNegotiateCurl: curl --negotiate with everything that it sends.
func TestServerNegotiateCurl(t *testing.T) {
	t.Parallel()
	needCurl(t)
	body, hash := payload()
	file := upload(t, body)
	for _, row := range []struct {
		name string
		args []string
		want report
	}{
		{"GET", nil, report{method: "GET", length: "0", sha256: emptyHash}},
		{"HEAD", []string{"--head"}, report{}},
		{"POST", []string{"--data-binary", "@" + file}, report{method: "POST", length: "65536", sha256: hash}},
		{"PUT", []string{"--upload-file", file}, report{method: "PUT", length: "65536", sha256: hash}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			m := spnegoOver(t, spnego.Config{}, ntlmMechanism(t, ntlm.Config{RequireMIC: true}))
			o := newOrigin(t, false, ntlmSource(t), serverOf(scheme.Negotiate, m))
			c := curlWith(t, gssUser(t, alice, password), append(row.args, "--negotiate", "--user", ":", o.URL+"/")...)
			c.want(t, 200)
			o.wantOutcome(t, letInNegotiate)
			if sent, got := tokens(c.sent("Authorization")), tokens(c.got("WWW-Authenticate")); sent != negotiateSent || got != negotiateGot {
				t.Errorf("curl sent %s, and got %s", sent, got)
			}
			if row.want == (report{}) {
				return
			}
			row.want.user, row.want.auth = alice, scheme.Negotiate
			if got := c.reports(t); len(got) != 1 || got[0] != row.want {
				t.Errorf("the handler got %+v, want %+v", got, row.want)
			}
		})
	}
}

// TestServerNegotiatePersistent: one negotiation for a connection, where the server
// says so.
func TestServerNegotiatePersistent(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS ", secure), func(t *testing.T) {
			t.Parallel()
			m := spnegoOver(t, spnego.Config{}, ntlmMechanism(t, ntlm.Config{}))
			o := newOrigin(t, secure, ntlmSource(t), serverOf(scheme.Negotiate, m))
			c := curlWith(t, gssUser(t, alice, password), "--http1.1", "--negotiate", "--cacert", pki.file, "--user", ":", o.URL+"/1", o.URL+"/2", o.URL+"/3")
			c.want(t, 200, 200, 200)
			o.wantOutcome(t, letInNegotiate+"; 200 alice by Negotiate; 200 alice by Negotiate")
			if sent := tokens(c.sent("Authorization")); sent != negotiateSent {
				t.Errorf("curl sent %s", sent)
			}
		})
	}
}

// TestServerNegotiateOffers: Negotiate beside others, and other favourites than the
// client's.
func TestServerNegotiateOffers(t *testing.T) {
	t.Parallel()
	needCurl(t)
	n := ntlmMechanism(t, ntlm.Config{})
	for _, row := range []struct {
		name    string
		mech    gss.Mechanism
		schemes []string
		args    []string
		want    string
		got     string
	}{
		// curl looks for Negotiate, and knows no Nego2.
		{"beside Nego2", spnegoOver(t, spnego.Config{}, n), []string{scheme.Nego2, scheme.Negotiate}, []string{"--anyauth", "--http1.1"},
			"401 no credentials; " + letInNegotiate, "Nego2 init NTLM; Negotiate; " + negotiateGot},
		{"another favourite", spnegoOver(t, spnego.Config{}, kerberosToy(), n), []string{scheme.Negotiate}, []string{"--negotiate", "--http1.1"},
			letInNegotiate, strings.Replace(negotiateGot, "accept-incomplete", "request-mic", 1)},
		{"another favourite, own order", spnegoOver(t, spnego.Config{OwnOrder: true}, kerberosToy(), n), []string{scheme.Negotiate}, []string{"--negotiate", "--http1.1"},
			letInNegotiate, strings.Replace(negotiateGot, "accept-incomplete", "request-mic", 1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var servers []scheme.Server
			for _, name := range row.schemes {
				servers = append(servers, serverOf(name, row.mech))
			}
			o := newOrigin(t, true, ntlmSource(t), servers...)
			c := curlWith(t, gssUser(t, alice, password), append(row.args, "--cacert", pki.file, "--user", ":", o.URL)...)
			c.want(t, 200)
			o.wantOutcome(t, row.want)
			if got := tokens(c.got("WWW-Authenticate")); got != row.got {
				t.Errorf("curl got %s", got)
			}
		})
	}
}

// TestServerNegotiateRefuses: refusals have their reason inside, and are one outside.
func TestServerNegotiateRefuses(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, row := range []struct {
		name, user, password string
		mech                 gss.Mechanism
		want                 string
	}{
		{"wrong password", alice, "wrong", ntlmMechanism(t, ntlm.Config{}), "401; 401 bad credentials"},
		{"unknown user", "mallory", password, ntlmMechanism(t, ntlm.Config{}), "401; 401 unknown user"},
		{"no binding", alice, password, ntlmMechanism(t, ntlm.Config{ChannelBinding: gss.Require}), "401; 401 bad channel binding"},
		// curl leaves HTTP/2 for NTLM of its own accord, and not for Negotiate.
		{"HTTP/2", alice, password, ntlmMechanism(t, ntlm.Config{}), "401 unsupported"},
		{"no mechanism in common", alice, password, kerberosToy(), "401 unsupported"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, true, ntlmSource(t), serverOf(scheme.Negotiate, spnegoOver(t, spnego.Config{}, row.mech)))
			version := "--http1.1"
			if row.name == "HTTP/2" {
				version = "--http2"
			}
			c := curlWith(t, gssUser(t, row.user, row.password), version, "--negotiate", "--cacert", pki.file, "--user", ":", o.URL)
			o.wantOutcome(t, row.want)
			if n := len(c.transfers); n != 1 || c.transfers[0].status != 401 || c.bodies != "Unauthorized\n" {
				t.Errorf("curl got %+v", c.transfers)
			}
		})
	}
}

// pong answers a MIC of "ping" in a request by one of "pong": message protection with
// what was negotiated.
func pong(w http.ResponseWriter, r *http.Request) {
	mic, err := base64.StdEncoding.DecodeString(r.Header.Get("X-MIC"))
	id, ok := nethttp.IdentityFrom(r.Context())
	if err == nil && ok && len(mic) > 0 {
		if s, ok := id.Context.Session(); ok {
			if s, fault := s.VerifyMIC("ping", string(mic)); fault.IsZero() {
				_, mic, _ := s.MIC("pong")
				w.Header().Set("X-MIC", base64.StdEncoding.EncodeToString([]byte(mic)))
			}
		}
	}
	whoami.ServeHTTP(w, r)
}

// TestServerNegotiatePython: python3-gssapi, in SPNEGO and with bare NTLM tokens in
// its place, bound to the TLS channel or not; and messages protected afterwards.
func TestServerNegotiatePython(t *testing.T) {
	t.Parallel()
	const interpreter = "/usr/bin/python3" // Debian's, which has Debian's packages
	needFile(t, "/usr/share/doc/python3-gssapi", "python3-gssapi")
	needFile(t, interpreter, "python3")
	leaf := sha256.Sum256(pki.cert.Certificate[0])
	right := hex.EncodeToString(append([]byte("tls-server-end-point:"), leaf[:]...))
	wrong := strings.Replace(right, right[len(right)-2:], "00", 1)
	for _, row := range []struct {
		name, mechanism, binding string
		conf                     spnego.Config
		demand                   gss.Requirement
		secure                   bool
		want                     string // the server says of the last leg
	}{
		{"SPNEGO", "spnego", "", spnego.Config{}, gss.IfAvailable, false, "200 alice by Negotiate"},
		{"raw", "ntlm", "", spnego.Config{}, gss.IfAvailable, false, "200 alice by Negotiate"},
		{"SPNEGO, TLS", "spnego", "", spnego.Config{}, gss.IfAvailable, true, "200 alice by Negotiate"},
		{"SPNEGO, right binding", "spnego", right, spnego.Config{}, gss.Require, true, "200 alice by Negotiate"},
		{"raw, right binding", "ntlm", right, spnego.Config{}, gss.Require, true, "200 alice by Negotiate"},
		{"SPNEGO, wrong binding", "spnego", wrong, spnego.Config{}, gss.IfAvailable, true, "401 bad channel binding"},
		{"raw, wrong binding", "ntlm", wrong, spnego.Config{}, gss.IfAvailable, true, "401 bad channel binding"},
		{"raw, no binding", "ntlm", "", spnego.Config{}, gss.Require, true, "401 bad channel binding"},
		{"raw, refused", "ntlm", "", spnego.Config{RefuseRaw: true}, gss.IfAvailable, false, "401 not permitted by policy"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := new(origin)
			m := spnegoOver(t, row.conf, ntlmMechanism(t, ntlm.Config{ChannelBinding: row.demand}))
			auth := newAuthenticator(t, &o.journal, ntlmSource(t), serverOf(scheme.Negotiate, m))
			o.Server = newHTTP(t, row.secure, auth.Wrap(http.HandlerFunc(pong)), auth.ConnContext)
			cmd := exec.Command(interpreter, filepath.Join("testdata", "negotiate_client.py"), o.URL, pki.file, row.mechanism, row.binding)
			cmd.Env = append(gssUser(t, alice, password), "HOME="+t.TempDir(), "PATH="+os.Getenv("PATH"), "LC_ALL=C.UTF-8", "OPENSSL_CONF="+filepath.Join("testdata", "openssl.cnf"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("python: %v\n%s", err, out)
			}
			want, last := "401 no credentials; 401; "+row.want, "\nUnauthorized\n"
			switch {
			case strings.HasPrefix(row.want, "200"):
				want, last = want+"; "+row.want, "\ncomplete=True\nstatus=200\npong=right\n"
			case row.conf.RefuseRaw:
				want = "401 no credentials; " + row.want
			}
			o.wantOutcome(t, want)
			if !strings.Contains(string(out), last) {
				t.Errorf("python got\n%s", out)
			}
		})
	}
}

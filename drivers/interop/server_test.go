package interop

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// nonceKey is the same for all our servers, so that one takes another's nonces.
var nonceKey = gss.NewSecret(strings.Repeat("k", 32))

func digestServer(t testing.TB, c digest.ServerConfig) scheme.Server {
	t.Helper()
	c.Realm, c.Keys = realm, []gss.Secret{nonceKey}
	s, err := digest.NewServer(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// accountSource knows the accounts, and remembers nonces.
func accountSource() answer.Source {
	passwords := make(map[string]string)
	for _, a := range accounts {
		passwords[a.name] = a.password
	}
	return answer.Chain(answer.NewUsers(passwords), &answer.ReplayCache{Max: 1000})
}

// journal collects what an Authenticator or a Proxy says of each request.
type journal struct {
	mu      sync.Mutex
	entries []drive.Result
	more    chan struct{} // closed with the next entry
}

func (j *journal) log(_ *http.Request, r drive.Result) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, r)
	if j.more != nil {
		close(j.more)
		j.more = nil
	}
}

// wait waits until there are n entries.
func (j *journal) wait(t testing.TB, n int) []drive.Result {
	t.Helper()
	end := time.After(patience)
	for {
		j.mu.Lock()
		entries := slices.Clone(j.entries)
		if j.more == nil {
			j.more = make(chan struct{})
		}
		more := j.more
		j.mu.Unlock()
		if len(entries) >= n {
			return entries
		}
		select {
		case <-more:
		case <-end:
			t.Errorf("%d entries in the log after %v, want %d", len(entries), patience, n)
			return entries
		}
	}
}

// origin is a server of ours with the echo behind authentication.
type origin struct {
	*httptest.Server
	journal journal
}

// newAuthenticator is one for the given schemes that writes into j.
func newAuthenticator(t testing.TB, j *journal, source answer.Source, schemes ...scheme.Server) *nethttp.Authenticator {
	t.Helper()
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth: machine.ServerConfig{Schemes: schemes}, Source: source, Log: j.log,
		Certificate: drive.CertificatesOf(pki.cert),
	})
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// newOrigin is a server that takes the given schemes, under TLS if secure.
func newOrigin(t testing.TB, secure bool, source answer.Source, schemes ...scheme.Server) *origin {
	t.Helper()
	o := new(origin)
	auth := newAuthenticator(t, &o.journal, source, schemes...)
	o.Server = newHTTP(t, secure, auth.Wrap(whoami), auth.ConnContext)
	return o
}

// whoami is the echo with the user that our server found.
var whoami = echo(func(r *http.Request) (string, string) {
	id, _ := nethttp.IdentityFrom(r.Context())
	return id.Info.Peer, id.Scheme
})

// newHTTP serves h.
func newHTTP(t testing.TB, secure bool, h http.Handler, hook func(context.Context, net.Conn) context.Context) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnContext = hook
	if secure {
		s.TLS = serverTLS()
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// wantOutcome checks the server's log.
func (o *origin) wantOutcome(t testing.TB, want string) {
	t.Helper()
	wantOutcome(t, o.journal.wait(t, strings.Count(want, ";")+1), want)
}

// outcome formats entries for comparison: status, user and scheme, or the fault. A
// proxy's entries have no scheme.
func outcome(entries []drive.Result) string {
	var all []string
	for _, e := range entries {
		s := fmt.Sprint(e.Status)
		if id := e.Identity; id.Info.Peer != "" {
			s += fmt.Sprintf(" %s by %s", id.Info.Peer, cmp.Or(id.Scheme, "proxy"))
		}
		if !e.Fault.IsZero() {
			s += " " + e.Fault.Code.String()
		}
		all = append(all, s)
	}
	return strings.Join(all, "; ")
}

func wantOutcome(t testing.TB, entries []drive.Result, want string) {
	t.Helper()
	if got := outcome(entries); got != want {
		t.Errorf("the log says\n %s\nwant\n %s", got, want)
		for _, e := range entries {
			if !e.Fault.IsZero() {
				t.Log(e.Fault)
			}
		}
	}
}

const letIn = "401 no credentials; 200 alice by Digest"

// TestServerDigest: real curl gets in by Digest, whatever it sends, with the
// algorithm that it should take (MSDIG-6, R7616-3.7-1).
func TestServerDigest(t *testing.T) {
	t.Parallel()
	needCurl(t)
	body, hash := payload()
	file := upload(t, body)
	for _, offer := range []struct {
		name     string
		conf     digest.ServerConfig
		answered string
	}{
		{"MD5", digest.ServerConfig{Algorithms: []digest.Algorithm{digest.MD5}}, "MD5"},
		{"SHA-256", digest.ServerConfig{Algorithms: []digest.Algorithm{digest.SHA256}}, "SHA-256"},
		{"default", digest.ServerConfig{}, "SHA-256"}, // SHA-256 and MD5: curl takes the first that it knows
		{"MD5-sess", digest.ServerConfig{Algorithms: []digest.Algorithm{digest.MD5Sess}}, "MD5-sess"},
		{"SHA-256-sess", digest.ServerConfig{Algorithms: []digest.Algorithm{digest.SHA256Sess}}, "SHA-256-sess"},
		{"auth-int too", digest.ServerConfig{QOPs: []digest.QOP{digest.Auth, digest.AuthInt}}, "SHA-256"}, // curl takes auth
		{"one nonce each", digest.ServerConfig{NextNonce: digest.NextAlways}, "SHA-256"},                  // curl ignores nextnonce
		// SHA-512-256 is not here: curl 7.88 computes it with SHA-256.
	} {
		for _, request := range []struct {
			name string
			path string
			args []string
			want report
		}{
			{"GET", "/echo", nil, report{method: "GET", length: "0"}},
			// No quote in it, which is no character of a URI either: curl writes it into
			// uri="…" as it is, and such credentials do not parse.
			{"query", `/echo?a=1&b=%2F%22,d&e='(;)`, []string{"--globoff"}, report{method: "GET", query: `a=1&b=%2F%22,d&e='(;)`, length: "0"}},
			{"empty query", "/echo?", nil, report{method: "GET", length: "0"}},
			{"HEAD", "/echo", []string{"--head"}, report{}},
			// curl sends the first leg without its body, and the body with the second.
			{"POST", "/echo", []string{"--data-binary", "@" + file}, report{method: "POST", length: "65536", sha256: hash}},
			{"PUT", "/echo", []string{"--upload-file", file}, report{method: "PUT", length: "65536", sha256: hash}},
		} {
			t.Run(offer.name+"/"+request.name, func(t *testing.T) {
				t.Parallel()
				o := newOrigin(t, false, accountSource(), digestServer(t, offer.conf))
				c := curl(t, append(request.args, "--digest", "--user", alice+":"+password, o.URL+request.path)...)
				c.want(t, 200)
				o.wantOutcome(t, letIn)
				if creds := c.sent("Authorization"); len(creds) != 1 || !strings.EqualFold(digestParam(creds[0], "algorithm"), offer.answered) {
					t.Errorf("curl did not answer %s", offer.answered)
				}
				if request.want == (report{}) {
					return
				}
				want := request.want
				want.user, want.auth = alice, scheme.Digest
				if want.sha256 == "" {
					want.sha256 = emptyHash
				}
				if got := c.reports(t); len(got) != 1 || got[0] != want {
					t.Errorf("the handler got %+v, want %+v", got, want)
				}
			})
		}
	}
}

// TestServerRefuses: a wrong password and an unknown user look the same outside,
// and are told apart in the log; curl does not try again (HTA-14).
func TestServerRefuses(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, row := range []struct{ name, user, option, want string }{
		{"wrong password", alice + ":wrong", "--digest", "401 no credentials; 401 bad credentials"},
		{"unknown user", "mallory:" + password, "--digest", "401 no credentials; 401 unknown user"},
		{"empty password", alice + ":", "--digest", "401 no credentials; 401 bad credentials"},
		{"no user", ":", "--digest", "401 no credentials; 401 unknown user"},
		{"wrong password, Basic", alice + ":wrong", "--basic", "401 bad credentials"},
		{"unknown user, Basic", "mallory:" + password, "--basic", "401 unknown user"},
		{"wrong password, any", alice + ":wrong", "--anyauth", "401 no credentials; 401 bad credentials"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, true, accountSource(), digestServer(t, digest.ServerConfig{}), scheme.BasicServer(realm, scheme.AskVerdict))
			c := curl(t, row.option, "--cacert", pki.file, "--user", row.user, o.URL)
			c.want(t, 401)
			o.wantOutcome(t, row.want)
			if strings.Contains(c.trace+c.bodies, "unknown") || len(c.reports(t)) != 0 {
				t.Error("the client learned more than that it was refused")
			}
		})
	}
}

// TestServerBasic: Basic in clear and under TLS, with a verdict and with a
// password to compare (RFC 7617).
func TestServerBasic(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, secure := range []bool{false, true} {
		for _, check := range []scheme.BasicCheck{scheme.AskVerdict, scheme.AskVerifier} {
			for _, a := range accounts { // not ASCII: curl sends UTF-8, which is what we ask for
				t.Run(fmt.Sprintf("TLS %v/check %d/%s", secure, check, a.name), func(t *testing.T) {
					t.Parallel()
					o := newOrigin(t, secure, accountSource(), scheme.BasicServer(realm, check))
					c := curl(t, "--basic", "--cacert", pki.file, "--user", a.name+":"+a.password, o.URL)
					c.want(t, 200)
					o.wantOutcome(t, "200 "+a.name+" by Basic") // curl sends it unasked
				})
			}
		}
	}
}

// TestServerAnyAuth: curl looks at the offers first, and takes Digest before Basic
// as we order them. It sends the body with the first leg, which is read before
// the challenge so that the connection lives on.
func TestServerAnyAuth(t *testing.T) {
	t.Parallel()
	needCurl(t)
	basic := scheme.BasicServer(realm, scheme.AskVerdict)
	small, _ := payload()
	large := bytes.Repeat(small, 32) // curl waits for 100 (Continue) with a body of more than 1 MB
	for _, row := range []struct {
		name    string
		body    []byte
		schemes []scheme.Server
		by      string
	}{
		{"GET, both", nil, []scheme.Server{digestServer(t, digest.ServerConfig{}), basic}, scheme.Digest},
		{"GET, Basic", nil, []scheme.Server{basic}, scheme.Basic},
		{"POST 64 KB", small, []scheme.Server{digestServer(t, digest.ServerConfig{}), basic}, scheme.Digest},
		{"POST 2 MB", large, []scheme.Server{digestServer(t, digest.ServerConfig{}), basic}, scheme.Digest},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, false, accountSource(), row.schemes...)
			args := []string{"--anyauth", "--user", alice + ":" + password}
			if row.body != nil {
				args = append(args, "--data-binary", "@"+upload(t, row.body))
			}
			c := curl(t, append(args, o.URL)...)
			c.want(t, 200)
			o.wantOutcome(t, "401 no credentials; 200 alice by "+row.by)
			if got := c.reports(t); len(got) != 1 || got[0].length != fmt.Sprint(len(row.body)) {
				t.Errorf("the handler got %+v", got)
			}
		})
	}
}

// TestServerNames: names and passwords that are not ASCII, or that have to be
// escaped, plain and by their hash. curl sends raw UTF-8, and the hash where
// userhash asks for it (RFC 7616 section 3.4.4).
func TestServerNames(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, a := range accounts {
		for _, hashed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/userhash %v", a.name, hashed), func(t *testing.T) {
				t.Parallel()
				o := newOrigin(t, false, accountSource(), digestServer(t, digest.ServerConfig{UserHash: hashed}))
				c := curl(t, "--digest", "--user", a.name+":"+a.password, o.URL)
				c.want(t, 200)
				o.wantOutcome(t, "401 no credentials; 200 "+a.name+" by Digest")
				if creds := fmt.Sprint(c.sent("Authorization")); strings.Contains(creds, "userhash=true") != hashed {
					t.Error("curl did not send what was asked for")
				}
			})
		}
	}
}

// TestServerHtdigest: a file that the real htdigest wrote.
func TestServerHtdigest(t *testing.T) {
	t.Parallel()
	needCurl(t)
	path := find(t, "htdigest", "apache2-utils")
	file := filepath.Join(t.TempDir(), "users")
	cmd := exec.Command(path, "-c", file, realm, alice)
	cmd.SysProcAttr = detached // no terminal: it reads the password from here
	cmd.Stdin = strings.NewReader(password + "\n" + password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("htdigest: %v\n%s", err, out)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	users, err := answer.ReadHtdigest(f)
	if err != nil {
		t.Fatal(err)
	}
	o := newOrigin(t, false, answer.Chain(users, &answer.ReplayCache{Max: 10}), digestServer(t, digest.ServerConfig{Algorithms: users.Algorithms(realm)}))
	curl(t, "--digest", "--user", alice+":"+password, o.URL).want(t, 200)
	curl(t, "--digest", "--user", alice+":wrong", o.URL).want(t, 401)
	o.wantOutcome(t, letIn+"; 401 no credentials; 401 bad credentials")
	curl(t, "--digest", "--user", alice+":"+password, startServe(t, "--scheme", "digest", "--realm", realm, "--htdigest", file).url).want(t, 200)
}

// TestServerHTTP2: Digest and Basic prove each request by itself, and run on the
// streams of HTTP/2 (HTA-4).
func TestServerHTTP2(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, option := range []string{"--digest", "--basic"} {
		t.Run(option, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, true, accountSource(), digestServer(t, digest.ServerConfig{}), scheme.BasicServer(realm, scheme.AskVerdict))
			body, hash := payload()
			c := curl(t, "--http2", option, "--cacert", pki.file, "--user", alice+":"+password, "--data-binary", "@"+upload(t, body), o.URL)
			c.want(t, 200)
			if got := c.reports(t); len(got) != 1 || got[0].sha256 != hash || got[0].user != alice {
				t.Errorf("the handler got %+v", got)
			}
			if c.transfers[0].version != "2" {
				t.Errorf("HTTP/%s, want HTTP/2", c.transfers[0].version)
			}
		})
	}
}

// TestServerParallel: several curls at once, each with several transfers at once,
// over HTTP/1.1 and on the streams of one HTTP/2 connection.
func TestServerParallel(t *testing.T) {
	t.Parallel()
	needCurl(t)
	const curls, urls = 4, 8
	for _, version := range []string{"--http1.1", "--http2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, true, accountSource(), digestServer(t, digest.ServerConfig{}))
			args := []string{version, "--parallel", "--digest", "--cacert", pki.file, "--user", alice + ":" + password}
			for n := range urls {
				args = append(args, fmt.Sprint(o.URL, "/", n))
			}
			all := make([]curled, curls)
			var wg sync.WaitGroup
			for n := range all {
				wg.Go(func() { all[n] = curl(t, args...) })
			}
			wg.Wait()
			for _, c := range all {
				c.want(t, 200, 200, 200, 200, 200, 200, 200, 200)
			}
			// Each transfer of the command line begins anew, with a nonce of its own.
			in, out := 0, 0
			for _, e := range o.journal.wait(t, 2*curls*urls) {
				switch {
				case e.Status == 200 && e.Identity.Info.Peer == alice:
					in++
				case e.Status == 401 && e.Fault.Code == gss.NoCredentials:
					out++
				}
			}
			if in != curls*urls || out != in || in+out != len(o.journal.entries) {
				t.Errorf("%d challenges and %d requests let in, want %d each and nothing else", out, in, curls*urls)
			}
		})
	}
}

// TestServerReuse: a 401 does not cost the connection, whatever the request's body.
func TestServerReuse(t *testing.T) {
	t.Parallel()
	needCurl(t)
	body, _ := payload()
	o := newOrigin(t, false, accountSource(), digestServer(t, digest.ServerConfig{}))
	c := curl(t, "--anyauth", "--user", alice+":"+password, "--data-binary", "@"+upload(t, body), o.URL+"/1", o.URL+"/2", o.URL+"/3")
	c.want(t, 200, 200, 200)
	o.wantOutcome(t, letIn+"; "+letIn+"; "+letIn)
	for n, tr := range c.transfers {
		if want := 1 - min(n, 1); tr.connects != want {
			t.Errorf("transfer %d opened %d connections, want %d", n+1, tr.connects, want)
		}
	}
}

// TestServerStale: a right answer to a nonce that cannot be taken is met with
// stale=true, and curl answers once more without giving up (MSDIG-13, C23).
// What makes the nonce bad is each time a server that takes over after the first
// leg.
func TestServerStale(t *testing.T) {
	t.Parallel()
	needCurl(t)
	young := answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
		if _, ok := q.(gss.NeedReplayCheck); ok { // a memory that was lost, C34
			return gss.ReplayVerdict{First: true, Since: time.Now().UnixNano()}
		}
		return accountSource().Answer(ctx, q)
	})
	otherKey := func() scheme.Server {
		s, err := digest.NewServer(digest.ServerConfig{Realm: realm, Keys: []gss.Secret{gss.NewSecret(strings.Repeat("x", 32))}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, row := range []struct {
		name   string
		second scheme.Server // gets the answer to the first one's nonce
		source answer.Source
	}{
		{"past its lifetime", digestServer(t, digest.ServerConfig{NonceLifetime: time.Nanosecond}), accountSource()},
		{"of another key", otherKey(), accountSource()},
		{"older than the memory", digestServer(t, digest.ServerConfig{}), young},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := new(origin)
			// The third one, which judges the answer to the second one's nonce, is
			// like the first, and where the key differs like the second.
			third := digestServer(t, digest.ServerConfig{})
			if row.name == "of another key" {
				third = row.second
			}
			doors := []http.Handler{
				newAuthenticator(t, &o.journal, accountSource(), digestServer(t, digest.ServerConfig{})).Wrap(whoami),
				newAuthenticator(t, &o.journal, row.source, row.second).Wrap(whoami),
				newAuthenticator(t, &o.journal, accountSource(), third).Wrap(whoami),
			}
			n := 0 // the requests come one after the other
			o.Server = newHTTP(t, false, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n++
				doors[n-1].ServeHTTP(w, r)
			}), nil)
			c := curl(t, "--digest", "--user", alice+":"+password, o.URL)
			c.want(t, 200)
			o.wantOutcome(t, "401 no credentials; 401 expired; 200 alice by Digest")
			if challenges := c.got("WWW-Authenticate"); len(challenges) != 4 || strings.Contains(challenges[0], "stale") || !strings.Contains(challenges[2], "stale=true") {
				t.Errorf("challenges %q: want two without stale, and two with", challenges)
			}
		})
	}
}

// TestServerReplay: credentials that curl sent cannot be replayed, neither here nor
// elsewhere (R7616-3.4.6-1).
func TestServerReplay(t *testing.T) {
	t.Parallel()
	needCurl(t)
	o := newOrigin(t, false, accountSource(), digestServer(t, digest.ServerConfig{}))
	c := curl(t, "--digest", "--user", alice+":"+password, o.URL)
	c.want(t, 200)
	again := curl(t, "--header", "Authorization: "+c.sent("Authorization")[0], o.URL)
	again.want(t, 401)
	elsewhere := curl(t, "--header", "Authorization: "+c.sent("Authorization")[0], o.URL+"/elsewhere")
	elsewhere.want(t, 400)
	o.wantOutcome(t, letIn+"; 401 replayed; 400 credentials for another resource")
}

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

const letInNTLM = "401; 200 alice by NTLM"

// TestServerNTLMCurl: curl --ntlm, which opens with its NEGOTIATE of 32 bytes and
// without its body, in every form of a name that it can say.
func TestServerNTLMCurl(t *testing.T) {
	t.Parallel()
	needCurl(t)
	body, hash := payload()
	file := upload(t, body)
	for _, row := range []struct {
		name, user string
		args       []string
		want       report
	}{
		{"GET", alice, nil, report{method: "GET", length: "0", sha256: emptyHash}},
		{"case", "ALICE", nil, report{method: "GET", length: "0", sha256: emptyHash}},
		{"domain", `LAB\alice`, nil, report{method: "GET", length: "0", sha256: emptyHash}},
		{"domain and slash", `lab/alice`, nil, report{method: "GET", length: "0", sha256: emptyHash}},
		{"computer", `interop\alice`, nil, report{method: "GET", length: "0", sha256: emptyHash}},
		{"UPN", "alice@lab.example", nil, report{method: "GET", length: "0", sha256: emptyHash}},
		{"HEAD", alice, []string{"--head"}, report{}},
		{"POST", alice, []string{"--data-binary", "@" + file}, report{method: "POST", length: "65536", sha256: hash}},
		{"PUT", alice, []string{"--upload-file", file}, report{method: "PUT", length: "65536", sha256: hash}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, false, ntlmSource(t), ntlmServer(t, ntlm.Config{}))
			c := curl(t, append(row.args, "--ntlm", "--user", row.user+":"+password, o.URL+"/")...)
			c.want(t, 200)
			o.wantOutcome(t, letInNTLM)
			if row.want == (report{}) {
				return
			}
			row.want.user, row.want.auth = alice, scheme.NTLM
			if got := c.reports(t); len(got) != 1 || got[0] != row.want {
				t.Errorf("the handler got %+v, want %+v", got, row.want)
			}
		})
	}
}

// TestServerNTLMPersistent: one handshake for a connection, what follows carries
// nothing.
func TestServerNTLMPersistent(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("TLS ", secure), func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, secure, ntlmSource(t), ntlmServer(t, ntlm.Config{}))
			c := curl(t, "--http1.1", "--ntlm", "--cacert", pki.file, "--user", alice+":"+password, o.URL+"/1", o.URL+"/2", o.URL+"/3")
			c.want(t, 200, 200, 200)
			o.wantOutcome(t, letInNTLM+"; 200 alice by NTLM; 200 alice by NTLM")
			if n := len(c.sent("Authorization")); n != 2 {
				t.Errorf("curl sent credentials %d times, want 2", n)
			}
		})
	}
}

// TestServerNTLMAny: NTLM beside another scheme. Where curl tries it on HTTP/2 it is
// sent away, and comes back over HTTP/1.1 with its body whole.
func TestServerNTLMAny(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, version := range []string{"--http1.1", "--http2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, true, ntlmSource(t), ntlmServer(t, ntlm.Config{}), scheme.BasicServer(realm, scheme.AskVerdict))
			body, hash := payload()
			c := curl(t, version, "--ntlm", "--cacert", pki.file, "--user", alice+":"+password, "--data-binary", "@"+upload(t, body), o.URL)
			c.want(t, 200)
			if got := c.reports(t); len(got) != 1 || got[0].sha256 != hash || got[0].auth != scheme.NTLM {
				t.Errorf("the handler got %+v", got)
			}
		})
	}
}

// TestServerNTLMRefuses: every refusal has its reason inside, and is one and the
// same outside.
func TestServerNTLMRefuses(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, row := range []struct {
		name, user string
		conf       ntlm.Config
		want       string
	}{
		{"wrong password", alice + ":wrong", ntlm.Config{}, "bad credentials"},
		{"unknown user", "mallory:" + password, ntlm.Config{}, "unknown user"},
		{"another domain", `EVIL\alice:` + password, ntlm.Config{}, "unknown user"},
		{"another UPN", "alice@evil.example:" + password, ntlm.Config{}, "unknown user"},
		{"empty password", alice + ":", ntlm.Config{}, "bad credentials"},
		{"no MIC", alice + ":" + password, ntlm.Config{RequireMIC: true}, "not permitted by policy"},            // curl sends none (C28)
		{"no binding", alice + ":" + password, ntlm.Config{ChannelBinding: gss.Require}, "bad channel binding"}, // nor any of these
		{"no service", alice + ":" + password, ntlm.Config{Targets: []string{"HTTP/localhost"}, RequireTarget: true}, "not permitted by policy"},
		// curl says password bytes as they are, one character each, where NTLM means
		// UTF-16: this password is another one.
		{"not ASCII", "jason:pässwörd", ntlm.Config{}, "bad credentials"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, true, ntlmSource(t), ntlmServer(t, row.conf))
			c := curl(t, "--http1.1", "--ntlm", "--cacert", pki.file, "--user", row.user, o.URL)
			c.want(t, 401)
			o.wantOutcome(t, "401; 401 "+row.want)
			if strings.Contains(c.trace+c.bodies, row.want) || len(c.reports(t)) != 0 {
				t.Error("the client learned more than that it was refused")
			}
		})
	}
}

// TestServerNTLMWget: wget speaks NTLMv1, uses UNICODE without negotiating it, and
// writes its names in the OEM character set. It is refused, unless the policy is for
// old clients.
func TestServerNTLMWget(t *testing.T) {
	t.Parallel()
	path := find(t, "wget", "wget")
	for _, row := range []struct {
		level ntlm.Level
		ok    bool
		want  string
	}{
		{ntlm.V2, false, "401 no credentials; 401; 401 not permitted by policy"},
		{ntlm.V1Session, false, "401 no credentials; 401; 401 not permitted by policy"},
		{ntlm.V1, true, "401 no credentials; 401; 200 alice by NTLM"},
	} {
		t.Run(fmt.Sprint("level ", row.level), func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, false, ntlmSource(t), ntlmServer(t, ntlm.Config{Level: row.level}))
			cmd := exec.Command(path, "--no-config", "--no-proxy", "--tries=1", "--timeout=20", "-O-", "--user="+domain+`\`+alice, "--password="+password, o.URL)
			cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
			var trace strings.Builder
			cmd.Stderr = &trace
			out, err := cmd.Output()
			if (err == nil) != row.ok || strings.Contains(string(out), "user="+alice+"\n") != row.ok {
				t.Errorf("wget: %v\n%s%s", err, trace.String(), out)
			}
			o.wantOutcome(t, row.want)
		})
	}
}

// python runs requests-ntlm and gives the statuses and contents, or what Python
// complains about.
func python(t testing.TB, binding, user, password, file string, urls ...string) string {
	t.Helper()
	const interpreter = "/usr/bin/python3" // Debian's, which has Debian's packages
	needFile(t, "/usr/lib/python3/dist-packages/requests_ntlm", "python3-requests-ntlm")
	needFile(t, interpreter, "python3")
	cmd := exec.Command(interpreter, append([]string{filepath.Join("testdata", "ntlm_client.py"), pki.file, binding, user, password, file}, urls...)...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "OPENSSL_CONF=" + filepath.Join("testdata", "openssl.cnf")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, out)
	}
	return string(out)
}

// TestServerNTLMRequests: requests-ntlm binds its proof to the TLS channel, and is
// let in or not by what it says of it.
func TestServerNTLMRequests(t *testing.T) {
	t.Parallel()
	body, hash := payload()
	const first = "401 no credentials; 401; "
	for _, row := range []struct {
		name, binding, user, password string
		conf                          ntlm.Config
		plain, post                   bool
		want                          string // of the last leg
	}{
		{"right", "right", `LAB\alice`, password, ntlm.Config{}, false, false, "200 alice by NTLM"},
		{"right, required", "right", `LAB\alice`, password, ntlm.Config{ChannelBinding: gss.Require}, false, false, "200 alice by NTLM"},
		{"wrong", "wrong", `LAB\alice`, password, ntlm.Config{}, false, false, "401 bad channel binding"},
		{"wrong, ignored", "wrong", `LAB\alice`, password, ntlm.Config{ChannelBinding: gss.Ignore}, false, false, "200 alice by NTLM"},
		{"absent", "absent", `LAB\alice`, password, ntlm.Config{}, false, false, "200 alice by NTLM"},
		{"absent, required", "absent", `LAB\alice`, password, ntlm.Config{ChannelBinding: gss.Require}, false, false, "401 bad channel binding"},
		{"MIC", "right", `LAB\alice`, password, ntlm.Config{RequireMIC: true}, false, false, "200 alice by NTLM"},
		{"POST", "right", `LAB\alice`, password, ntlm.Config{}, false, true, "200 alice by NTLM"},
		{"no TLS", "right", `LAB\alice`, password, ntlm.Config{}, true, false, "200 alice by NTLM"},
		{"no domain", "right", `\alice`, password, ntlm.Config{}, true, false, "200 alice by NTLM"},
		{"UPN", "right", `alice@lab.example`, password, ntlm.Config{}, true, false, "200 alice by NTLM"},
		{"not ASCII", "right", `LAB\jason`, "pässwörd", ntlm.Config{}, true, false, "200 jason by NTLM"},
		{"wrong password", "right", `LAB\alice`, "wrong", ntlm.Config{}, true, false, "401 bad credentials"},
		{"unknown user", "right", `LAB\mallory`, password, ntlm.Config{}, true, false, "401 unknown user"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, !row.plain, ntlmSource(t), ntlmServer(t, row.conf))
			file, sum := "", emptyHash
			if row.post {
				file, sum = upload(t, body), hash
			}
			out := python(t, row.binding, row.user, row.password, file, o.URL+"/")
			o.wantOutcome(t, first+row.want)
			status := row.want[:3]
			if !strings.Contains(out, "status="+status+"\n") || status == "200" && !strings.Contains(out, "sha256="+sum+"\n") {
				t.Errorf("requests got\n%s", out)
			}
		})
	}
}

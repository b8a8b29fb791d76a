package interop

import (
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/ntlm"
)

// gssapi runs gss-ntlmssp as a client by python3-gssapi.
func gssapi(t testing.TB, at, binding, user, password, protection string) string {
	t.Helper()
	const interpreter = "/usr/bin/python3"
	needFile(t, interpreter, "python3")
	needFile(t, "/usr/lib/python3/dist-packages/gssapi", "python3-gssapi")
	needFile(t, "/etc/gss/mech.d/mech.ntlmssp.conf", "gss-ntlmssp")
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(user, `\`, ":")+":"+password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(u.Host)
	cmd := exec.Command(interpreter, filepath.Join("testdata", "gssapi_client.py"), "localhost", port, pki.file, binding, user, protection)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "NTLM_USER_FILE=" + file}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("python: %v\n%s", err, out)
	}
	return string(out)
}

// protecting is a handler that protects messages by the context of the client's
// NTLM, and opens the client's.
func protecting(w http.ResponseWriter, r *http.Request) {
	id, _ := nethttp.IdentityFrom(r.Context())
	session, ok := id.Context.Session()
	if ok && r.Header.Get("X-MIC") == "" {
		next, mic, fault := session.MIC("from the server")
		if fault.IsZero() {
			w.Header().Set("X-MIC", base64.StdEncoding.EncodeToString([]byte(mic)))
		}
		if _, wrap, fault := next.Wrap(entropy.Env(), "from the server", true); fault.IsZero() {
			w.Header().Set("X-Wrap", base64.StdEncoding.EncodeToString([]byte(wrap)))
		}
	}
	say := "hello " + id.Info.Peer
	if mic, err := base64.StdEncoding.DecodeString(r.Header.Get("X-MIC")); ok && err == nil && len(mic) > 0 {
		next, fault := session.VerifyMIC("from the client", string(mic))
		say += " client MIC " + map[bool]string{true: "holds", false: fault.Detail}[fault.IsZero()]
		if wrap, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Wrap")); err == nil && len(wrap) > 0 {
			_, plain, sealed, fault := next.Unwrap(string(wrap))
			if fault.IsZero() && sealed {
				say += ", client says " + plain
			}
		}
	}
	w.Write([]byte(say))
}

// TestServerNTLMGSSAPI: gss-ntlmssp as a client: its channel binding, its demands
// on the challenge, and the protection of messages under what was agreed upon.
func TestServerNTLMGSSAPI(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, binding, user, password, protection string
		conf                                      ntlm.Config
		want                                      string // of the log
		says                                      []string
	}{
		{"right", "right", `LAB\alice`, password, "none", ntlm.Config{ChannelBinding: gss.Require}, "401; 200 alice by NTLM", []string{"hello alice"}},
		{"wrong", "wrong", `LAB\alice`, password, "none", ntlm.Config{}, "401; 401 bad channel binding", nil},
		{"absent", "absent", `LAB\alice`, password, "none", ntlm.Config{}, "401; 200 alice by NTLM", []string{"hello alice"}},
		{"absent, required", "absent", `LAB\alice`, password, "none", ntlm.Config{ChannelBinding: gss.Require}, "401; 401 bad channel binding", nil},
		{"wrong password", "right", `LAB\alice`, "wrong", "none", ntlm.Config{}, "401; 401 bad credentials", nil},
		{"UTF-8 password", "right", `LAB\jason`, "pässwörd", "none", ntlm.Config{}, "401; 200 jason by NTLM", []string{"hello jason"}},
		{"UTF-8 name", "right", `LAB\jäsøn`, "pässwörd", "none", ntlm.Config{}, "401; 200 jäsøn by NTLM", []string{"hello jäsøn"}},
		{"signed", "right", `LAB\alice`, password, "sign", ntlm.Config{Require128: true}, "401; 200 alice by NTLM; 200 alice by NTLM", []string{"server MIC holds", "client MIC holds"}},
		{"sealed", "right", `LAB\alice`, password, "seal", ntlm.Config{Require128: true}, "401; 200 alice by NTLM; 200 alice by NTLM",
			[]string{"server MIC holds", "server says from the server True", "client MIC holds, client says from the client"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := new(origin)
			auth := newAuthenticator(t, &o.journal, ntlmSource(t), ntlmServer(t, row.conf))
			o.Server = newHTTP(t, true, auth.Wrap(http.HandlerFunc(protecting)), auth.ConnContext)
			out := gssapi(t, o.URL, row.binding, row.user, row.password, row.protection)
			o.wantOutcome(t, row.want)
			for _, says := range row.says {
				if !strings.Contains(out, says) {
					t.Errorf("no %q in\n%s", says, out)
				}
			}
		})
	}
}

package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// samba is Samba's winbindd on a computer in no domain, with users of its own. Only
// ntlm_auth connects to it, by a socket in its directory. Its users are not users of
// this system: nss_wrapper gives it and ntlm_auth a list of them (and lets both find
// the socket elsewhere than in /run).
var samba = &peer{
	name: "samba", program: "winbindd", debian: "winbind",
	configure: configureSamba, env: sambaEnv, ready: sambaReady,
	needs: map[string]string{
		"/usr/bin/ntlm_auth": "winbind", "/usr/bin/smbpasswd": "samba-common-bin", "/usr/lib/*/libnss_wrapper.so": "libnss-wrapper",
	},
}

// sambaDir is where its files are.
var sambaDir string

func sambaEnv(dir string) []string {
	return []string{
		"LD_PRELOAD=libnss_wrapper.so", "NSS_WRAPPER_PASSWD=" + filepath.Join(dir, "passwd"), "NSS_WRAPPER_GROUP=" + filepath.Join(dir, "group"),
		"SELFTEST_WINBINDD_SOCKET_DIR=" + filepath.Join(dir, "pipe"), "LC_ALL=C.UTF-8",
	}
}

func configureSamba(dir string, _ []string) ([]string, error) {
	sambaDir = dir
	for _, sub := range []string{"private", "state", "cache", "lock", "run", "ncalrpc", "pipe"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	// The users that may ask for verifications: root and, if it exists, the user proxy.
	privileged := filepath.Join(dir, "state", "winbindd_privileged")
	if err := os.Mkdir(privileged, 0o750); err != nil {
		return nil, err
	}
	if proxy, err := user.LookupGroup("proxy"); err == nil && os.Getuid() == 0 {
		gid, _ := strconv.Atoi(proxy.Gid)
		if err := os.Chown(privileged, 0, gid); err != nil {
			return nil, err
		}
	}
	passwd, group := "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", "root:x:0:\nnogroup:x:65534:\nproxy:x:13:\nusers:x:40000:\n"
	for n, a := range ntlmAccounts {
		passwd += fmt.Sprintf("%s:x:%d:40000::/:/bin/false\n", a.name, 40001+n)
	}
	for name, text := range map[string]string{"passwd": passwd, "group": group} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	conf, err := render(dir, "smb.conf", map[string]any{"Dir": dir, "Computer": computer})
	if err != nil {
		return nil, err
	}
	for _, a := range ntlmAccounts {
		cmd := exec.Command("/usr/bin/smbpasswd", "-c", conf, "-L", "-s", "-a", a.name)
		cmd.Env = append(os.Environ(), sambaEnv(dir)...)
		cmd.Stdin = strings.NewReader(a.password + "\n" + a.password + "\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("smbpasswd: %v\n%s", err, out)
		}
	}
	return []string{"--foreground", "--no-process-group", "--debug-stdout", "-s", conf}, nil
}

// ntlmAuth is a run of ntlm_auth.
func ntlmAuth(args ...string) *exec.Cmd {
	cmd := exec.Command("/usr/bin/ntlm_auth", append([]string{"--configfile=" + filepath.Join(sambaDir, "smb.conf"), "--debuglevel=0"}, args...)...)
	cmd.Env = append(os.Environ(), sambaEnv(sambaDir)...)
	return cmd
}

func sambaReady([]string) error {
	out, err := ntlmAuth("--username="+alice, "--domain="+computer, "--password="+password).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "(0x0)") || strings.Contains(string(out), "failed") {
		return fmt.Errorf("winbindd does not answer: %v %s", err, out)
	}
	return nil
}

// helper is ntlm_auth as the server's half of one handshake, by the protocol of
// Squid's helpers.
type helper struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	user string // once it is content
}

func newHelper() (*helper, error) {
	h := &helper{cmd: ntlmAuth("--helper-protocol=squid-2.5-ntlmssp")}
	var err error
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.out = bufio.NewReader(out)
	return h, h.cmd.Start()
}

func (h *helper) close() {
	h.in.Close()
	h.cmd.Wait()
}

// ask is one line to the helper, and its answer: TT and a token, AF and a user, NA
// and a reason.
func (h *helper) ask(verb, token string) (kind, rest string, err error) {
	if _, err := fmt.Fprintf(h.in, "%s %s\n", verb, token); err != nil {
		return "", "", err
	}
	line, err := h.out.ReadString('\n')
	if err != nil {
		return "", "", err
	}
	kind, rest, _ = strings.Cut(strings.TrimSpace(line), " ")
	return kind, rest, nil
}

// sambaServer is an HTTP server that leaves NTLM to ntlm_auth, one for each
// connection, as old servers do.
type sambaServer struct {
	*httptest.Server
	mu      sync.Mutex
	helpers map[net.Conn]*helper
}

type connKey struct{}

func newSambaServer(t testing.TB) *sambaServer {
	t.Helper()
	s := &sambaServer{helpers: make(map[net.Conn]*helper)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	s.Start()
	t.Cleanup(func() {
		s.Close()
		for _, h := range s.helpers {
			h.close()
		}
	})
	return s
}

func (s *sambaServer) serve(w http.ResponseWriter, r *http.Request) {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.helpers[conn]
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "NTLM ")
	challenge := func(value string) {
		w.Header().Set("WWW-Authenticate", value)
		w.WriteHeader(http.StatusUnauthorized)
	}
	switch {
	case !ok && (h == nil || h.user == ""):
		challenge("NTLM")
		return
	case ok:
		verb := "KK"
		if raw, _ := base64.StdEncoding.DecodeString(token); len(raw) > 8 && raw[8] == 1 {
			verb = "YR"
			if h != nil {
				h.close()
			}
			var err error
			if h, err = newHelper(); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			s.helpers[conn] = h
		} else if h == nil {
			challenge("NTLM")
			return
		}
		kind, rest, err := h.ask(verb, token)
		switch {
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		case kind == "TT":
			challenge("NTLM " + rest)
			return
		case kind != "AF":
			w.Header().Set("X-Reason", rest)
			challenge("NTLM")
			return
		}
		h.user = rest
	}
	echo(func(*http.Request) (string, string) { return h.user, scheme.NTLM }).ServeHTTP(w, r)
}

// TestClientNTLMSamba: Samba's server half takes us, with its flags and its OEM or
// Unicode names.
func TestClientNTLMSamba(t *testing.T) {
	t.Parallel()
	samba.up(t)
	s := newSambaServer(t)
	body, hash := payload()
	for _, row := range []struct {
		name, method, login, password, user string
		body                                []byte
	}{
		{"GET", "GET", alice, password, alice, nil},
		{"POST", "POST", alice, password, alice, body},
		{"domain", "GET", computer + `\alice`, password, alice, nil},
		{"case", "GET", "ALICE", password, alice, nil},
		{"UTF-8 password", "GET", "jason", "pässwörd", "jason", nil},
		{"UTF-8 name", "GET", "jäsøn", "pässwörd", "jäsøn", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, byNTLM(t), loginFor(t, s.URL, row.login, row.password))
			for range 2 { // the second time on the connection as it is
				var r io.Reader
				want := report{user: computer + `\` + row.user, auth: scheme.NTLM, method: row.method, length: "0", sha256: emptyHash}
				if row.body != nil {
					r = bytes.NewReader(row.body)
					want.length, want.sha256 = strconv.Itoa(len(row.body)), hash
				}
				got := c.do(t, row.method, s.URL+"/", r).report(t)
				if !strings.EqualFold(got.user, want.user) && !strings.EqualFold(got.user, row.user) {
					t.Errorf("Samba took us for %q, want %q", got.user, want.user)
				}
				got.user = want.user
				if got != want {
					t.Errorf("the server got %+v, want %+v", got, want)
				}
			}
			c.wantLegs(t, "401", "401 NTLM", "200 NTLM", "200")
			c.wantAsked(t, 2) // one for each request
		})
	}
}

// TestClientNTLMSambaRefused: Samba refuses, and says why to its server alone. By
// default it takes no NTLMv1 either.
func TestClientNTLMSambaRefused(t *testing.T) {
	t.Parallel()
	samba.up(t)
	s := newSambaServer(t)
	for _, row := range []struct {
		name, login, password string
		level                 ntlm.Level
	}{
		{"wrong password", alice, "wrong", ntlm.V2}, {"unknown user", "mallory", password, ntlm.V2}, {"NTLMv1", alice, password, ntlm.V1},
		{"UPN of nowhere", "alice@nowhere.example", password, ntlm.V2},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, func(conf *nethttp.ClientConfig) {
				conf.Machine.Schemes = []scheme.Client{ntlmClient(t, ntlm.Config{Level: row.level})}
			}, loginFor(t, s.URL, row.login, row.password))
			if e := c.fault(t, s.URL); e.Fault.Code != gss.Refused || e.Side != gss.Origin || e.Status != 401 {
				t.Errorf("%+v, want a refusal by the origin", e)
			}
			c.wantLegs(t, "401", "401 NTLM", "401 NTLM")
		})
	}
}

// TestServerNTLMSmbpasswd: our server reads the users that the real smbpasswd wrote.
func TestServerNTLMSmbpasswd(t *testing.T) {
	t.Parallel()
	needCurl(t)
	samba.up(t)
	f, err := os.Open(filepath.Join(sambaDir, "smbpasswd"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	users, err := answer.ReadNTHashes(f, domain)
	if err != nil {
		t.Fatal(err)
	}
	o := newOrigin(t, false, users, ntlmServer(t, ntlm.Config{}))
	curl(t, "--ntlm", "--user", alice+":"+password, o.URL).want(t, 200)
	curl(t, "--ntlm", "--user", alice+":wrong", o.URL).want(t, 401)
	o.wantOutcome(t, letInNTLM+"; 401; 401 bad credentials")
}

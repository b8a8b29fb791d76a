package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program is countersign itself, built once.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(work, "countersign")
	out, err := exec.Command("go", "build", "-C", "../cmd/countersign", stripped, "-o", path, ".").CombinedOutput()
	if err != nil {
		return string(out), err
	}
	return path, nil
})

func countersign(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatalf("countersign does not build: %v\n%s", err, path)
	}
	cmd := exec.Command(path, args...)
	cmd.SysProcAttr = detached
	return cmd
}

// served is a running "countersign serve".
type served struct {
	url  string
	cmd  *exec.Cmd
	log  bytes.Buffer
	ends func() error
}

// startServe starts it on a free port and waits for its first line.
func startServe(t testing.TB, args ...string) *served {
	t.Helper()
	s := &served{cmd: countersign(t, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)}
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { s.cmd.Process.Kill() }
	s.ends = sync.OnceValue(func() error {
		s.cmd.Process.Signal(syscall.SIGTERM)
		defer time.AfterFunc(patience, kill).Stop()
		return s.cmd.Wait()
	})
	t.Cleanup(func() { s.ends() })
	bound := time.AfterFunc(patience, kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	bound.Stop()
	url, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "listening on ")
	if err != nil || !ok {
		s.ends()
		t.Fatalf("the first line is %q (%v), want \"listening on …\"\n%s", line, err, &s.log)
	}
	s.url = url
	return s
}

// logLine is one line of its log.
type logLine struct {
	Status               int
	User, Scheme, Reason string
	Session              bool
}

// lines stops it, and gives its log.
func (s *served) lines(t testing.TB) []logLine {
	t.Helper()
	if err := s.ends(); err != nil {
		t.Errorf("countersign serve ended with %v after SIGTERM", err)
	}
	var lines []logLine
	for text := range bytes.Lines(s.log.Bytes()) {
		var l logLine
		if err := json.Unmarshal(text, &l); err != nil {
			t.Errorf("%v in a log line: %s", err, text)
		}
		lines = append(lines, l)
	}
	return lines
}

// With --session the second request of curl has a cookie and no credentials, and gets 200: over HTTP/2,
// where no identity belongs to a connection, and over HTTP/1.1. There was one login.
func TestServeSessionCurl(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, row := range []struct{ transport, version, want string }{{"nethttp", "--http2", "2"}, {"nethttp", "--http1.1", "1.1"}, {"fasthttp", "--http1.1", "1.1"}} {
		t.Run(row.transport+" "+row.want, func(t *testing.T) {
			t.Parallel()
			s := startServe(t, "--transport", row.transport, "--session", "--user", "alice:secret", "--tls-cert", pki.file, "--tls-key", pki.key)
			jar := filepath.Join(t.TempDir(), "jar")
			args := []string{"--cacert", pki.file, row.version, s.url}
			curl(t, append(args, "-c", jar, "--digest", "--user", "alice:secret")...).want(t, 200)
			for range 2 {
				c := curl(t, append(args, "-b", jar, "-c", jar)...)
				c.want(t, 200)
				if got := c.sent("authorization"); len(got) != 0 || strings.TrimSpace(c.bodies) != "hello alice via Digest" || c.transfers[0].version != row.want {
					t.Errorf("curl sent %q over HTTP/%s and got %q", got, c.transfers[0].version, c.bodies)
				}
			}
			curl(t, args...).want(t, 401)
			var got []string
			for _, l := range s.lines(t) {
				got = append(got, fmt.Sprintf("%d %s %s %t", l.Status, l.User, l.Scheme, l.Session))
			}
			if want := []string{"401   false", "200 alice Digest false", "200 alice Digest true", "200 alice Digest true", "401   false"}; !slices.Equal(got, want) {
				t.Errorf("the log says %q, want %q", got, want)
			}
		})
	}
}

// TestServeCurl: what the README promises, to curl (issue, Holds when).
func TestServeCurl(t *testing.T) {
	t.Parallel()
	needCurl(t)
	for _, row := range []struct {
		name  string
		serve []string
		curl  []string
		by    string
		legs  int
	}{
		{"Digest", []string{"--scheme", "digest"}, []string{"--digest"}, "Digest", 2},
		{"Basic over TLS", []string{"--scheme", "basic", "--tls-cert", pki.file, "--tls-key", pki.key}, []string{"--basic", "--cacert", pki.file}, "Basic", 1},
		{"any", []string{"--scheme", "digest,basic"}, []string{"--anyauth"}, "Digest", 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := startServe(t, append(row.serve, "--user", "alice:secret", "--user", "bob:other")...)
			c := curl(t, append(row.curl, "--user", "alice:secret", s.url+"/page?q=1")...)
			c.want(t, 200)
			if want := "hello alice via " + row.by; strings.TrimSpace(c.bodies) != want {
				t.Errorf("curl got %q, want %q", c.bodies, want)
			}
			body, _ := payload()
			curl(t, append(row.curl, "--user", "bob:other", "--data-binary", "@"+upload(t, body), s.url)...).want(t, 200)
			curl(t, append(row.curl, "--user", "alice:wrong", s.url)...).want(t, 401)
			lines := s.lines(t)
			if len(lines) != 3*row.legs {
				t.Fatalf("%d log lines, want %d\n%s", len(lines), 3*row.legs, &s.log)
			}
			if l := lines[row.legs-1]; l.Status != 200 || l.User != alice || l.Scheme != row.by {
				t.Errorf("the log says %+v of alice", l)
			}
			if l := lines[3*row.legs-1]; l.Status != 401 || l.Reason != "bad credentials" || l.User != "" {
				t.Errorf("the log says %+v of a wrong password", l)
			}
			if strings.Contains(s.log.String(), "secret") {
				t.Error("a password stands in the log")
			}
		})
	}
}

// TestServeProxyCurl: the forward proxy, to curl.
func TestServeProxyCurl(t *testing.T) {
	t.Parallel()
	needCurl(t)
	s := startServe(t, "--proxy", "--connect-port", "any", "--user", "alice:secret")
	for _, secure := range []bool{false, true} {
		origin := page(t, secure)
		c := curl(t, "--proxy", s.url, "--proxy-digest", "--proxy-user", "alice:secret", "--cacert", pki.file, origin.URL)
		c.want(t, 200)
		if got := c.reports(t); len(got) != 1 {
			t.Errorf("the origin got %+v", got)
		}
	}
	// A strict one refuses curl, and says why; a tunnel has no path.
	s = startServe(t, "--proxy", "--connect-port", "any", "--digest-strict-uri", "--user", "alice:secret")
	for secure, want := range map[bool]int{false: 400, true: 200} {
		c := curl(t, "--proxy", s.url, "--proxy-digest", "--proxy-user", "alice:secret", "--cacert", pki.file, page(t, secure).URL)
		c.want(t, want)
		if want == 400 && !strings.Contains(c.bodies, "another resource") {
			t.Errorf("a strict proxy says %q", c.bodies)
		}
	}
}

// gotten is what a run of "countersign get" did.
type gotten struct {
	code           int
	stdout, stderr string
}

func runGet(t testing.TB, args ...string) gotten {
	t.Helper()
	cmd := countersign(t, append([]string{"get", "--max-time", "20"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	g := gotten{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("---- countersign get %s\nexit code %d\n%s%s", strings.Join(args, " "), g.code, g.stderr, g.stdout)
		}
	})
	return g
}

// TestGet: "countersign get" against every real server (issue, Holds when).
func TestGet(t *testing.T) {
	t.Parallel()
	apache.up(t)
	lighttpd.up(t)
	squid.up(t)
	body, hash := payload()
	file := upload(t, body)
	login := []string{"--user", alice + ":" + password}
	wrong := []string{"--user", alice + ":wrong"}
	proxy := []string{"--proxy", squidURL(), "--proxy-user", alice + ":" + password}
	page, securePage := page(t, false).URL, page(t, true).URL
	for _, row := range []struct {
		name   string
		args   [][]string
		code   int
		stdout string // must hold it
		stderr string
	}{
		{"Apache", [][]string{login, {apacheURL() + "/digest/echo"}}, 0, "user=alice\nauth=Digest\n", ""},
		{"Apache, POST", [][]string{login, {"--data", "@" + file, apacheURL() + "/digest/echo"}}, 0, "length=65536\nsha256=" + hash, ""},
		{"Apache, TLS", [][]string{login, {"--cacert", pki.file, apacheURLTLS() + "/basic/echo"}}, 0, "user=alice\nauth=Basic\n", ""},
		{"Apache, stale", [][]string{login, {apacheURL() + "/once/echo", apacheURL() + "/once/echo?second"}}, 0, "query=second", ""},
		{"Apache, two realms", [][]string{login, {apacheURL() + "/one/echo?1", apacheURL() + "/two/echo?2", apacheURL() + "/one/echo?3"}}, 0, "query=3", ""},
		{"Apache, nothing there", [][]string{login, {apacheURL() + "/digest/nothing"}}, 22, "", ""},
		{"Apache, wrong password", [][]string{wrong, {apacheURL() + "/digest/echo"}}, 3, "", "refused by the peer"},
		{"Apache, no password", [][]string{{apacheURL() + "/digest/echo"}}, 4, "", "no credentials"},
		{"Apache, Basic in clear", [][]string{login, {apacheURL() + "/basic/echo"}}, 4, "", "not permitted by policy"},
		{"lighttpd", [][]string{login, {lighttpdURL() + "/both/echo"}}, 0, "user=alice\nauth=Digest\n", ""},
		{"lighttpd, SHA-512-256", [][]string{login, {lighttpdURL() + "/sha-five/echo"}}, 0, "user=alice\n", ""},
		{"lighttpd, userhash, POST", [][]string{login, {"--data", "@" + file, lighttpdURL() + "/userhash/echo"}}, 0, "sha256=" + hash, ""},
		{"lighttpd, wrong password", [][]string{wrong, {lighttpdURL() + "/sha-two/echo"}}, 3, "", "refused by the peer"},
		{"Squid", [][]string{proxy, {page}}, 0, "method=GET\n", ""},
		{"Squid, CONNECT", [][]string{proxy, {"--cacert", pki.file, "--data", "@" + file, securePage}}, 0, "sha256=" + hash, ""},
		{"Squid and Apache", [][]string{proxy, login, {apacheURL() + "/digest/echo"}}, 0, "user=alice\n", ""},
		{"Squid, wrong password", [][]string{{"--proxy", squidURL(), "--proxy-user", refused + ":wrong", page}}, 3, "", "refused by the peer"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var args []string
			for _, a := range row.args {
				args = append(args, a...)
			}
			g := runGet(t, args...)
			if g.code != row.code || !strings.Contains(g.stdout, row.stdout) || !strings.Contains(g.stderr, row.stderr) {
				t.Errorf("exit code %d, want %d, %q and %q", g.code, row.code, row.stdout, row.stderr)
			}
			if strings.Contains(g.stderr, password) {
				t.Error("a password stands on standard error")
			}
		})
	}
}

// TestGetServe: our client to our server, as processes.
func TestGetServe(t *testing.T) {
	t.Parallel()
	s := startServe(t, "--user", "alice:secret")
	g := runGet(t, "--user", "alice:secret", s.url, s.url+"/2")
	if g.code != 0 || strings.Count(g.stdout, "hello alice via Digest") != 2 {
		t.Errorf("exit code %d, want 0 and two greetings", g.code)
	}
	if lines := s.lines(t); len(lines) != 3 {
		t.Errorf("%d requests, want 3: one challenge and one nonce for both\n%s", len(lines), &s.log)
	}
}

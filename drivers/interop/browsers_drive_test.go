package interop

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// puppeteer is where .ci/peers installs what testdata/browsers/package-lock.json names: outside of the tree.
const puppeteer = "/opt/countersign-browsers/node_modules"

// browser is a running browser, headless, which testdata/browsers/drive.cjs drives. It has one session at a time, and
// a session knows nothing of the one before.
type browser struct {
	in     io.WriteCloser
	out    *bufio.Scanner
	home   string         // has the files of a login
	socket net.PacketConn // of the servers that it speaks HTTP/3 with, one after the other
}

// browserProgram is a browser, and how it is started.
type browserProgram struct {
	name, program, debian string
	files                 map[string]string // of its profile
}

// start starts a browser, which ends with the test.
func (p browserProgram) start(t testing.TB) *browser {
	t.Helper()
	path := find(t, p.program, p.debian)
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node", "nodejs")
	}
	if _, err := os.Stat(puppeteer + "/puppeteer-core"); err != nil {
		missing(t, "puppeteer-core", "npm, and run .ci/peers")
	}
	home, err := os.MkdirTemp(work, p.program)
	if err != nil {
		t.Fatal(err)
	}
	profile := filepath.Join(home, "profile")
	for file, text := range p.files {
		file = filepath.Join(profile, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	b := &browser{home: home}
	if b.socket, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.socket.Close() })
	log, err := os.Create(filepath.Join(home, "stderr.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	key := sha256.Sum256(pki.cert.Leaf.RawSubjectPublicKeyInfo)
	cmd := exec.Command(node, filepath.Join("testdata", "browsers", "drive.cjs"), p.program, path, profile, b.quicHost(), base64.StdEncoding.EncodeToString(key[:]))
	cmd.Env = []string{
		"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "NODE_PATH=" + puppeteer,
		"KRB5_CONFIG=" + krbFile("krb5.conf"), "KRB5CCNAME=FILE:" + filepath.Join(home, ticketFile), "NTLM_USER_FILE=" + filepath.Join(home, usersFile),
	}
	cmd.SysProcAttr, cmd.Stderr = detached, log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if b.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.out = bufio.NewScanner(out)
	t.Cleanup(func() {
		b.in.Close() // the end of the commands is the browser's
		late := time.AfterFunc(patience, func() { cmd.Process.Signal(os.Interrupt) })
		err := cmd.Wait()
		late.Stop()
		if err != nil {
			t.Errorf("%s ended with %v", p.name, err)
		}
		if t.Failed() {
			t.Logf("---- %s\n%s", p.name, readText(t, log.Name()))
		}
	})
	var version string
	if err := b.do(&version, "version"); err != nil {
		t.Fatalf("%s does not start: %v", p.name, err)
	}
	t.Log(version)
	return b
}

// quicHost is where it speaks HTTP/3 at once: a host that Kerberos knows, and that nothing else is asked of.
func (b *browser) quicHost() string {
	_, port, _ := net.SplitHostPort(b.socket.LocalAddr().String())
	return net.JoinHostPort(krbTypes[0].host, port)
}

// do has the browser follow a command.
func (b *browser) do(value any, command ...string) error {
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	if _, err := b.in.Write(append(line, '\n')); err != nil {
		return err
	}
	if !b.out.Scan() {
		return errors.Join(io.ErrUnexpectedEOF, b.out.Err())
	}
	var answer struct {
		Value json.RawMessage
		Error string
	}
	if err := json.Unmarshal(b.out.Bytes(), &answer); err != nil {
		return err
	}
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	return json.Unmarshal(answer.Value, value)
}

// login is what a browser logs in with.
type login struct {
	name, password string // that its user types when asked
	ticket         string // the file with a Kerberos ticket
	users          string // a line for gss-ntlmssp
}

// The files in a browser's home in which it finds what it does not ask its user for.
const (
	ticketFile = "alice.ccache"
	usersFile  = "ntlm.users"
)

// open opens a session.
func (b *browser) open(t testing.TB, with login) {
	t.Helper()
	files := map[string]string{ticketFile: "", usersFile: with.users}
	if with.ticket != "" {
		files[ticketFile] = readText(t, with.ticket)
	}
	for file, text := range files {
		file = filepath.Join(b.home, file)
		err := os.Remove(file)
		if text != "" {
			err = os.WriteFile(file, []byte(text), 0o600)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	b.must(t, "open", with.name, with.password)
}

// close closes the session.
func (b *browser) close(t testing.TB) {
	t.Helper()
	b.must(t, "close")
}

// must has the browser follow a command that gives nothing.
func (b *browser) must(t testing.TB, command ...string) {
	t.Helper()
	if err := b.do(new(bool), command...); err != nil {
		t.Fatalf("%s: %v", command[0], err)
	}
}

// shown is what a browser shows of a response; nothing, if it shows a page of its own.
type shown struct {
	Status int
	Text   string
}

// show sends a request: "get" opens a page, and "post" sends a body from the page that is open.
func (b *browser) show(t testing.TB, command ...string) (s shown) {
	t.Helper()
	if err := b.do(&s, command...); err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		t.Logf("%s: %s", command[0], line)
	}
	return s
}

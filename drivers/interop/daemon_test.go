package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// patience bounds how long a peer may take to come up, and to end.
const patience = 20 * time.Second

// detached is how peers are started, where the system knows more than os/exec.
var detached *syscall.SysProcAttr

// supervised is a command that ends what a peer starts, where the system has the means.
var supervised = exec.Command

// left returns an error for processes that the tests started and that are still there in the end, where the system can tell.
var left = func() error { return nil }

// find is the path of a peer's program. If it is not installed, the test is
// skipped, or fails where the peers are required.
func find(t testing.TB, program, debian string) string {
	t.Helper()
	meets(t, debian)
	for _, name := range []string{program, "/usr/sbin/" + program, "/usr/bin/" + program} { // sbin may not be in PATH
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, program, debian)
	return ""
}

// meets says in the test's log which peer it is with, for the summary of .ci/full.
func meets(t testing.TB, peer string) {
	t.Helper()
	t.Logf("peer: %s", peer)
}

func missing(t testing.TB, what, debian string) {
	t.Helper()
	if os.Getenv("INTEROP") == "required" {
		t.Fatalf("%s is not installed, and INTEROP=required: install the Debian package %s", what, debian)
	}
	t.Skipf("%s is not installed: install the Debian package %s to run this test", what, debian)
}

// needFile skips a test where a file of a peer, a pattern, is not there, as find
// does.
func needFile(t testing.TB, pattern, debian string) {
	t.Helper()
	meets(t, debian)
	if files, _ := filepath.Glob(pattern); files == nil {
		missing(t, pattern, debian)
	}
}

// peer is a daemon that the tests start: the first test that needs it does, and
// the end of all tests stops it.
type peer struct {
	name    string
	program string // in PATH or sbin
	debian  string // the package that has it
	// needs are further files that must be there, with the package of each.
	needs map[string]string
	// ports is how many it listens on.
	ports int
	// configure writes its files into dir and gives the arguments to start it with,
	// in the foreground.
	configure func(dir string, addrs []string) ([]string, error)
	// env is what its environment has beside ours; nil is nothing.
	env func(dir string) []string
	// ready tells whether it serves at addrs. It must not take another program,
	// which was quicker to get the port, for the peer.
	ready func(addrs []string) error

	once  sync.Once
	dir   string
	addrs []string
	err   error
}

// up starts the peer unless it runs, and shows its logs if the test fails.
func (p *peer) up(t testing.TB) {
	t.Helper()
	path := find(t, p.program, p.debian)
	for file, debian := range p.needs {
		needFile(t, file, debian)
	}
	p.once.Do(func() { p.err = p.start(path) })
	if p.err != nil {
		t.Log(p.logs(nil))
		t.Fatalf("%s does not come up: %v", p.name, p.err)
	}
	before := p.sizes()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.logs(before))
		}
	})
}

// start tries a few times: another program may take a free port before the peer listens
// on it.
func (p *peer) start(path string) error {
	var err error
	for try := range 3 {
		p.dir = filepath.Join(work, fmt.Sprint(p.name, try))
		if err := os.Mkdir(p.dir, 0o755); err != nil {
			return err
		}
		if p.addrs, err = freeAddrs(p.ports); err != nil {
			return err
		}
		var args []string
		if args, err = p.configure(p.dir, p.addrs); err != nil {
			return err
		}
		if err = p.launch(path, args); err == nil {
			return nil
		}
	}
	return err
}

// launch starts the program and waits until it is ready.
func (p *peer) launch(path string, args []string) error {
	log, err := os.Create(filepath.Join(p.dir, "stderr.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := supervised(path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	cmd.SysProcAttr = detached
	if p.env != nil {
		cmd.Env = append(cmd.Environ(), p.env(p.dir)...)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := &running{cmd, make(chan struct{})}
	go func() {
		cmd.Wait()
		close(r.ended)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case <-r.ended:
			return fmt.Errorf("%s ended at once: %v", p.program, cmd.ProcessState)
		case <-ctx.Done():
			r.stop()
			return fmt.Errorf("%s is not ready after %v: %w", p.program, patience, p.ready(p.addrs))
		case <-poll.C:
			if p.ready(p.addrs) == nil {
				keep(r)
				return nil
			}
		}
	}
}

// running is a process and the news that it ended.
type running struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// stop ends the process, politely at first: it has children to end.
func (r *running) stop() {
	r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.ended:
	case <-time.After(2 * patience): // its supervisor has one
		r.cmd.Process.Kill()
		<-r.ended
	}
}

// all are the processes to stop in the end.
var all struct {
	sync.Mutex
	running []*running
}

func keep(r *running) {
	all.Lock()
	defer all.Unlock()
	all.running = append(all.running, r)
}

func stopAll() {
	all.Lock()
	defer all.Unlock()
	var wg sync.WaitGroup
	for _, r := range all.running {
		wg.Go(r.stop)
	}
	wg.Wait()
}

// freeAddrs are n addresses of the loopback interface with ports that are free at
// this moment.
func freeAddrs(n int) ([]string, error) {
	var addrs []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // only in the end: n different ports
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// maxLog bounds what is shown of one log, in bytes.
const maxLog = 8 << 10

func (p *peer) sizes() map[string]int64 {
	files, _ := filepath.Glob(filepath.Join(p.dir, "*.log"))
	sizes := make(map[string]int64)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			sizes[file] = info.Size()
		}
	}
	return sizes
}

// logs are the ends of the peer's logs, of what came after the sizes before.
func (p *peer) logs(before map[string]int64) string {
	var b bytes.Buffer
	for file, size := range p.sizes() {
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		f.Seek(max(before[file], size-maxLog), io.SeekStart)
		fmt.Fprintf(&b, "---- %s %s\n", p.name, filepath.Base(file))
		io.Copy(&b, f)
		f.Close()
	}
	return b.String()
}

// render writes testdata/name, a template, to a file of that name in dir.
func render(dir, name string, data any) (string, error) {
	tmpl, err := template.ParseFiles(filepath.Join("testdata", name))
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := tmpl.Option("missingkey=error").Execute(&b, data); err != nil {
		return "", err
	}
	file := filepath.Join(dir, name)
	return file, os.WriteFile(file, b.Bytes(), 0o644)
}

// copyFile copies testdata/name to a file in dir.
func copyFile(file, name string, mode os.FileMode) error {
	data, err := os.ReadFile(filepath.Join("testdata", name))
	return errors.Join(err, os.WriteFile(file, data, mode))
}

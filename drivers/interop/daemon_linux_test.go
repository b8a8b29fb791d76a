package interop

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// failing is the variable that tells TestFailing how to end, in a process of TestFailuresLeaveNothing.
const failing = "INTEROP_FAILING"

// TestFailing starts a peer with a daemon, and ends as it is told.
func TestFailing(t *testing.T) {
	how := os.Getenv(failing)
	if how == "" {
		return
	}
	var home string
	p := &peer{
		name: "sleeper", program: "sh", debian: "dash",
		configure: func(dir string, _ []string) ([]string, error) {
			home = dir
			return []string{"-c", "setsid -f sleep 1000; echo > up; exec sleep 1000"}, nil
		},
		ready: func([]string) error {
			_, err := os.Stat(filepath.Join(home, "up"))
			return err
		},
	}
	p.up(t)
	fmt.Println("the peer is up")
	switch how {
	case "fails":
		t.Fatal("as told")
	case "panics":
		panic("as told")
	case "exits":
		os.Exit(1)
	case "is killed":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	time.Sleep(patience)
}

// TestFailuresLeaveNothing: however a run of these tests ends, nothing that it started goes on.
func TestFailuresLeaveNothing(t *testing.T) {
	for _, how := range []string{"fails", "panics", "exits", "is killed", "takes too long"} {
		before := descendants() // peers of other tests
		cmd := exec.Command("/proc/self/exe", "-test.run", "^TestFailing$", "-test.timeout", "3s")
		cmd.Env = append(os.Environ(), failing+"="+how)
		cmd.SysProcAttr = detached
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("the peer is up")) {
			t.Errorf("a run that %s: %v\n%s", how, err, out)
		}
		for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			var left []string
			for pid, line := range descendants() {
				command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // empty for one that has ended, and was not waited for
				if before[pid] == "" && len(command) > 0 {
					left = append(left, line)
				}
			}
			if len(left) == 0 {
				break
			}
			if time.Now().After(end) {
				t.Errorf("a run that %s leaves %q", how, left)
				break
			}
		}
	}
}

// supervising is the variable that makes this program a peer's supervisor.
const supervising = "INTEROP_SUPERVISE"

// A peer has no terminal to ask passwords on, and ends with the tests whatever
// ends them, and with it all that it started: some of Samba's daemons leave
// their parent, session and group. Each has a supervisor, this program again,
// which is their parent then.
func init() {
	detached = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	adopt()
	if os.Getenv(supervising) != "" {
		os.Exit(supervise(os.Args[1], os.Args[2:]...))
	}
	supervised = func(path string, args ...string) *exec.Cmd {
		cmd := exec.Command("/proc/self/exe", append([]string{path}, args...)...)
		cmd.Env = append(os.Environ(), supervising+"=1")
		return cmd
	}
	left = func() error { return descendantsLeft(patience) }
}

// supervise runs a peer until it ends, or is told to, and then ends what it left. It returns the status to exit with.
func supervise(path string, args ...string) int {
	os.Unsetenv(supervising)
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = os.Stdin, os.Stdout, os.Stderr, detached
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() { // politely at first: it has children to end
		<-told
		cmd.Process.Signal(syscall.SIGTERM)
		time.Sleep(patience)
		cmd.Process.Kill()
	}()
	cmd.Wait()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		for pid := range descendants() {
			syscall.Kill(pid, s)
		}
		if descendantsLeft(patience/10) == nil {
			break
		}
	}
	return cmd.ProcessState.ExitCode() & 0xff
}

// adopt makes this process the parent of all that are started below it and lose theirs, as daemons do.
func adopt() {
	const setChildSubreaper = 36 // PR_SET_CHILD_SUBREAPER of prctl(2)
	syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0)
}

// reap takes note of the ends of those that were adopted: else they stay in the system's table. It must not run while an
// exec.Cmd waits for its own.
func reap() {
	for {
		if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
			return
		}
	}
}

// descendants are the processes below this one, as lines for a log.
func descendants() map[int]string {
	type process struct {
		pid, parent int
		line        string
	}
	var all []process
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil { // it has ended
			continue
		}
		// proc_pid_stat(5): the name stands in brackets, and may contain any.
		end := bytes.LastIndexByte(stat, ')')
		fields := bytes.Fields(stat[end+1:])
		p := process{line: string(stat[:end+1])}
		p.pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(file)))
		p.parent, _ = strconv.Atoi(string(fields[1]))
		all = append(all, p)
	}
	below := make(map[int]string)
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if _, ok := below[p.parent]; (ok || p.parent == os.Getpid()) && below[p.pid] == "" {
				below[p.pid], grown = p.line, true
			}
		}
	}
	return below
}

// descendantsLeft returns an error for the processes below this one that do not end in time.
func descendantsLeft(patience time.Duration) error {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		reap()
		switch left := descendants(); {
		case len(left) == 0:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("processes are left that were started here: %q", slices.Sorted(maps.Values(left)))
		}
	}
}

// TestPeersLeaveNothing: what a peer started ends with it, a daemon of its own session too.
func TestPeersLeaveNothing(t *testing.T) {
	for _, row := range []struct {
		name, script string
		told         bool
	}{
		{"it ends", "setsid -f sleep 1000; echo up", false},
		{"it is told to end", "setsid -f sleep 1000; echo up; exec sleep 1000", true},
		{"its daemon does not listen", "setsid -f sh -c 'trap : TERM; while :; do sleep 1000; done'; echo up", false},
	} {
		cmd := supervised("/bin/sh", "-c", row.script)
		cmd.SysProcAttr = detached
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		if row.told {
			cmd.Process.Signal(syscall.SIGTERM)
		}
		cmd.Wait()
		for _, line := range descendants() {
			if strings.HasSuffix(line, "(sleep)") || strings.HasSuffix(line, "(sh)") {
				t.Errorf("%s: %s is left", row.name, line)
			}
		}
	}
}

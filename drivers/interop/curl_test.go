package interop

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// curled is what one run of curl did.
type curled struct {
	exit      int
	bodies    string // of all transfers, in a row
	transfers []transfer
	trace     string // curl -v
}

// transfer is one URL of a run.
type transfer struct {
	status   int
	version  string // of HTTP, as curl calls it
	connects int    // connections that it opened
}

var transferLine = regexp.MustCompile(`(?m)^transfer (\d+) (\S+) (\d+)$`)

// needCurl skips a test, with all its rows, where there is no curl.
func needCurl(t testing.TB) {
	t.Helper()
	find(t, "curl", "curl")
}

// curl runs curl with nothing of the user's own configuration.
func curl(t testing.TB, args ...string) curled {
	t.Helper()
	return curlWith(t, nil, args...)
}

// curlWith runs it with more in its environment.
func curlWith(t testing.TB, env []string, args ...string) curled {
	t.Helper()
	path := find(t, "curl", "curl")
	cmd := exec.Command(path, append([]string{
		"--disable", "--silent", "--show-error", "--verbose", "--max-time", "20", "--noproxy", "",
		"--write-out", "%{stderr}\ntransfer %{http_code} %{http_version} %{num_connects}\n",
	}, args...)...)
	cmd.Env = append([]string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}, env...)
	var out, trace bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trace
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	c := curled{exit: cmd.ProcessState.ExitCode(), bodies: out.String(), trace: trace.String()}
	for _, m := range transferLine.FindAllStringSubmatch(c.trace, -1) {
		status, _ := strconv.Atoi(m[1])
		connects, _ := strconv.Atoi(m[3])
		c.transfers = append(c.transfers, transfer{status, m[2], connects})
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("---- curl %s\nexit code %d\n%s%s", strings.Join(args, " "), c.exit, c.trace, c.bodies)
		}
	})
	return c
}

// sent are the values of a request field, in the order in which they went out.
func (c curled) sent(field string) []string { return c.lines('>', field) }

// got are the values of a response field.
func (c curled) got(field string) []string { return c.lines('<', field) }

func (c curled) lines(direction byte, field string) []string {
	var values []string
	for line := range strings.Lines(c.trace) {
		line, ok := strings.CutPrefix(line, string(direction)+" ")
		name, value, colon := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		if ok && colon && strings.EqualFold(name, field) {
			values = append(values, value)
		}
	}
	return values
}

// reports are what the echoes say, one for each transfer that reached one.
func (c curled) reports(t testing.TB) []report {
	t.Helper()
	var reports []report
	for _, part := range strings.Split(c.bodies, "user=") {
		if strings.Contains(part, "\nsha256=") {
			r, err := parseReport("user=" + part)
			if err != nil {
				t.Fatal(err)
			}
			reports = append(reports, r)
		}
	}
	return reports
}

// want checks the status of every transfer, and that curl itself is content.
func (c curled) want(t testing.TB, statuses ...int) {
	t.Helper()
	var got []int
	for _, tr := range c.transfers {
		got = append(got, tr.status)
	}
	if c.exit != 0 || fmt.Sprint(got) != fmt.Sprint(statuses) {
		t.Errorf("curl ended with exit code %d and statuses %v, want 0 and %v", c.exit, got, statuses)
	}
}

// upload writes a file for curl to send.
func upload(t testing.TB, body []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "upload")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

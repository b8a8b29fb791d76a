package main

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

// result is what one run of the program did.
type result struct {
	code           int
	stdout, stderr string
}

// call runs the program with stdin.
func call(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// want checks a result: its code, and what its outputs must hold.
func (r result) want(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if !strings.Contains(r.stdout, stdout) {
		t.Errorf("stdout lacks %q", stdout)
	}
	if !strings.Contains(r.stderr, stderr) || stderr == "" && r.stderr != "" {
		t.Errorf("stderr must hold %q", stderr)
	}
	if t.Failed() {
		t.Logf("stdout: %s\nstderr: %s", r.stdout, r.stderr)
	}
}

func TestRoot(t *testing.T) {
	call(t, "").want(t, 0, "Available Commands", "")
	call(t, "", "--help").want(t, 0, "Exit codes", "")
	call(t, "", "completion", "bash").want(t, 0, "bash completion", "")
	call(t, "", "nonsense").want(t, exitUsage, "", "--help")
	call(t, "", "explain", "--nonsense").want(t, exitUsage, "", "explain --help")
}

// TestHelp: every command says what it does and shows an example.
func TestHelp(t *testing.T) {
	for _, cmd := range newRoot().Commands() {
		if cmd.Short == "" || cmd.Long == "" || !strings.Contains(cmd.Example, "countersign "+cmd.Name()) {
			t.Errorf("%s lacks a description or an example", cmd.Name())
		}
	}
}

// TestVersion: --version tells the commit and the Go that built the program.
func TestVersion(t *testing.T) {
	call(t, "", "--version").want(t, 0, runtime.Version(), "")
	on := ", go1.99, " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	for want, info := range map[string]debug.BuildInfo{
		"unknown (commit unknown" + on:          {},
		"v1.2.3 (commit unknown" + on:           {Main: debug.Module{Version: "v1.2.3"}}, // go install of a version
		"(devel) (commit abc" + on:              {Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"}}},
		"(devel) (commit abc with changes" + on: {Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}},
	} {
		info.GoVersion = "go1.99"
		if got := versionOf(&info); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	call(t, "", "explain", "Negotiate").want(t, 0, "SPNEGO", "")
	call(t, "", "explain", "Negotiate", "NTLM").want(t, 0, "NTLM", "")
	call(t, "Negotiate\r\n\r\nBasic YTpi\n", "explain", "-").want(t, 0, "password  ***", "")
	call(t, "Negotiate", "explain").want(t, 0, "SPNEGO", "")
	call(t, "", "explain").want(t, exitUsage, "", "nothing to explain")
	call(t, "Negotiate\nWWW-Authenticate: Digest realm=\"x", "explain").want(t, exitUsage, "malformed", "text 2, offset 31: ")
	call(t, "", "explain", "--json", "Persistent-Auth: true").want(t, 0, `{"text":1,"tree":{"name":"Persistent-Auth"`, "")
	call(t, "", "explain", "--json", "AQID").want(t, exitUsage, `"faults":[{"offset":0,`, "offset 0")
	call(t, strings.Repeat("x", maxLine+1), "explain", "-").want(t, exitUsage, "", "too long")
}

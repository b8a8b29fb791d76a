package main

import (
	"bufio"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/requirement"
)

const canary = "Canary-4711"

// TestPasswordsElsewhere: get and serve find a password wherever it may stand, in the order that
// the help names, and show it nowhere.
func TestPasswordsElsewhere(t *testing.T) {
	pw, other := file(t, "pw", canary+"\nsecond line\n"), file(t, "other", "wrong\n")
	s := serve(t, "--scheme", "digest", "--user", "alice:@"+pw, "--user", "bob:bob's")
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	netrc := file(t, "netrc", "machine "+u.Hostname()+" login bob password \"bob's\"\nmachine "+u.Hostname()+" login alice password "+canary+"\n")
	asAlice := "http://alice@" + u.Host
	for name, row := range map[string]struct {
		stdin, variable string
		args            []string
		code            int
		stdout, stderr  string
	}{
		"a file":                        {"", "", []string{"-u", "alice:@" + pw, s.url}, 0, "hello alice", ""},
		"a file before the variable":    {"", "wrong", []string{"-u", "alice:@" + pw, s.url}, 0, "hello alice", ""},
		"no file":                       {"", "", []string{"-u", "alice:@" + canary, s.url}, exitTransport, "", "--user: the file of the password, named after @, cannot be opened: no such file or directory"},
		"an empty file":                 {"", "", []string{"-u", "alice:@/dev/null", s.url}, 1, "", "is empty"},
		"too long a line":               {"", "", []string{"-u", "alice:@" + file(t, "long", strings.Repeat("x", maxPassword+1)), s.url}, 1, "", "longer than 4096 bytes"},
		"the variable":                  {"", canary, []string{"-u", "alice", s.url}, 0, "hello alice", ""},
		"the variable before the input": {"wrong\n", canary, []string{"-u", "alice", s.url}, 0, "hello alice", ""},
		"standard input":                {canary + "\r\n", "", []string{"-u", "alice", s.url}, 0, "hello alice", ""},
		"once for all URLs":             {canary + "\n", "", []string{"-u", "alice", s.url, s.url + "/again"}, 0, "hello alice", ""},
		"no input":                      {"", "", []string{"-u", "alice", s.url}, 1, "", "--user: no password for it: enter one on standard input, set COUNTERSIGN_PASSWORD, or give NAME:@FILE"},
		"input for the body":            {canary + "\n", "", []string{"-u", "alice", "-d", "@-", s.url}, 1, "", "standard input is for --data @-"},
		"in the URL":                    {"", "wrong", []string{"http://alice:" + canary + "@" + u.Host}, 0, "hello alice", ""},
		"a name in the URL":             {"", canary, []string{asAlice}, 0, "hello alice", ""},
		"none for the name in the URL":  {"", "", []string{asAlice}, 1, "", "the user in the URL: no password"},
		"netrc":                         {"", "", []string{"--netrc-file", netrc, s.url}, 0, "hello bob", ""},
		"netrc for a name":              {"", "wrong", []string{"--netrc-file", netrc, "-u", "alice", s.url}, 0, "hello alice", ""},
		"netrc after the flag":          {"", "", []string{"--netrc-file", netrc, "-u", "alice:@" + other, s.url}, exitRefused, "", "refused"},
		"a netrc that is not there":     {"", "", []string{"--netrc-file", netrc + "x", s.url}, exitTransport, "", "--netrc-file: open " + netrc + "x"},
		"a netrc that is wrong":         {"", "", []string{"--netrc-file", pw, s.url}, 1, "", "--netrc-file: " + pw + ": line 1: expected machine"},
		"no name in the URL":            {"", "", []string{"http://:" + canary + "@" + u.Host}, 1, "", "the user in a URL has no name"},
		"a variable for two names":      {"", canary, []string{asAlice, "http://bob@" + u.Host}, 1, "", "COUNTERSIGN_PASSWORD is one user's password"},
		"no name":                       {"", "", []string{"-u", ":" + canary, s.url}, 1, "", "--user: expected NAME, NAME:PASSWORD or NAME:@FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			if row.variable != "" {
				t.Setenv(passwordVariable, row.variable)
			}
			got := call(t, row.stdin, append([]string{"get"}, row.args...)...)
			got.want(t, row.code, row.stdout, row.stderr)
			if strings.Contains(got.stderr, canary) {
				t.Error("the password is on standard error")
			}
			requirement.Held(t, "unit:password_elsewhere")
		})
	}
	t.Setenv("NETRC", netrc)
	call(t, "", "get", "--netrc", s.url).want(t, 0, "hello bob", "")
}

// TestProxyPasswordElsewhere: the proxy's password has a variable of its own, and comes before
// or after the origin's on standard input as it is asked for.
func TestProxyPasswordElsewhere(t *testing.T) {
	t.Setenv(passwordVariable, canary)
	origin := serve(t, "--user", "alice")
	proxy := serve(t, "--proxy", "--user", "bob:pw")
	call(t, "pw\n", "get", "-x", proxy.url, "-u", "alice", "-U", "bob", origin.url).want(t, 0, "hello alice", "")
	t.Setenv(proxyPasswordVariable, "pw")
	call(t, "", "get", "-x", proxy.url, "-u", "alice", "-U", "bob", origin.url).want(t, 0, "hello alice", "")
	call(t, "", "serve", "--addr", "127.0.0.1:0", "--user", "alice:").want(t, 1, "", "--user: a user needs a password")
}

// Logins read no further than the lines that they need: what follows is another password.
func TestLoginsLines(t *testing.T) {
	l := &logins{in: bufio.NewReaderSize(strings.NewReader("one\ntwo"), maxPassword), tty: -1, had: map[string]string{}, names: map[string]string{}}
	for _, want := range []string{"one", "two"} {
		_, got, err := l.of("--user", want+"-name", "", "COUNTERSIGN_NOT_SET")
		if err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if got := fmt.Sprintf("%v", *l); strings.Contains(got, "two") {
		t.Error("logins print the passwords")
	}
}

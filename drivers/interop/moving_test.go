package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// moved runs the program of a piece of docs/moving.md. Both programs of a pair have the same run.
func moved(name string, run func(t *testing.T, p docProgram)) func(t *testing.T, program func(string) docProgram) {
	return func(t *testing.T, program func(string) docProgram) { run(t, program(name)) }
}

// wantEcho fails the test unless what a client printed is what alice sees at a server that echoes.
func wantEcho(t *testing.T, user, out, errs string, err error) {
	t.Helper()
	got, bad := parseReport(out)
	want := report{user: user, auth: got.auth, method: "GET", length: "0", sha256: emptyHash}
	if err != nil || bad != nil || got != want {
		t.Errorf("the client printed %q, %v: %s; want %+v", out, err, errs, want)
	}
}

// wantNothing runs a client at a server that refuses its password: it ends with an error, and prints nothing.
func wantNothing(t *testing.T, p docProgram, args ...string) {
	t.Helper()
	refusing := startServe(t, append(args, "--user", alice+":another password")...)
	if out, errs, err := p.run(nil, refusing.url); err == nil || out != "" || !strings.Contains(errs, "refused") {
		t.Errorf("another password: %q, %v: %s", out, err, errs)
	}
}

// movedDigest runs a client with Digest at Apache.
func movedDigest(t *testing.T, p docProgram) {
	apache.up(t)
	out, errs, err := p.run(nil, apacheURL()+"/digest/echo")
	wantEcho(t, alice, out, errs, err)
	wantNothing(t, p, "--scheme", "digest", "--digest-algorithm", "md5")
}

// movedNTLM runs a client with NTLM at Apache with gss-ntlmssp.
func movedNTLM(t *testing.T, p docProgram) {
	apacheNTLM.up(t)
	out, errs, err := p.run(nil, apacheNTLMURL()+"/ntlm/echo")
	wantEcho(t, domain+`\`+alice, out, errs, err)
	wantNothing(t, p, "--scheme", "ntlm", "--domain", domain)
}

// movedHtdigest runs a server with Digest, with curl as its client. Its file has MD5 alone, which all servers know.
func movedHtdigest(t *testing.T, p docProgram) {
	const users = "alice:staff:0414063c2d12b97f83136799a5dbd2d8\n" // H("alice:staff:correct horse"), by md5sum
	if err := os.WriteFile(filepath.Join(filepath.Dir(p.exe), "users.htdigest"), []byte(users), 0o600); err != nil {
		t.Fatal(err)
	}
	wantCurl(t, "http://"+p.serve("tcp"), "--digest")
}

// movedKerberosClient runs a client with Kerberos and a password at Apache and MIT's KDC.
func movedKerberosClient(t *testing.T, p docProgram) {
	upApacheKrb(t)
	conf := filepath.Join(filepath.Dir(p.exe), "krb5.conf")
	if err := os.WriteFile(conf, []byte(gokrb5Text(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, err := p.run(append(krbEnv(krbDir), "KRB5_CONFIG="+conf), apacheKrbURL()+"/krb/echo")
	wantEcho(t, alice+"@"+krbRealm, out, errs, err)
}

// movedKerberosServer runs a server with Kerberos, with curl and MIT's libraries as its client.
func movedKerberosServer(t *testing.T, p docProgram) {
	mitKDC.up(t)
	wantKerberosCurl(t, p)
}

var (
	movingRow  = regexp.MustCompile(`(?m)^\| \[([^]]+)\]\(#[^)]*\) \| (\d+) \| (\d+) \| (.*) \|$`)
	movingCode = regexp.MustCompile("(?s)```go\n(.*?)```")
)

// TestMoving: docs/moving.md shows all programs below moving, in pairs, and its table counts their lines. It says why
// where ours are more.
func TestMoving(t *testing.T) {
	t.Parallel()
	programs, err := filepath.Glob(moving + "/*/*/main.go")
	if err != nil || len(programs) == 0 {
		t.Fatal("no programs: ", err)
	}
	of := map[string]bool{}
	for name, r := range docRuns {
		if r.program != "" {
			of[filepath.Join(moving, r.program, "main.go")] = true
		} else if strings.HasPrefix(name, "moving.md: ") {
			t.Errorf("%s is completed by a frame; show a whole program", name)
		}
	}
	for _, p := range programs {
		if !of[p] {
			t.Errorf("%s is shown on no page", p)
		}
	}
	page := readText(t, "../../docs/moving.md")
	rows := movingRow.FindAllStringSubmatch(page, -1)
	if _, sections, _ := strings.Cut(page, "\n## "); strings.Count("\n## "+sections, "\n## ") != len(rows) {
		t.Errorf("the table has %d rows, want one for each section", len(rows))
	}
	for _, row := range rows {
		_, section, found := strings.Cut(page, "\n## "+row[1]+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		blocks := movingCode.FindAllStringSubmatch(section, -1)
		if !found || len(blocks) != 2 {
			t.Errorf("%s: %d blocks of code, want before and after", row[1], len(blocks))
			continue
		}
		before, after := lines(blocks[0][1]), lines(blocks[1][1])
		if row[2] != strconv.Itoa(before) || row[3] != strconv.Itoa(after) {
			t.Errorf("%s: the table has %s and %s lines, and the programs %d and %d", row[1], row[2], row[3], before, after)
		}
		if why := strings.TrimSpace(row[4]); (after > before) != (why != "") {
			t.Errorf("%s: %d lines before and %d after, and the table says of it %q", row[1], before, after, why)
		}
	}
}

// lines counts the lines of code that are not blank.
func lines(code string) (n int) {
	for line := range strings.Lines(code) {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return n
}

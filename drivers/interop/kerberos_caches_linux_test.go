package interop

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
)

// TestCacheKindsMIT: with each kind of cache, named by default_ccache_name, what our commands write MIT's read, use and
// destroy, and the other way round; get logs in by either's, and the KDC's clock offset is kept.
func TestCacheKindsMIT(t *testing.T) {
	t.Parallel()
	mitKDC.up(t)
	dir := t.TempDir()
	own := fmt.Sprintf("countersign-interop%d", os.Getpid())
	names := []string{"FILE:" + dir + "/cc_%{uid}_%{username}", dir + "/plain", "DIR:" + dir + "/d_%{uid}"}
	if _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false); errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		t.Logf("keyrings are not tested: %v", err)
	} else {
		names = append(names, "KEYRING:session:"+own+"_%{uid}", "KEYRING:user:"+own, "KEYRING:"+own, "KEYRING:session:"+own+":tkt")
	}
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			exchangeCaches(t, name, fmt.Sprintf("%s/krb5-%d.conf", dir, i), "")
			keepOffset(t, name, fmt.Sprintf("%s/krb5-%d-offset.conf", dir, i), "")
		})
	}
}

// TestCacheKCM: the same, where a KCM keeps the caches: Heimdal's.
func TestCacheKCM(t *testing.T) {
	t.Parallel()
	const program = heimdalRoot + "/usr/sbin/kcm"
	if _, err := os.Stat(program); err != nil {
		missing(t, program, "heimdal-kcm")
	}
	mitKDC.up(t)
	dir := t.TempDir()
	// It knows one place for its socket, and needs a /run of its own.
	cmd := exec.Command("unshare", "-m", "sh", "-c", `mount --bind "$1" /run && exec `+program, "sh", dir)
	cmd.Env = append(os.Environ(), krbEnv(mitKDC.dir)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	socket := filepath.Join(dir, ".heim_org.h5l.kcm-socket")
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the KCM does not listen\n%s", &said)
		}
	}
	for i, name := range []string{"KCM:", "KCM:%{uid}:two"} {
		exchangeCaches(t, name, fmt.Sprintf("%s/krb5-%d.conf", dir, i), "kcm_socket = "+socket)
		keepOffset(t, name, fmt.Sprintf("%s/krb5-%d-offset.conf", dir, i), "kcm_socket = "+socket)
	}
}

// exchangeCaches has both sides write, read, use and destroy the default cache of a configuration.
func exchangeCaches(t *testing.T, name, file, more string) {
	text := "[libdefaults]\ndefault_ccache_name = " + name + "\n" + more + "\ninclude " + krbFile("krb5.conf") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mit, ours, run := cachePrograms(t, file)
	const service = "HTTP/localhost"
	carol := "carol@" + krbRealm
	served := startServe(t, "--scheme", "negotiate", "--keytab", krbFile("http.keytab"))
	get := func() {
		t.Helper()
		run(ours("get", "--scheme", "negotiate", strings.Replace(served.url, "127.0.0.1", "localhost", 1)), 0, "hello "+carol+" via Negotiate")
	}
	full := func() string {
		t.Helper()
		c, err := krb5.ReadConfig(file)
		if err != nil {
			t.Fatal(err)
		}
		name, err := (&krb5.Cache{Config: c}).Resolve(t.Context())
		if err != nil {
			t.Error(err)
		}
		return name
	}

	run(ours("klist"), 2)
	run(mit("kinit", "-f", "carol"), 0)
	at := full()
	run(mit("klist"), 0, "Ticket cache: "+at, carol)
	get()
	run(mit("kvno", service), 0, "kvno = ")
	run(ours("klist"), 0, carol, at, service, "krbtgt/"+krbRealm)
	run(ours("klist", "-A"), 0, carol, at)
	run(ours("kvno", "HTTP/127.0.0.1"), 0, "kvno = ")
	run(mit("klist"), 0, service, "HTTP/127.0.0.1")
	run(ours("kdestroy"), 0)
	run(mit("klist"), 1)
	run(ours("kdestroy"), 2)

	run(ours("kinit", "carol"), 0, carol, at)
	run(ours("klist"), 0, carol)
	get()
	run(mit("klist", "-A"), 0, "Ticket cache: "+at, carol)
	run(mit("kvno", service), 0, "kvno = ")
	run(ours("klist"), 0, service)
	run(mit("kdestroy"), 0)
	run(ours("klist"), 2)

	byVariable := ours("kinit", "carol")
	byVariable.Env = []string{"COUNTERSIGN_PASSWORD=" + password}
	run(byVariable, 0)
	run(ours("kdestroy", "-A"), 0)
	run(ours("klist", "-A"), 1)
}

// keepOffset has a KDC with a clock that is behind by more than it tolerates: what either side's kinit writes keeps how far, so that the
// other side's kvno gets a ticket by it.
func keepOffset(t *testing.T, name, file, more string) {
	k, err := kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: krbRealm, Principals: []kdctest.Principal{
		{Name: "carol", Password: password}, {Name: "HTTP/localhost", Password: "service"},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("[libdefaults]\ndefault_realm = %s\ndefault_ccache_name = %s\n%s\ndns_lookup_kdc = false\ndns_canonicalize_hostname = false\nudp_preference_limit = 1\n"+
		"[realms]\n%[1]s = {\nkdc = %[4]s\n}\n[domain_realm]\nlocalhost = %[1]s\n", krbRealm, name, more, serveKDCAhead(t, k, krbRealm, -20*time.Minute))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	mit, ours, run := cachePrograms(t, file)
	const service = "HTTP/localhost"
	code := 0
	if strings.HasPrefix(name, "KCM:") {
		// With Heimdal's KCM MIT's kvno fails by what MIT's kinit wrote, too.
		code = 1
		run(mit("kinit", "carol"), 0)
		run(mit("kvno", service), code)
		run(mit("kdestroy"), 0)
	}
	run(ours("kinit", "carol"), 0, "carol@"+krbRealm)
	run(mit("kvno", service), code)
	run(ours("kvno", service), 0, "kvno = ")
	run(ours("kdestroy"), 0)
	run(mit("kinit", "carol"), 0)
	run(ours("kvno", service), 0, "kvno = ")
	run(mit("kdestroy"), 0)
}

// cachePrograms returns MIT's programs, ours, and what runs them by one configuration.
func cachePrograms(t *testing.T, config string) (mit, ours func(...string) *exec.Cmd, run func(c *exec.Cmd, code int, want ...string)) {
	env := append(os.Environ(), krbEnv(mitKDC.dir)...)
	env = append(env, "KRB5_CONFIG="+config)
	env = slices.DeleteFunc(env, func(s string) bool { return strings.HasPrefix(s, "KRB5CCNAME=") }) // MIT's library takes an empty one for a name
	mit = func(args ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), "/usr/bin/"+args[0], args[1:]...)
	}
	ours = func(args ...string) *exec.Cmd { return countersign(t, args...) }
	run = func(c *exec.Cmd, code int, want ...string) {
		t.Helper()
		if c.Env == nil { // else the password is there
			c.Stdin = strings.NewReader(password + "\n")
		}
		c.Env = append(c.Env, env...)
		out, err := c.CombinedOutput()
		if exitCode(err) != code {
			t.Errorf("%v: %v, want %d\n%s", c.Args, err, code, out)
		}
		for _, w := range want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%v says\n%s\nand not %s", c.Args, out, w)
			}
		}
	}
	return mit, ours, run
}

package interop

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/ccache"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
	"github.com/countersign-auth/countersign/kerberos/ticket"
	"github.com/countersign-auth/countersign/ntlm"
)

const (
	adRealm, adDomain = "AD.TEST", "ADTEST"
	adAdmin           = "Adm1n-Passw0rd"
)

// ownAddress returns a loopback address on which nothing listens at any of Samba's ports, which cannot be
// chosen: the network 127.0.0.0/8 has one for every run on this machine.
func ownAddress() (string, error) {
	var err error
	for range 8 {
		var b [3]byte
		rand.Read(b[:])
		addr := net.IPv4(127, b[0]|1, b[1], b[2]|1).String() // none of 127.0.0.0/16, where others are
		free := true
		for _, port := range []string{"88", "135", "389", "464"} {
			var l net.Listener
			if l, err = net.Listen("tcp", net.JoinHostPort(addr, port)); err != nil {
				free = false
				break
			}
			l.Close()
		}
		if free {
			return addr, nil
		}
	}
	return "", err
}

// directory is Samba as an Active Directory: alice, in the group staff; websvc with
// HTTP/web.ad.test, which may get tickets to HTTP/back.ad.test for any user; and
// backsvc, which has HTTP/back.ad.test.
var directory = &peer{
	name: "samba-ad", program: "samba", debian: "samba-ad-dc",
	configure: configureDirectory, env: directoryEnv, ready: directoryReady,
	needs: map[string]string{
		"/usr/bin/samba-tool": "samba", "/usr/share/samba/setup/provision.ldif": "samba-ad-provision", "/usr/lib/*/samba/ldb/samba_dsdb.so": "samba-dsdb-modules",
		"/usr/lib/*/libnss_wrapper.so": "libnss-wrapper", "/usr/bin/ntlm_auth": "winbind",
	},
}

var directoryDir string

func directoryEnv(dir string) []string {
	return []string{
		"LD_PRELOAD=libnss_wrapper.so", "NSS_WRAPPER_HOSTS=" + filepath.Join(dir, "hosts"),
		"NSS_WRAPPER_PASSWD=/etc/passwd", "NSS_WRAPPER_GROUP=/etc/group", // or the next one does not count
		"SELFTEST_WINBINDD_SOCKET_DIR=" + filepath.Join(dir, "pipe"), "LC_ALL=C.UTF-8", "KRB5_CONFIG=" + filepath.Join(dir, "krb5.conf"),
	}
}

// upDirectory brings it up, which takes root: its ports are low and cannot be chosen.
func upDirectory(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "the right to use port 88", "(none: run the tests as root)")
	}
	directory.up(t)
}

// directoryRun runs a program of Samba's in the directory's environment.
func directoryRun(dir string, program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), directoryEnv(dir)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	return nil
}

func configureDirectory(dir string, _ []string) ([]string, error) {
	directoryDir = dir
	adHost, err := ownAddress()
	if err != nil {
		return nil, err
	}
	hosts := adHost + " dc1." + strings.ToLower(adRealm) + " dc1 " + strings.ToLower(adRealm) + "\n127.0.0.1 localhost\n"
	krb5 := fmt.Sprintf("[libdefaults]\n  default_realm = %s\n  dns_lookup_kdc = false\n[realms]\n  %[1]s = {\n    kdc = %s:88\n  }\n[domain_realm]\n  .ad.test = %[1]s\n", adRealm, adHost)
	for name, text := range map[string]string{"hosts": hosts, "krb5.conf": krb5} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	if err := directoryRun(dir, "/usr/bin/samba-tool", "domain", "provision", "--realm="+adRealm, "--domain="+adDomain, "--host-name=dc1", "--host-ip="+adHost,
		"--server-role=dc", "--dns-backend=NONE", "--adminpass="+adAdmin, "--targetdir="+dir, "--option=interfaces="+adHost+"/8", "--option=bind interfaces only=yes"); err != nil {
		return nil, err
	}
	conf, err := render(dir, "smb-ad.conf", map[string]any{"Dir": dir, "Realm": adRealm, "Domain": adDomain, "Host": adHost})
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"run", "ncalrpc", "pipe", "cache", "state"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	for _, args := range [][]string{
		{"domain", "passwordsettings", "set", "--complexity=off", "--min-pwd-age=0", "--max-pwd-age=0"},
		{"user", "create", alice, password},
		{"group", "add", "staff"}, {"group", "addmembers", "staff", alice},
		{"user", "create", "websvc", password}, {"user", "create", "backsvc", password},
		{"spn", "add", "HTTP/web.ad.test", "websvc"}, {"spn", "add", "HTTP/back.ad.test", "backsvc"},
		{"delegation", "for-any-protocol", "websvc", "on"}, {"delegation", "add-service", "websvc", "HTTP/back.ad.test"},
		{"domain", "exportkeytab", dir + "/http.keytab", "--principal=HTTP/web.ad.test"},
		{"domain", "exportkeytab", dir + "/http.keytab", "--principal=HTTP/back.ad.test"},
		{"domain", "exportkeytab", dir + "/http.keytab", "--principal=websvc"},
	} {
		if err := directoryRun(dir, "/usr/bin/samba-tool", append(args, "-s", conf)...); err != nil {
			return nil, err
		}
	}
	return []string{"-F", "--no-process-group", "--debug-stdout", "-s", conf}, nil
}

// directoryReady logs alice in: what is asked of the KDC comes after winbindd.
func directoryReady([]string) error {
	cmd := exec.Command("/usr/bin/ntlm_auth", "--configfile="+filepath.Join(directoryDir, "smb-ad.conf"), "--username="+alice, "--domain="+adDomain, "--password="+password)
	cmd.Env = append(os.Environ(), directoryEnv(directoryDir)...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "(0x0)") {
		return fmt.Errorf("the directory does not answer: %v %s", err, out)
	}
	return nil
}

func directoryConfig(t testing.TB) *krb5conf.Config {
	t.Helper()
	c, err := krb5.ReadConfig(filepath.Join(directoryDir, "krb5.conf"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// directoryMechanism is Kerberos in its realm: services get tickets of rc4-hmac there by default.
func directoryMechanism(t testing.TB) gss.Mechanism {
	t.Helper()
	keys, err := (&krb5.Keytab{Path: filepath.Join(directoryDir, "http.keytab")}).Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := kerberos.New(kerberos.Config{Realm: adRealm, Realms: directoryConfig(t), Keys: keys, AllowRC4: true, KeepPAC: true})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// wantGroups checks what a directory says of alice in a context.
func wantGroups(t testing.TB, c gss.Context) {
	t.Helper()
	said, ok, fault := kerberos.PAC(c)
	if !ok || !fault.IsZero() {
		t.Fatalf("PAC: %v %v", ok, fault)
	}
	logon, ok, fault := said.Logon()
	if !ok || !fault.IsZero() || logon.User() != alice || logon.Domain() != adDomain || !strings.HasPrefix(logon.UserSID().String(), "S-1-5-21-") {
		t.Errorf("%q in %q, %v", logon.User(), logon.Domain(), logon.UserSID())
	}
	groups := 0
	users := false
	for g := range logon.Groups() {
		groups++
		users = users || strings.HasSuffix(g.String(), "-513") // Domain Users
	}
	if !users || groups < 3 { // and staff, and that the KDC vouches for it
		t.Errorf("%d groups, with Domain Users: %v", groups, users)
	}
}

// TestKerberosDirectory: a login by name, by user principal name in whatever case and by
// DOMAIN\name; what the directory says of the user; and NTLM where there is no ticket.
func TestKerberosDirectory(t *testing.T) {
	t.Parallel()
	upDirectory(t)
	m := directoryMechanism(t)
	types := krb.ETypesOf(enctype.Preferred[:]...)
	client := &krb5.Client{Config: directoryConfig(t)}
	for _, name := range []string{alice, "alice@" + adRealm, "alice@ad.test", "ALICE@ad.test"} {
		login := answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
			if need, ok := q.(gss.NeedCredential); ok && !need.Rejected {
				return gss.Password{User: name, Password: gss.NewSecret(password)}
			}
			return gss.Declined{}
		})
		source := answer.Chain(login, &krb5.Tickets{}, client, krb5.NewReplayCache(100, 0))
		i, out := advance(t, m.Initiate(gss.Target{Service: "HTTP", Host: "web.ad.test", Want: gss.Mutual}), source, gss.Input{})
		if !out.Token.Present() {
			t.Errorf("%s: %v %v", name, out.State, out.Fault)
			continue
		}
		a, out := advance(t, m.Accept(gss.Target{}), source, gss.Input{Token: out.Token})
		if out.State != gss.Complete || !strings.EqualFold(a.Info().Peer, alice) || a.Info().Domain != adRealm {
			t.Errorf("%s: %v %v %+v", name, out.State, out.Fault, a.Info())
			continue
		}
		wantGroups(t, a)
		if _, out = advance(t, i, source, gss.Input{Token: out.Token}); out.State != gss.Complete {
			t.Errorf("%s: %v %v", name, out.State, out.Fault)
		}
	}
	who, _ := krb.ParsePrincipal(alice, adRealm)
	_, err := client.Get(t.Context(), ticket.Request{Client: who, Password: gss.NewSecret("wrong"), Types: types})
	if !errors.Is(err, gss.BadCredentials) {
		t.Error(err)
	}
}

// TestKerberosDirectoryS4U: a service gets tickets in a user's name, to itself and to the one
// that it may delegate to, and to no other (MS-SFU).
func TestKerberosDirectoryS4U(t *testing.T) {
	t.Parallel()
	upDirectory(t)
	m := directoryMechanism(t)
	types := krb.ETypesOf(enctype.Preferred[:]...)
	client := &krb5.Client{Config: directoryConfig(t)}
	name := func(text string) krb.Principal {
		p, fault := krb.ParsePrincipal(text, adRealm)
		if !fault.IsZero() {
			t.Fatal(fault)
		}
		return p
	}
	get := func(r ticket.Request) (ccache.Credential, error) {
		r.Client, r.Types = name("websvc"), types
		return client.Get(t.Context(), r)
	}
	tgt, err := get(ticket.Request{Password: gss.NewSecret(password), Options: krb.Forwardable})
	if err != nil {
		t.Fatal(err)
	}
	self, err := get(ticket.Request{TGT: tgt, Server: name("websvc"), For: name(alice), Options: krb.Forwardable})
	if err != nil {
		t.Fatal(err)
	}
	if !self.Client.Equal(name(alice)) || !self.Flags.Has(krb.Forwardable) {
		t.Errorf("to itself: %v", self)
	}
	back, err := get(ticket.Request{TGT: tgt, Server: name("HTTP/back.ad.test"), Evidence: self})
	if err != nil {
		t.Fatal(err)
	}
	cache := answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
		if _, ok := q.(gss.NeedCredential); ok {
			return kerberos.Tickets{Cache: ccache.New(back.Client, back)}
		}
		return gss.Declined{}
	})
	source := answer.Chain(cache, krb5.NewReplayCache(100, 0))
	_, out := advance(t, m.Initiate(gss.Target{Service: "HTTP", Host: "back.ad.test", Want: gss.Mutual}), source, gss.Input{})
	if !out.Token.Present() {
		t.Fatalf("%v %v", out.State, out.Fault)
	}
	a, out := advance(t, m.Accept(gss.Target{}), source, gss.Input{Token: out.Token})
	if out.State != gss.Complete || a.Info().Peer != alice {
		t.Fatalf("%v %v %+v", out.State, out.Fault, a.Info())
	}
	wantGroups(t, a)
	if _, err := get(ticket.Request{TGT: tgt, Server: name("HTTP/dc1.ad.test"), Evidence: self}); err == nil {
		t.Error("delegated to a service that is not allowed")
	}
}

// TestNegotiateDirectory: Samba's acceptor takes our Kerberos, and our NTLM where there is no ticket.
func TestNegotiateDirectory(t *testing.T) {
	t.Parallel()
	upDirectory(t)
	n, err := ntlm.New(ntlm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	m := spnegoOver(t, spnego.Config{}, directoryMechanism(t), n)
	login := func(q gss.NeedCredential) gss.Answer {
		return gss.Password{User: alice, Domain: adDomain, Password: gss.NewSecret(password)}
	}
	for name, row := range map[string]struct {
		mech gss.OID
		give func(gss.NeedCredential) gss.Answer
	}{
		"Kerberos": {gss.Kerberos, func(q gss.NeedCredential) gss.Answer {
			return gss.Password{User: alice, Password: gss.NewSecret(password)}
		}},
		"NTLM": {gss.NTLM, func(q gss.NeedCredential) gss.Answer {
			if q.Mech == gss.Kerberos {
				return gss.Declined{}
			}
			return login(q)
		}},
	} {
		source := answer.Chain(answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
			if need, ok := q.(gss.NeedCredential); ok {
				return row.give(need)
			}
			return gss.Declined{}
		}), &krb5.Tickets{}, &krb5.Client{Config: directoryConfig(t)})
		h := directoryHelper(t)
		c, out := advance(t, m.Initiate(gss.Target{Service: "HTTP", Host: "dc1.ad.test", Want: gss.Mutual}), source, gss.Input{})
		verb, kind, user := "YR", "", ""
		for range 4 {
			if !out.Token.Present() {
				t.Fatalf("%s: %v %v", name, out.State, out.Fault)
			}
			var rest string
			if kind, rest, err = h.ask(verb, encode64(out.Token.Bytes())); err != nil || kind != "TT" && kind != "AF" {
				t.Fatalf("%s: Samba says %s %s %v", name, kind, rest, err)
			}
			verb = "KK"
			var token string
			token, user, _ = strings.Cut(rest, " ")
			if token != "*" {
				c, out = advance(t, c, source, gss.Input{Token: gss.TokenOf(decodeLine(t, token))})
			}
			if kind == "AF" {
				break
			}
		}
		if kind != "AF" || !strings.Contains(strings.ToLower(user), alice) || out.State != gss.Complete || c.Info().Mech != row.mech {
			t.Errorf("%s: Samba says %s %q, we say %v %v %v", name, kind, user, out.State, out.Fault, c.Info().Mech)
		}
	}
}

// directoryHelper is ntlm_auth as the server's half, with the controller's own keys.
func directoryHelper(t testing.TB) *helper {
	t.Helper()
	h, err := startHelperIn(slices.Concat(os.Environ(), directoryEnv(directoryDir)), filepath.Join(directoryDir, "smb-ad.conf"), "--helper-protocol=gss-spnego")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	return h
}

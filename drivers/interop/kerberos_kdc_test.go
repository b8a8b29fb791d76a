package interop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/kerberos/enctype"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/keytab"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
	"github.com/countersign-auth/countersign/kerberos/ticket"
	"github.com/countersign-auth/countersign/scheme"
)

// krbRealm is the realm of mitKDC.
const krbRealm = "INTEROP.TEST"

// krbTypes are the encryption types by MIT's names, and hosts with keys of one of them
// alone, to which tickets are encrypted in it.
var krbTypes = []struct {
	host, mit string
	kind      krb.EType
}{
	{"aes256-sha1.interop.test", "aes256-cts-hmac-sha1-96", krb.AES256SHA1},
	{"aes128-sha1.interop.test", "aes128-cts-hmac-sha1-96", krb.AES128SHA1},
	{"aes256-sha2.interop.test", "aes256-cts-hmac-sha384-192", krb.AES256SHA384},
	{"aes128-sha2.interop.test", "aes128-cts-hmac-sha256-128", krb.AES128SHA256},
	{"camellia256.interop.test", "camellia256-cts-cmac", krb.Camellia256},
	{"camellia128.interop.test", "camellia128-cts-cmac", krb.Camellia128},
	{"rc4.interop.test", "arcfour-hmac", krb.RC4},
}

// krbTurned is a host that got a new key three times: its keys have the versions 1 to 4.
const krbTurned = "turned.interop.test"

func mitNames() (names []string) {
	for _, e := range krbTypes {
		names = append(names, e.mit)
	}
	return names
}

// mitKDC is MIT's KDC with alice, carol (with pre-authentication), a user for each
// encryption type, and services: HTTP on loopback and on the hosts of krbTypes.
var mitKDC = &peer{
	name: "mit-kdc", program: "krb5kdc", debian: "krb5-kdc", ports: 1,
	configure: configureMIT, env: krbEnv, ready: krbReady,
	needs: map[string]string{"/usr/sbin/kadmin.local": "krb5-admin-server", "/usr/bin/kinit": "krb5-user"},
}

// krbEnv returns the environment of all programs that use mitKDC.
func krbEnv(dir string) []string {
	return []string{
		"KRB5_CONFIG=" + filepath.Join(dir, "krb5.conf"), "KRB5_KDC_PROFILE=" + filepath.Join(dir, "kdc.conf"),
		"KRB5_KTNAME=" + filepath.Join(dir, "http.keytab"), "KRB5CCNAME=FILE:" + filepath.Join(dir, "alice.ccache"),
		"GSS_MECH_CONFIG=/dev/null", // nothing but Kerberos
	}
}

func configureMIT(dir string, addrs []string) ([]string, error) {
	krbDir = dir
	data := map[string]any{"Dir": dir, "Addr": addrs[0], "Realm": krbRealm, "Types": strings.Join(mitNames(), " ")}
	if _, err := render(dir, "krb5.conf", data); err != nil {
		return nil, err
	}
	data["Types"] = mitNames()
	if _, err := render(dir, "kdc.conf", data); err != nil {
		return nil, err
	}
	var script strings.Builder
	say := func(format string, a ...any) { fmt.Fprintf(&script, format+"\n", a...) }
	say("addprinc -pw %s %s", password, alice)
	say("addprinc -pw %s +requires_preauth carol", password)
	say("addprinc -pw wonder +requires_preauth \"jäsøn\"")
	for _, host := range []string{"localhost", "127.0.0.1"} {
		say("addprinc -randkey HTTP/%s\nktadd -k %s/http.keytab HTTP/%s", host, dir, host)
	}
	for _, e := range krbTypes {
		say("addprinc -randkey -e %s:normal HTTP/%s\nktadd -k %s/http.keytab -e %s:normal HTTP/%s", e.mit, e.host, dir, e.mit, e.host)
		say("setstr HTTP/%s session_enctypes %s", e.host, e.mit)
		say("addprinc -pw %s -e %s:normal +requires_preauth %v", password, e.mit, e.kind)
	}
	say("ktadd -k %s/alice.keytab -norandkey %s", dir, alice)
	say("addprinc -randkey -e aes256-cts-hmac-sha1-96:normal HTTP/%s", krbTurned)
	for range 3 {
		say("cpw -randkey -keepold -e aes256-cts-hmac-sha1-96:normal HTTP/%s", krbTurned)
	}
	say("ktadd -k %s/turned.keytab -norandkey HTTP/%s", dir, krbTurned)
	for _, c := range []struct {
		stdin string
		args  []string
	}{
		{"", []string{"/usr/sbin/kdb5_util", "-r", krbRealm, "create", "-s", "-P", "master"}},
		{script.String(), []string{"/usr/sbin/kadmin.local", "-r", krbRealm}},
	} {
		cmd := exec.Command(c.args[0], c.args[1:]...)
		cmd.Env = append(os.Environ(), krbEnv(dir)...)
		cmd.Stdin = strings.NewReader(c.stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", c.args[0], err, out)
		}
	}
	return []string{"-n", "-r", krbRealm}, errors.Join(os.Chmod(filepath.Join(dir, "http.keytab"), 0o644), os.WriteFile(filepath.Join(dir, "acl"), nil, 0o600))
}

// krbDir is where mitKDC runs.
var krbDir string

// krbReady logs alice in, by MIT's kinit.
func krbReady([]string) error { return kinit(krbDir, filepath.Join(krbDir, "alice.ccache"), alice) }

// kinit is MIT's.
func kinit(dir, file, user string) error {
	cmd := exec.Command("/usr/bin/kinit", "-c", "FILE:"+file, "-f", user)
	cmd.Env = append(os.Environ(), krbEnv(dir)...)
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kinit: %w\n%s", err, out)
	}
	return nil
}

// krbFile is a file of mitKDC's.
func krbFile(name string) string { return filepath.Join(mitKDC.dir, name) }

// krbConfig is its configuration.
func krbConfig(t testing.TB) *krb5conf.Config {
	t.Helper()
	c, err := krb5.ReadConfig(krbFile("krb5.conf"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func krbKeys(t testing.TB) *keytab.Keytab {
	t.Helper()
	k, err := (&krb5.Keytab{Path: krbFile("http.keytab")}).Load()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// krbMechanism is Kerberos as a configuration has it, the rest filled in for mitKDC.
func krbMechanism(t testing.TB, c kerberos.Config) gss.Mechanism {
	t.Helper()
	c.Realm, c.Realms, c.Keys, c.AllowRC4 = krbRealm, krbConfig(t), krbKeys(t), true
	m, err := kerberos.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// krbSource answers what Kerberos asks, with a login: through mitKDC.
func krbSource(t testing.TB, login answer.Source) answer.Source {
	t.Helper()
	return answer.Chain(login, krb5.NewReplayCache(1000, 0), &krb5.Tickets{}, &krb5.Client{Config: krbConfig(t)})
}

// byKerberos is for clients that speak Kerberos within Negotiate, and want what is
// named.
func byKerberos(t testing.TB, c kerberos.Config, want ...gss.Flags) func(*nethttp.ClientConfig) {
	t.Helper()
	m := spnegoOver(t, spnego.Config{}, krbMechanism(t, c))
	return func(conf *nethttp.ClientConfig) {
		conf.Machine.Schemes = []scheme.Client{scheme.NegotiateClient(m, want...)}
	}
}

func krbPrincipal(t testing.TB, name string) krb.Principal {
	t.Helper()
	p, fault := krb.ParsePrincipal(name, krbRealm)
	if !fault.IsZero() {
		t.Fatal(fault)
	}
	return p
}

// The client's half of a KDC's work, against MIT's: with a password and with keys, by UDP and
// TCP, in each encryption type.
func TestTicketMIT(t *testing.T) {
	t.Parallel()
	mitKDC.up(t)
	all := krb.ETypesOf(enctype.Preferred[:]...)
	client := &krb5.Client{Config: krbConfig(t)}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request := func(user, password string, types krb.ETypes) ticket.Request {
		return ticket.Request{Client: krbPrincipal(t, user), Password: gss.NewSecret(password), Types: types, Options: krb.Forwardable, RenewLifetime: 3600 * 24}
	}
	keys, err := (&krb5.Keytab{Path: krbFile("alice.keytab")}).Load()
	if err != nil {
		t.Fatal(err)
	}
	withKeys := request(alice, "", all)
	withKeys.Keytab = keys
	rows := map[string]ticket.Request{
		"no pre-authentication": request(alice, password, all), "pre-authentication": request("carol", password, all),
		"UTF-8": request("jäsøn", "wonder", all), "keys": withKeys,
	}
	for _, e := range krbTypes {
		rows[e.mit] = request(e.kind.String(), password, all)
	}
	for name, r := range rows {
		tgt, err := client.Get(ctx, r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !tgt.Client.Equal(r.Client) || !tgt.Flags.Has(krb.Forwardable|krb.Renewable|krb.Initial) {
			t.Errorf("%s: %v", name, tgt)
		}
		renewed, err := client.Get(ctx, ticket.Request{Client: tgt.Client, Server: tgt.Server, TGT: tgt, Types: all, Options: krb.Renew})
		if err != nil || renewed.Ticket == tgt.Ticket || renewed.EndTime < tgt.EndTime {
			t.Errorf("%s: renewed %v, %v", name, renewed, err)
		}
		forwarded, err := client.Get(ctx, ticket.Request{Client: tgt.Client, Server: tgt.Server, TGT: tgt, Types: all, Options: krb.Forwarded | krb.Forwardable})
		if err != nil || !forwarded.Flags.Has(krb.Forwarded) {
			t.Errorf("%s: forwarded %v, %v", name, forwarded, err)
		}
		for _, e := range krbTypes {
			host := "HTTP/" + e.host
			got, err := client.Get(ctx, ticket.Request{Client: tgt.Client, Server: krbPrincipal(t, host), TGT: tgt, Types: all})
			if err != nil || got.Key.Type() != e.kind || !got.Server.Equal(krbPrincipal(t, host)) {
				t.Errorf("%s for %s: %v, %v", name, host, got, err)
			}
		}
	}
	for name, row := range map[string]struct {
		r    ticket.Request
		want gss.Code
	}{
		"wrong password": {request("carol", "wrong", all), gss.BadCredentials}, "no such user": {request("mallory", password, all), gss.UnknownUser},
		"wrong password, no pre-authentication": {request(alice, "wrong", all), gss.BadCredentials},
		"a type that nobody has":                {request(krb.RC4.String(), password, krb.ETypesOf(krb.AES256SHA1)), gss.Unsupported},
	} {
		_, err := client.Get(ctx, row.r)
		if !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
}

// What our kinit writes MIT's klist reads, and what MIT's kinit writes ours reads.
func TestCachesMIT(t *testing.T) {
	t.Parallel()
	mitKDC.up(t)
	ours, theirs := filepath.Join(t.TempDir(), "ours"), filepath.Join(t.TempDir(), "theirs")
	cmd := countersign(t, "kinit", "--forwardable", "--ccache", "FILE:"+ours, "--krb5conf", krbFile("krb5.conf"), "carol")
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "carol@"+krbRealm) {
		t.Fatalf("%v\n%s", err, out)
	}
	klist := exec.Command("/usr/bin/klist", "-f", "-c", ours)
	out, err := klist.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Default principal: carol@"+krbRealm) || !strings.Contains(string(out), "krbtgt/"+krbRealm) || !strings.Contains(string(out), "Flags: FIA") {
		t.Errorf("%v\n%s", err, out)
	}
	if err := kinit(mitKDC.dir, theirs, alice); err != nil {
		t.Fatal(err)
	}
	for file, args := range map[string][]string{
		"alice@" + krbRealm:          {"klist", "--ccache", theirs},
		"carol@" + krbRealm:          {"klist", "--ccache", "FILE:" + ours},
		"HTTP/localhost@" + krbRealm: {"klist", "--keytab", krbFile("http.keytab")},
	} {
		if out, err := countersign(t, args...).CombinedOutput(); err != nil || !strings.Contains(string(out), file) {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	// A renewed ticket, and one that curl's library can use.
	cmd = countersign(t, "kinit", "--renewable", "24h", "--ccache", ours, "--krb5conf", krbFile("krb5.conf"), "carol")
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	time.Sleep(time.Second) // a renewed ticket has another time
	if out, err := countersign(t, "kinit", "--renew", "--ccache", ours, "--krb5conf", krbFile("krb5.conf")).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	kvno := exec.Command("/usr/bin/kvno", "-c", ours, "HTTP/localhost")
	kvno.Env = append(os.Environ(), krbEnv(mitKDC.dir)...)
	if out, err := kvno.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, row := range []struct {
		stdin string
		args  []string
		code  int
	}{
		{"wrong", []string{"carol"}, 3}, {password, []string{"mallory"}, 3}, {password, nil, 1}, {password, []string{"carol@NOWHERE.TEST"}, 2},
		{password, []string{krb.RC4.String()}, 4}, {password, []string{"--allow-rc4", krb.RC4.String()}, 0},
	} {
		cmd := countersign(t, append([]string{"kinit", "--ccache", filepath.Join(t.TempDir(), "none"), "--krb5conf", krbFile("krb5.conf")}, row.args...)...)
		cmd.Stdin = strings.NewReader(row.stdin + "\n")
		out, err := cmd.CombinedOutput()
		if exitCode(err) != row.code || strings.Contains(string(out), password) || strings.Contains(string(out), "(here: --allow-rc4)") != (row.code == 4) {
			t.Errorf("%v: %v, want %d\n%s", row.args, err, row.code, out)
		}
	}
}

// faultOf is the reason of a tunnel that did not come about, 0 for one that did.
func faultOf(err error) gss.Code {
	if e, ok := errors.AsType[*drive.Error](err); ok {
		return e.Fault.Code
	}
	return 0
}

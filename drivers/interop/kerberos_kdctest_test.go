package interop

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/scheme"
)

// serveKDC serves a KDC of ours by TCP, for one realm.
func serveKDC(t testing.TB, k *kdctest.KDC, realm string) (address string) {
	t.Helper()
	return serveKDCAhead(t, k, realm, 0)
}

// serveKDCAhead is serveKDC with a clock that is ahead of this machine's.
func serveKDCAhead(t testing.TB, k *kdctest.KDC, realm string, ahead time.Duration) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(patience))
				for {
					var size [4]byte
					if _, err := io.ReadFull(c, size[:]); err != nil {
						return
					}
					request := make([]byte, min(binary.BigEndian.Uint32(size[:]), 1<<16))
					if _, err := io.ReadFull(c, request); err != nil {
						return
					}
					env := entropy.Env()
					env.Now += int64(ahead)
					reply := k.Answer(env, realm, string(request))
					c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(reply))), reply...))
				}
			}()
		}
	}()
	return l.Addr().String()
}

// TestKDCTestMIT: the KDC that is for tests is one for MIT's programs and library too: kinit, a
// renewal, kvno across realms, and curl with what they got, in the types of RFC 3962 and 8009.
func TestKDCTestMIT(t *testing.T) {
	t.Parallel()
	needCurl(t)
	find(t, "kinit", "krb5-user")
	for _, kind := range []krb.EType{krb.AES256SHA1, krb.AES128SHA1, krb.AES256SHA384, krb.AES128SHA256} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			types := []krb.EType{kind}
			k, err := kdctest.New(kdctest.Config{Iterations: 32768, Realms: []kdctest.Realm{
				{Name: krbRealm, Types: types, Trusts: []string{"PARTNER.TEST"}, Principals: []kdctest.Principal{{Name: alice, Password: password}, {Name: "HTTP/localhost", Password: "service"}}},
				{Name: "PARTNER.TEST", Types: types, Principals: []kdctest.Principal{{Name: "HTTP/partner.test", Password: "partner"}}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			conf := fmt.Sprintf(`[libdefaults]
  default_realm = %s
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  udp_preference_limit = 1
  permitted_enctypes = %v
[realms]
  %[1]s = {
    kdc = %[3]s
  }
  PARTNER.TEST = {
    kdc = %[4]s
  }
[domain_realm]
  localhost = %[1]s
`, krbRealm, kind, serveKDC(t, k, krbRealm), serveKDC(t, k, "PARTNER.TEST"))
			if err := os.WriteFile(filepath.Join(dir, "krb5.conf"), []byte(conf), 0o600); err != nil {
				t.Fatal(err)
			}
			env := append(os.Environ(), "KRB5_CONFIG="+filepath.Join(dir, "krb5.conf"), "KRB5CCNAME=FILE:"+filepath.Join(dir, "ccache"), "GSS_MECH_CONFIG=/dev/null")
			run := func(stdin string, args ...string) error {
				cmd := exec.Command("/usr/bin/"+args[0], args[1:]...)
				cmd.Env, cmd.Stdin = env, strings.NewReader(stdin)
				if out, err := cmd.CombinedOutput(); err != nil {
					return fmt.Errorf("%v: %w\n%s", args, err, out)
				}
				return nil
			}
			if err := run("wrong\n", "kinit", alice); err == nil {
				t.Error("kinit is content with a wrong password")
			}
			for _, step := range [][]string{
				{"kinit", "-f", "-r", "1d", alice}, {"kinit", "-R"}, {"kvno", "HTTP/localhost"}, {"kvno", "HTTP/partner.test"},
			} {
				if err := run(password+"\n", step...); err != nil {
					t.Fatal(err)
				}
			}
			m, err := kerberos.New(kerberos.Config{Keys: k.Keytab("HTTP/localhost@" + krbRealm)})
			if err != nil {
				t.Fatal(err)
			}
			o := newOrigin(t, false, krb5.NewReplayCache(10, 0), serverOf(scheme.Negotiate, spnegoOver(t, spnego.Config{}, m)))
			curlWith(t, env, "--negotiate", "--user", ":", strings.Replace(o.URL, "127.0.0.1", "localhost", 1)).want(t, 200)
			o.wantOutcome(t, letInKerberos)
		})
	}
}

package interop

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/krb"
	"github.com/countersign-auth/countersign/kerberos/krb5conf"
	"github.com/countersign-auth/countersign/kerberos/ticket"
)

const heimdalRealm = "HEIMDAL.TEST"

// heimdalRoot is where Heimdal's programs stand: its packages cannot be installed beside
// MIT's, so they are unpacked.
const heimdalRoot = "/opt/heimdal"

const heimdalPackages = "heimdal-kdc and heimdal-clients, unpacked by .ci/peers"

// heimdalKDC is Heimdal's KDC with alice and HTTP/localhost.
var heimdalKDC = &peer{
	name: "heimdal-kdc", program: heimdalRoot + "/usr/lib/heimdal-servers/kdc", debian: heimdalPackages, ports: 1,
	configure: configureHeimdal, env: heimdalEnv, ready: heimdalReady,
	needs: map[string]string{"/usr/lib/*/libgssapi.so.3": "libgssapi3-heimdal", "/usr/lib/*/libkdc.so.2": "libkdc2-heimdal"},
}

var heimdalDir string

func heimdalEnv(dir string) []string {
	return []string{"KRB5_CONFIG=" + filepath.Join(dir, "heimdal.conf"), "KRB5CCNAME=FILE:" + filepath.Join(dir, "alice.ccache"), "KRB5_KTNAME=FILE:" + filepath.Join(dir, "http.keytab")}
}

// heimdalTool runs one of its programs.
func heimdalTool(dir, stdin, program string, args ...string) error {
	cmd := exec.Command(heimdalRoot+program, args...)
	cmd.Env = append(os.Environ(), heimdalEnv(dir)...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	return nil
}

func configureHeimdal(dir string, addrs []string) ([]string, error) {
	heimdalDir = dir
	conf, err := render(dir, "heimdal.conf", map[string]any{"Dir": dir, "Addr": addrs[0], "Realm": heimdalRealm})
	if err != nil {
		return nil, err
	}
	const kadmin, kstash = "/usr/bin/kadmin.heimdal", "/usr/sbin/kstash"
	for _, step := range [][]string{
		{kstash, "--key-file=" + dir + "/m-key", "--random-key"},
		{kadmin, "-l", "-c", conf, "init", "--realm-max-ticket-life=unlimited", "--realm-max-renewable-life=unlimited", heimdalRealm},
		{kadmin, "-l", "-c", conf, "add", "-p", password, "--use-defaults", alice},
		{kadmin, "-l", "-c", conf, "add", "--random-key", "--use-defaults", "HTTP/localhost"},
		{kadmin, "-l", "-c", conf, "ext_keytab", "-k", dir + "/http.keytab", "HTTP/localhost"},
	} {
		if err := heimdalTool(dir, "", step[0], step[1:]...); err != nil {
			return nil, err
		}
	}
	host, port, err := net.SplitHostPort(addrs[0])
	return []string{"--config-file=" + conf, "--addresses=" + host, "--ports=" + port}, err
}

// heimdalReady logs alice in, by Heimdal's kinit.
func heimdalReady([]string) error {
	return heimdalTool(heimdalDir, password+"\n", "/usr/bin/kinit.heimdal", "--password-file=STDIN", "-f", "-c", "FILE:"+filepath.Join(heimdalDir, "alice.ccache"), alice)
}

func heimdalConfig(t testing.TB) *krb5conf.Config {
	t.Helper()
	c, err := krb5.ReadConfig(filepath.Join(heimdalDir, "heimdal.conf"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// heimdalMechanism is Kerberos in Heimdal's realm.
func heimdalMechanism(t testing.TB, demand gss.Requirement) gss.Mechanism {
	t.Helper()
	keys, err := (&krb5.Keytab{Path: filepath.Join(heimdalDir, "http.keytab")}).Load()
	if err != nil {
		t.Fatal(err)
	}
	m, err := kerberos.New(kerberos.Config{Realm: heimdalRealm, Realms: heimdalConfig(t), Keys: keys, ChannelBinding: demand})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newHeimdalPeer(t testing.TB, args ...string) *gssPeer {
	t.Helper()
	return startPython(t, "heimdal_peer.py", heimdalEnv(heimdalDir), args...)
}

// TestTicketHeimdal: the client's half of a KDC's work, against Heimdal's, and the cache that
// its kinit writes.
func TestTicketHeimdal(t *testing.T) {
	t.Parallel()
	heimdalKDC.up(t)
	client := &krb5.Client{Config: heimdalConfig(t)}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	who, _ := krb.ParsePrincipal(alice, heimdalRealm)
	service, _ := krb.ParsePrincipal("HTTP/localhost", heimdalRealm)
	types := krb.ETypesOf(krb.AES256SHA1, krb.AES128SHA1, krb.AES256SHA384, krb.AES128SHA256)
	tgt, err := client.Get(ctx, ticket.Request{Client: who, Password: gss.NewSecret(password), Types: types, Options: krb.Forwardable})
	if err != nil {
		t.Fatal(err)
	}
	for _, options := range []krb.Flags{0, krb.Forwardable} {
		if got, err := client.Get(ctx, ticket.Request{Client: who, Server: service, TGT: tgt, Types: types, Options: options}); err != nil || !got.Server.Equal(service) {
			t.Errorf("%v, %v", got, err)
		}
	}
	_, err = client.Get(ctx, ticket.Request{Client: who, Password: gss.NewSecret("wrong"), Types: types})
	if !errors.Is(err, gss.BadCredentials) {
		t.Error(err)
	}
	c, err := (&krb5.Cache{Name: filepath.Join(heimdalDir, "alice.ccache")}).Read(t.Context())
	if err != nil || !c.Principal().Equal(who) {
		t.Errorf("%v %v", c, err)
	}
}

// TestKerberosHeimdal: both our halves and Heimdal's, with its KDC: the channel binding, and
// protected messages.
func TestKerberosHeimdal(t *testing.T) {
	t.Parallel()
	heimdalKDC.up(t)
	cache := &krb5.Cache{Name: filepath.Join(heimdalDir, "alice.ccache"), ReadOnly: true}
	login := answer.Chain(cache, &krb5.Tickets{}, &krb5.Client{Config: heimdalConfig(t)}, krb5.NewReplayCache(100, 0))
	for _, row := range []struct {
		name         string
		ours, theirs string
		demand       gss.Requirement
		refused      bool
	}{
		{"plain", "", "", gss.IfAvailable, false},
		{"bound", krbBinding, krbBinding, gss.Require, false},
		{"bound to another", krbBinding, "tls-server-end-point:another", gss.IfAvailable, true},
	} {
		binding := gss.Binding{}
		if row.ours != "" {
			binding = gss.BindingOf(row.ours)
		}
		theirs := hex.EncodeToString([]byte(row.theirs))
		t.Run("initiator/"+row.name, func(t *testing.T) {
			t.Parallel()
			peer := newHeimdalPeer(t, "accept", theirs)
			target := gss.Target{Service: "HTTP", Scheme: "http", Host: "localhost", Binding: binding, Want: gss.Mutual | gss.Integrity | gss.Confidential}
			c, out := advance(t, heimdalMechanism(t, row.demand).Initiate(target), login, gss.Input{})
			if !out.Token.Present() {
				t.Fatalf("%v %v", out.State, out.Fault)
			}
			peer.say(t, out.Token.Bytes())
			if row.refused {
				if about := peer.about(t); about.Error == "" {
					t.Errorf("Heimdal takes it: %+v", about)
				}
				return
			}
			c, out = advance(t, c, login, gss.Input{Token: gss.TokenOf(decodeLine(t, peer.line(t)))})
			if about := peer.about(t); out.State != gss.Complete || about.Name != alice+"@"+heimdalRealm {
				t.Fatalf("%v %v, Heimdal says %+v", out.State, out.Fault, about)
			}
			peer.exchange(t, c)
		})
		t.Run("acceptor/"+row.name, func(t *testing.T) {
			t.Parallel()
			peer := newHeimdalPeer(t, "initiate", "HTTP@localhost", theirs, "mutual")
			c, out := advance(t, heimdalMechanism(t, row.demand).Accept(gss.Target{Binding: binding}), login, gss.Input{Token: gss.TokenOf(decodeLine(t, peer.line(t)))})
			if row.refused {
				if out.Fault.Code != gss.BadBinding {
					t.Errorf("%v %v", out.State, out.Fault)
				}
				return
			}
			if out.State != gss.Complete || c.Info().Peer != alice || c.Info().Domain != heimdalRealm {
				t.Fatalf("%v %v", out.State, out.Fault)
			}
			peer.say(t, out.Token.Bytes())
			if about := peer.about(t); about.Error != "" {
				t.Fatalf("Heimdal says %+v", about)
			}
			peer.exchange(t, c)
		})
	}
}

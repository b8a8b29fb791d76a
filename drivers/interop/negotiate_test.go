package interop

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/negtoken"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// The peers' SPNEGO is that of MIT krb5, with gss-ntlmssp as its only mechanism that
// has credentials, and Samba's.

// spnegoOver is SPNEGO over mechanisms.
func spnegoOver(t testing.TB, c spnego.Config, mechs ...gss.Mechanism) gss.Mechanism {
	t.Helper()
	c.Mechanisms = mechs
	m, err := spnego.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ntlmMechanism(t testing.TB, c ntlm.Config) gss.Mechanism {
	t.Helper()
	c.Computer, c.Domain = computer, domain
	m, err := ntlm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// kerberosToy stands for Kerberos, which none of the peers has a ticket for: a
// favourite that does not come about.
func kerberosToy() gss.Mechanism {
	return gsstoy.Toy{OID: gss.Kerberos, Legs: 1, Final: true, Mutual: true, Integrity: true, Identity: alice, Secret: gss.NewSecret("toy")}
}

// serverOf and clientOf are a mechanism under the name of a scheme.
func serverOf(name string, m gss.Mechanism) scheme.Server {
	traits, _ := scheme.TraitsOf(name)
	return scheme.MechanismServer(traits, m)
}

func clientOf(name string, m gss.Mechanism) scheme.Client {
	traits, _ := scheme.TraitsOf(name)
	return scheme.MechanismClient(traits, m)
}

// byNegotiate is for clients that speak Negotiate alone, over mechanisms.
func byNegotiate(t testing.TB, mechs ...gss.Mechanism) func(*nethttp.ClientConfig) {
	m := spnegoOver(t, spnego.Config{}, mechs...)
	return func(conf *nethttp.ClientConfig) {
		conf.Machine.Schemes = []scheme.Client{clientOf(scheme.Negotiate, m)}
	}
}

// gssUser is the environment of a client that takes a user's credentials from
// gss-ntlmssp, and has no others.
func gssUser(t testing.TB, name, password string) []string {
	t.Helper()
	needFile(t, "/etc/gss/mech.d/mech.ntlmssp.conf", "gss-ntlmssp")
	dir := t.TempDir()
	file := filepath.Join(dir, "users")
	if err := os.WriteFile(file, fmt.Appendf(nil, "%s:%s:%s\n", domain, name, password), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(dir, "krb5.conf")
	if err := os.WriteFile(none, []byte("[libdefaults]\n  dns_lookup_kdc = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"NTLM_USER_FILE=" + file, "KRB5_CONFIG=" + none, "KRB5CCNAME=FILE:" + filepath.Join(dir, "no.ccache")}
}

// tokens says what messages of SPNEGO are in a field's values.
func tokens(values []string) string {
	var all []string
	for _, v := range values {
		name, text, _ := strings.Cut(v, " ")
		if text != "" {
			name += " " + spnegoMessage(text)
		}
		all = append(all, name)
	}
	return strings.Join(all, "; ")
}

func spnegoMessage(text string) string {
	raw, err := decode64(text)
	if err != nil {
		return "?"
	}
	framing, _ := negtoken.FramingOf(raw)
	switch framing {
	case negtoken.Initial:
		m, fault := negtoken.ParseInit(raw)
		if !fault.IsZero() {
			return fault.String()
		}
		say := "init"
		for mech := range m.MechTypes.All() {
			say += " " + mech.String()
		}
		return say
	case negtoken.Response:
		m, fault := negtoken.ParseResp(raw)
		if !fault.IsZero() {
			return fault.String()
		}
		say := m.State.String()
		if m.ResponseToken.Present() {
			say += " token"
		}
		if m.MechListMIC.Present() {
			say += " MIC"
		}
		return say
	}
	return framing.String()
}

func encode64(b string) string { return base64.StdEncoding.EncodeToString([]byte(b)) }

func decode64(text string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	return string(raw), err
}

// startHelper starts ntlm_auth as half of a handshake, by the protocol of Squid's
// helpers.
func startHelper(args ...string) (*helper, error) { return pipeHelper(ntlmAuth(args...)) }

// startHelperIn starts it in another environment than that of samba.
func startHelperIn(env []string, conf string, args ...string) (*helper, error) {
	cmd := exec.Command("/usr/bin/ntlm_auth", append([]string{"--configfile=" + conf, "--debuglevel=0"}, args...)...)
	cmd.Env = env
	return pipeHelper(cmd)
}

func pipeHelper(cmd *exec.Cmd) (*helper, error) {
	h := &helper{cmd: cmd}
	var err error
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.out = bufio.NewReader(out)
	return h, h.cmd.Start()
}

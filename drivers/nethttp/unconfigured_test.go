package nethttp_test

import (
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// A scheme that could accept no client is an error when the server or proxy is made.
// The error says what is missing.
func TestUnconfiguredMechanism(t *testing.T) {
	made := func(c ntlm.Config) gss.Mechanism {
		m, err := ntlm.New(c)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	over := func(c ntlm.Config) gss.Mechanism {
		m, err := spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{made(c)}})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	inside := over(ntlm.Config{Computer: "WWW"})
	for name, test := range map[string]struct {
		mech gss.Mechanism
		want string
	}{
		"no computer":                {made(ntlm.Config{}), "NTLM could accept no client: ntlm: this side is no acceptor, Config.Computer is empty"},
		"a domain, and no computer":  {made(ntlm.Config{Domain: "LAB"}), "Config.Computer is empty"},
		"never made":                 {nil, "the mechanism of NTLM is nil"},
		"the toy, never made":        {gsstoy.Toy{}, "NTLM could accept no client"},
		"a computer":                 {made(ntlm.Config{Computer: "WWW"}), ""},
		"a computer, passed through": {made(ntlm.Config{Computer: "WWW", PassThrough: true}), ""},
		"SPNEGO":                     {inside, ""},
		"SPNEGO over no acceptor":    {over(ntlm.Config{}), "Negotiate could accept no client: spnego: Config.Mechanisms[0]: ntlm: this side is no acceptor"},
	} {
		server := scheme.NTLMServer
		if test.mech != nil && test.mech.Mech() == gss.SPNEGO {
			server = scheme.NegotiateServer
		}
		for _, list := range [][]scheme.Server{
			{server(test.mech)},
			{scheme.BasicServer("r", scheme.AskVerifier), server(test.mech)},
		} {
			conf := machine.ServerConfig{Schemes: list}
			_, origin := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: conf})
			_, proxy := nethttp.NewProxy(nethttp.ProxyConfig{Proxy: machine.ProxyConfig{Auth: conf}})
			for what, err := range map[string]error{"server": origin, "proxy": proxy} {
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("%s, %s: %v, want %q", what, name, err, test.want)
				}
			}
		}
		requirement.Held(t, "unit:unconfigured_mechanism", "HTA-32")
	}
}

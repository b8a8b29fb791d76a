package connect

import (
	"net/url"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/internal/misuse/misusetest"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A configuration that cannot work is a gss.Misuse of New, which says why and shows no
// password.
func TestConfigurationsThatCannotWork(t *testing.T) {
	at := func(u url.URL) Config { return Config{Proxy: &u} }
	construct := func(c Config) error {
		_, err := New(c)
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
		return err
	}
	misusetest.Run(t, "connect", construct, []misusetest.Row[Config]{
		{Field: "Proxy"},
		{Field: "Proxy", Config: at(url.URL{Host: "proxy.example:3128"})},
		{Field: "Proxy", Config: at(url.URL{Scheme: "socks5", Host: "proxy.example:3128"})},
		{Field: "Proxy", Config: at(url.URL{Scheme: "http"})},
		{Field: "Proxy", Config: at(url.URL{Scheme: "http", Host: ":3128"})},
		{Field: "Proxy", Config: at(url.URL{Scheme: "http", Host: "proxy.example:0"})},
		{Field: "Proxy", Config: at(url.URL{Scheme: "http", Host: "a:b:c"})},
		{Field: "Proxy", Config: at(url.URL{Scheme: "http", Host: "proxy.example", User: url.UserPassword("", "secret")})},
	}, map[string]string{
		"Machine": "package machine looks, see below", "Source": "nil declines", "Identity": "any name", "Discovered": "both work", "TLS": "nil is the default",
		"Dial": "nil is a net.Dialer", "Header": "what authenticates is overwritten", "Observer": "nil is none",
	})
	c := at(url.URL{Scheme: "http", Host: "proxy.example"})
	if err := construct(c); err != nil {
		t.Error(err)
	}
	c.Machine = machine.ClientConfig{Schemes: []scheme.Client{nil}}
	misusetest.Check(t, "machine", "ClientConfig.Schemes[0]", construct(c))
}

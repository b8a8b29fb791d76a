package nethttp_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/scheme"
)

// A server's and a proxy's Log hear from a source why it has no answer, and which of several user
// stores it is.
func TestLogsHearSources(t *testing.T) {
	gone := errors.New("the directory at ldap.example does not respond")
	directory := answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
		answer.Explain(ctx, gone)
		return gss.Unreachable{}
	})
	source := answer.Stores(answer.NewUsers(map[string]string{"alice": "secret"}), directory)
	basic := []scheme.Server{scheme.BasicServer("r", scheme.AskVerifier)}
	var atServer, atProxy lastResult
	conf := nethttp.ServerConfig{Source: source, Log: atServer.log}
	conf.Auth.Schemes = basic
	server := start(t, conf, whoami)
	proxied := nethttp.ProxyConfig{Source: source, Log: atProxy.log}
	proxied.Proxy.Auth.Schemes = basic
	proxy := startProxy(t, proxied)

	bob, alice := "Authorization: Basic Ym9iOnNlY3JldA==", "Authorization: Basic YWxpY2U6c2VjcmV0"
	c, p := dialWire(t, server), dialWire(t, proxy)
	c.do("GET", "/", alice).want(t, 200, "alice by Basic")
	if err := atServer.get().Err; err != nil {
		t.Errorf("for a user of the first store: %v", err)
	}
	c.do("GET", "/", bob).want(t, 503, "")
	p.do("GET", "http://up.example/", proxyAuth(bob)).want(t, 503, "")
	for name, last := range map[string]*lastResult{"server": &atServer, "proxy": &atProxy} {
		err := last.get().Err
		if err == nil || !strings.Contains(err.Error(), gone.Error()) || !strings.Contains(err.Error(), "user store 2 of 2") {
			t.Errorf("%s: %v", name, err)
		}
		requirement.Held(t, "unit:server_hears_source")
	}
}

package nethttp_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// TestNames: what a server is called in a URL, on the wire, in a question for credentials and as a
// service.
func TestNames(t *testing.T) {
	s, c := toyScheme(scheme.Negotiate, gsstoy.Toy{Legs: 2})
	var authority string
	at := newSite(t, func(w http.ResponseWriter, r *http.Request) {
		authority = r.Host
		hello(w, r)
	}, nil, s)
	port := at.URL[strings.LastIndexByte(at.URL, ':')+1:]
	for _, row := range []struct{ host, authority, target, service string }{
		{"www.example", "www.example", "www.example", "HTTP/www.example"},
		{"WWW.Example.", "WWW.Example.", "www.example.", "HTTP/www.example"},
		{"bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example", "HTTP/xn--bcher-kva.example"},
		{"b%C3%BCcher.example.", "xn--bcher-kva.example.", "xn--bcher-kva.example.", "HTTP/xn--bcher-kva.example"},
		{"[2001:DB8::1]", "[2001:DB8::1]", "2001:db8::1", "HTTP/2001:db8::1"},
	} {
		var asked gss.Target
		login, err := answer.For("http://"+row.host+":"+port, "alice", people["alice"])
		if err != nil {
			t.Fatal(err)
		}
		client := newClient(t, func(c *nethttp.ClientConfig) {
			c.Base = &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, at.Listener.Addr().String())
			}}
			c.Source = answer.Func(func(ctx context.Context, q gss.Question) gss.Answer {
				if need, ok := q.(gss.NeedCredential); ok {
					asked = need.Target
				}
				return login.Answer(ctx, q)
			})
		}, c)
		if _, got := get(t, client, "", "http://"+row.host+":"+port+"/"); got != "hello alice" || authority != row.authority+":"+port {
			t.Errorf("%s: %q at %q, want %q", row.host, got, authority, row.authority)
		}
		if asked.Host != row.target || asked.SPN() != row.service || fmt.Sprint(asked.Port) != port {
			t.Errorf("%s: asked for %q, service %q, port %d", row.host, asked.Host, asked.SPN(), asked.Port)
		}
		requirement.Held(t, "unit:international_names")
	}
}

// TestComposedNames: a login that a terminal wrote with combining marks opens an account with composed
// letters, where the realm asks for UTF-8.
func TestComposedNames(t *testing.T) {
	const composed, apart = "caf\u00e9", "cafe\u0301"
	digestServer, digestClient := digestPair(t)
	basicServer, basicClient := basicPair()
	for name, pair := range map[string]struct {
		server scheme.Server
		client scheme.Client
	}{"Digest": {digestServer, digestClient}, "Basic": {basicServer, basicClient}} {
		auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
			Auth:   machine.ServerConfig{Schemes: []scheme.Server{pair.server}},
			Source: answer.Chain(answer.NewUsers(map[string]string{composed: "p" + composed}), &answer.ReplayCache{Max: 100}),
		})
		if err != nil {
			t.Fatal(err)
		}
		at := rawSite(t, auth.Wrap(http.HandlerFunc(hello)), func(s *httptest.Server) { s.Config.ConnContext = auth.ConnContext })
		login, err := answer.For(at.URL, apart, "p"+apart)
		if err != nil {
			t.Fatal(err)
		}
		client := newClient(t, func(c *nethttp.ClientConfig) { c.Source = login }, pair.client)
		for range 2 { // the second time from memory
			if r, got := get(t, client, "", at.URL); r.StatusCode != 200 || got != "hello "+composed {
				t.Errorf("%s: %d, %q", name, r.StatusCode, got)
			}
		}
		requirement.Held(t, "unit:composed_names")
	}
}

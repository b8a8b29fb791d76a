package nethttp_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/requirement"
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

package nethttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// No verb of fmt shows a password of a client's configuration, of its sources, of a
// proxy's URL, or of an idle connection.
func TestClientShowsNoSecret(t *testing.T) {
	const canary = "wonder"
	server, client := toyScheme(scheme.NTLM, gsstoy.Toy{Legs: 2})
	basicServer, basicClient := basicPair()
	proxy := newProxy(t, false, basicServer)
	plain := newSite(t, hello, nil, server)
	secure := rawSite(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") }), func(s *httptest.Server) { s.TLS = new(tlsConfig) })
	login, err := answer.For(plain.URL, "alice", canary)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(strings.Replace(proxy.URL, "://", "://alice:"+canary+"@", 1))
	if err != nil {
		t.Fatal(err)
	}
	config := nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{client}, ProxySchemes: []scheme.Client{basicClient}, Policy: scheme.Policy{Cleartext: true}},
		Source:  login, Base: secure.Client().Transport.(*http.Transport),
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Host == plain.Listener.Addr().String() {
				return nil, nil
			}
			return u, nil
		},
	}
	tr, err := nethttp.NewTransport(config)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr}
	for _, to := range []string{plain.URL, secure.URL} {
		r, err := c.Get(to)
		if err != nil {
			t.Fatal(err)
		}
		if text(t, r); r.StatusCode != 200 {
			t.Fatalf("%s: status %d", to, r.StatusCode)
		}
	}
	dialing := connect.Config{Proxy: u, Source: login, Machine: config.Machine}
	dialer, err := connect.New(dialing)
	if err != nil {
		t.Fatal(err)
	}
	way := drive.Destination{Proxy: u, Scheme: "http", Authority: "h"}
	keys, err := drive.NewKeys(way)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{config, &config, tr, reflect.ValueOf(tr).Elem(), c, dialing, &dialing, dialer, reflect.ValueOf(dialer).Elem(), way, &way, keys, []any{tr}, map[string]any{"": tr}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if show := fmt.Sprintf(verb, v); strings.Contains(show, canary) || strings.Contains(show, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of a %T shows a password: %.200s", verb, v, show)
			}
			requirement.Held(t, "unit:clients_show_no_secret", "SECRET-1")
		}
	}
}

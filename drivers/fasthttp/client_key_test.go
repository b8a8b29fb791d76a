package fasthttp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/internal/requirement"
)

// personal returns a self-signed certificate for a client.
func personal(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A Transport shared by several HostClients dials as each of them is configured, and
// never uses a connection for one that another one has dialed, with another client
// certificate, without verification, or another way.
func TestHostClientsShareNoConnection(t *testing.T) {
	origin := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			who = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		io.WriteString(w, who)
	}))
	origin.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	origin.StartTLS()
	defer origin.Close()
	address := origin.Listener.Addr().String()
	_, believing := certificate()
	with := func(c tls.Certificate) *tls.Config {
		config := believing.Clone()
		config.Certificates = []tls.Certificate{c}
		return config
	}
	var dialed []string
	by := func(way string) *fast.HostClient {
		return &fast.HostClient{Addr: address, IsTLS: true, TLSConfig: believing, Dial: func(addr string) (net.Conn, error) {
			dialed = append(dialed, way)
			return net.Dial("tcp", addr)
		}}
	}
	clients := []struct {
		name string
		hc   *fast.HostClient
		want string // "" for an error
	}{
		{"alice", &fast.HostClient{Addr: address, IsTLS: true, TLSConfig: with(personal(t, "alice"))}, "alice"},
		{"bob", &fast.HostClient{Addr: address, IsTLS: true, TLSConfig: with(personal(t, "bob"))}, "bob"},
		{"without certificate", &fast.HostClient{Addr: address, IsTLS: true, TLSConfig: believing}, "nobody"},
		{"without verification", &fast.HostClient{Addr: address, IsTLS: true, TLSConfig: &tls.Config{InsecureSkipVerify: true}}, "nobody"},
		{"with verification", &fast.HostClient{Addr: address, IsTLS: true}, ""},
		{"with verification of another name", &fast.HostClient{Addr: address, IsTLS: true, TLSConfig: &tls.Config{RootCAs: believing.RootCAs, ServerName: "other.test"}}, ""},
		{"by a dialer", by("one"), "nobody"},
		{"by another dialer", by("two"), "nobody"},
		{"to another address", &fast.HostClient{Addr: "127.0.0.1:1", IsTLS: true, TLSConfig: believing}, ""},
	}
	tr := newTransport(t, nil)
	for range 3 {
		for _, c := range clients {
			req, resp := new(fast.Request), new(fast.Response)
			req.SetRequestURI("https://" + address + "/")
			_, err := tr.RoundTrip(c.hc, req, resp)
			if got := string(resp.Body()); err == nil && got != c.want || (err != nil) != (c.want == "") {
				t.Errorf("%s: %q %v, want %q", c.name, got, err, c.want)
			}
			requirement.Held(t, "unit:host_clients_apart", "CONN-1")
		}
	}
	if fmt.Sprint(dialed) != "[one two]" {
		t.Errorf("dialed by %q, want once by each", dialed)
	}
	if n := tr.Idle(); n != 6 {
		t.Errorf("%d connections are kept, want one of each of 6 clients", n)
	}
}

// fasthttp makes a new HostClient for each host that it has not used for a while. If it
// dials without a function of its own, the connection is found again.
func TestHostClientsOfOneConfiguration(t *testing.T) {
	server, client := toys()
	s := newSite(t, false, server)
	tr := newTransport(t, nil, client)
	for range 3 {
		req, resp := new(fast.Request), new(fast.Response)
		req.SetRequestURI(s.URL)
		if _, err := tr.RoundTrip(hostOf(s.URL), req, resp); err != nil || resp.StatusCode() != 200 {
			t.Fatal(resp.StatusCode(), err)
		}
	}
	if n := s.requests.Load(); n != 5 { // one without credentials, two legs, and two on the same connection
		t.Errorf("%d requests, want 5", n)
	}
}

// An invalid port in a URI is an error.
func TestInvalidPorts(t *testing.T) {
	tr := newTransport(t, nil)
	for _, authority := range []string{"h.example:99999", "h.example:0", "[::1]:65536", "a:b:80"} {
		dialed := false
		hc := &fast.HostClient{Addr: authority, Dial: func(string) (net.Conn, error) {
			dialed = true
			return nil, io.EOF
		}}
		req, resp := new(fast.Request), new(fast.Response)
		req.URI().SetScheme("http")
		req.URI().SetHost(authority)
		if _, err := tr.RoundTrip(hc, req, resp); err == nil || dialed {
			t.Errorf("%s: dialed %t, error %v", authority, dialed, err)
		}
		requirement.Held(t, "unit:ports_that_are_none", "CONN-2")
	}
}

// No verb of fmt shows a password of a Transport or its configuration.
func TestTransportShowsNoSecret(t *testing.T) {
	const canary = "a password that is looked for"
	login, err := answer.For("http://host.example", "alice", canary)
	if err != nil {
		t.Fatal(err)
	}
	config := fasthttp.ClientConfig{Source: login}
	tr, err := fasthttp.NewTransport(config)
	if err != nil {
		t.Fatal(err)
	}
	hc := &fast.HostClient{Transport: tr}
	for _, v := range []any{config, &config, tr, reflect.ValueOf(tr).Elem(), hc} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if show := fmt.Sprintf(verb, v); strings.Contains(show, canary) || strings.Contains(show, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of a %T shows a password: %.200s", verb, v, show)
			}
			requirement.Held(t, "unit:clients_show_no_secret", "SECRET-1")
		}
	}
}

var _ fast.RoundTripper = (*fasthttp.Transport)(nil)

package http3_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/krb5"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/kerberos"
	"github.com/countersign-auth/countersign/kerberos/kdctest"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// pki returns a certificate for localhost, and the roots that trust it.
var pki = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
})

// site is an origin that serves HTTP/3 and, on the same port, HTTP/1.1.
type site struct {
	url  string
	mu   sync.Mutex
	seen []string // protocol, status, and user or fault
}

func (s *site) log(r *http.Request, res drive.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := fmt.Sprint(r.Proto, " ", res.Status)
	if res.Identity.Info.Peer != "" {
		line += " " + res.Identity.Info.Peer + " by " + res.Identity.Scheme
	}
	s.seen = append(s.seen, line)
}

func (s *site) want(t *testing.T, lines ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := strings.Join(s.seen, "; "); got != strings.Join(lines, "; ") {
		t.Errorf("the site says\n %s\nwant\n %s", got, strings.Join(lines, "; "))
	}
}

func newSite(t *testing.T, source answer.Source, schemes ...scheme.Server) *site {
	t.Helper()
	return newSiteOf(t, nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: schemes}, Source: source})
}

// newSiteOf completes a configuration by the site's certificate and log.
func newSiteOf(t *testing.T, c nethttp.ServerConfig) *site {
	t.Helper()
	cert, _ := pki()
	s := &site{}
	c.Certificate, c.Log = drive.CertificatesOf(cert), s.log
	auth, err := nethttp.NewAuthenticator(c)
	if err != nil {
		t.Fatal(err)
	}
	app := auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := nethttp.IdentityFrom(r.Context())
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d", id.Info.Peer, r.Proto, len(body))
	}))
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	tcp, udp := listen(t)
	one := &http.Server{Handler: app, ConnContext: auth.ConnContext, TLSConfig: config.Clone()}
	three := &quichttp3.Server{Handler: app, TLSConfig: quichttp3.ConfigureTLSConfig(config.Clone())}
	var wg sync.WaitGroup
	wg.Go(func() { one.ServeTLS(tcp, "", "") })
	wg.Go(func() { three.Serve(udp) })
	t.Cleanup(func() {
		one.Close()
		three.Close()
		udp.Close()
		wg.Wait()
	})
	_, port, _ := net.SplitHostPort(tcp.Addr().String())
	s.url = "https://localhost:" + port
	return s
}

// listen opens a port for both HTTP/1.1 and HTTP/3.
func listen(t *testing.T) (net.Listener, net.PacketConn) {
	t.Helper()
	for range 100 { // a free port of one protocol may be in use in the other
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if udp, err := net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			return tcp, udp
		}
		tcp.Close()
	}
	t.Fatal("there is no port that is free for both")
	return nil, nil
}

func newClient(t *testing.T, source answer.Source, only bool, schemes ...scheme.Client) *http.Client {
	t.Helper()
	_, roots := pki()
	dialer := &http3.Dialer{TLS: &tls.Config{RootCAs: roots}}
	tr, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: schemes}, Source: source, Multiplexed: dialer.Connect, OnlyMultiplexed: only,
		Base: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func do(t *testing.T, c *http.Client, method, url string, body io.Reader) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestDigest(t *testing.T) {
	server := must(digest.NewServer(digest.ServerConfig{Realm: "r", Keys: []gss.Secret{gss.NewSecret(strings.Repeat("k", 32))}}))
	client := must(digest.NewClient(digest.ClientConfig{}))
	s := newSite(t, answer.Chain(answer.NewUsers(map[string]string{"alice": "wonder"}), &answer.ReplayCache{Max: 100}), server)
	c := newClient(t, must(answer.For(s.url, "alice", "wonder")), false, client)
	for range 2 {
		if got, err := do(t, c, "POST", s.url, strings.NewReader("12345")); err != nil || got != "alice HTTP/3.0 5" {
			t.Errorf("%q, %v", got, err)
		}
	}
	s.want(t, "HTTP/3.0 401", "HTTP/3.0 200 alice by Digest", "HTTP/3.0 200 alice by Digest")
	wrong := newClient(t, must(answer.For(s.url, "alice", "wrong")), false, client)
	_, err := do(t, wrong, "GET", s.url, nil)
	if e, ok := errors.AsType[*drive.Error](err); !ok || e.Fault.Code != gss.Refused {
		t.Errorf("%v, want a refusal", err)
	}
}

// TestKerberos: one leg on each stream, bound to the certificate, many streams at once.
func TestKerberos(t *testing.T) {
	realm := must(kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{
		{Name: "alice", Password: "wonder"}, {Name: "HTTP/localhost", Password: "service"},
	}}}}))
	over := func(c kerberos.Config) gss.Mechanism {
		return must(spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{must(kerberos.New(c))}}))
	}
	server := over(kerberos.Config{Keys: realm.Keytab("HTTP/localhost@A.TEST"), ChannelBinding: gss.Require})
	client := over(kerberos.Config{Realm: "A.TEST", ChannelBinding: gss.Require})
	s := newSite(t, krb5.NewReplayCache(1000, 0), scheme.NegotiateServer(server))
	login := must(answer.For(s.url, "alice@A.TEST", "wonder"))
	c := newClient(t, answer.Chain(login, krb5.InProcess(realm), &krb5.Tickets{}), false, scheme.NegotiateClient(client))
	body := bytes.Repeat([]byte("x"), 100_000)
	if got, err := do(t, c, "PUT", s.url, bytes.NewReader(body)); err != nil || got != "alice HTTP/3.0 100000" {
		t.Fatalf("%q, %v", got, err)
	}
	s.want(t, "HTTP/3.0 401", "HTTP/3.0 200 alice by Negotiate")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, err := do(t, c, "GET", s.url, nil); err != nil || got != "alice HTTP/3.0 0" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	wg.Wait()
}

// TestNTLM: a connection-bound scheme is not offered over HTTP/3. If another server
// offers it, the exchange continues over HTTP/1.1, or ends.
func TestNTLM(t *testing.T) {
	server := scheme.NTLMServer(must(ntlm.New(ntlm.Config{Computer: "WWW"})))
	client := scheme.NTLMClient(must(ntlm.New(ntlm.Config{})))
	users := must(answer.NewNTHashes(map[string]string{"alice": "wonder"}))
	s := newSite(t, users, server)
	c := newClient(t, must(answer.For(s.url, "alice", "wonder")), false, client)
	if got, err := do(t, c, "GET", s.url, nil); err != nil || got != "Internal Server Error\n" { // no scheme is left to offer
		t.Errorf("%q, %v", got, err)
	}
	s.want(t, "HTTP/3.0 500")

	// A server that offers it nevertheless, over both.
	offering := newOffering(t, s)
	if got, err := do(t, newClient(t, must(answer.For(offering, "alice", "wonder")), false, client), "GET", offering, nil); err != nil || got != "alice HTTP/1.1 0" {
		t.Errorf("%q, %v", got, err)
	}
	_, err := do(t, newClient(t, must(answer.For(offering, "alice", "wonder")), true, client), "GET", offering, nil)
	if e, ok := errors.AsType[*drive.Error](err); !ok || e.Fault.Code != gss.Unsupported {
		t.Errorf("%v, want an exchange that cannot go on", err)
	}
}

// newOffering returns a site that offers NTLM over HTTP/3, and forwards HTTP/1.1 to s.
func newOffering(t *testing.T, s *site) string {
	t.Helper()
	cert, _ := pki()
	tcp, udp := listen(t)
	three := &quichttp3.Server{TLSConfig: quichttp3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{cert}}), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "NTLM")
		w.WriteHeader(http.StatusUnauthorized)
	})}
	var wg sync.WaitGroup
	wg.Go(func() { three.Serve(udp) })
	wg.Go(func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", strings.TrimPrefix(s.url, "https://"))
			if err != nil {
				c.Close()
				continue
			}
			wg.Go(func() { pipe(c, up) })
			wg.Go(func() { pipe(up, c) })
		}
	})
	t.Cleanup(func() {
		three.Close()
		udp.Close()
		tcp.Close()
		wg.Wait()
	})
	_, port, _ := net.SplitHostPort(tcp.Addr().String())
	return "https://localhost:" + port
}

func pipe(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
	from.Close()
}

// TestGone: a missing server results in an error of the connection, in time.
func TestGone(t *testing.T) {
	c := newClient(t, nil, false, scheme.BasicClient())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", "https://localhost:9", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(r); err == nil {
		t.Error("somebody is there")
	}
}

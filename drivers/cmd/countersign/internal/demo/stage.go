package demo

import (
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
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/machine/trace"
	"github.com/countersign-auth/countersign/scheme"
)

// The users of the demo.
const (
	originUser, originPassword = "alice", "open-sesame"
	proxyUser, proxyPassword   = "bob", "hunter2"
)

// stage holds the participants of one row: an origin and, if the row has one, a proxy on
// loopback, and a client.
type stage struct {
	tape      *tape
	origin    *url.URL
	proxy     *url.URL
	transport *nethttp.Transport
	servers   []*http.Server
}

// newStage starts the participants of a row.
func newStage(r *row, cert *certificate) (s *stage, err error) {
	s = &stage{tape: &tape{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	shown := cert.pair
	if r.intercepted { // the client sees another certificate than the origin's
		shown = tls.Certificate{Certificate: [][]byte{cert.real}}
	}
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:        machine.ServerConfig{Schemes: r.origin},
		Source:      answer.Chain(r.more, users(originUser, originPassword)),
		Observer:    s.tape.observer(trace.Server),
		Certificate: drive.CertificatesOf(shown),
	})
	if err != nil {
		return s, err
	}
	server := &http.Server{Handler: s.tape.observe(origin, auth.Wrap(http.HandlerFunc(hello))), ConnContext: auth.ConnContext}
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true) // one exchange after the other, easier to read
	if r.tls {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert.pair}}
	}
	if s.origin, err = s.start(server); err != nil {
		return s, err
	}
	if r.proxy != nil {
		if err := s.startProxy(r); err != nil {
			return s, err
		}
	}
	return s, s.connect(r, cert)
}

func (s *stage) startProxy(r *row) (err error) {
	c := machine.ProxyConfig{PinnedSchemes: []string{toyName, scheme.NTLM, scheme.Negotiate}}
	if len(r.proxy) > 0 && r.proxy[0] != nil {
		c.Auth.Schemes = r.proxy
	}
	p, err := nethttp.NewProxy(nethttp.ProxyConfig{
		Proxy: c, Source: answer.Chain(r.more, users(proxyUser, proxyPassword)), Observer: s.tape.observer(trace.Proxy),
		Allow: func(_, host string, port uint16) bool { // the demo's own origin only
			return net.JoinHostPort(host, fmt.Sprint(port)) == s.origin.Host
		},
	})
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.tape.observe(proxy, p)}
	p.Install(server)
	s.proxy, err = s.start(server)
	return err
}

// connect creates the client.
func (s *stage) connect(r *row, cert *certificate) (err error) {
	password, proxyWord := originPassword, proxyPassword
	if r.wrong {
		password, proxyWord = "closed-sesame", "hunter3"
	}
	forOrigin, err := answer.For(s.origin.String(), originUser, password)
	if err != nil {
		return err
	}
	c := nethttp.ClientConfig{
		Machine:  machine.ClientConfig{Schemes: r.client, Policy: scheme.Policy{Cleartext: r.cleartext}},
		Source:   answer.Chain(r.more, forOrigin),
		Base:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: cert.roots}},
		Observer: s.tape.observer(trace.Client),
	}
	if s.proxy != nil {
		forProxy, err := answer.ForProxy(s.proxy.String(), proxyUser, proxyWord)
		if err != nil {
			return err
		}
		c.Source = answer.Chain(r.more, forOrigin, forProxy)
		c.Proxy = http.ProxyURL(s.proxy)
	}
	if r.anonymous {
		c.Source = nil
	}
	s.transport, err = nethttp.NewTransport(c)
	return err
}

// start makes a server listen on a port that the system chooses.
func (s *stage) start(server *http.Server) (*url.URL, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server.ErrorLog = log.New(io.Discard, "", 0)
	s.servers = append(s.servers, server)
	u := &url.URL{Scheme: "http", Host: l.Addr().String()}
	if server.TLSConfig != nil {
		u.Scheme = "https"
		go server.ServeTLS(l, "", "")
	} else {
		go server.Serve(l)
	}
	return u, nil
}

func (s *stage) close() {
	if s.transport != nil {
		s.transport.CloseIdleConnections()
	}
	for _, server := range s.servers {
		server.Close()
	}
}

// do sends one request and returns its outcome: the response's content, or the reason why
// there is no response.
func (s *stage) do(ctx context.Context, q request) (string, error) {
	var body io.Reader
	method := http.MethodGet
	if q.body > 0 {
		method, body = http.MethodPost, strings.NewReader(strings.Repeat("x", q.body))
	}
	r, err := http.NewRequestWithContext(ctx, method, s.origin.String()+q.path, body)
	if err != nil {
		return "", err
	}
	response, err := s.transport.RoundTrip(r)
	if e, ok := errors.AsType[*drive.Error](err); ok && e.Err == nil && !e.Fault.IsZero() {
		return e.Fault.Code.String(), nil
	}
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	greeting, _ := strings.CutPrefix(strings.TrimSpace(string(b)), "hello ")
	return greeting, err
}

// hello answers a request with the client's name and scheme. It is the origin's handler.
func hello(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	id, _ := nethttp.IdentityFrom(r.Context())
	fmt.Fprintf(w, "hello %s via %s\n", id.Name(), id.Scheme)
}

// users returns the answers to a server's questions, with one user and a memory for one row.
func users(name, password string) answer.Source {
	return answer.Chain(&answer.ReplayCache{Max: 1 << 10}, answer.NewUsers(map[string]string{name: password}))
}

// key returns a fresh key for nonces.
func key() gss.Secret {
	seed := entropy.Env().Seed
	return gss.NewSecret(string(seed[:]))
}

// certificate holds the origin's certificate and the pool that clients trust.
type certificate struct {
	pair  tls.Certificate
	roots *x509.CertPool
	// real is another certificate. In an intercepted row the origin takes it for its own, as
	// if an attacker showed pair to the client.
	real []byte
}

// newCertificate returns a certificate for loopback that is valid for an hour, with another
// one like it.
func newCertificate() (*certificate, error) {
	pair, err := newPair()
	if err != nil {
		return nil, err
	}
	other, err := newPair()
	if err != nil {
		return nil, err
	}
	c := &certificate{pair: pair, roots: x509.NewCertPool(), real: other.Leaf.Raw}
	c.roots.AddCert(pair.Leaf)
	return c, nil
}

func newPair() (p tls.Certificate, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return p, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "countersign demo"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return p, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return p, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}, nil
}

package binding

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	quichttp3 "github.com/quic-go/quic-go/http3"
	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
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

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// newCertificate returns a self-signed certificate for hosts.
func newCertificate(key crypto.Signer, hosts ...string) tls.Certificate {
	template := &x509.Certificate{
		SerialNumber: must(rand.Int(rand.Reader, big.NewInt(1<<60))), Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func ecdsaKey() crypto.Signer { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

var rsaKey = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) })

func ed25519Key() crypto.Signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return must(key, err)
}

// bindingTo returns the binding of a channel on which the server shows c.
func bindingTo(c tls.Certificate) gss.Binding { return gss.EndPoint(string(c.Certificate[0])) }

// method is a login method. Its clients bind to a given binding.
type method struct {
	name   string
	server scheme.Server
	client gss.Mechanism
	scheme string
	source answer.Source // for both sides
	legs   int
}

// methods returns NTLM and Kerberos, with acceptors that require bindings as demand
// says.
func methods(t testing.TB, demand gss.Requirement) []method {
	t.Helper()
	realm := must(kdctest.New(kdctest.Config{Realms: []kdctest.Realm{{Name: "A.TEST", Principals: []kdctest.Principal{
		{Name: "alice", Password: "wonder"}, {Name: "HTTP/origin.test", Password: "service"},
	}}}}))
	over := func(c kerberos.Config) gss.Mechanism {
		return must(spnego.New(spnego.Config{Mechanisms: []gss.Mechanism{must(kerberos.New(c))}}))
	}
	login := answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
		if _, ok := q.(gss.NeedCredential); ok {
			return gss.Password{User: "alice", Domain: "", Password: gss.NewSecret("wonder")}
		}
		return gss.Declined{}
	})
	return []method{
		{
			name: "Kerberos", scheme: scheme.Negotiate, legs: 1,
			server: scheme.NegotiateServer(over(kerberos.Config{Keys: realm.Keytab("HTTP/origin.test@A.TEST"), ChannelBinding: demand})),
			client: over(kerberos.Config{Realm: "A.TEST"}),
			source: answer.Chain(krb5.NewReplayCache(1<<16, 0), login, krb5.InProcess(realm), &krb5.Tickets{}),
		},
		{
			name: "NTLM", scheme: scheme.NTLM, legs: 2,
			server: scheme.NTLMServer(must(ntlm.New(ntlm.Config{Computer: "WWW", ChannelBinding: demand}))),
			client: must(ntlm.New(ntlm.Config{})),
			source: answer.Chain(must(answer.NewNTHashes(map[string]string{"alice": "wonder"})), login),
		},
	}
}

// trip sends one request over a connection, with or without credentials.
type trip func(credentials string) (status int, challenge []string)

// login authenticates over a connection with the given binding, and returns the last
// status.
func (m method) login(t testing.TB, send trip, b gss.Binding) int {
	t.Helper()
	ctx := m.client.Initiate(gss.Target{Service: "HTTP", Host: "origin.test", Binding: b})
	in, last := gss.Input{}, 0
	for range 20 {
		next, out, err := ctx.Step(entropy.Env(), in)
		if err != nil {
			t.Fatal(err)
		}
		ctx, in = next, gss.Input{}
		switch {
		case out.State == gss.Waiting:
			in.Answer = m.source.Answer(t.Context(), out.Ask)
		case out.State == gss.Failed && last != 0: // the server refused
			return last
		case out.State == gss.Failed:
			t.Fatalf("%s: the client failed: %v", m.name, out.Fault)
		default:
			status, challenge := send(m.scheme + " " + base64.StdEncoding.EncodeToString([]byte(out.Token.Bytes())))
			if status == 200 || out.State == gss.Complete {
				return status
			}
			token := ""
			last = status
			for _, c := range challenge {
				if name, text, _ := strings.Cut(c, " "); strings.EqualFold(name, m.scheme) {
					token = text
				}
			}
			if token == "" {
				return status
			}
			in.Token = gss.TokenOf(string(must(base64.StdEncoding.DecodeString(token))))
		}
	}
	t.Fatalf("%s: the client does not come to an end", m.name)
	return 0
}

// front is a server under test: a library with its driver, or the proxy.
type front struct {
	name   string
	status int // of a refusal
	alpn   string
	serve  func(t testing.TB, m method, conf *tls.Config, served drive.Certificates) (addr string)
}

var fronts = []front{
	{"nethttp", 401, "", serveNetHTTP},
	{"nethttp over HTTP/2", 401, "h2", serveNetHTTP},
	{"proxy", 407, "", serveProxy},
	{"fasthttp", 401, "", serveFastHTTP},
	{"http3", 401, quichttp3.NextProtoH3, serveHTTP3},
}

// multiplexed reports whether handshakes of several legs are impossible.
func (f front) multiplexed() bool { return f.alpn != "" }

func serveNetHTTP(t testing.TB, m method, conf *tls.Config, served drive.Certificates) string {
	auth := must(nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{m.server}}, Source: m.source, Certificate: served}))
	return serveTLS(t, &http.Server{Handler: auth.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), ConnContext: auth.ConnContext, TLSConfig: conf})
}

func serveTLS(t testing.TB, s *http.Server) string {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	s.ErrorLog = log.New(io.Discard, "", 0)
	done := make(chan struct{})
	go func() { defer close(done); s.ServeTLS(l, "", "") }()
	t.Cleanup(func() { s.Close(); <-done })
	return l.Addr().String()
}

func serveProxy(t testing.TB, m method, conf *tls.Config, served drive.Certificates) string {
	origin := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	go origin.Serve(l)
	p := must(nethttp.NewProxy(nethttp.ProxyConfig{
		Proxy: machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{m.server}}}, Source: m.source, Certificate: served,
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
		}},
	}))
	t.Cleanup(func() { p.CloseIdleConnections(); origin.Close() })
	s := &http.Server{Handler: p, TLSConfig: conf}
	p.Install(s)
	return serveTLS(t, s)
}

func serveFastHTTP(t testing.TB, m method, conf *tls.Config, served drive.Certificates) string {
	auth := must(fasthttp.NewAuthenticator(fasthttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{m.server}}, Source: m.source, Certificate: served}))
	s := &fast.Server{Handler: auth.Wrap(func(*fast.RequestCtx) {}), CloseOnShutdown: true, Logger: log.New(io.Discard, "", 0)}
	auth.Install(s)
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(tls.NewListener(drive.NoteListener(l), conf)) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // the clients close the connections
		s.ShutdownWithContext(ctx)
		<-done
	})
	return l.Addr().String()
}

func serveHTTP3(t testing.TB, m method, conf *tls.Config, served drive.Certificates) string {
	auth := must(nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: []scheme.Server{m.server}}, Source: m.source, Certificate: served}))
	s := &quichttp3.Server{Handler: auth.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))}
	packets := must(net.ListenPacket("udp", "127.0.0.1:0"))
	tr := &quic.Transport{Conn: packets, ConnContext: http3.ConnContext}
	l := must(tr.ListenEarly(quichttp3.ConfigureTLSConfig(conf), nil))
	done := make(chan struct{})
	go func() { defer close(done); s.ServeListener(l) }()
	t.Cleanup(func() { s.Close(); l.Close(); tr.Close(); packets.Close(); <-done })
	return packets.LocalAddr().String()
}

// link is a client's connection.
type link struct {
	send  trip
	state tls.ConnectionState
	close func()
}

// shown returns the binding that an honest client has on the connection.
func (l *link) shown() gss.Binding { return gss.EndPoint(string(l.state.PeerCertificates[0].Raw)) }

// dial connects. cache may be nil; sessions are kept under one name.
func (f front) dial(t testing.TB, addr, sni string, version uint16, suites []uint16, cache tls.ClientSessionCache) *link {
	t.Helper()
	conf := &tls.Config{InsecureSkipVerify: true, ServerName: sni, MinVersion: version, MaxVersion: version, CipherSuites: suites, ClientSessionCache: cache}
	switch f.alpn {
	case quichttp3.NextProtoH3:
		return dialQUIC(t, addr, conf)
	case "h2":
		return dialHTTP2(t, addr, conf)
	}
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(raw, conf)
	if err := c.HandshakeContext(t.Context()); err != nil {
		t.Fatalf("%s: handshake for %q, %s, suites %v: %v", f.name, sni, versionName(version), suites, err)
	}
	r := bufio.NewReader(c)
	l := &link{close: func() { c.Close() }}
	l.send = func(credentials string) (int, []string) {
		target, field := "/", "Authorization"
		if f.status == 407 {
			target, field = "http://origin.test/", "Proxy-Authorization"
		}
		request := "GET " + target + " HTTP/1.1\r\nHost: origin.test\r\n"
		if credentials != "" {
			request += field + ": " + credentials + "\r\n"
		}
		if _, err := io.WriteString(c, request+"\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		io.Copy(io.Discard, res.Body)
		return res.StatusCode, append(res.Header["Www-Authenticate"], res.Header["Proxy-Authenticate"]...)
	}
	l.send("") // TLS 1.3: the ticket comes with the first response
	l.state = c.ConnectionState()
	t.Cleanup(l.close)
	return l
}

func dialHTTP2(t testing.TB, addr string, conf *tls.Config) *link {
	t.Helper()
	conf.NextProtos = []string{"h2"}
	raw := must(net.Dial("tcp", addr))
	c := tls.Client(raw, conf)
	if err := c.HandshakeContext(t.Context()); err != nil || c.ConnectionState().NegotiatedProtocol != "h2" {
		t.Fatalf("HTTP/2: handshake: %v, protocol %q", err, c.ConnectionState().NegotiatedProtocol)
	}
	tr := &http.Transport{ForceAttemptHTTP2: true, DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }}
	l := &link{close: func() { tr.CloseIdleConnections(); c.Close() }}
	l.send = roundTrip(t, tr)
	l.send("")
	l.state = c.ConnectionState()
	t.Cleanup(l.close)
	return l
}

// roundTrip sends over a single connection.
func roundTrip(t testing.TB, over http.RoundTripper) trip {
	return func(credentials string) (int, []string) {
		r := must(http.NewRequestWithContext(t.Context(), "GET", "https://origin.test/", nil))
		if credentials != "" {
			r.Header.Set("Authorization", credentials)
		}
		res, err := over.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return res.StatusCode, res.Header["Www-Authenticate"]
	}
}

func dialQUIC(t testing.TB, addr string, conf *tls.Config) *link {
	t.Helper()
	conf.MinVersion, conf.MaxVersion, conf.NextProtos = tls.VersionTLS13, tls.VersionTLS13, []string{quichttp3.NextProtoH3}
	packets := must(net.ListenPacket("udp", "127.0.0.1:0"))
	tr := &quic.Transport{Conn: packets}
	conn, err := tr.Dial(t.Context(), must(net.ResolveUDPAddr("udp", addr)), conf, nil)
	if err != nil {
		t.Fatalf("http3: handshake: %v", err)
	}
	h := new(quichttp3.Transport).NewClientConn(conn)
	var once sync.Once
	l := &link{close: func() {
		once.Do(func() { conn.CloseWithError(0, ""); tr.Close(); packets.Close() })
	}}
	l.send = roundTrip(t, h)
	l.send("")
	l.state = conn.ConnectionState().TLS
	t.Cleanup(l.close)
	return l
}

// oneName is a cache with one session for all server names. It reports when it has a
// new one.
type oneName struct {
	mu  sync.Mutex
	has *tls.ClientSessionState
	put chan struct{}
}

func newOneName() *oneName { return &oneName{put: make(chan struct{}, 100)} }

func (c *oneName) Get(string) (*tls.ClientSessionState, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.has, c.has != nil
}

func (c *oneName) Put(_ string, s *tls.ClientSessionState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.has = s; s != nil {
		c.put <- struct{}{}
	}
}

func versionName(v uint16) string { return strings.ReplaceAll(tls.VersionName(v), " ", "") }

func describe(parts ...any) string { return strings.TrimSpace(fmt.Sprintln(parts...)) }

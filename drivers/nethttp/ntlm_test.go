package nethttp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/ntlm"
	"github.com/countersign-auth/countersign/scheme"
)

// ntlmPair returns NTLM for server and client.
func ntlmPair(t *testing.T, server, client ntlm.Config) (scheme.Server, scheme.Client) {
	t.Helper()
	server.Computer = "WWW"
	s, err := ntlm.New(server)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ntlm.New(client)
	if err != nil {
		t.Fatal(err)
	}
	return scheme.NTLMServer(s), scheme.NTLMClient(c)
}

// ntlmLogs keeps a server's last result.
type ntlmLogs struct{ lastResult }

// newNTLMSite starts a server of this package that offers NTLM, with the given source
// of channel bindings.
func newNTLMSite(t *testing.T, s scheme.Server, secure bool, certificate drive.Certificates) (*site, *ntlmLogs) {
	t.Helper()
	logs := new(ntlmLogs)
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth: machine.ServerConfig{Schemes: []scheme.Server{s}}, Source: answer.NewUsers(people),
		Certificate: certificate, Log: logs.log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return rawSite(t, auth.Wrap(http.HandlerFunc(hello)), func(h *httptest.Server) {
		h.Config.ConnContext = auth.ConnContext
		if secure {
			h.TLS = new(tls.Config)
		}
	}), logs
}

// TestNTLM: NTLM end to end: the handshake stays on one connection, later requests on
// it need no credentials, identities share no connection, and bodies are sent once.
func TestNTLM(t *testing.T) {
	server, client := ntlmPair(t, ntlm.Config{RequireMIC: true}, ntlm.Config{RequireMIC: true})
	s, _ := newNTLMSite(t, server, false, drive.Certificates{})
	c := newClient(t, nil, client)
	if r, got := get(t, c, "", s.URL); got != "hello alice" || r.Header.Get("Persistent-Auth") == "false" {
		t.Errorf("%q, Persistent-Auth %q", got, r.Header.Get("Persistent-Auth"))
	}
	for range 3 {
		if _, got := get(t, c, "", s.URL); got != "hello alice" {
			t.Errorf("on the connection: %q", got)
		}
	}
	if vs := s.take(); len(vs) != 6 || conns(vs) != 1 || vs[1].authorization != scheme.NTLM || vs[3].authorization != "" {
		t.Errorf("the server saw %+v", vs)
	}
	if _, got := get(t, c, "bob", s.URL); got != "hello bob" {
		t.Errorf("another identity: %q", got)
	}
	if _, got := get(t, c, "", s.URL); got != "hello alice" {
		t.Errorf("after another identity: %q", got)
	}
	s.take()
	body := strings.Repeat("x", 64<<10)
	r, err := do(newClient(t, nil, client), "carol", http.MethodPost, s.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, r); got != "hello carol"+body {
		t.Errorf("a POST came back with %d bytes", len(got))
	}
}

// TestNTLMBinding: both peers use the channel binding of their own TLS connection, and
// a certificate in between is detected.
func TestNTLMBinding(t *testing.T) {
	der := func(b []byte) drive.Certificates {
		return drive.CertificatesOf(tls.Certificate{Certificate: [][]byte{b}})
	}
	another := func(real []byte) drive.Certificates {
		other := bytes.Clone(real)
		other[len(other)-1] ^= 1
		return der(other)
	}
	for _, c := range []struct {
		name           string
		server, client gss.Requirement
		secure         bool
		certificate    func(real []byte) drive.Certificates
		want           gss.Code // of the server; 0: accepted
		bound          bool
	}{
		{name: "equal", server: gss.Require, secure: true, certificate: der, bound: true},
		{name: "intercepted", secure: true, certificate: another, want: gss.BadBinding},
		{name: "intercepted, ignored", server: gss.Ignore, secure: true, certificate: another},
		{name: "a client without", client: gss.Ignore, secure: true, certificate: der},
		{name: "a client without, required", server: gss.Require, client: gss.Ignore, secure: true, certificate: der, want: gss.BadBinding},
		{name: "not known to the server", secure: true},
		{name: "not known to the server, required", server: gss.Require, secure: true, want: gss.BadBinding},
		{name: "no TLS"},
		{name: "no TLS, required", server: gss.Require, want: gss.BadBinding},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, client := ntlmPair(t, ntlm.Config{ChannelBinding: c.server}, ntlm.Config{ChannelBinding: c.client})
			var served drive.Certificates
			if c.certificate != nil {
				served = c.certificate(testCertificate(t).Certificate[0])
			}
			s, logs := newNTLMSite(t, server, c.secure, served)
			http := newClient(t, func(conf *nethttp.ClientConfig) { conf.Base = trusting(s) }, client)
			r, err := do(http, "", "GET", s.URL, nil)
			if c.want != 0 {
				wantFault(t, err, gss.Refused)
				if got := logs.get().Fault.Code; got != c.want {
					t.Errorf("the server refused with %v, want %v", got, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err, logs.get().Fault)
			}
			if got := text(t, r); got != "hello alice" {
				t.Errorf("%q", got)
			}
			if got := logs.get().Identity.Info.Flags.Has(gss.ChannelBound); got != c.bound {
				t.Errorf("bound %v, want %v", got, c.bound)
			}
		})
	}
}

// hand computes the messages of an NTLM client. The test sends them.
type hand struct {
	t   *testing.T
	ctx gss.Context
}

// newHand returns a client and its NEGOTIATE.
func newHand(t *testing.T, user, password string) (*hand, string) {
	t.Helper()
	m, err := ntlm.New(ntlm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	h := &hand{t, m.Initiate(gss.Target{Service: "HTTP", Host: "origin.test", Binding: gss.NoBinding()})}
	h.step(gss.Input{})
	return h, h.step(gss.Input{Answer: gss.Password{User: user, Password: gss.NewSecret(password)}})
}

func (h *hand) step(in gss.Input) string {
	h.t.Helper()
	next, out, err := h.ctx.Step(entropy.Env(), in)
	if err != nil || out.State == gss.Failed {
		h.t.Fatal(err, out.Fault)
	}
	h.ctx = next
	return toyLeg("Authorization", out.Token.Bytes())
}

// answer returns the AUTHENTICATE for a response's challenge.
func (h *hand) answer(r reply) string {
	h.t.Helper()
	for c := range header.ParseChallenges(r.Header.Values("WWW-Authenticate")...).Of(scheme.NTLM) {
		if token, ok := c.Token(); ok {
			return h.step(gss.Input{Token: gss.TokenOf(token)})
		}
	}
	h.t.Fatal("no challenge")
	return ""
}

// TestNTLMReplay: an AUTHENTICATE is accepted once, on the connection of its challenge.
// An unexpected one drops the connection's identity.
func TestNTLMReplay(t *testing.T) {
	server, _ := ntlmPair(t, ntlm.Config{}, ntlm.Config{})
	s, logs := newNTLMSite(t, server, false, drive.Certificates{})
	addr := s.Listener.Addr().String()
	one, other := dialWire(t, addr), dialWire(t, addr)
	alice, hello := newHand(t, "alice", people["alice"])
	_, again := newHand(t, "bob", people["bob"])
	challenge := one.do("GET", "/", hello)
	proof := alice.answer(challenge)

	other.do("GET", "/", again).want(t, 401, "")
	other.do("GET", "/", proof).want(t, 401, "") // for another challenge
	if got := logs.get().Fault.Code; got != gss.BadCredentials {
		t.Errorf("on another connection: %v", got)
	}
	dialWire(t, addr).do("GET", "/", proof).want(t, 401, "") // without a challenge
	if got := logs.get().Fault.Code; got != gss.Unexpected {
		t.Errorf("without a challenge: %v", got)
	}

	one.do("GET", "/", proof).want(t, 200, "hello alice")
	one.do("GET", "/").want(t, 200, "hello alice")
	one.do("GET", "/", proof).want(t, 401, "")
	if got := logs.get().Fault.Code; got != gss.Unexpected {
		t.Errorf("a second time: %v", got)
	}
	one.do("GET", "/").want(t, 401, "")

	bob, hello := newHand(t, "bob", people["bob"]) // another user starts again; the connection has no identity in between
	challenge = one.do("GET", "/", hello)
	one.do("GET", "/", bob.answer(challenge)).want(t, 200, "hello bob")
}

// trusting returns a base transport that trusts a site.
func trusting(s *site) *http.Transport {
	base, _ := s.Client().Transport.(*http.Transport)
	return &http.Transport{TLSClientConfig: base.TLSClientConfig.Clone()}
}

// TestNTLMRefusals: in the server's result every refusal has its reason; to the client
// they are all the same.
func TestNTLMRefusals(t *testing.T) {
	for _, c := range []struct {
		name           string
		server, client ntlm.Config
		answer         gss.Answer
		want           gss.Code
	}{
		{name: "wrong password", answer: gss.Password{User: "alice", Password: gss.NewSecret("wrong")}, want: gss.BadCredentials},
		{name: "unknown user", answer: gss.Password{User: "mallory", Password: gss.NewSecret("wonder")}, want: gss.UnknownUser},
		{name: "anonymous", answer: ntlm.Anonymous{}, want: gss.NoCredentials},
		{name: "NTLMv1", client: ntlm.Config{Level: ntlm.V1}, answer: gss.Password{User: "alice", Password: gss.NewSecret("wonder")}, want: gss.NotPermitted},
		{name: "no MIC", server: ntlm.Config{RequireMIC: true, Level: ntlm.V1}, client: ntlm.Config{Level: ntlm.V1}, answer: gss.Password{User: "alice", Password: gss.NewSecret("wonder")}, want: gss.NotPermitted},
		{name: "another service", server: ntlm.Config{Targets: []string{"HTTP/other.example"}}, answer: gss.Password{User: "alice", Password: gss.NewSecret("wonder")}, want: gss.WrongTarget},
	} {
		t.Run(c.name, func(t *testing.T) {
			server, client := ntlmPair(t, c.server, c.client)
			s, logs := newNTLMSite(t, server, false, drive.Certificates{})
			asked := 0
			http := newClient(t, func(conf *nethttp.ClientConfig) {
				conf.Source = answer.Func(func(_ context.Context, q gss.Question) gss.Answer {
					if need, ok := q.(gss.NeedCredential); ok && !need.Rejected {
						asked++
						return c.answer
					}
					return gss.Declined{}
				})
			}, client)
			_, err := do(http, "", "GET", s.URL, nil)
			if got := logs.get().Fault.Code; got != c.want || asked != 1 {
				t.Errorf("refused with %v after %d questions, want %v after one", got, asked, c.want)
			}
			wantFault(t, err, gss.Refused)
			if e, ok := errors.AsType[*drive.Error](err); ok && e.Status != 401 {
				t.Errorf("status %d", e.Status)
			}
		})
	}
}

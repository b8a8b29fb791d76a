package nethttp_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/gss/gsstoy"
	"github.com/countersign-auth/countersign/gss/spnego"
	"github.com/countersign-auth/countersign/internal/requirement"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// overToy is Negotiate with toys for mechanisms, of which the second needs its
// connection.
func overToy(t *testing.T, bound ...bool) scheme.Server {
	t.Helper()
	var c spnego.Config
	for i, b := range bound {
		c.Mechanisms = append(c.Mechanisms, gsstoy.Toy{OID: []gss.OID{gss.Kerberos, gss.NTLM}[i], Legs: uint8(1 + i), Bound: b})
	}
	m, err := spnego.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return scheme.NegotiateServer(m)
}

// TestInstallHTTP2: a server with connection-bound schemes offers no HTTP/2, on which
// their handshakes cannot complete, unless Protocols is set.
func TestInstallHTTP2(t *testing.T) {
	basic := scheme.BasicServer("r", scheme.AskVerdict)
	both := new(http.Protocols)
	both.SetHTTP1(true)
	both.SetHTTP2(true)
	for _, row := range []struct {
		name      string
		schemes   []scheme.Server
		protocols *http.Protocols
		alpn      string
	}{
		{"Basic", []scheme.Server{basic}, nil, "h2"},
		{"NTLM", []scheme.Server{scheme.NTLMServer(gsstoy.Toy{OID: gss.NTLM, Legs: 2, Bound: true})}, nil, "http/1.1"},
		{"Negotiate with Kerberos", []scheme.Server{overToy(t, false)}, nil, "h2"},
		{"Negotiate with NTLM", []scheme.Server{basic, overToy(t, true)}, nil, "http/1.1"},
		{"Negotiate with both", []scheme.Server{overToy(t, false, true)}, nil, "http/1.1"},
		{"Negotiate with both, told to", []scheme.Server{overToy(t, false, true)}, both, "h2"},
	} {
		for role, install := range map[string]func() (http.Handler, func(*http.Server), error){
			"server": func() (http.Handler, func(*http.Server), error) {
				a, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: machine.ServerConfig{Schemes: row.schemes}})
				if err != nil {
					return nil, nil, err
				}
				return a.Wrap(http.NotFoundHandler()), a.Install, nil
			},
			"proxy": func() (http.Handler, func(*http.Server), error) {
				p, err := nethttp.NewProxy(nethttp.ProxyConfig{Proxy: machine.ProxyConfig{Auth: machine.ServerConfig{Schemes: row.schemes}}})
				if err != nil {
					return nil, nil, err
				}
				return p, p.Install, nil
			},
		} {
			handler, install, err := install()
			if err != nil {
				t.Fatal(err)
			}
			if got := alpnOf(t, &http.Server{Handler: handler, Protocols: row.protocols}, install); got != row.alpn {
				t.Errorf("%s, %s: the server chose %q, want %q", role, row.name, got, row.alpn)
			}
		}
	}
	requirement.Held(t, "unit:alpn_of_bound_schemes", "FRONT-4")
}

// alpnOf returns the protocol that a server chooses for a client that prefers HTTP/2.
func alpnOf(t *testing.T, s *http.Server, install func(*http.Server)) string {
	t.Helper()
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}}
	install(s)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.ServeTLS(l, "", "")
	}()
	defer func() {
		s.Close()
		<-served
	}()
	c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().NegotiatedProtocol
}

// TestInstallLeaves: Install keeps the server's own limits and hooks.
func TestInstallLeaves(t *testing.T) {
	a, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("r", scheme.AskVerdict)}},
		Source: answer.NewUsers(map[string]string{"alice": "wonder"}), Limits: drive.Limits{Idle: time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	type key struct{}
	s := &http.Server{ReadTimeout: 7 * time.Second, WriteTimeout: -1, ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, key{}, "kept")
	}}
	a.Install(s)
	if s.ReadTimeout != 7*time.Second || s.WriteTimeout != -1 || s.IdleTimeout != time.Hour || s.ReadHeaderTimeout <= 0 || s.MaxHeaderBytes <= 0 {
		t.Errorf("%v %v %v %v %d", s.ReadTimeout, s.WriteTimeout, s.IdleTimeout, s.ReadHeaderTimeout, s.MaxHeaderBytes)
	}
	if got := s.ConnContext(context.Background(), nil).Value(key{}); got != "kept" {
		t.Errorf("the server's ConnContext is gone: %v", got)
	}
	var none *nethttp.Authenticator
	none.Install(s) // refuses every request
	new(nethttp.Authenticator).Install(new(http.Server))
	new(nethttp.Proxy).Install(new(http.Server))
}

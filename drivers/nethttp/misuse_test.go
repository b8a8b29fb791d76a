package nethttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/internal/machines"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/misuse/misusetest"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A configuration that cannot work is a gss.Misuse of the constructor, which says why.
func TestConfigurationsThatCannotWork(t *testing.T) {
	auth := machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("r", scheme.AskVerifier)}}
	hidden := &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return nil, nil }}
	client := func(c ClientConfig) error { _, err := NewTransport(c); return err }
	server := func(c ServerConfig) error { _, err := NewAuthenticator(c); return err }
	proxy := func(c ProxyConfig) error { _, err := NewProxy(c); return err }

	misusetest.Run(t, "nethttp", client, []misusetest.Row[ClientConfig]{
		{Field: "Base", Config: ClientConfig{Base: hidden}},
		{Field: "OnlyMultiplexed", Config: ClientConfig{OnlyMultiplexed: true}},
		{Field: "BufferBody", Config: ClientConfig{BufferBody: -1}},
		{Field: "MaxDrain", Config: ClientConfig{MaxDrain: -1}},
		{Field: "MaxBody", Config: ClientConfig{MaxBody: -1}},
	}, map[string]string{
		"Machine": "package machine looks, see below", "Source": "nil declines", "Proxy": "asked for each request", "Multiplexed": "nil is none",
		"Discovered": "both work", "FromRequest": "both work", "DeliverRefused": "both work", "Jar": "nil is none", "Observer": "nil is none",
	})
	misusetest.Check(t, "machine", "ClientConfig.Schemes[0]", client(ClientConfig{Machine: machine.ClientConfig{Schemes: []scheme.Client{nil}}}))

	with := func(change func(*ServerConfig)) ServerConfig {
		c := ServerConfig{Auth: auth}
		change(&c)
		return c
	}
	misusetest.Run(t, "nethttp", server, []misusetest.Row[ServerConfig]{
		{Field: "MaxDrain", Config: with(func(c *ServerConfig) { c.MaxDrain = -1 })},
		{Field: "DrainTime", Config: with(func(c *ServerConfig) { c.DrainTime = -1 })},
		{Field: "MaxBody", Config: with(func(c *ServerConfig) { c.MaxBody = -1 })},
		{Field: "Limits.Header", Config: with(func(c *ServerConfig) { c.Limits.Header = -1 })},
		{Field: "Limits.Idle", Config: with(func(c *ServerConfig) { c.Limits.Idle = -1 })},
		{Field: "Limits.Request", Config: with(func(c *ServerConfig) { c.Limits.Request = -1 })},
		{Field: "Limits.HeaderBytes", Config: with(func(c *ServerConfig) { c.Limits.HeaderBytes = -1 })},
	}, map[string]string{
		"Auth": "package machine looks, see below", "Source": "nil declines", "Certificate": "package drive looks, see below", "Session": "package session looks, see below", "SharedFront": "nil is none",
		"AnyScheme": "both work", "Log": "nil is none", "Observer": "nil is none",
	})
	misusetest.Check(t, "machine", "ServerConfig.Schemes", server(ServerConfig{}))
	misusetest.Check(t, "session", "Config.Lifetime", server(with(func(c *ServerConfig) { c.Session = &session.Config{Lifetime: -1} })))
	misusetest.Check(t, "drive", "certificate", server(with(func(c *ServerConfig) { c.Certificate = drive.CertificatesOf() })))

	to := func(text string) ProxyConfig {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return ProxyConfig{Proxy: machine.ProxyConfig{Reverse: true}, Upstream: u}
	}
	forward := to("http://a.example")
	forward.Proxy.Reverse = false
	misusetest.Run(t, "nethttp", proxy, []misusetest.Row[ProxyConfig]{
		{Field: "Proxy.Chain", Config: ProxyConfig{Proxy: machine.ProxyConfig{Chain: true}}},
		{Field: "Proxy.Reverse", Config: ProxyConfig{Proxy: machine.ProxyConfig{Reverse: true}}},
		{Field: "Upstream", Config: forward},
		{Field: "Upstream", Config: to("ftp://a.example")},
		{Field: "Upstream", Config: to("http://")},
		{Field: "Upstream", Config: to("http://:80")},
		{Field: "Upstream", Config: to("http://a.example:0")},
		{Field: "Upstream", Config: to("http://a.example/path")},
		{Field: "Upstream", Config: to("http://a.example?q")},
		{Field: "Upstream", Config: to("http://user:secret@a.example")},
		{Field: "MaxDrain", Config: ProxyConfig{MaxDrain: -1}},
		{Field: "DrainTime", Config: ProxyConfig{DrainTime: -1}},
		{Field: "Limits.Idle", Config: ProxyConfig{Limits: drive.Limits{Idle: -1}}},
		{Field: "Upgrades[0]", Config: ProxyConfig{Upgrades: []string{""}}},
		{Field: "Upgrades[1]", Config: ProxyConfig{Upgrades: []string{"websocket", "a, b"}}},
		{Field: "Transport", Config: ProxyConfig{Transport: hidden}},
		{Field: "Name", Config: ProxyConfig{Name: "a proxy"}},
	}, map[string]string{
		"Source": "nil declines", "Certificate": "as of a server", "Log": "nil is none", "Observer": "nil is none", "SharedFront": "nil is none",
		"AnyScheme": "both work", "TrustForwarded": "both work", "TunnelIdle": "less than 0 is no bound", "Allow": "nil is AllowWeb",
	})
	misusetest.Check(t, "drive", "certificate", proxy(ProxyConfig{Certificate: drive.CertificatesOf()}))
	for name, c := range map[string]ProxyConfig{"the zero value": {}, "a reverse proxy": to("https://a.example:8443/"), "no bound on tunnels": {TunnelIdle: -1}} {
		if err := proxy(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := client(ClientConfig{}); err != nil {
		t.Errorf("the zero ClientConfig: %v", err)
	}
}

// What cannot happen is the class of our own defects, and not the peer's fault (it was
// reported as a message that cannot come now).
func TestDefectsAreInternal(t *testing.T) {
	for _, err := range []error{nil, gss.Misuse("machine: this event cannot come now"), errors.New("other")} {
		f := machines.Defect("nethttp", err)
		if f.Code != gss.Bug || f.Code.Class() != gss.Internal || f.Detail == "" {
			t.Errorf("%v is reported as %v", err, f)
		}
		if r := broken(err); r.Fault != f || r.Status != http.StatusBadGateway || !r.Close {
			t.Errorf("the proxy's answer to %v is %v", err, r)
		}
	}
	expired := gss.Fault{Code: gss.Expired, Detail: "x"}
	if f := machines.Defect("nethttp", expired.Err()); f != expired {
		t.Errorf("the fault in an error is %v", f)
	}
}

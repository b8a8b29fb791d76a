package fasthttp

import (
	"testing"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/internal/misuse/misusetest"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A configuration that cannot work is a gss.Misuse of the constructor, which says why.
func TestConfigurationsThatCannotWork(t *testing.T) {
	auth := machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("r", scheme.AskVerifier)}}
	client := func(c ClientConfig) error { _, err := NewTransport(c); return err }
	server := func(c ServerConfig) error { _, err := NewAuthenticator(c); return err }
	misusetest.Run(t, "fasthttp", client, []misusetest.Row[ClientConfig]{
		{Field: "BufferBody", Config: ClientConfig{BufferBody: -1}},
		{Field: "MaxDrain", Config: ClientConfig{MaxDrain: -1}},
	}, map[string]string{"Machine": "package machine looks, see below", "Source": "nil declines", "Identity": "nil is none", "DeliverRefused": "both work", "Observer": "nil is none"})
	misusetest.Check(t, "machine", "ClientConfig.Schemes[0]", client(ClientConfig{Machine: machine.ClientConfig{Schemes: []scheme.Client{nil}}}))
	if err := client(ClientConfig{}); err != nil {
		t.Errorf("the zero ClientConfig: %v", err)
	}
	misusetest.Run(t, "fasthttp", server, []misusetest.Row[ServerConfig]{
		{Field: "MaxDrain", Config: ServerConfig{Auth: auth, MaxDrain: -1}},
		{Field: "MaxBody", Config: ServerConfig{Auth: auth, MaxBody: -1}},
		{Field: "Timeout", Config: ServerConfig{Auth: auth, Timeout: -1}},
		{Field: "Limits.Header", Config: ServerConfig{Auth: auth, Limits: drive.Limits{Header: -1}}},
	}, map[string]string{
		"Auth": "package machine looks, see below", "Source": "nil declines", "Certificate": "package drive looks, see below", "Session": "package session looks, see below", "SharedFront": "nil is none",
		"AnyScheme": "both work", "Log": "nil is none", "Observer": "nil is none",
	})
	misusetest.Check(t, "machine", "ServerConfig.Schemes", server(ServerConfig{}))
	misusetest.Check(t, "session", "Config.Idle", server(ServerConfig{Auth: auth, Session: &session.Config{Idle: -1}}))
	misusetest.Check(t, "drive", "certificate", server(ServerConfig{Auth: auth, Certificate: drive.CertificatesOf()}))
}

package setup

import (
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Machine is what machines are made of. It holds no secret: a trace carries it,
// and with the trace's key that is all it takes to make the machines again.
type Machine struct {
	Options
	// Label goes into [NonceKey] with the trace's key.
	Label string `json:"label,omitempty"`
	// KeepAlways is a server's machine.KeepAlways.
	KeepAlways bool `json:"keep_always,omitempty"`
	// Cleartext is a client's scheme.Policy.Cleartext.
	Cleartext bool `json:"cleartext,omitempty"`
}

// Client configures clients.
func (m *Machine) Client() (machine.ClientConfig, error) {
	schemes, err := m.Clients()
	return machine.ClientConfig{Schemes: schemes, Policy: scheme.Policy{Cleartext: m.Cleartext}}, err
}

// Server configures servers, and the part of a proxy that authenticates its
// clients. key is for nonces.
func (m *Machine) Server(key gss.Secret) (machine.ServerConfig, error) {
	schemes, err := m.Servers(key)
	c := machine.ServerConfig{Schemes: schemes}
	if m.KeepAlways {
		c.Keep = machine.KeepAlways
	}
	return c, err
}

// Proxy configures proxies.
func (m *Machine) Proxy(key gss.Secret) (machine.ProxyConfig, error) {
	auth, err := m.Server(key)
	return machine.ProxyConfig{Auth: auth}, err
}

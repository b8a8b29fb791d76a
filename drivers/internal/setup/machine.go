package setup

import (
	"fmt"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Machine describes the configuration of machines. It holds no secret: a trace contains it,
// and replay makes the machines again from it and the trace's key.
type Machine struct {
	Options
	// Label is the label for [NonceKey] with the trace's key.
	Label string `json:"label,omitempty"`
	// KeepAlways is a server's machine.KeepAlways.
	KeepAlways bool `json:"keep_always,omitempty"`
	// Cleartext is a client's scheme.Policy.Cleartext.
	Cleartext bool `json:"cleartext,omitempty"`
	// Mutual is a client's demand for mutual authentication, one of [Mutuals]; "" means require.
	Mutual string `json:"mutual,omitempty"`
	// ServiceName and ProxyServiceName are the names of the services at a client's origins and at its
	// proxy: SERVICE, SERVICE/HOST or /HOST; "" means HTTP/ and the host of the URL.
	ServiceName      string `json:"service_name,omitempty"`
	ProxyServiceName string `json:"proxy_service_name,omitempty"`
}

// Mutuals returns the names for [Machine].Mutual.
func Mutuals() []string { return []string{"require", "if-offered", "off"} }

// Client returns the configuration of clients.
func (m *Machine) Client() (machine.ClientConfig, error) {
	o := m.Options
	o.oneWay = m.Mutual == "off"
	schemes, err := o.Clients()
	if err != nil {
		return machine.ClientConfig{}, err
	}
	c := machine.ClientConfig{Schemes: schemes, Policy: scheme.Policy{Cleartext: m.Cleartext}, ServiceName: m.serviceName()}
	switch m.Mutual {
	case "", "require", "off": // which has Kerberos ask for no proof, so that none is missing
		return c, nil
	case "if-offered":
		c.MutualIfOffered = true
		return c, nil
	}
	return c, fmt.Errorf("no --mutual %q: expected %s", m.Mutual, strings.Join(Mutuals(), ", "))
}

// serviceName returns machine.ClientConfig.ServiceName, nil if no name is set.
func (m *Machine) serviceName() func(gss.Side, gss.Target) (service, host string) {
	if m.ServiceName == "" && m.ProxyServiceName == "" {
		return nil
	}
	names := [2]string{gss.Origin: m.ServiceName, gss.Proxy: m.ProxyServiceName}
	return func(s gss.Side, _ gss.Target) (service, host string) {
		service, host, _ = strings.Cut(names[s], "/")
		return service, host
	}
}

// Server returns the configuration of servers, and of the part of a proxy that authenticates
// its clients. key authenticates nonces.
func (m *Machine) Server(key gss.Secret) (machine.ServerConfig, error) {
	schemes, err := m.Servers(key)
	c := machine.ServerConfig{Schemes: schemes}
	if m.KeepAlways {
		c.Keep = machine.KeepAlways
	}
	return c, err
}

// Proxy returns the configuration of proxies.
func (m *Machine) Proxy(key gss.Secret) (machine.ProxyConfig, error) {
	auth, err := m.Server(key)
	return machine.ProxyConfig{Auth: auth}, err
}

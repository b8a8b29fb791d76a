//go:build mutants

package model

import "github.com/countersign-auth/countersign/machine"

// Seed is the Tune that seeds a fault in all machines of a world.
func Seed(m machine.Mutant) Tune {
	return Tune{
		Client: func(c *machine.ClientConfig) { c.Mutate(m) },
		Server: func(c *machine.ServerConfig) { c.Mutate(m) },
		Proxy:  func(c *machine.ProxyConfig) { c.Mutate(m) },
	}
}

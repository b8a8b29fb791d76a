package krb5

import (
	"cmp"
	"context"
	"net"
)

// canonical returns the canonical name of a host as MIT's library finds it (NAMES-3): that which DNS
// has for its name, or, unless krb5.conf has rdns = false, for its first address. What cannot be
// found changes nothing.
func (c *Client) canonical(ctx context.Context, host string) string {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	name, addresses := host, []string{host}
	if net.ParseIP(host) == nil {
		lookup := c.LookupCNAME
		if lookup == nil {
			lookup = net.DefaultResolver.LookupCNAME
		}
		found, err := lookup(ctx, host)
		if err != nil {
			return host
		}
		name, addresses = cmp.Or(found, host), nil
	}
	if !c.Config.Bool("rdns", true) {
		return name
	}
	if addresses == nil {
		lookup := c.LookupHost
		if lookup == nil {
			lookup = net.DefaultResolver.LookupHost
		}
		addresses, _ = lookup(ctx, host)
	}
	if len(addresses) == 0 {
		return name
	}
	lookup := c.LookupAddr
	if lookup == nil {
		lookup = net.DefaultResolver.LookupAddr
	}
	if names, err := lookup(ctx, addresses[0]); err == nil && len(names) > 0 {
		return names[0]
	}
	return name
}

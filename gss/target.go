package gss

import "strings"

// Target names the acceptor of a context. An initiator's names the peer; an acceptor's
// names itself and holds its end of the channel binding.
type Target struct {
	Service string // GSS service name; HTTP for origins and proxies alike
	Scheme  string // URI scheme, "http" or "https", lower case
	Host    string // lower case, no port, no brackets, never rewritten by DNS
	Port    uint16
	// ServiceHost is the host in the name of the service, where an application says that it is
	// another one than Host; "" is Host. Credential sources do not look at it: which
	// credentials a peer may see follows from the URL.
	ServiceHost string
	// Identity is the local name under which the application acts; "" is the default
	// one. Credential sources read it, peers never see it.
	Identity string
	// Want holds the services to request. Mutual is always requested (MS-N2HT section
	// 5.1).
	Want Flags
	// MutualIfOffered lets an initiator do without the acceptor's proof, for acceptors that
	// never prove themselves. Where the exchange ends and only that proof is missing (an absent
	// token in place of the last one, or SPNEGO's accept-completed without a token of its
	// mechanism), the context completes without [Mutual], and its Info is Unproven. A proof
	// that comes must be right, and what protects a negotiation is required all the same
	// (RFC 4178 section 5). Without it such a context fails.
	MutualIfOffered bool
	// Binding is the channel below. HTTP's is [EndPoint].
	Binding Binding
}

// SPN returns the service principal name, HTTP/hostname for HTTP (RFC 4559 section 4.1).
// It depends on the target alone and uses no DNS.
func (t Target) SPN() string { return t.Service + "/" + t.SPNHost() } // R4559-4.1-13

// SPNHost returns the host in the name of the service, for all mechanisms alike: ServiceHost, or
// else Host, in lower case, without the dot that ends a fully qualified name, as no service is
// registered with it, and without the zone of an IPv6 address, which means nothing to a peer.
// Of several dots one is removed, as MIT's library does.
func (t Target) SPNHost() string { // NAMES-1
	host := t.ServiceHost
	if host == "" {
		host = t.Host
	}
	if zone := strings.IndexByte(host, '%'); zone >= 0 && strings.Contains(host[:zone], ":") {
		host = host[:zone]
	}
	return strings.TrimSuffix(lower(host), ".")
}

// lower returns s with the letters of ASCII in lower case. Others are left as they are: a
// host name has none once it is what DNS takes.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

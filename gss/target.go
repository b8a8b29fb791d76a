package gss

// Target names the acceptor of a context. An initiator's names the peer; an acceptor's
// names itself and holds its end of the channel binding.
type Target struct {
	Service string // GSS service name; HTTP for origins and proxies alike
	Scheme  string // URI scheme, "http" or "https", lower case
	Host    string // lower case, no port, no brackets, never rewritten by DNS
	Port    uint16
	// Identity is the local name under which the application acts; "" is the default
	// one. Credential sources read it, peers never see it.
	Identity string
	// Want holds the services to request. Mutual is always requested (MS-N2HT section
	// 5.1).
	Want Flags
	// Binding is the channel below. HTTP's is [EndPoint].
	Binding Binding
}

// SPN returns the service principal name, HTTP/hostname for HTTP (RFC 4559 section 4.1).
// It depends on the target alone and uses no DNS.
func (t Target) SPN() string { return t.Service + "/" + t.Host } // R4559-4.1-13

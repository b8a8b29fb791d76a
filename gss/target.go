package gss

// Target is whom a context is for. An initiator's names the acceptor; an
// acceptor's names itself and holds its end of the channel binding.
type Target struct {
	Service string // GSS service name; HTTP for origins and proxies alike
	Scheme  string // URI scheme, "http" or "https", lower case
	Host    string // lower case, no port, no brackets, never rewritten by DNS
	Port    uint16
	// Identity is the local name under which the application wants to act; ""
	// is the default one. Credential sources read it, peers never see it.
	Identity string
	// Want are the services to request. Mutual is always requested (N2HT-5.1-1).
	Want Flags
	// Binding is the channel below. HTTP's is [EndPoint] (C31).
	Binding Binding
}

// SPN is the service principal name, HTTP/hostname for HTTP (R4559-4.1-13): a
// pure function of the target, without DNS.
func (t Target) SPN() string { return t.Service + "/" + t.Host }

package machine

import (
	"reflect"
	"slices"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/scheme"
)

// Mutual tells what a client does when the peer could prove itself and did not
// (C2, C15). A proof that is there and does not verify always fails.
type Mutual uint8

const (
	// MutualRequired fails a 2xx or 3xx response that came without the final
	// token which the context still waits for; a 4xx or 5xx is delivered as not
	// authenticated.
	MutualRequired Mutual = iota
	// MutualIfOffered delivers it as not authenticated, for servers that never prove
	// themselves.
	MutualIfOffered
)

// BodyPolicy is when a client sends a request's body.
type BodyPolicy uint8

const ( // R4559-6-8
	// WhenReady sends it with the leg after which only the peer's proof is
	// missing; legs before that one are empty.
	WhenReady BodyPolicy = iota
	// Strict authenticates the connection with body-less HEAD requests first,
	// and sends the body once the context is complete (RFC 4559 section 6 to the
	// letter). It needs a server that keeps the connection authenticated.
	Strict
	// Optimistic sends a replayable body with every leg.
	Optimistic
)

// The default bounds of a [ClientConfig].
const ( // HTA-6
	DefaultMaxLegs       = 8
	DefaultMaxAttempts   = 2
	DefaultMaxReconnects = 3
)

// ClientConfig configures clients. It is copied by [NewClient].
type ClientConfig struct {
	_ struct{}

	// Schemes are those that may answer an origin's 401, ProxySchemes those for
	// a proxy's 407; at most [scheme.MaxSchemes] each. Nil ProxySchemes means
	// Schemes.
	Schemes, ProxySchemes []scheme.Client
	Policy                scheme.Policy
	Mutual                Mutual
	// StrictProxy applies Mutual to proxies as well. Otherwise a proxy that lets a
	// request pass need not prove itself, but a proof that it sends must be right: RFC
	// 4559 does not describe proxies, and deployed ones send no final token.
	StrictProxy bool
	Bodies      BodyPolicy
	// MaxLegs bounds the challenges answered on one side of an exchange,
	// MaxAttempts the credentials that are asked for, MaxReconnects the
	// connections it may use up. 0 means the default.
	MaxLegs, MaxAttempts, MaxReconnects uint8
}

// clientConf is a validated ClientConfig. It is read-only after NewClient.
type clientConf struct {
	ClientConfig
	schemes [2][]scheme.Client // by side, sorted by the policy
}

// NewClient returns a client for a new connection. All Clients of one program should be
// copies of one, so that they compare equal. The error, if any, is a [gss.Misuse] and
// says what is wrong with the configuration.
func NewClient(c ClientConfig) (Client, error) {
	if c.ProxySchemes == nil {
		c.ProxySchemes = c.Schemes
	}
	p := &c.Policy // with lists of its own, so that the caller's may change
	p.Allow, p.Deny, p.Order = slices.Clone(p.Allow), slices.Clone(p.Deny), slices.Clone(p.Order)
	conf := &clientConf{ClientConfig: c}
	for side, list := range [2][]scheme.Client{c.Schemes, c.ProxySchemes} {
		if len(list) > scheme.MaxSchemes {
			return Client{}, gss.Misuse("machine: more than 16 schemes for one side")
		}
		for _, s := range list {
			if s == nil || !reflect.ValueOf(s).Comparable() {
				return Client{}, gss.Misuse("machine: a client scheme is nil or not comparable with ==")
			}
		}
		conf.schemes[side] = c.Policy.Sort(list)
	}
	def(&conf.MaxLegs, DefaultMaxLegs)
	def(&conf.MaxAttempts, DefaultMaxAttempts)
	def(&conf.MaxReconnects, DefaultMaxReconnects)
	return Client{conf: conf}, nil
}

func def(v *uint8, to uint8) {
	if *v == 0 {
		*v = to
	}
}

// Keep is when a server keeps an identity beyond the request that proved it.
type Keep uint8

const (
	// KeepBound keeps it if the mechanism is bound to its connection by nature (NTLM):
	// otherwise each request would cost three legs.
	KeepBound Keep = iota
	// KeepAlways keeps it for every scheme with a security context.
	KeepAlways
	// KeepNever keeps none: every request needs a handshake.
	KeepNever
)

// ServerConfig configures servers. It is copied by [NewServer].
type ServerConfig struct {
	_ struct{}

	// Schemes are offered, strongest first; at most [scheme.MaxSchemes].
	Schemes []scheme.Server
	// Optional accepts a request without credentials as anonymous. Challenges are then
	// added to the handler's own 401.
	Optional bool
	// Keep is when an identity is kept after its request (MS-N2HT section 3.3.5).
	Keep Keep
	// PinnedFront tells that intermediaries in front of this server keep each client's
	// requests on connections of its own, so that an identity may be kept for requests
	// with Via, too. Only an operator can know that.
	PinnedFront bool
	// MaxLegs bounds the legs of one handshake. 0 means the default.
	MaxLegs uint8
}

type serverConf struct {
	ServerConfig
	side gss.Side
}

// NewServer returns a server for a new connection. A configuration without schemes is an
// error, since no client could authenticate. The error is a [gss.Misuse].
func NewServer(c ServerConfig) (Server, error) { return newServer(c, gss.Origin) } // N2HT-1.5-1

func newServer(c ServerConfig, side gss.Side) (Server, error) {
	if len(c.Schemes) == 0 || len(c.Schemes) > scheme.MaxSchemes {
		return Server{}, gss.Misuse("machine: a server needs 1 to 16 schemes")
	}
	conf := &serverConf{ServerConfig: c, side: side}
	conf.Schemes = nil
	for _, s := range c.Schemes {
		if s == nil || !reflect.ValueOf(s).Comparable() {
			return Server{}, gss.Misuse("machine: a server scheme is nil or not comparable with ==")
		}
		if side == gss.Proxy && s.Traits().OriginOnly {
			return Server{}, gss.Misuse("machine: " + s.Traits().Name + " is not for proxies")
		}
		i := len(conf.Schemes)
		for i > 0 && conf.Schemes[i-1].Traits().Strength < s.Traits().Strength {
			i--
		}
		conf.Schemes = append(conf.Schemes[:i:i], append([]scheme.Server{s}, conf.Schemes[i:]...)...)
	}
	def(&conf.MaxLegs, DefaultMaxLegs)
	return Server{conf: conf}, nil
}

// ProxyConfig configures proxies. It is copied by [NewProxy].
type ProxyConfig struct {
	_ struct{}

	// Auth authenticates the proxy's own clients (407). Without Schemes the proxy is
	// open. Its PinnedFront counts in any case: without it, requests with Via or from a
	// shared front get no upstream connection of their own.
	Auth ServerConfig
	// Reverse tells that this proxy is the origin for its clients. It pins upstream
	// connections as a forward proxy does, and does not send Proxy-Support.
	Reverse bool
	// Strip removes connection-bound challenges from a 401 when the upstream
	// connection cannot be pinned. RFC 9110 section 11.6.1 forbids it to a forward
	// proxy; a reverse proxy may.
	Strip bool
	// Chain passes an upstream proxy's 407 on instead of a 502, for cooperating proxies
	// only (RFC 9110 section 11.7.2).
	Chain bool
	// Bound names the schemes with credentials and challenges that belong to a
	// connection. Nil means Negotiate, Nego2 and NTLM.
	Bound []string
}

type proxyConf struct {
	ProxyConfig
}

// NewProxy returns a proxy for a new client connection. The error is a [gss.Misuse].
func NewProxy(c ProxyConfig) (Proxy, error) {
	c.Bound = slices.Clone(c.Bound)
	if c.Bound == nil {
		c.Bound = []string{scheme.Negotiate, scheme.Nego2, scheme.NTLM}
	}
	if c.Reverse && len(c.Auth.Schemes) > 0 {
		return Proxy{}, gss.Misuse("machine: a reverse proxy does not send 407; authenticate with a Server in front of it")
	}
	p := Proxy{conf: &proxyConf{c}}
	if len(c.Auth.Schemes) > 0 {
		front, err := newServer(c.Auth, gss.Proxy)
		if err != nil {
			return Proxy{}, err
		}
		p.front = front
	}
	return p, nil
}

// Config returns what the proxy was made with, the defaults filled in.
func (p Proxy) Config() ProxyConfig {
	if p.conf == nil {
		return ProxyConfig{}
	}
	c := p.conf.ProxyConfig
	c.Bound = slices.Clone(c.Bound)
	return c
}

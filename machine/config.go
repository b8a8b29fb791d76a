package machine

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/internal/choice"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/internal/side"
	"github.com/countersign-auth/countersign/scheme"
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

// The default bounds of a [ClientConfig] and a [ServerConfig].
const ( // HTA-6
	defaultMaxLegs       = 8
	defaultMaxAttempts   = 2
	defaultMaxReconnects = 3
)

// ClientConfig configures clients. It is copied by [NewClient].
type ClientConfig struct {
	_ struct{}

	// Schemes are those that may answer an origin's 401, ProxySchemes those for
	// a proxy's 407; at most 16 each. Nil ProxySchemes means
	// Schemes.
	Schemes, ProxySchemes []scheme.Client
	Policy                scheme.Policy
	// MutualIfOffered delivers a response as not authenticated if the peer could prove
	// itself and did not, for servers that never do: without a final token, or with one of
	// SPNEGO that says accept-completed and has no token of the mechanism. Deliver.Info is
	// Unproven then. Otherwise a 2xx or 3xx response fails that came without the final token
	// which the context still waits for, any response fails whose final token lacks the proof,
	// and a 4xx or 5xx without a token is delivered as not authenticated. A proof that is there
	// and does not verify always fails, and so does a negotiation whose mechListMIC is required
	// and missing (RFC 4178 section 5).
	MutualIfOffered bool
	// StrictProxy requires the same of proxies. Otherwise a proxy that lets a
	// request pass need not prove itself, but a proof that it sends must be right: RFC
	// 4559 does not describe proxies, and deployed ones send no final token.
	StrictProxy bool
	// InvalidPersistence reads a Persistent-Auth field that is neither true nor false as one that is absent: by the letter of MS-N2HT section 3.2.5
	// such a field is ignored, and NTLM then keeps its connection authenticated. Otherwise the field says nothing, and the rule for an absent one is not
	// applied either: what came garbled may have been "false", and credentials that were not needed cost one round trip, while a request without those
	// that were needed fails.
	InvalidPersistence bool
	// NoMemory begins each exchange without credentials, whatever its Lease says, and learns no scheme for the next one: nothing
	// is sent that no challenge asked for, and each exchange costs a round trip more. It is for servers that count a refusal of
	// what was remembered, such as an old nonce or another realm's password, among the failed attempts of a user, and for
	// devices that answer what was remembered with 403, which challenges to nothing.
	NoMemory bool
	Bodies   BodyPolicy
	// ServiceName, if not nil, returns the name of the service that the peer of a request is, for the mechanisms that name it: Kerberos gets its ticket for
	// that name, and NTLM's response has it. For either part "" stands for the default, which is HTTP and the host of t. A host of another name, or with a
	// port, as in HTTP/www.example:8080, is not changed any more but for its case. Sources of credentials see t as the URL names it, and decide by that.
	// The function has to be pure.
	ServiceName func(s gss.Side, t gss.Target) (service, host string)
	// MaxLegs bounds the challenges answered on one side of an exchange,
	// MaxAttempts the credentials that are asked for because of one, MaxReconnects
	// the connections it may use up. 0 means 8 challenges, 2 credentials and 3
	// connections. What a scheme begins with from memory is not counted; each scheme
	// does that once.
	MaxLegs, MaxAttempts, MaxReconnects uint8
}

// clientConf is a validated ClientConfig. It is read-only after NewClient.
type clientConf struct {
	ClientConfig
	sides [2]side.Config
}

// NewClient returns a client for a new connection. All Clients of one program should be
// copies of one, so that they compare equal. The error, if any, is a [gss.Misuse] and
// says what is wrong with the configuration.
func NewClient(c ClientConfig) (Client, error) {
	if c.ProxySchemes == nil {
		c.ProxySchemes = c.Schemes
	}
	if err := checkPolicy(c); err != nil {
		return Client{}, err
	}
	p := &c.Policy // with lists of its own, so that the caller's may change
	p.Allow, p.Deny, p.Order = slices.Clone(p.Allow), slices.Clone(p.Deny), slices.Clone(p.Order)
	conf := &clientConf{ClientConfig: c}
	for s, list := range [2][]scheme.Client{c.Schemes, c.ProxySchemes} {
		if err := checkClients([...]string{"Schemes", "ProxySchemes"}[s], list); err != nil {
			return Client{}, err
		}
		conf.sides[s].Schemes = choice.Sort(p, list)
	}
	def(&conf.MaxLegs, defaultMaxLegs)
	def(&conf.MaxAttempts, defaultMaxAttempts)
	def(&conf.MaxReconnects, defaultMaxReconnects)
	for s := range conf.sides {
		of := &conf.sides[s]
		of.Policy, of.MaxLegs, of.MaxAttempts = &conf.Policy, conf.MaxLegs, conf.MaxAttempts
		of.Lenient = gss.Side(s) == gss.Proxy && !c.StrictProxy
	}
	return Client{conf: conf}, nil
}

// checkScheme returns why a machine cannot have s as one of its schemes: it is nil, it does
// not compare with ==, its [scheme.Checker] says so, or it has no name.
func checkScheme(s interface{ Traits() scheme.Traits }) error {
	if s == nil {
		return gss.Misuse("the scheme is nil")
	}
	if !reflect.ValueOf(s).Comparable() {
		return gss.Misuse(fmt.Sprintf("a %T does not compare with ==; put what does not behind a pointer", s))
	}
	if c, ok := s.(scheme.Checker); ok {
		if err := c.CheckConfig(); err != nil {
			return err
		}
	}
	if s.Traits().Name == "" {
		return gss.Misuse(fmt.Sprintf("the traits of a %T have no name", s))
	}
	return nil
}

// checkClients returns what is wrong with the schemes of one side.
func checkClients(field string, list []scheme.Client) error {
	if len(list) > choice.MaxSchemes {
		return misuse.Errorf("machine", "ClientConfig.%s has %d schemes; want up to %d", field, len(list), choice.MaxSchemes)
	}
	for i, s := range list {
		if err := checkScheme(s); err != nil {
			return misuse.Errorf("machine", "ClientConfig.%s[%d]: %s", field, i, misuse.Reason(err))
		}
		for _, other := range list[:i] {
			if name := s.Traits().Name; ascii.EqualFold(other.Traits().Name, name) {
				return misuse.Errorf("machine", "ClientConfig.%s[%d], %s, is there twice; leave one out", field, i, name)
			}
		}
	}
	return nil
}

// checkPolicy returns what of the rest cannot work.
func checkPolicy(c ClientConfig) error {
	switch {
	case c.Bodies > Optimistic:
		return misuse.Errorf("machine", "ClientConfig.Bodies is %d; use WhenReady, Strict or Optimistic", c.Bodies)
	}
	for _, list := range [...]struct {
		field string
		names []string
	}{{"Allow", c.Policy.Allow}, {"Deny", c.Policy.Deny}, {"Order", c.Policy.Order}} {
		for i, name := range list.names {
			if !isName(name) {
				return misuse.Errorf("machine", "ClientConfig.Policy.%s[%d] is %q; want the name of a scheme, such as Negotiate", list.field, i, name)
			}
		}
	}
	all := slices.Concat(c.Schemes, c.ProxySchemes)
	if len(all) > 0 && !slices.ContainsFunc(all, func(s scheme.Client) bool { return s == nil || choice.Permits(&c.Policy, s.Traits().Name) }) {
		return misuse.Errorf("machine", "ClientConfig.Policy.Allow and Deny leave out every scheme; allow one of those configured")
	}
	return nil
}

// isName reports whether a scheme can be called so.
func isName(s string) bool { return s != "" && !strings.ContainsAny(s, " \t,=\"") }

func def(v *uint8, to uint8) {
	if *v == 0 {
		*v = to
	}
}

// Keep is when a server keeps an identity beyond the request that proved it.
type Keep uint8

const (
	// KeepByMechanism keeps it if the mechanism is bound to its connection by nature (NTLM):
	// otherwise each request would cost three legs.
	KeepByMechanism Keep = iota
	// KeepAlways keeps it for every scheme with a security context.
	KeepAlways
	// KeepNever keeps none: every request needs a handshake.
	KeepNever
)

// ServerConfig configures servers. It is copied by [NewServer].
type ServerConfig struct {
	_ struct{}

	// Schemes are offered, strongest first; at most 16.
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
	// MaxLegs bounds the legs of one handshake. 0 means 8.
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
	where := "ServerConfig."
	if side == gss.Proxy {
		where = "ProxyConfig.Auth."
	}
	switch n := len(c.Schemes); {
	case n == 0 || n > choice.MaxSchemes:
		return Server{}, misuse.Errorf("machine", "%sSchemes has %d schemes; want 1 to %d", where, n, choice.MaxSchemes)
	case c.Keep > KeepNever:
		return Server{}, misuse.Errorf("machine", "%sKeep is %d; use KeepByMechanism, KeepAlways or KeepNever", where, c.Keep)
	}
	conf := &serverConf{ServerConfig: c, side: side}
	conf.Schemes = nil
	for i, s := range c.Schemes {
		if err := checkScheme(s); err != nil {
			return Server{}, misuse.Errorf("machine", "%sSchemes[%d]: %s", where, i, misuse.Reason(err))
		}
		for _, other := range c.Schemes[:i] {
			if name := s.Traits().Name; ascii.EqualFold(other.Traits().Name, name) {
				return Server{}, misuse.Errorf("machine", "%sSchemes[%d], %s, is there twice; leave one out", where, i, name)
			}
		}
		if side == gss.Proxy && s.Traits().OriginOnly {
			return Server{}, misuse.Errorf("machine", "%sSchemes[%d], %s, is not for proxies; use Negotiate", where, i, s.Traits().Name)
		}
		at := len(conf.Schemes)
		for at > 0 && conf.Schemes[at-1].Traits().Strength < s.Traits().Strength {
			at--
		}
		conf.Schemes = slices.Insert(conf.Schemes, at, s)
	}
	def(&conf.MaxLegs, defaultMaxLegs)
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
	PinnedSchemes []string
}

type proxyConf struct {
	ProxyConfig
}

// NewProxy returns a proxy for a new client connection. The error is a [gss.Misuse].
func NewProxy(c ProxyConfig) (Proxy, error) {
	c.PinnedSchemes = slices.Clone(c.PinnedSchemes)
	if c.PinnedSchemes == nil {
		c.PinnedSchemes = []string{scheme.Negotiate, scheme.Nego2, scheme.NTLM}
	}
	switch {
	case c.Reverse && len(c.Auth.Schemes) > 0:
		return Proxy{}, misuse.Errorf("machine", "ProxyConfig.Auth.Schemes has %d schemes, and a reverse proxy does not send 407; authenticate with a Server in front of it", len(c.Auth.Schemes))
	case c.Auth.Keep > KeepNever:
		return Proxy{}, misuse.Errorf("machine", "ProxyConfig.Auth.Keep is %d; use KeepByMechanism, KeepAlways or KeepNever", c.Auth.Keep)
	case c.Auth.Optional && len(c.Auth.Schemes) == 0:
		return Proxy{}, misuse.Errorf("machine", "ProxyConfig.Auth is Optional and has no schemes; leave it out, the proxy is open without schemes")
	}
	for i, name := range c.PinnedSchemes {
		if !isName(name) {
			return Proxy{}, misuse.Errorf("machine", "ProxyConfig.PinnedSchemes[%d] is %q; want the name of a scheme, such as NTLM", i, name)
		}
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
	c.PinnedSchemes = slices.Clone(c.PinnedSchemes)
	return c
}

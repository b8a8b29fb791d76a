package connect

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/internal/authority"
	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/machine"
)

// The bounds on what a proxy may say before its tunnel stands (HTA-6).
const (
	// maxHeader bounds the header of one response, in bytes.
	maxHeader = 256 << 10
	// maxBody bounds the part of a 407's content that is read so that its connection can be
	// used again, in bytes. Beyond it the connection is closed.
	maxBody = 64 << 10
	// maxInformational bounds the 1xx responses before the final one.
	maxInformational = 8
)

// Config configures a [Dialer].
type Config struct {
	opaque[Config] // no output shows what is in it

	// Proxy is the proxy's URL, http or https, with host and port; the port
	// defaults to 80 or 443. Its user information, if any, answers credential
	// questions that Source declines.
	Proxy *url.URL
	// Machine configures the client. ProxySchemes answer a 407, or Schemes where
	// those are nil.
	Machine machine.ClientConfig
	// Source answers questions, with the context of the dial; nil declines them. answer.Allow keeps
	// tickets to the proxies that are named. A tunnel belongs to the user that the answers name: a
	// program that keeps tunnels for several users has to tell them apart, as nethttp.Transport does.
	Source answer.Source
	// Identity is the local name to act under, see gss.Target.
	Identity string
	// Discovered: the proxy was found by the network, not configured by hand
	// (C1).
	Discovered bool
	// TLS is for https proxies; nil is the default configuration. ServerName is
	// filled in where it is empty.
	TLS *tls.Config
	// Dial connects to the proxy; nil is a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Header is sent with each CONNECT. Fields that authenticate have no place
	// in it: Proxy-Authorization is overwritten.
	Header http.Header
	// Observer, if not nil, is called for every step of every machine, of which there
	// is one for each connection to the proxy.
	Observer drive.Observer
}

// Dialer opens tunnels through one proxy. It may be used by several goroutines
// at once. Make one with [New].
type Dialer struct {
	opaque[Dialer] // no output shows what is in it

	config  Config
	secure  bool   // TLS to the proxy
	host    string // the proxy's
	address string
	client  drive.Client[*link]
}

// New makes a Dialer. The error is a gss.Misuse and says what of the configuration cannot
// work.
func New(c Config) (*Dialer, error) {
	if c.Proxy == nil {
		return nil, misuse.Errorf("connect", "Config.Proxy is nil; want http://host:port or https://host:port")
	}
	d := new(Dialer)
	as := strings.ToLower(c.Proxy.Scheme)
	if as != "http" && as != "https" {
		return nil, misuse.Errorf("connect", "Config.Proxy has the scheme %q; want http://host:port or https://host:port", as)
	}
	host, port, err := authority.Split(as, c.Proxy.Host)
	switch {
	case err != nil:
		return nil, misuse.Errorf("connect", "Config.Proxy has no valid host and port; want http://host:port or https://host:port, with a port within 1 to 65535")
	case host == "":
		return nil, misuse.Errorf("connect", "Config.Proxy has no host; want http://host:port or https://host:port")
	}
	d.secure = as == "https"
	d.host, d.address = host, net.JoinHostPort(host, strconv.Itoa(int(port)))
	client, err := machine.NewClient(c.Machine)
	if err != nil {
		return nil, err
	}
	d.client.Machine, d.client.Observer = client, c.Observer
	d.client.MaxIdle = -1 // tunnels are handed out, and other connections closed
	if u := c.Proxy.User; u != nil {
		password, _ := u.Password()
		login, err := answer.ForProxy(as+"://"+d.address, u.Username(), password)
		if err != nil {
			return nil, misuse.Errorf("connect", "Config.Proxy has user information without a user name; write http://user:password@host:port, or leave it out")
		}
		c.Source = answer.Chain(c.Source, answer.As(c.Identity, login))
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	d.config = c
	return d, nil
}

// DialContext opens a tunnel to address, a host:port, which the proxy resolves.
// network must be "tcp", "tcp4" or "tcp6"; it is the way to the proxy. The
// context counts for all legs and questions together, and not for the tunnel
// once it stands. An error of the proxy is an [*Error].
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return nil, &net.AddrError{Err: "connect: want host:port", Addr: address}
	}
	keys, err := drive.NewKeys(drive.Destination{
		Proxy: d.config.Proxy, Route: machine.Tunneling, Scheme: "https", Authority: address, Identity: d.config.Identity,
	})
	if err != nil || keys.Host == "" {
		return nil, &net.AddrError{Err: "connect: want host:port with a port within 1 to 65535", Addr: address}
	}
	keys.Route.Explicit = !d.config.Discovered
	h := handshake{dialer: d, network: network, authority: authority.Wire(address), keys: keys}
	c, err := h.run(ctx)
	return c, hidden.Error(err)
}

// Dial does what DialContext does without a context, for libraries that have none, such as
// fasthttp.
func (d *Dialer) Dial(address string) (net.Conn, error) {
	return d.DialContext(context.Background(), "tcp", address)
}

// DialAddress does what DialContext does for "tcp", in the form of grpc.WithContextDialer.
func (d *Dialer) DialAddress(ctx context.Context, address string) (net.Conn, error) {
	return d.DialContext(ctx, "tcp", address)
}

package nethttp

import (
	"cmp"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/drivers/internal/authority"
	"github.com/countersign-auth/countersign/drivers/internal/bounds"
	"github.com/countersign-auth/countersign/drivers/internal/machines"
	"github.com/countersign-auth/countersign/drivers/internal/serverlimits"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/machine"
)

// The default bounds of a proxy: for connecting to an upstream, and for a tunnel that
// transfers no bytes.
const (
	dialTimeout       = 30 * time.Second
	defaultTunnelIdle = time.Hour
)

// ProxyConfig configures a [Proxy].
type ProxyConfig struct {
	opaque[ProxyConfig] // no output shows what is in it

	// Proxy configures the policy and, in Proxy.Auth, the schemes by which the proxy's
	// own clients authenticate (407). Proxy.Chain is not supported by this driver.
	Proxy machine.ProxyConfig
	// Source, Certificate, MaxDrain, DrainTime, Log and Observer are described in
	// [ServerConfig].
	Source      answer.Source
	Certificate drive.Certificates
	MaxDrain    int64
	DrainTime   time.Duration
	Log         func(*http.Request, drive.Result)
	Observer    drive.Observer
	// Limits bounds what clients may cost before the proxy has forwarded a request of
	// theirs, on servers prepared by Install.
	Limits drive.Limits
	// SharedFront reports whether a request came from an intermediary that sends the
	// requests of several clients on one connection. No upstream connection is then
	// kept for it. Requests with Via and similar fields are always treated so, unless
	// Proxy.Auth.PinnedFront is set.
	SharedFront func(*http.Request) bool
	// AnyScheme is described in [ServerConfig]. It is for reverse proxies; the scheme
	// of a forward proxy's request is that of its target.
	AnyScheme bool
	// Upstream is the server that a reverse proxy (Proxy.Reverse) sends every request
	// to: scheme and host, without a path. The request's Host field remains as the
	// client sent it.
	Upstream *url.URL
	// TrustForwarded says that the requests to a reverse proxy come from a front
	// server, and that its Forwarded, X-Forwarded-For and similar fields can be
	// trusted. Proxy.Auth.PinnedFront implies it. These fields are then forwarded, with
	// the front server's address added. Otherwise a reverse proxy removes all fields by
	// which front servers describe their clients, since its clients can forge them, and
	// adds its own Forwarded and X-Forwarded-For, -Host and -Proto (RFC 7239 section
	// 8.1). A forward proxy forwards all of them.
	TrustForwarded bool
	// Upgrades lists the protocols that clients may change to (Upgrade), in any case.
	// The first of them that a request names is forwarded. Others are removed, since
	// nothing in front of the upstream understands what is sent after the change. Nil
	// means "websocket".
	Upgrades []string
	// TunnelIdle bounds how long a tunnel, or a connection that changed its protocol,
	// may transfer no byte in either direction before both its ends are closed. 0 means
	// an hour; a negative value means no bound.
	TunnelIdle time.Duration
	// Allow reports whether the proxy may send such a request to host and port. The
	// host is in lower case and without brackets. Nil means [AllowWeb]. Allow sees
	// names only: to keep the proxy away from internal networks use
	// Transport.DialContext. A reverse proxy does not call it.
	Allow func(method, host string, port uint16) bool
	// Transport makes the upstream connections, and those of tunnels (DialContext). It
	// is copied; the copy speaks HTTP/1.1, uses no further proxy, and does not
	// decompress bodies. Nil means a transport that
	// connects within 30 seconds.
	Transport *http.Transport
	// Name is the proxy's pseudonym in Via and must be unique along a chain of proxies:
	// a request that already carries it is refused with 508 (Loop Detected). "" means
	// "countersign-" and a random number.
	Name string
}

// AllowWeb reports whether a request may go to port. It is the default of
// [ProxyConfig].Allow. It allows tunnels to port 443 only, since a tunnel to any port
// would bypass the firewalls on this side of the proxy, and plain requests to ports 80,
// 443 and the unprivileged ports.
func AllowWeb(method, host string, port uint16) bool {
	if method == http.MethodConnect {
		return port == 443
	}
	return port == 80 || port == 443 || port >= 1024
}

// Proxy is an http.Handler that forwards requests: a forward proxy for plain HTTP and
// CONNECT, or a reverse proxy in front of one upstream. It authenticates its own
// clients if it is configured to. It also isolates the logins that clients make through
// it: an upstream connection on which a client ran connection-bound authentication
// belongs to that client's connection alone, and each is closed with the other (RFC
// 4559 section 6).
//
// In all else it behaves as httputil.ReverseProxy: upgrades, trailers and informational
// responses are forwarded, hop-by-hop fields are removed. A tunnel ends when both its
// ends have closed, or when it has transferred nothing for TunnelIdle.
//
// The hooks that Install sets tell it which connection a request came on:
//
//	server := &http.Server{Handler: proxy}
//	proxy.Install(server)
//
// Without them, and for HTTP/2 clients, it refuses connection-bound credentials with
// 403, because the upstream connection could not be reserved for the client. A Proxy
// must be made by [NewProxy]; the zero Proxy refuses every request with 500.
type Proxy struct {
	opaque[Proxy] // no output shows what is in it

	conf        *ProxyConfig
	fresh       hop.Front
	pool        *upstreams
	engine      *httputil.ReverseProxy
	downstreams sync.Map // net.Conn → *downstream
}

// NewProxy returns a Proxy. The error is a gss.Misuse and says what in the configuration
// cannot work.
func NewProxy(c ProxyConfig) (*Proxy, error) {
	fresh, err := hop.NewFront(c.Proxy)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(
		c.Certificate.Err(),
		misuse.NotNegative("nethttp", "ProxyConfig.MaxDrain", c.MaxDrain),
		misuse.NotNegative("nethttp", "ProxyConfig.DrainTime", c.DrainTime),
		serverlimits.Check("nethttp", "ProxyConfig.Limits", c.Limits),
		checkUpstream(c),
		checkBase("ProxyConfig.Transport", c.Transport),
	); err != nil {
		return nil, err
	}
	for i, name := range c.Upgrades {
		if !isToken(name) {
			return nil, misuse.Errorf("nethttp", "ProxyConfig.Upgrades[%d] is %q; want the name of a protocol, such as websocket", i, name)
		}
	}
	if c.Name != "" && !isToken(c.Name) {
		return nil, misuse.Errorf("nethttp", "ProxyConfig.Name is %q; want a token for the field Via (RFC 9110 section 7.6.3), or nothing", c.Name)
	}
	if c.Allow == nil {
		c.Allow = AllowWeb
	}
	if c.MaxDrain == 0 {
		c.MaxDrain = defaultMaxDrain
	}
	c.DrainTime = drainTime(c.DrainTime, c.Limits)
	if c.TunnelIdle == 0 {
		c.TunnelIdle = defaultTunnelIdle
	}
	if c.Upgrades == nil {
		c.Upgrades = []string{"websocket"}
	}
	if c.Name == "" {
		tag, _ := entropy.Env().Bytes("via", 4)
		c.Name = fmt.Sprintf("countersign-%x", tag)
	}
	p := &Proxy{conf: &c, fresh: fresh, pool: newUpstreams(c.Transport)}
	p.engine = &httputil.ReverseProxy{
		Rewrite:        rewrite,
		Transport:      proxyTransport{},
		ModifyResponse: modify,
		ErrorHandler:   failed,
		ErrorLog:       log.New(io.Discard, "", 0), // see Log instead
	}
	return p, nil
}

// checkUpstream returns what is wrong with the kind of the proxy and its upstream.
func checkUpstream(c ProxyConfig) error {
	switch u := c.Upstream; {
	case c.Proxy.Chain:
		return misuse.Errorf("nethttp", "ProxyConfig.Proxy.Chain is not for this driver: it consumes Proxy-Authorization, so that no 407 that was passed on could be answered; leave it out")
	case c.Proxy.Reverse && u == nil:
		return misuse.Errorf("nethttp", "ProxyConfig.Upstream is nil, and a reverse proxy (Proxy.Reverse) needs one; want http://host[:port] or https://host[:port]")
	case !c.Proxy.Reverse && u != nil:
		return misuse.Errorf("nethttp", "ProxyConfig.Upstream is set, and a forward proxy has none; set Proxy.Reverse, or leave it out")
	case u == nil:
		return nil
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return misuse.Errorf("nethttp", "ProxyConfig.Upstream has no host, another scheme, or more than an origin; want http://host[:port] or https://host[:port], without user, path and query")
	}
	if host, _, err := authority.Split(c.Upstream.Scheme, c.Upstream.Host); err != nil || host == "" {
		return misuse.Errorf("nethttp", "ProxyConfig.Upstream has no valid host and port; want http://host[:port] or https://host[:port], with a port within 1 to 65535")
	}
	return nil
}

// isToken reports whether s is a token (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r)
	})
}

// CloseIdleConnections closes the upstream connections that no request is using.
func (p *Proxy) CloseIdleConnections() { p.pool.idle.Close() }

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p == nil || p.conf == nil {
		plain(w, http.StatusInternalServerError)
		return
	}
	f := p.downstream(r)
	if !f.turn.Lock(r.Context()) {
		plain(w, http.StatusServiceUnavailable)
		return
	}
	defer f.turn.Unlock()
	x := &proxyExchange{p: p, f: f, w: w, r: r}
	defer x.close()
	if status := x.admit(); status != 0 {
		x.result.Status = status
		plain(w, status)
	} else {
		x.serve()
	}
	x.ended = true
}

// proxyExchange is the state of one request through the proxy.
type proxyExchange struct {
	p       *Proxy
	f       *downstream
	w       http.ResponseWriter
	r       *http.Request
	q       machine.Request
	to      origin
	send    hop.Send
	idle    bool          // the connection was idle before this request
	written *atomic.Bool  // the request's header went upstream; each attempt has its own, since net/http may set it after the attempt has ended
	body    *clientBody   // the body that is sent upstream, nil for none
	pass    hop.Pass      // once the response arrived
	reply   machine.Reply // or instead of it
	misused bool          // the front refused an event
	ended   bool
	result  drive.Result
}

// admit determines where the request goes. It returns the status to refuse the request
// with, 0 if there is no reason to.
func (x *proxyExchange) admit() int {
	c, r := x.p.conf, x.r
	in := incoming(r, x.f.tls.Binding(r.TLS, c.Certificate))
	in.AnyScheme = c.AnyScheme
	judge := in.AtProxy
	if c.Proxy.Reverse {
		judge = in.AtOrigin
	}
	var status int
	if x.q, status = judge(); status != 0 { // TARGET-1
		return status
	}
	x.q.Multiplexed = x.q.Multiplexed || x.f.conn == nil
	if c.Proxy.Reverse {
		x.q.Scheme = c.Upstream.Scheme
		x.q.Host, x.q.Port, _ = authority.Split(c.Upstream.Scheme, c.Upstream.Host) // checked by NewProxy
	}
	x.to = origin{x.q.Scheme, net.JoinHostPort(x.q.Host, fmt.Sprint(x.q.Port))}
	creds := requestHeader(r.Header).Authorization
	switch {
	case creds.Present() && creds.Scheme() == "":
		// A more lenient upstream might read a connection-bound scheme here, so these
		// credentials must not be sent on a shared connection.
		return http.StatusBadRequest
	case looped(r.Header, c.Name):
		return http.StatusLoopDetected
	case c.Proxy.Reverse && r.Method == http.MethodConnect:
		return http.StatusMethodNotAllowed
	case !c.Proxy.Reverse && !c.Allow(r.Method, x.q.Host, x.q.Port):
		return http.StatusForbidden
	}
	return 0
}

// looped reports whether Via contains this proxy's name.
func looped(h http.Header, name string) bool {
	for _, line := range h.Values("Via") {
		for hop := range strings.SplitSeq(line, ",") {
			if f := strings.Fields(hop); len(f) > 1 && f[1] == name {
				return true
			}
		}
	}
	return false
}

func (x *proxyExchange) serve() {
	shared := x.p.conf.SharedFront != nil && x.p.conf.SharedFront(x.r) || forwarded(x.r.Header)
	switch do := x.step(hop.Received{
		Received: machine.Received{Request: x.q, Header: requestHeader(x.r.Header), SharedFront: shared},
		Content:  x.r.Body != nil && x.r.Body != http.NoBody,
	}).(type) {
	case hop.Reply:
		x.answer(do.Reply)
	case hop.Send:
		x.result.Identity.Scheme, x.result.Identity.Info = do.Scheme, do.Info
		x.send = do
		lift(x.w, x.r) // FRONT-3
		if do.Over == hop.Tunnel {
			x.tunnel()
			return
		}
		x.p.engine.ServeHTTP(x.w, x.r.WithContext(withExchange(x.r.Context(), x)))
	default:
		panic(http.ErrAbortHandler) // closes the client's connection, and nothing else
	}
}

// answer sends a response of the proxy's own.
func (x *proxyExchange) answer(act machine.Reply) {
	x.result.Status, x.result.Fault = act.Status, act.Fault
	writeReply(x.w, x.r, act, x.p.conf.MaxDrain, x.p.conf.DrainTime)
}

// broken returns the reply to send if the machine returns no usable action, which is a
// bug.
func broken(err error) machine.Reply {
	return machine.Reply{Status: http.StatusBadGateway, Fault: machines.Defect("nethttp", err), Close: true}
}

// step passes an event to the front, answers its questions, and returns the resulting
// action.
func (x *proxyExchange) step(e hop.Event) hop.Action {
	for range bounds.Questions {
		do, err := x.f.step(e)
		if err != nil {
			x.misused = true
			return hop.Reply{Reply: broken(err)}
		}
		ask, ok := do.(hop.Ask)
		if !ok {
			return do
		}
		// A request's body is forwarded as it is read, so that its hash is not known in
		// advance: Digest's auth-int is not possible here.
		e = hop.Answered{Answered: machine.Answered{ID: ask.ID, Answer: x.result.Ask(x.r.Context(), x.p.conf.Source, ask.Question)}}
	}
	x.misused = true
	return hop.Reply{Reply: broken(fmt.Errorf("the scheme asked more than %d questions in a row", bounds.Questions))}
}

// close ends the exchange.
func (x *proxyExchange) close() {
	x.f.end(hop.Ended{Broken: !x.ended || x.misused, Usable: x.f.usable()})
	if x.p.conf.Log != nil {
		x.p.conf.Log(x.r, x.result)
	}
}

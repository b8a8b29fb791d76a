package nethttp

import (
	"errors"
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
	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// The default bounds of a proxy: of connecting to an upstream, and of a tunnel through
// which nothing passes.
const (
	DefaultDialTimeout = 30 * time.Second
	DefaultTunnelIdle  = time.Hour
)

// ProxyConfig configures a [Proxy].
type ProxyConfig struct {
	_ struct{}

	// Proxy is the policy, and with Proxy.Auth the schemes by which the proxy's own
	// clients authenticate (407). Proxy.Chain is not for this driver.
	Proxy machine.ProxyConfig
	// Source, Certificate, MaxDrain, DrainTime, Log and Observer are as in
	// [ServerConfig].
	Source      answer.Source
	Certificate drive.Certificates
	MaxDrain    int64
	DrainTime   time.Duration
	Log         func(*http.Request, Result)
	Observer    Observer
	// Limits bound what Install lets clients cost whose requests the proxy has not
	// forwarded (yet).
	Limits Limits
	// SharedFront tells that a request came from an intermediary that carries
	// several clients' requests on one connection, so that no upstream connection
	// may be kept for it. Requests with Via and the like are taken for such ones in
	// any case, unless Proxy.Auth.PinnedFront says otherwise.
	SharedFront func(*http.Request) bool
	// AnyScheme is as in [ServerConfig], for a reverse proxy. The scheme of a forward
	// proxy's requests is that of their targets.
	AnyScheme bool
	// Upstream is where a reverse proxy (Proxy.Reverse) sends everything: scheme and
	// host, without a path. The Host field stays the client's.
	Upstream *url.URL
	// TrustForwarded tells that what comes to a reverse proxy comes from a front whose
	// Forwarded, X-Forwarded-For and the like are true; so does Proxy.Auth.PinnedFront.
	// They then go upstream, with the front's address added. Otherwise a reverse proxy
	// takes out of requests all fields by which fronts tell of their clients, since its
	// clients may have made them up, and writes Forwarded and X-Forwarded-For, -Host
	// and -Proto of its own (RFC 7239 section 8.1). A forward proxy passes them on.
	TrustForwarded bool
	// Upgrades names the protocols that clients may change to (Upgrade), without case.
	// The first one that a request names goes upstream, others are taken out, since
	// nothing in front of the upstream understands what is said after the change. Nil is
	// "websocket".
	Upgrades []string
	// TunnelIdle bounds how long a tunnel, or a connection that changed its protocol,
	// may be without a byte in either direction before both its ends are closed. 0 is
	// DefaultTunnelIdle, less than 0 is no bound.
	TunnelIdle time.Duration
	// Allow tells whether the proxy may send such a request to host and port, host
	// in lower case and without brackets. Nil is [AllowWeb]. It looks at names
	// only: keep the proxy away from networks that its clients must not see by
	// Transport.DialContext. A reverse proxy does not ask.
	Allow func(method, host string, port uint16) bool
	// Transport makes the upstream connections, tunnels too (DialContext). It is
	// copied, and the copy speaks HTTP/1.1, knows no further proxy, and leaves
	// bodies as they are. Nil is a transport with DefaultDialTimeout.
	Transport *http.Transport
	// Name is the proxy's pseudonym in Via, unique along a chain: a request that
	// carries it already is refused with 508 (Loop Detected). "" is "countersign-"
	// and a random number.
	Name string
}

// AllowWeb is the default of [ProxyConfig].Allow. Tunnels go to port 443 only:
// one to anywhere would be a way around every firewall on this side of the
// proxy. Plain requests go to 80, 443 and the ports that need no privilege.
func AllowWeb(method, host string, port uint16) bool {
	if method == http.MethodConnect {
		return port == 443
	}
	return port == 80 || port == 443 || port >= 1024
}

// Proxy is an http.Handler that forwards: a forward proxy for plain HTTP and
// CONNECT, or a reverse proxy in front of one upstream. It authenticates its own
// clients if it is told to, and keeps what others authenticate through it apart:
// an upstream connection on which a client ran connection-bound authentication
// belongs to that client's connection alone, and each goes when the other does
// (R4559-6-5).
//
// Beside that it is what httputil.ReverseProxy makes of it: upgrades, trailers and
// informational responses pass, fields of one hop do not. A tunnel lasts until both
// its ends have closed, or nothing has passed through it for TunnelIdle.
//
// It knows whose connection a request came on by the hooks that Install sets:
//
//	server := &http.Server{Handler: proxy}
//	proxy.Install(server)
//
// Without them, and for HTTP/2 clients, it refuses connection-bound credentials
// (403) rather than share what they open. Make it with [NewProxy]; the zero Proxy
// refuses everything with 500.
type Proxy struct {
	hidden.In[Proxy] // no output shows what is in it

	conf   *ProxyConfig
	fresh  hop.Front
	pool   *upstreams
	engine *httputil.ReverseProxy
	fronts sync.Map // net.Conn → *front
}

// NewProxy makes a Proxy. The error says what is wrong with the configuration.
func NewProxy(c ProxyConfig) (*Proxy, error) {
	fresh, err := hop.NewFront(c.Proxy)
	if err != nil {
		return nil, err
	}
	if err := drive.CheckSchemes(c.Proxy.Auth.Schemes); err != nil {
		return nil, err
	}
	if err := c.Certificate.Err(); err != nil {
		return nil, err
	}
	switch u := c.Upstream; {
	case c.Proxy.Chain:
		return nil, errors.New("nethttp: a proxy chain (Chain) is not for this driver: it consumes Proxy-Authorization, so nobody could answer the 407 that was passed on")
	case c.Proxy.Reverse != (u != nil):
		return nil, errors.New("nethttp: a reverse proxy needs an Upstream, and a forward proxy has none")
	case u != nil && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != ""):
		return nil, errors.New("nethttp: Upstream must be http://host[:port] or https://host[:port], without a path")
	case u != nil:
		if _, _, err := drive.HostPort(u.Scheme, u.Host); err != nil {
			return nil, fmt.Errorf("nethttp: Upstream: %w", err)
		}
	}
	if c.Allow == nil {
		c.Allow = AllowWeb
	}
	if c.MaxDrain <= 0 {
		c.MaxDrain = DefaultMaxDrain
	}
	c.DrainTime = drainTime(c.DrainTime, c.Limits)
	if c.TunnelIdle == 0 {
		c.TunnelIdle = DefaultTunnelIdle
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
		Transport:      passages{},
		ModifyResponse: modify,
		ErrorHandler:   failed,
		ErrorLog:       log.New(io.Discard, "", 0), // Log is where to look
	}
	return p, nil
}

// CloseIdleConnections closes the upstream connections that nobody uses now.
func (p *Proxy) CloseIdleConnections() { p.pool.idle.Close() }

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p == nil || p.conf == nil {
		plain(w, http.StatusInternalServerError)
		return
	}
	f := p.front(r)
	if !f.turn.Take(r.Context()) {
		plain(w, http.StatusServiceUnavailable)
		return
	}
	defer f.turn.Give()
	x := &passage{p: p, f: f, w: w, r: r}
	defer x.close()
	if status := x.admit(); status != 0 {
		x.result.Status = status
		plain(w, status)
	} else {
		x.serve()
	}
	x.ended = true
}

// passage is one request on its way through the proxy.
type passage struct {
	p       *Proxy
	f       *front
	w       http.ResponseWriter
	r       *http.Request
	q       machine.Request
	to      origin
	send    hop.Send
	idle    bool          // the connection that it went out on was idle before
	written *atomic.Bool  // the request's header went upstream; each attempt has its own, which net/http may set after the attempt has ended
	body    *clientBody   // that goes with it, nil for none
	pass    hop.Pass      // once the response came
	reply   machine.Reply // or in its place
	misused bool          // the front would not have an event
	ended   bool
	result  Result
}

// admit fills in where the request goes, and gives the status to refuse it with if
// it cannot be for us.
func (x *passage) admit() int {
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
		x.q.Host, x.q.Port, _ = drive.HostPort(c.Upstream.Scheme, c.Upstream.Host) // NewProxy has looked at it
	}
	x.to = origin{x.q.Scheme, net.JoinHostPort(x.q.Host, fmt.Sprint(x.q.Port))}
	creds := requestHeader(r.Header).Authorization
	switch {
	case creds.Present() && creds.Scheme() == "":
		// Whose scheme cannot be told may be connection-bound to who reads it more
		// kindly, and must not go out on a connection that others use.
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

// looped reports whether Via names us.
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

func (x *passage) serve() {
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
		x.p.engine.ServeHTTP(x.w, x.r.WithContext(withPassage(x.r.Context(), x)))
	default:
		panic(http.ErrAbortHandler) // which closes the client's connection, and nothing else
	}
}

// answer is the proxy's own response.
func (x *passage) answer(act machine.Reply) {
	x.result.Status, x.result.Fault = act.Status, act.Fault
	writeReply(x.w, x.r, act, x.p.conf.MaxDrain, x.p.conf.DrainTime)
}

// broken is the answer where the machine has none, which does not happen.
func broken(err error) machine.Reply {
	f := gss.Fault{Code: gss.Unexpected, Detail: "nethttp: the machine gave no action that a proxy can do"}
	if err != nil {
		f.Detail = err.Error()
	}
	return machine.Reply{Status: http.StatusBadGateway, Fault: f, Close: true}
}

// step tells the front what happened, answers what it asks, and gives what it came to.
func (x *passage) step(e hop.Event) hop.Action {
	for range drive.MaxQuestions {
		do, err := x.f.step(e)
		if err != nil {
			x.misused = true
			return hop.Reply{Reply: broken(err)}
		}
		ask, ok := do.(hop.Ask)
		if !ok {
			return do
		}
		// Bodies pass through: there is no hash of them before they have gone, so
		// that Digest's auth-int cannot be answered here.
		e = hop.Answered{Answered: machine.Answered{ID: ask.ID, Answer: drive.Ask(x.r.Context(), x.p.conf.Source, ask.Question)}}
	}
	x.misused = true
	return hop.Reply{Reply: broken(errors.New("nethttp: the scheme asked more than 64 questions in a row"))}
}

// close ends the passage.
func (x *passage) close() {
	x.f.end(hop.Ended{Broken: !x.ended || x.misused, Usable: x.f.usable()})
	if x.p.conf.Log != nil {
		x.p.conf.Log(x.r, x.result)
	}
}

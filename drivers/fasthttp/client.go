package fasthttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// The defaults of a [ClientConfig].
const (
	// DefaultClientDrain bounds, in bytes, the content of a challenge, beyond which its connection
	// is given up.
	DefaultClientDrain = 256 << 10
	// DefaultExpectTimeout is how long a body that can be sent once waits for 100 (Continue).
	DefaultExpectTimeout = time.Second

	// MaxIdle bounds the connections that a Transport keeps idle, and MaxIdlePerKey those of one
	// server and identity.
	MaxIdle       = 512
	MaxIdlePerKey = 8

	maxInformational = 8
)

// Error says why an exchange ended without a response that may be used.
type Error = drive.Error

// ClientConfig configures a [Transport].
type ClientConfig struct {
	_ struct{}

	// Machine are the schemes and the policy.
	Machine machine.ClientConfig
	// Source answers what the schemes ask. Nil declines everything.
	Source answer.Source
	// Identity names who a request acts for, as sources see it in gss.Target.Identity; nil is
	// "" for all. Connections and what was learned of peers are never shared between identities (HTA-9).
	Identity func(*fast.Request) string
	// BufferBody makes streamed bodies replayable by reading as many bytes of them into memory before
	// anything is sent. What is longer goes out once at most.
	BufferBody int64
	// MaxDrain bounds the content of a challenge; 0 is DefaultClientDrain.
	MaxDrain int64
	// Observer, if not nil, sees every step of every machine.
	Observer drive.Observer
}

// Transport is a fasthttp.RoundTripper that authenticates: it answers 401 by as many requests as the
// scheme takes, over one connection, which belongs to one identity and goes back to no pool but its
// own. It may be used by several goroutines at once, and by any number of clients. Make one with
// [NewTransport], and set it as fasthttp.Client.Transport.
//
// It dials as the HostClient says (Dial, DialTimeout, TLSConfig, Addr, timeouts, MaxResponseBodySize), and
// honours the request's timeout for the exchange as a whole. To go through a proxy, let Dial be that
// of package connect. A response's body is read whole: StreamBody has no effect. A request that carries
// an Authorization field of its own, or user information in its URI, is passed through as it is, and not
// authenticated: its challenge is a response like any other.
type Transport struct {
	config ClientConfig
	client machine.Client
	pool   pool
	spaces drive.Spaces
}

// NewTransport makes a Transport. The error says what is wrong with the configuration.
func NewTransport(c ClientConfig) (*Transport, error) {
	client, err := machine.NewClient(c.Machine)
	if err != nil {
		return nil, err
	}
	if c.MaxDrain <= 0 {
		c.MaxDrain = DefaultClientDrain
	}
	return &Transport{config: c, client: client}, nil
}

// CloseIdleConnections closes the connections that no request is using.
func (t *Transport) CloseIdleConnections() { t.pool.closeAll() }

// RoundTrip implements fasthttp.RoundTripper. A challenge that could not be met is an [*Error]. retry is
// never true: what may be sent again was.
func (t *Transport) RoundTrip(hc *fast.HostClient, req *fast.Request, resp *fast.Response) (retry bool, err error) {
	_, err = t.Do(context.Background(), hc, req, resp)
	return false, err
}

// Do is RoundTrip with a context, which counts for all legs and questions together. It tells what
// was established with the peer.
func (t *Transport) Do(ctx context.Context, hc *fast.HostClient, req *fast.Request, resp *fast.Response) (machine.Deliver, error) {
	if d := req.GetTimeOut(); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	x := &trip{t: t, hc: hc, req: req, resp: resp}
	x.own = len(req.Header.Peek(header.Authorization)) > 0 || len(req.URI().Username()) > 0
	if t.config.Identity != nil {
		x.identity = t.config.Identity(req)
	}
	end, on, retire, err := x.exchange(ctx)
	c, _ := on.(*conn)
	if c != nil {
		c.release()
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fast.ErrTimeout
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	if err != nil {
		if c != nil {
			c.Close()
		}
		return machine.Deliver{}, err
	}
	if retire || c.spent || c.dead || req.ConnectionClose() {
		c.Close()
	} else {
		t.pool.put(c, hc.MaxIdleConnDuration)
	}
	switch a := end.(type) {
	case machine.Deliver:
		return a, nil
	case machine.Fail:
		resp.Reset()
		return machine.Deliver{}, &Error{Side: a.Side, Fault: a.Fault, Tried: a.Tried, Reasons: a.Reasons, Status: x.status, Err: x.broken}
	}
	return machine.Deliver{}, errors.New("fasthttp: the machine gave no action that a client can do")
}

// trip is one exchange.
type trip struct {
	t        *Transport
	hc       *fast.HostClient
	req      *fast.Request
	resp     *fast.Response
	identity string
	host     string // the origin's
	own      bool   // the application authenticates itself

	body   []byte // replayable
	stream bool   // of which there is only one
	spent  bool   // and of it some is gone
	status int    // of the last response
	broken error  // what became of the last connection
}

func (x *trip) exchange(ctx context.Context) (machine.Action, drive.Carrier, bool, error) {
	kind, err := x.readBody()
	if err != nil {
		return nil, nil, false, err
	}
	u := x.req.URI()
	way := drive.Way{Owner: ownerOf(x.hc), Scheme: "http", Authority: string(u.Host()), Identity: x.identity, Own: [2]bool{gss.Origin: x.own}}
	if x.hc.IsTLS {
		way.Scheme = "https"
	}
	ks, err := drive.NewKeys(way)
	if err != nil {
		return nil, nil, false, fmt.Errorf("fasthttp: the request's URI: %w", err)
	}
	q := machine.Request{Method: string(x.req.Header.Method()), URI: string(u.RequestURI()), Scheme: ks.Scheme, Host: ks.Host, Port: ks.Port}
	x.host = ks.Host
	e := drive.Exchange{
		Begin:  machine.Begin{Request: q, Identity: x.identity, Body: kind},
		Answer: func(q gss.Question) gss.Answer { return x.answer(ctx, q) },
		Learn:  func(origin, _ machine.Facts) { x.t.spaces.Learn(ks.Origin, origin) },
	}
	if !x.own {
		e.Lease = func() (origin, proxy machine.Lease) { return x.t.spaces.Lease(ks.Origin, q.URI), proxy }
	}
	e.Connect = func(ctx context.Context, fresh, _ bool) (drive.Carrier, error) {
		return x.connect(ctx, ks.Connection, fresh)
	}
	return e.Run(ctx)
}

// readBody looks at how often the request's body can be sent.
func (x *trip) readBody() (machine.Body, error) {
	if !x.req.IsBodyStream() {
		x.body = x.req.Body()
		if len(x.body) == 0 && !x.req.Header.IsGet() && !x.req.Header.IsHead() {
			x.body = x.req.PostArgs().QueryString()
		}
		if len(x.body) == 0 {
			return machine.NoBody, nil
		}
		return machine.Replayable, nil
	}
	n := x.req.Header.ContentLength()
	if x.t.config.BufferBody > 0 && int64(n) <= x.t.config.BufferBody {
		data, err := io.ReadAll(io.LimitReader(x.req.BodyStream(), x.t.config.BufferBody+1))
		if err != nil {
			return 0, err
		}
		if int64(len(data)) <= x.t.config.BufferBody {
			x.body = data
			return machine.Replayable, nil
		}
		x.req.SetBodyStream(io.MultiReader(bytes.NewReader(data), x.req.BodyStream()), n)
	}
	x.stream = true
	return machine.Once, nil
}

func (x *trip) answer(ctx context.Context, q gss.Question) gss.Answer {
	need, ok := q.(digest.NeedBodyHash)
	switch {
	case !ok:
		return drive.Ask(ctx, x.t.config.Source, q)
	case need.Response:
		return drive.BodyHash(need.Algorithm, x.resp.Body())
	case !x.stream:
		return drive.BodyHash(need.Algorithm, x.body)
	}
	return gss.Declined{}
}

// connect gives the exchange a connection of its own: an idle one of its key, or a fresh one.
func (x *trip) connect(ctx context.Context, k drive.Key, fresh bool) (drive.Carrier, error) {
	c := (*conn)(nil)
	if !fresh {
		c = x.t.pool.take(k)
	}
	if c == nil {
		var err error
		if c, err = x.dial(ctx, k); err != nil {
			return nil, err
		}
	}
	c.trip = x
	c.watch(ctx)
	return c, nil
}

// owner is what of a HostClient decides whom a connection leads to, as whom, and
// how it is read (CONN-1). Functions cannot be compared: a HostClient that dials by
// one of its own shares connections with no other.
type owner struct {
	client     *fast.HostClient
	tls        *tls.Config
	addr       string
	secure     bool
	bothStacks bool
	readBuffer int
}

func ownerOf(hc *fast.HostClient) owner {
	o := owner{tls: hc.TLSConfig, addr: hc.Addr, secure: hc.IsTLS, bothStacks: hc.DialDualStack, readBuffer: hc.ReadBufferSize}
	if hc.Dial != nil || hc.DialTimeout != nil {
		o.client = hc
	}
	return o
}

// dial connects as the HostClient would.
func (x *trip) dial(ctx context.Context, k drive.Key) (*conn, error) {
	addr, _, _ := strings.Cut(x.hc.Addr, ",")
	addr = fast.AddMissingPort(addr, x.hc.IsTLS)
	var raw net.Conn
	var err error
	timeout := fast.DefaultDialTimeout
	if d, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(d))
	}
	switch {
	case x.hc.Dial != nil:
		raw, err = x.hc.Dial(addr)
	case x.hc.DialTimeout != nil:
		raw, err = x.hc.DialTimeout(addr, timeout)
	case x.hc.DialDualStack:
		raw, err = fast.DialDualStackTimeout(addr, timeout)
	default:
		raw, err = fast.DialTimeout(addr, timeout)
	}
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, key: k, binding: gss.NoBinding()}
	if x.hc.IsTLS {
		if err := c.secure(ctx, x.hc.TLSConfig, x.host); err != nil {
			raw.Close()
			return nil, err
		}
	}
	c.runner = drive.Runner[machine.Client]{Machine: x.t.client, ID: drive.NextID(), Observer: x.t.config.Observer}
	c.buffers(x.hc)
	return c, nil
}

// secure speaks TLS, with HTTP/1.1 inside.
func (c *conn) secure(ctx context.Context, config *tls.Config, host string) error {
	config = config.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = nil
	secured := tls.Client(c.Conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	state := secured.ConnectionState()
	c.Conn, c.binding = secured, drive.BindingOf(&state, drive.PeerCertificate)
	return nil
}

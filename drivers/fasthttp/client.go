package fasthttp

import (
	"bytes"
	"cmp"
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
	"github.com/countersign-auth/countersign/drivers/internal/authority"
	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/internal/misuse"
	"github.com/countersign-auth/countersign/machine"
)

const (
	defaultClientDrain = 256 << 10
	expectTimeout      = time.Second // for which a one-shot body waits for 100 (Continue)

	maxInformational = 8
)

// ClientConfig configures a [Transport].
type ClientConfig struct {
	opaque[ClientConfig] // no output shows what is in it

	// Machine configures the schemes and the policy.
	Machine machine.ClientConfig
	// Source answers the schemes' questions, with the context that was passed to Do. A
	// nil Source declines every question.
	//
	// A Source may base its answers on that context, and so serve several users. For
	// requests for which Identity returns "" it is asked again before a connection that
	// was authenticated by its answers serves another request: the same questions, once
	// for each request. If an answer differs, or if it holds a pointer and is not a
	// gss.Subject, the request gets another connection. A Source that prompts or looks
	// things up should cache its answers, or Identity should name the users.
	Source answer.Source
	// Identity returns the name of the user that a request acts for, which sources see
	// as gss.Target.Identity; nil means "" for all. Connections and facts learned from
	// peers are never shared between identities, and connections of a named identity
	// are reused without asking Source.
	Identity func(*fast.Request) string
	// BufferBody makes streamed bodies replayable: up to so many bytes of the body are
	// read into memory before anything is sent. A longer body is sent at most once.
	BufferBody int64
	// MaxDrain bounds, in bytes, the content of a challenge. If there is more its
	// connection is closed. 0 means 256 KiB.
	MaxDrain int64
	// DeliverRefused delivers the last 401 as a response with its content: RoundTrip returns
	// no error, and Do the [*Error] and the response. A response of a server that did not
	// authenticate itself is not delivered.
	DeliverRefused bool
	// Observer, if not nil, is called for every step of every machine.
	Observer drive.Observer
}

// Transport is a fasthttp.RoundTripper that authenticates. It answers a 401 response
// with as many requests as the scheme needs, over one connection, which belongs to one
// user (see ClientConfig.Source) and is kept in the Transport's own pool, which holds up
// to 512 idle connections, and up to 8 to one server for one user. A Transport may be
// used by several goroutines at once, and by any number of clients. It must be made by
// [NewTransport] and set as fasthttp.Client.Transport.
//
// It dials as the HostClient is configured (Dial, DialTimeout, TLSConfig, Addr,
// timeouts, MaxResponseBodySize), and applies the request's timeout to the exchange as
// a whole. A connection is reused only for HostClients with the same TLSConfig
// (compared by pointer), address and buffer size; a HostClient that dials with a
// function of its own shares connections with no other. None of these may change while
// the HostClient is in use. If the connection of a request is lost, the request is sent
// again at most once, see nethttp.Transport. To use a proxy, set Dial to that of
// package connect. A response's body is read completely: StreamBody has no effect. A
// request that has an Authorization field, or user information in its URI, is sent
// unchanged and not authenticated: its challenge is returned like any other response.
type Transport struct {
	opaque[Transport] // no output shows what is in it

	config ClientConfig
	client drive.Client[*conn]
}

// NewTransport returns a Transport. The error is a gss.Misuse and says what in the configuration cannot work.
func NewTransport(c ClientConfig) (*Transport, error) {
	if err := cmp.Or(
		misuse.NotNegative("fasthttp", "ClientConfig.BufferBody", c.BufferBody),
		misuse.NotNegative("fasthttp", "ClientConfig.MaxDrain", c.MaxDrain),
	); err != nil {
		return nil, err
	}
	client, err := machine.NewClient(c.Machine)
	if err != nil {
		return nil, err
	}
	if c.MaxDrain == 0 {
		c.MaxDrain = defaultClientDrain
	}
	t := &Transport{config: c}
	t.client.Machine, t.client.Observer = client, c.Observer
	return t, nil
}

// CloseIdleConnections closes the connections that no request is using.
func (t *Transport) CloseIdleConnections() { t.client.CloseIdle() }

// RoundTrip implements fasthttp.RoundTripper. A challenge that could not be met is
// returned as an [*Error]. retry is always false: a request that may be sent again was.
func (t *Transport) RoundTrip(hc *fast.HostClient, req *fast.Request, resp *fast.Response) (retry bool, err error) {
	_, err = t.Do(context.Background(), hc, req, resp)
	if failed, ok := errors.AsType[*drive.Error](err); ok && t.config.DeliverRefused && failed.Deliverable() {
		err = nil
	}
	return false, err
}

// Do sends a request as RoundTrip does, with a context that applies to all legs and
// questions together. It also returns what was established with the peer.
func (t *Transport) Do(ctx context.Context, hc *fast.HostClient, req *fast.Request, resp *fast.Response) (machine.Deliver, error) {
	if d := req.GetTimeOut(); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	x := &exchange{t: t, hc: hc, req: req, resp: resp}
	x.own = len(req.Header.Peek(header.Authorization)) > 0 || len(req.URI().Username()) > 0
	if t.config.Identity != nil {
		x.identity = t.config.Identity(req)
	}
	d, on, err := x.exchange(ctx)
	if on != nil {
		on.Conn.rest()
	}
	failed, refused := errors.AsType[*drive.Error](err)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fast.ErrTimeout
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case refused: // the connection may still be usable
		if !t.config.DeliverRefused || !failed.Deliverable() {
			resp.Reset()
		}
		err = failed
	}
	switch {
	case on == nil:
	case err != nil && !refused || ctx.Err() != nil || req.ConnectionClose():
		on.Close()
	default:
		keep := hc.MaxIdleConnDuration
		if keep <= 0 {
			keep = fast.DefaultMaxIdleConnDuration
		}
		on.Keep(keep)
	}
	if err != nil {
		return machine.Deliver{}, err
	}
	return d, nil
}

// exchange is the state of one exchange.
type exchange struct {
	t        *Transport
	hc       *fast.HostClient
	req      *fast.Request
	resp     *fast.Response
	identity string
	own      bool // the application authenticates itself

	body   []byte // a replayable body
	stream bool   // a one-shot body
	spent  bool   // some of it has been consumed
}

func (x *exchange) exchange(ctx context.Context) (machine.Deliver, *drive.Held[*conn], error) {
	kind, err := x.readBody()
	if err != nil {
		return machine.Deliver{}, nil, err
	}
	u := x.req.URI()
	way := drive.Destination{Owner: ownerOf(x.hc), Scheme: "http", Authority: string(u.Host()), Identity: x.identity, Own: [2]bool{gss.Origin: x.own}}
	if x.hc.IsTLS {
		way.Scheme = "https"
	}
	ks, err := drive.NewKeys(way)
	if err != nil {
		return machine.Deliver{}, nil, fmt.Errorf("fasthttp: the request's URI: %w", err)
	}
	e := drive.Exchange[*conn]{
		Client: &x.t.client, Keys: ks, Method: string(x.req.Header.Method()), URI: string(u.RequestURI()), Body: kind,
		Source: x.t.config.Source, BodyHash: x.sum,
		Dial: func(ctx context.Context, _ bool) (*conn, error) { return x.dial(ctx, ks.Host) },
		Send: x.send,
	}
	return e.Run(ctx)
}

// readBody determines how often the request's body can be sent.
func (x *exchange) readBody() (machine.Body, error) {
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

// sum answers a scheme's question for the hash of a body.
func (x *exchange) sum(need digest.NeedBodyHash) gss.Answer {
	switch {
	case need.Response:
		return drive.BodyHash(need.Algorithm, x.resp.Body())
	case !x.stream:
		return drive.BodyHash(need.Algorithm, x.body)
	}
	return gss.Declined{}
}

// owner holds the fields of a HostClient that determine to which server a connection
// leads, as which client, and how it is read (CONN-1). Functions cannot be compared: a
// HostClient that dials with a function of its own shares connections with no other.
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
func (x *exchange) dial(ctx context.Context, host string) (*conn, error) {
	addr, _, _ := strings.Cut(x.hc.Addr, ",")
	addr = authority.Wire(fast.AddMissingPort(addr, x.hc.IsTLS))
	var raw net.Conn
	var err error
	timeout := fast.DefaultDialTimeout
	if d, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(d))
	}
	switch {
	case x.hc.Dial != nil:
		raw, err = x.hc.Dial(addr)
		err = hidden.Error(err)
	case x.hc.DialTimeout != nil:
		raw, err = x.hc.DialTimeout(addr, timeout)
		err = hidden.Error(err)
	case x.hc.DialDualStack:
		raw, err = fast.DialDualStackTimeout(addr, timeout)
	default:
		raw, err = fast.DialTimeout(addr, timeout)
	}
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, binding: gss.NoBinding()}
	if x.hc.IsTLS {
		if err := c.secure(ctx, x.hc.TLSConfig, host); err != nil {
			raw.Close()
			return nil, err
		}
	}
	c.buffers(x.hc)
	return c, nil
}

// secure starts TLS, with HTTP/1.1 inside.
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
	c.Conn, c.binding = secured, drive.BindingOf(&state)
	return nil
}

// Package line is a driver of its own: HTTP/1.1 over a net.Conn with bufio, as
// docs/transport.md describes it, for clients and servers.
package line

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

const (
	maxHeader    = 1 << 20 // bytes of a response's header
	maxChallenge = 1 << 18 // bytes of a challenge's content that are read
	maxContent   = 1 << 26 // bytes of other content
	maxInterim   = 8       // 1xx responses to a request
	expectTime   = time.Second
)

// Client sends requests. It may be used by several goroutines at once.
type Client struct {
	client drive.Client[*conn]
	source answer.Source
	tls    *tls.Config
}

// NewClient returns a client.
func NewClient(config machine.ClientConfig, source answer.Source, secure *tls.Config) (*Client, error) {
	fresh, err := machine.NewClient(config)
	if err != nil {
		return nil, err
	}
	c := &Client{source: source, tls: secure}
	c.client.Machine = fresh
	return c, nil
}

// Close closes the connections that no request is using.
func (c *Client) Close() { c.client.CloseIdle() }

// Do sends a request under a local identity, and returns the last response.
func (c *Client) Do(identity string, r *http.Request) (*http.Response, error) {
	own := r.Header.Get(header.Authorization) != ""
	keys, err := drive.NewKeys(drive.Destination{
		Owner: c, Scheme: r.URL.Scheme, Authority: r.URL.Host, Identity: identity, Own: [2]bool{gss.Origin: own},
	})
	if err != nil {
		return nil, err
	}
	e := &exchange{client: c, request: r, own: own}
	x := drive.Exchange[*conn]{
		Client: &c.client, Keys: keys, Method: r.Method, URI: r.URL.RequestURI(), Body: machine.NoBody,
		Source: c.source, BodyHash: e.hash, Send: e.send,
		Dial: func(ctx context.Context, _ bool) (*conn, error) { return c.dial(ctx, keys) },
	}
	switch {
	case r.Body == nil || r.Body == http.NoBody:
	case r.GetBody != nil:
		x.Body = machine.Replayable
	default:
		x.Body = machine.Once
	}
	_, on, err := x.Run(r.Context())
	_, refused := errors.AsType[*drive.Error](err)
	switch {
	case on == nil:
	case err != nil && !refused:
		on.Close()
	default:
		on.Keep(0)
	}
	if err != nil {
		return nil, err
	}
	return e.response, nil
}

func (c *Client) dial(ctx context.Context, keys drive.Keys) (*conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(keys.Host, strconv.Itoa(int(keys.Port))))
	if err != nil {
		return nil, err
	}
	l := &conn{Conn: raw, binding: gss.NoBinding()}
	if keys.Scheme == "https" {
		config := c.tls.Clone()
		config.ServerName = keys.Host
		secure := tls.Client(raw, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		state := secure.ConnectionState()
		l.Conn, l.binding = secure, drive.BindingOf(&state)
	}
	l.head = &io.LimitedReader{R: l.Conn}
	l.in, l.out = bufio.NewReader(l.head), bufio.NewWriter(l)
	return l, nil
}

// conn is a connection. It implements drive.Conn.
type conn struct {
	net.Conn
	binding gss.Binding
	head    *io.LimitedReader
	in      *bufio.Reader
	out     *bufio.Writer
	wrote   bool // a part of the current request
	closed  bool
}

// Write implements io.Writer.
func (l *conn) Write(b []byte) (int, error) {
	n, err := l.Conn.Write(b)
	l.wrote = l.wrote || n > 0
	return n, err
}

// Usable implements drive.Conn.
func (l *conn) Usable() bool { return !l.closed }

// Alive reports whether the peer has neither closed an idle connection nor sent anything.
func (l *conn) Alive() bool {
	l.head.N = maxHeader
	l.SetReadDeadline(time.Now().Add(20 * time.Microsecond))
	defer l.SetReadDeadline(time.Time{})
	_, err := l.in.Peek(1)
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// Close implements drive.Conn.
func (l *conn) Close() { l.Conn.Close() }

// Streams implements drive.Conn.
func (l *conn) Streams() drive.Streams { return nil }

// Describe implements drive.Conn.
func (l *conn) Describe(q machine.Request) machine.Request {
	q.Binding = l.binding
	return q
}

// exchange is a request with its last response.
type exchange struct {
	client   *Client
	request  *http.Request
	own      bool // the application sets the credentials itself
	spent    bool // some of a body that can be sent once was read
	response *http.Response
	content  []byte
}

// hash answers the question for the hash of a body.
func (e *exchange) hash(need digest.NeedBodyHash) gss.Answer {
	if need.Response {
		return drive.BodyHash(need.Algorithm, e.content)
	}
	body, err := e.body()
	if err != nil {
		return gss.Declined{}
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return gss.Declined{}
	}
	return drive.BodyHash(need.Algorithm, b)
}

var errOnce = errors.New("line: the body can be read once")

// body returns a body that can be sent again.
func (e *exchange) body() (io.ReadCloser, error) {
	switch {
	case e.request.Body == nil || e.request.Body == http.NoBody:
		return http.NoBody, nil
	case e.request.GetBody == nil:
		return nil, errOnce
	}
	return e.request.GetBody()
}

// send sends one leg and reads the response.
func (e *exchange) send(ctx context.Context, l *conn, a machine.Send) (machine.Response, error) {
	if l.closed {
		return machine.Response{}, &drive.Loss{Err: io.EOF, Unsent: true}
	}
	l.wrote = false
	free := context.AfterFunc(ctx, func() { l.SetDeadline(time.Unix(1, 0)) })
	sent, heard, err := e.roundTrip(ctx, l, a)
	if !free() {
		l.closed = true
		return machine.Response{}, context.Cause(ctx)
	}
	if err != nil {
		l.closed = true
		return machine.Response{}, &drive.Loss{Err: err, Unsent: !l.wrote && !e.spent, Heard: heard}
	}
	r := e.response
	return machine.Response{Status: r.StatusCode, Header: header.ParseResponse(r.Header.Values), Close: l.closed, BodySent: sent}, nil
}

func (e *exchange) roundTrip(ctx context.Context, l *conn, a machine.Send) (sent machine.Sent, heard bool, err error) {
	q := e.request.Clone(context.Background())
	q.Header.Del("Expect")
	if !e.own {
		hop.ApplySend(q.Header, a)
	}
	if a.Probe {
		q.Method = http.MethodHead
	}
	b := &body{ctx: ctx, conn: l, exchange: e}
	switch {
	case a.Body == machine.Omit:
		q.Body, q.ContentLength, q.TransferEncoding = nil, 0, nil
	case q.GetBody != nil:
		if q.Body, err = q.GetBody(); err != nil {
			return machine.SentNone, false, err
		}
	default:
		b.ReadCloser, q.Body = q.Body, b
		if q.ContentLength == 0 {
			q.ContentLength = -1
		}
		if b.waits = a.Body == machine.Expect; b.waits {
			q.Header.Set("Expect", "100-continue")
		}
	}
	l.head.N = maxHeader
	err = q.Write(l.out)
	if err == nil {
		err = l.out.Flush()
	}
	switch {
	case errors.Is(err, errUnwanted):
	case err != nil:
		return machine.SentSome, false, err
	case a.Body != machine.Omit:
		sent = machine.SentAll
	}
	for range maxInterim {
		_, silent := l.in.Peek(1)
		heard = heard || silent == nil
		r, err := http.ReadResponse(l.in, q)
		if err != nil {
			return sent, heard, err
		}
		if r.StatusCode >= 200 {
			return sent, true, e.read(l, r)
		}
	}
	return sent, true, errors.New("line: too many interim responses")
}

// read reads the content of a response.
func (e *exchange) read(l *conn, r *http.Response) error {
	l.head.N = math.MaxInt64
	limit := int64(maxContent)
	if r.StatusCode == http.StatusUnauthorized {
		limit = maxChallenge
	}
	content, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return err
	}
	l.closed = l.closed || r.Close
	if int64(len(content)) > limit {
		if r.StatusCode != http.StatusUnauthorized {
			return fmt.Errorf("line: content of more than %d bytes", limit)
		}
		l.closed, content = true, nil
	}
	r.Body, r.Request = io.NopCloser(bytes.NewReader(content)), e.request
	e.response, e.content = r, content
	return nil
}

var errUnwanted = errors.New("line: the server responded before it asked for the body")

// body is a body that can be sent once. If it waits, it is sent after 100 (Continue), or
// after some time without a response.
type body struct {
	io.ReadCloser
	ctx      context.Context
	conn     *conn
	exchange *exchange
	waits    bool
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.waits {
		b.waits = false
		if err := b.conn.out.Flush(); err != nil {
			return 0, err
		}
		if !b.conn.wants(b.ctx) {
			return 0, errUnwanted
		}
	}
	b.exchange.spent = true
	return b.ReadCloser.Read(p)
}

// Close implements io.Closer: a body that was not sent can be sent later.
func (b *body) Close() error { return nil }

// wants waits for 100 (Continue).
func (l *conn) wants(ctx context.Context) bool {
	l.SetReadDeadline(time.Now().Add(expectTime))
	head, err := l.in.Peek(len("HTTP/1.1 100"))
	l.SetReadDeadline(time.Time{})
	if ctx.Err() != nil { // the deadline that it set must not be lifted
		l.SetReadDeadline(time.Unix(1, 0))
	}
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout() || bytes.HasSuffix(head, []byte(" 100"))
}

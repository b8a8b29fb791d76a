package fasthttp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// conn is a connection with the machine that belongs to it. It implements drive.Carrier.
type conn struct {
	net.Conn
	key     drive.Key
	runner  drive.Runner[machine.Client]
	binding gss.Binding
	br      *bufio.Reader
	bw      *bufio.Writer
	trip    *trip
	ctx     context.Context // the exchange's, which ends reads and writes
	release func() bool     // ends its power over them
	spent   bool            // the peer closes it after its last response
	dead    bool            // it failed
	timer   *time.Timer     // while it is idle
}

const defaultBuffer = 4096

func (c *conn) buffers(hc *fast.HostClient) {
	size := hc.ReadBufferSize
	if size <= 0 {
		size = defaultBuffer
	}
	c.br, c.bw = bufio.NewReaderSize(c.Conn, size), bufio.NewWriter(c.Conn)
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// watch ends reads and writes with the context.
func (c *conn) watch(ctx context.Context) {
	c.ctx = ctx
	c.SetDeadline(time.Time{})
	end := c.Conn
	c.release = context.AfterFunc(ctx, func() { end.SetDeadline(past) })
}

// within gives a deadline to reads or writes, 0 for none. It does not lift one that the context's end
// has set.
func (c *conn) within(set func(time.Time) error, d time.Duration) {
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d)
	}
	set(at)
	if c.ctx.Err() != nil {
		set(past)
	}
}

// Runner implements drive.Carrier.
func (c *conn) Runner() *drive.Runner[machine.Client] { return &c.runner }

// Begun implements drive.Carrier.
func (c *conn) Begun(q machine.Request) machine.Request {
	q.Binding = c.binding
	return q
}

// Spent implements drive.Carrier.
func (c *conn) Spent() bool { return c.spent || c.dead }

// Close implements drive.Carrier.
func (c *conn) Close() {
	if c.release != nil {
		c.release()
	}
	c.Conn.Close()
}

// Renew implements drive.Carrier: a fresh connection where the peer closed this one after its
// response.
func (c *conn) Renew(ctx context.Context) bool {
	if c.dead || !c.spent || ctx.Err() != nil {
		return false
	}
	c.Close()
	next, err := c.trip.dial(ctx, c.key)
	if err != nil {
		c.dead, c.trip.broken = true, err
		return false
	}
	same := next.binding == c.binding
	c.Conn, c.br, c.bw, c.binding = next.Conn, next.br, next.bw, next.binding
	c.spent, c.dead = false, !same
	c.watch(ctx)
	return same
}

// Send implements drive.Carrier.
func (c *conn) Send(_ context.Context, a machine.Send) (machine.Response, error) {
	x := c.trip
	r := fast.AcquireRequest()
	defer fast.ReleaseRequest(r)
	x.prepare(r, a)
	sent, err := c.write(r, a.Body)
	if err == nil {
		err = c.read(a)
	}
	if err != nil {
		c.dead, x.broken = true, err
		return machine.Response{}, err
	}
	x.broken, x.status = nil, x.resp.StatusCode()
	c.spent = c.spent || x.resp.ConnectionClose()
	e := machine.Response{Status: x.status, Header: header.ParseResponse(responseFields{&x.resp.Header}.Values), Close: c.spent, BodySent: sent}
	if x.own && x.status == fast.StatusUnauthorized { // whom it concerns is the application
		e.Status, e.Header = fast.StatusForbidden, header.Response{}
	}
	return e, nil
}

// prepare is the request of one leg, in r.
func (x *trip) prepare(r *fast.Request, a machine.Send) {
	x.req.Header.CopyTo(&r.Header)
	r.SetURI(x.req.URI())
	if r.UseHostHeader = x.req.UseHostHeader; !r.UseHostHeader || len(r.Header.Host()) == 0 {
		r.Header.SetHostBytes(r.URI().Host())
	}
	r.Header.SetRequestURIBytes(r.URI().RequestURI())
	r.Header.Del("Expect")
	if name := r.URI().Username(); len(name) > 0 { // as fasthttp has it, which writes it for some bodies only
		r.Header.Set(header.Authorization, "Basic "+base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s:%s", name, r.URI().Password())))
	}
	if !x.own {
		drive.ApplySend(requestFields{&r.Header}, machine.Send{Authorization: a.Authorization})
	}
	if a.Probe {
		r.Header.SetMethod(fast.MethodHead)
	}
	switch {
	case a.Body == machine.Omit && (x.stream || len(x.body) > 0):
		r.Header.Del("Transfer-Encoding")
		r.Header.SetContentLength(0)
	case a.Body == machine.Omit:
	case x.stream:
		r.SetBodyStream(x.req.BodyStream(), x.req.Header.ContentLength())
	default:
		r.SetBodyRaw(x.body)
	}
}

// write sends a request, and tells how much of its body. A body that can be sent once waits
// for the peer to ask for it, where its length is known.
func (c *conn) write(r *fast.Request, use machine.BodyUse) (machine.Sent, error) {
	x := c.trip
	c.within(c.SetWriteDeadline, x.hc.WriteTimeout)
	n := x.req.Header.ContentLength()
	if use != machine.Expect || !x.stream || n < 0 {
		err := r.Write(c.bw)
		if err == nil {
			err = c.bw.Flush()
		}
		x.spent = x.spent || x.stream && use != machine.Omit
		if use == machine.Omit {
			return machine.SentNone, err
		}
		return machine.SentAll, err
	}
	r.Header.Set("Expect", "100-continue")
	r.Header.SetContentLength(n)
	if err := r.Header.Write(c.bw); err != nil {
		return machine.SentNone, err
	}
	if err := c.bw.Flush(); err != nil {
		return machine.SentNone, err
	}
	if !c.wanted() {
		return machine.SentNone, nil
	}
	x.spent = true
	_, err := io.CopyN(c.bw, x.req.BodyStream(), int64(n))
	if err == nil {
		err = c.bw.Flush()
	}
	return machine.SentAll, err
}

// wanted waits for what the peer says of a body: it wants it if it says 100 (Continue), or
// nothing for a while.
func (c *conn) wanted() bool {
	c.within(c.SetReadDeadline, DefaultExpectTimeout)
	head, err := c.br.Peek(len("HTTP/1.1 100"))
	silent, ok := err.(net.Error)
	return ok && silent.Timeout() && c.ctx.Err() == nil || bytes.HasSuffix(head, []byte(" 100"))
}

// read reads the final response. The content of a challenge has a bound of its own.
func (c *conn) read(a machine.Send) error {
	x := c.trip
	c.within(c.SetReadDeadline, x.hc.ReadTimeout)
	for range maxInformational {
		x.resp.Reset()
		if x.hc.DisableHeaderNamesNormalizing {
			x.resp.Header.DisableNormalizing()
		}
		if err := x.resp.Header.Read(c.br); err != nil {
			return err
		}
		status := x.resp.StatusCode()
		if status < 200 && status != fast.StatusSwitchingProtocols { // HTA-11
			continue
		}
		if a.Probe || x.req.Header.IsHead() || status < 200 || status == fast.StatusNoContent || status == fast.StatusNotModified {
			return nil
		}
		limit, challenge := x.hc.MaxResponseBodySize, status == fast.StatusUnauthorized && !x.own
		if challenge && (limit <= 0 || int64(limit) > x.t.config.MaxDrain) {
			limit = int(x.t.config.MaxDrain)
		}
		err := x.resp.ReadBody(c.br, limit)
		if err == fast.ErrBodyTooLarge && challenge { // it is of no use, and neither is its connection
			x.resp.ResetBody()
			c.spent, err = true, nil
		}
		return err
	}
	return errTooMany
}

// alive reports whether the peer has not closed an idle connection, nor said something that
// nobody asked for.
func (c *conn) alive() bool {
	c.SetReadDeadline(time.Now().Add(20 * time.Microsecond))
	defer c.SetReadDeadline(time.Time{})
	_, err := c.br.Peek(1)
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// pool keeps the connections of a Transport while they are idle, in the order in which they became it.
type pool struct {
	mu   sync.Mutex
	idle []*conn
}

// take is a connection for k, the one that was used last; nil if there is none that can be used.
func (p *pool) take(k drive.Key) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if c := p.idle[i]; c.key == k {
			p.remove(i)
			if c.alive() {
				return c
			}
			c.Conn.Close()
		}
	}
	return nil
}

// put takes a connection back, and keeps it for so long. Where there is no room, the one that has been
// idle for longest goes.
func (p *pool) put(c *conn, keep time.Duration) {
	if keep <= 0 {
		keep = fast.DefaultMaxIdleConnDuration
	}
	c.trip, c.ctx, c.release = nil, nil, nil
	p.mu.Lock()
	defer p.mu.Unlock()
	same, oldest := 0, 0
	for i := len(p.idle) - 1; i >= 0; i-- {
		if p.idle[i].key == c.key {
			same++
			oldest = i
		}
	}
	switch {
	case same >= MaxIdlePerKey:
		p.drop(oldest)
	case len(p.idle) >= MaxIdle:
		p.drop(0)
	}
	p.idle = append(p.idle, c)
	c.timer = time.AfterFunc(keep, func() { p.expire(c) })
}

// remove takes one off the list, drop closes it as well. The lock is held.
func (p *pool) remove(i int) *conn {
	c := p.idle[i]
	c.timer.Stop()
	p.idle = slices.Delete(p.idle, i, i+1)
	return c
}

func (p *pool) drop(i int) { p.remove(i).Conn.Close() }

// expire closes a connection that was idle for too long.
func (p *pool) expire(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.idle, c); i >= 0 {
		p.drop(i)
	}
}

func (p *pool) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		p.drop(len(p.idle) - 1)
	}
}

var errTooMany = errors.New("fasthttp: the peer sent too many informational responses")

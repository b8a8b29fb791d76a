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
	"time"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/internal/authority"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// conn is a connection of a client's. It implements drive.Conn.
type conn struct {
	net.Conn
	binding  gss.Binding
	br       *bufio.Reader
	bw       *bufio.Writer
	exchange *exchange       // the exchange that uses it; nil while it is idle
	ctx      context.Context // the exchange's context, which ends reads and writes
	release  func() bool     // detaches the context
	wrote    int64           // bytes written
	spent    bool            // the peer closes it after its last response
	dead     bool            // it failed
}

// Write implements io.Writer.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.wrote += int64(n)
	return n, err
}

const defaultBuffer = 4096

func (c *conn) buffers(hc *fast.HostClient) {
	size := hc.ReadBufferSize
	if size <= 0 {
		size = defaultBuffer
	}
	c.br, c.bw = bufio.NewReaderSize(c.Conn, size), bufio.NewWriter(c)
}

// past is a deadline that has expired.
var past = time.Unix(1, 0)

// serve assigns the connection to an exchange, and lets its context end reads and
// writes.
func (c *conn) serve(x *exchange, ctx context.Context) {
	if c.exchange == x {
		return
	}
	c.exchange, c.ctx = x, ctx
	c.SetDeadline(time.Time{})
	end := c.Conn
	c.release = context.AfterFunc(ctx, func() { end.SetDeadline(past) })
}

// rest detaches the connection from its exchange.
func (c *conn) rest() {
	if c.release != nil {
		c.release()
	}
	c.exchange, c.ctx, c.release = nil, nil, nil
}

// within sets a deadline for reads or writes, 0 for none. It does not lift the deadline
// that was set when the context ended.
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

// Describe implements drive.Conn.
func (c *conn) Describe(q machine.Request) machine.Request {
	q.Binding = c.binding
	return q
}

// Usable implements drive.Conn.
func (c *conn) Usable() bool { return !c.spent && !c.dead }

// Close implements drive.Conn.
func (c *conn) Close() {
	c.rest()
	c.Conn.Close()
}

// Streams implements drive.Conn.
func (c *conn) Streams() drive.Streams { return nil }

// send sends the request for one leg.
func (x *exchange) send(ctx context.Context, c *conn, a machine.Send) (machine.Response, error) {
	if c.serve(x, ctx); c.spent || c.dead {
		return machine.Response{}, &drive.Loss{Err: errGone, Unsent: true}
	}
	r := fast.AcquireRequest()
	defer fast.ReleaseRequest(r)
	x.prepare(r, a)
	before, spent, heard := c.wrote, x.spent, false
	sent, err := c.write(r, a.Body)
	if err == nil {
		heard, err = c.read(a)
	}
	if err != nil {
		c.dead = true
		return machine.Response{}, &drive.Loss{Err: err, Unsent: c.wrote == before && x.spent == spent, Heard: heard}
	}
	c.spent = c.spent || x.resp.ConnectionClose()
	return machine.Response{Status: x.resp.StatusCode(), Header: header.ParseResponse(responseFields{&x.resp.Header}.Values), Close: c.spent, BodySent: sent}, nil
}

// prepare stores the request of one leg in r.
func (x *exchange) prepare(r *fast.Request, a machine.Send) {
	x.req.Header.CopyTo(&r.Header)
	r.SetURI(x.req.URI())
	if r.UseHostHeader = x.req.UseHostHeader; !r.UseHostHeader || len(r.Header.Host()) == 0 {
		r.Header.SetHostBytes(r.URI().Host())
	}
	if host := string(r.Header.Host()); !r.UseHostHeader && authority.Wire(host) != host { // fasthttp would send U-labels
		r.Header.SetHost(authority.Wire(host))
		r.UseHostHeader = true
	}
	r.Header.SetRequestURIBytes(r.URI().RequestURI())
	r.Header.Del("Expect")
	if name := r.URI().Username(); len(name) > 0 { // fasthttp would set the field only for some bodies
		r.Header.Set(header.Authorization, "Basic "+base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s:%s", name, r.URI().Password())))
	}
	if !x.own {
		hop.ApplySend(requestFields{&r.Header}, machine.Send{Authorization: a.Authorization})
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

// write sends a request, and returns how much of its body was sent. A one-shot body
// waits until the peer asks for it, if its length is known.
func (c *conn) write(r *fast.Request, use machine.BodyUse) (machine.Sent, error) {
	x := c.exchange
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

// wanted waits for the peer's reaction to an announced body. It reports true after 100
// (Continue), or if there is no response within some time.
func (c *conn) wanted() bool {
	c.within(c.SetReadDeadline, expectTimeout)
	head, err := c.br.Peek(len("HTTP/1.1 100"))
	silent, ok := err.(net.Error)
	return ok && silent.Timeout() && c.ctx.Err() == nil || bytes.HasSuffix(head, []byte(" 100"))
}

// read reads the final response, and reports whether any of it arrived. The content of
// a challenge has a separate bound.
func (c *conn) read(a machine.Send) (heard bool, err error) {
	x := c.exchange
	c.within(c.SetReadDeadline, x.hc.ReadTimeout)
	for range maxInformational {
		x.resp.Reset()
		if x.hc.DisableHeaderNamesNormalizing {
			x.resp.Header.DisableNormalizing()
		}
		_, silent := c.br.Peek(1)
		heard = heard || silent == nil
		if err := x.resp.Header.Read(c.br); err != nil {
			return heard, err
		}
		status := x.resp.StatusCode()
		if status < 200 && status != fast.StatusSwitchingProtocols { // HTA-11
			continue
		}
		if a.Probe || x.req.Header.IsHead() || status < 200 || status == fast.StatusNoContent || status == fast.StatusNotModified {
			return true, nil
		}
		limit, challenge := x.hc.MaxResponseBodySize, status == fast.StatusUnauthorized && !x.own
		if challenge && (limit <= 0 || int64(limit) > x.t.config.MaxDrain) {
			limit = int(x.t.config.MaxDrain)
		}
		err := x.resp.ReadBody(c.br, limit)
		if err == fast.ErrBodyTooLarge && challenge { // the content is not needed, and the connection cannot be kept
			x.resp.ResetBody()
			c.spent, err = true, nil
		}
		return true, err
	}
	return heard, errTooMany
}

// Alive reports whether the peer has neither closed an idle connection nor sent
// anything unsolicited.
func (c *conn) Alive() bool {
	c.SetReadDeadline(time.Now().Add(20 * time.Microsecond))
	defer c.SetReadDeadline(time.Time{})
	_, err := c.br.Peek(1)
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

var errGone = errors.New("fasthttp: the peer closed the connection after its response")

var errTooMany = errors.New("fasthttp: the peer sent too many informational responses")

package nethttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/entropy"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/machine"
)

// trip is one exchange: a request of the application's, from Begin to the
// response that it gets, over as many connections as it takes.
type trip struct {
	t        *Transport
	request  *http.Request
	url      *url.URL // whose authority is the origin's
	route    route
	keys     drive.Keys
	identity string
	own      [2]bool // sides that the application authenticates itself
	source   answer.Source
	body     *content

	resume machine.Resume
	http11 bool // this exchange needs a connection that is not multiplexed
	fresh  bool // and none that was idle

	conn     *conn
	agent    agent
	reserved bool // a stream of conn, not used yet
	sends    int  // since Begin
	pooled   bool // conn served other exchanges before
	served   bool // and this one
	upload   *upload
	response *http.Response // the last one, as long as it is nobody's
	status   int            // of the last one
	broken   error          // what became of the last connection
}

// run does what the machine says until the exchange ends.
func (x *trip) run() (*http.Response, error) {
	acts, err := x.begin()
	for err == nil {
		var next machine.Event
		switch a := acts.At(0).(type) {
		case machine.Ask:
			next, err = x.ask(a)
		case machine.Send:
			next, err = x.send(a)
			if err == errUntouched {
				x.fresh = true
				acts, err = x.begin()
				continue
			}
		case machine.Deliver:
			return x.deliver(a, retires(acts)), nil
		case machine.Fail:
			return nil, x.fail(a, retires(acts))
		case machine.Reopen:
			x.reopen(a)
			acts, err = x.begin()
			continue
		default:
			err = fmt.Errorf("nethttp: a client cannot do a %T", a)
		}
		if err == nil {
			acts, err = x.step(next)
		}
	}
	x.abandon()
	return nil, err
}

func retires(acts machine.Actions) bool {
	for a := range acts.All() {
		if _, ok := a.(machine.Retire); ok {
			return true
		}
	}
	return false
}

// step tells the machine an event.
func (x *trip) step(e machine.Event) (machine.Actions, error) {
	env := entropy.Env()
	next, acts, err := x.agent.client.Step(env, e)
	if err != nil {
		return acts, err
	}
	x.agent.client = next
	x.observe(env, e, acts)
	return acts, nil
}

func (x *trip) observe(env gss.Env, e machine.Event, acts machine.Actions) {
	if f := x.t.config.Observer; f != nil {
		f(x.agent.id, env, e, acts)
	}
}

// begin finds a connection that will have this exchange, or opens one, and gives
// the first actions. An idle connection may carry the identity for another origin
// (behind a plain proxy); its machine then says Reopen. Since the machine is a
// value, it is asked without obligation, and the connection stays as it was.
func (x *trip) begin() (machine.Actions, error) {
	b := machine.Begin{Via: x.route.via, Identity: x.identity, Body: x.body.kind, Resume: x.resume}
	uri := x.url.RequestURI()
	if !x.own[gss.Origin] {
		b.Lease = x.t.spaces.Lease(x.keys.Origin, uri)
	}
	if !x.own[gss.Proxy] && x.route.via.Route == machine.Forwarded {
		b.ProxyLease = x.t.spaces.Lease(x.keys.Proxy, uri)
	}
	x.http11 = x.http11 || x.t.spaces.NeedsHTTP11(x.keys.Origin)
	var passed []*conn
	defer func() {
		for _, c := range passed {
			x.t.pool.put(c)
		}
	}()
	for !x.fresh {
		c := x.t.pool.take(x.keys.Connection, x.keys.Origin, x.http11)
		if c == nil {
			break
		}
		acts, ok, err := x.try(c, b, true)
		if ok || err != nil {
			return acts, err
		}
		passed = append(passed, c)
	}
	c, err := x.t.dial(x.request.Context(), &x.route, &x.keys, x.identity, x.http11)
	if err != nil {
		return machine.Actions{}, err
	}
	acts, _, err := x.try(c, b, false)
	return acts, err
}

// try begins the exchange on a connection; false if it is not for this exchange.
func (x *trip) try(c *conn, b machine.Begin, pooled bool) (acts machine.Actions, ok bool, err error) {
	used := c.agent
	if c.multiplexed {
		used = agent{x.t.client, drive.NextID()}
	}
	b.Request = outbound(x.request, x.url, &x.keys, c.binding, c.multiplexed)
	env := entropy.Env()
	next, acts, err := used.client.Step(env, b)
	if err != nil {
		x.conn, x.reserved = c, c.multiplexed // to be let go
		return acts, false, err
	}
	if pooled && !c.multiplexed {
		switch acts.At(0).(type) {
		case machine.Reopen, machine.Fail:
			return acts, false, nil
		}
	}
	used.client = next
	x.conn, x.agent, x.reserved = c, used, c.multiplexed
	x.pooled, x.served, x.sends = pooled, false, 0
	x.observe(env, b, acts)
	return acts, true, nil
}

// ask answers a question: those about bodies here, the others by the source.
func (x *trip) ask(a machine.Ask) (machine.Event, error) {
	ctx := x.request.Context()
	e := machine.Answered{ID: a.ID}
	if need, ok := a.Question.(digest.NeedBodyHash); ok {
		if need.Response {
			e.Answer = x.responseSum(need.Algorithm)
		} else {
			e.Answer = x.body.sum(need.Algorithm)
		}
	} else {
		e.Answer = drive.Ask(ctx, x.source, a.Question)
	}
	return e, ctx.Err()
}

// responseSum hashes the response's content, which it puts back for the
// application.
func (x *trip) responseSum(a digest.Algorithm) gss.Answer {
	r := x.response
	if r == nil || r.Uncompressed { // the server's proof is over the compressed form
		return gss.Declined{}
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, x.t.config.MaxBody+1))
	if err != nil || int64(len(data)) > x.t.config.MaxBody {
		return gss.Declined{} // which fails the exchange
	}
	r.Body = joined{io.MultiReader(bytes.NewReader(data), r.Body), r.Body}
	return drive.BodyHash(a, data)
}

// errUntouched: a connection that had been idle was gone before a byte of the
// request was written, and the exchange can begin again as if nothing had
// happened.
var errUntouched = errors.New("nethttp: the idle connection was gone")

// send sends the request once more, and tells what came of it.
//
// A request that no handshake ties to its connection may go out on a fresh one.
// So it does where the connection is gone; and also where the server turns out
// to have closed it after its last response, if the request may be repeated.
func (x *trip) send(a machine.Send) (machine.Event, error) {
	x.clear()
	for {
		if !x.conn.usable() {
			if x.sends == 0 && x.pooled {
				x.drop()
				return nil, errUntouched
			}
			if a.Pinned { // HTA-5
				return machine.Closed{}, nil
			}
			if same, err := x.replace(); err != nil || !same {
				return machine.Closed{}, err
			}
		}
		r, written, err := x.prepare(a)
		if err != nil {
			return nil, err
		}
		before := x.conn.wire.wrote.Load()
		x.sends++
		x.reserved = false
		response, err := x.conn.cc.RoundTrip(r)
		if err == nil {
			x.response, x.status, x.broken, x.served = response, response.StatusCode, nil, true
			return x.responded(), nil
		}
		failed := x.upload.failure()
		x.upload.resolve(halted)
		untouched := (!written.Load() || !x.conn.multiplexed && x.conn.wire.wrote.Load() == before) && !x.upload.touched()
		switch {
		case x.request.Context().Err() != nil:
			return nil, err
		case failed != nil: // the application's own body
			return nil, failed
		case untouched && x.sends == 1 && x.pooled:
			x.drop()
			return nil, errUntouched
		case x.served && !a.Pinned && (untouched || x.repeatable()):
			if same, err := x.replace(); err == nil && same {
				continue
			}
		}
		x.broken = err
		return machine.Closed{}, nil
	}
}

// repeatable reports whether the request may be sent although it may have been
// carried out already (RFC 9110 section 9.2.2), and can be.
func (x *trip) repeatable() bool {
	switch x.request.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return x.body.kind != machine.Once || !x.upload.touched()
	}
	return false
}

// prepare is the request of one leg. written tells whether its header went to
// the connection.
func (x *trip) prepare(a machine.Send) (*http.Request, *atomic.Bool, error) {
	written := new(atomic.Bool)
	h := x.request.Header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	if a.Body == machine.Expect {
		h.Set("Expect", "100-continue")
	}
	sends := x.body.kind != machine.NoBody && a.Body != machine.Omit
	u, err := x.body.upload(sends, header.EqualFold(h.Get("Expect"), "100-continue"))
	if err != nil {
		return nil, nil, err
	}
	x.upload = u
	if !x.conn.multiplexed {
		x.conn.wire.upload.Store(u)
	}
	ctx := httptrace.WithClientTrace(x.request.Context(), &httptrace.ClientTrace{
		WroteHeaders:         func() { written.Store(true) },
		GotFirstResponseByte: u.responding,
		Got100Continue:       u.continued,
	})
	if a.AfterHandshake {
		ctx = afterHandshake(ctx)
	}
	r := x.request.WithContext(ctx)
	r.Header = h
	drive.ApplySend(h, a)
	r.GetBody = nil
	r.Close = false // not before the last leg; see deliver
	if a.Probe {
		r.Method = http.MethodHead
	}
	if x.route.via.Route == machine.Forwarded {
		r.Host = drive.Authority(x.keys.Scheme, x.keys.Host, x.keys.Port) // the very text that a proof to the proxy is made over
	}
	if x.route.tunnel { // the proxy is not who gets this
		h.Del(header.ProxyAuthorization)
	}
	if sends {
		r.Body, r.ContentLength = u, x.body.length
	} else {
		h.Del("Expect")
		r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = http.NoBody, 0, nil, nil
	}
	return r, written, nil
}

// responded is the event of the response that just came.
func (x *trip) responded() machine.Event {
	r := x.response
	e := machine.Response{Status: r.StatusCode, Header: responseHeader(r.Header), Close: r.Close, BodySent: x.upload.hold()}
	side, challenge := gss.Origin, r.StatusCode == http.StatusUnauthorized
	if r.StatusCode == http.StatusProxyAuthRequired {
		side, challenge = gss.Proxy, true
	}
	switch {
	case challenge && x.own[side]: // whom it concerns is the application
		e.Status, e.Header = http.StatusForbidden, header.Response{}
	case challenge:
		e.Close = !x.drain() || e.Close
	}
	return e
}

// drain reads what is left of a response that nobody will read, so that its
// connection can go on. It reports whether it can.
func (x *trip) drain() bool {
	body := x.response.Body
	x.response.Body = http.NoBody
	defer body.Close()
	if !x.conn.multiplexed && x.status == http.StatusProxyAuthRequired && x.upload.began() {
		x.conn.cc.Close() // Squid 5 answers nothing more where it has refused a body of 64 KB
		return false
	}
	max := x.t.config.MaxDrain
	if n, err := io.CopyN(io.Discard, body, max+1); err != io.EOF || n > max {
		return x.conn.multiplexed
	}
	return x.conn.usable()
}

// clear makes room for another request on the connection of a response that is
// not delivered.
func (x *trip) clear() {
	if x.upload != nil {
		if x.response != nil {
			x.drain()
		}
		x.upload.resolve(halted)
		x.upload = nil
	}
	x.response = nil
}

// drop lets go of the connection for good.
func (x *trip) drop() {
	switch c := x.conn; {
	case c == nil:
	case !c.multiplexed:
		c.cc.Close()
	case x.reserved:
		c.cc.Release()
	}
	x.conn, x.reserved = nil, false
}

// replace puts a fresh connection under the same machine. It reports whether the
// machine can tell no difference.
func (x *trip) replace() (bool, error) {
	old := x.conn
	x.drop()
	c, err := x.t.dial(x.request.Context(), &x.route, &x.keys, x.identity, x.http11)
	if err != nil {
		return false, err
	}
	x.conn, x.reserved, x.served = c, c.multiplexed, false
	return c.multiplexed == old.multiplexed && c.binding == old.binding, nil
}

// reopen ends the exchange's part on this connection.
func (x *trip) reopen(a machine.Reopen) {
	x.t.spaces.Learn(x.keys.Origin, a.Learn)
	x.t.spaces.Learn(x.keys.Proxy, a.LearnProxy)
	if a.HTTP11 {
		x.http11 = true
		x.t.spaces.LearnHTTP11(x.keys.Origin)
	}
	x.resume, x.fresh = a.Resume, !a.HTTP11
	x.clear()
	x.drop()
}

// abandon ends the exchange in the middle.
func (x *trip) abandon() {
	if x.upload != nil {
		x.upload.resolve(halted)
	}
	if x.response != nil {
		x.response.Body.Close()
	}
	x.drop()
}

// fail is the end without a response.
func (x *trip) fail(a machine.Fail, retire bool) error {
	x.t.spaces.Learn(x.keys.Origin, a.Learn)
	x.t.spaces.Learn(x.keys.Proxy, a.LearnProxy)
	x.clear()
	if c := x.conn; c != nil && !c.multiplexed && !retire && !x.request.Close {
		c.agent, c.last = x.agent, x.keys.Origin
		x.t.pool.put(c)
	} else {
		x.drop()
	}
	return &Error{Side: a.Side, Fault: a.Fault, Tried: a.Tried, Reasons: a.Reasons, Status: x.status, Err: x.broken}
}

// deliver hands the response to the application, and its connection, when the
// content was read, to the pool.
func (x *trip) deliver(d machine.Deliver, retire bool) *http.Response {
	x.t.spaces.Learn(x.keys.Origin, d.Learn)
	x.t.spaces.Learn(x.keys.Proxy, d.LearnProxy)
	r, c := x.response, x.conn
	x.upload.resolve(settled)
	r.Request = x.request.WithContext(context.WithValue(x.request.Context(), deliveredKey{}, d))
	if c.multiplexed {
		return r
	}
	c.agent, c.last = x.agent, x.keys.Origin
	end := func() { x.t.pool.put(c) }
	if retire || x.request.Close || headerCloses(x.request.Header) {
		end = func() { c.cc.Close() }
	}
	switch {
	case r.StatusCode == http.StatusSwitchingProtocols: // the connection is the application's
	case r.Body == http.NoBody || c.usable(): // nothing is left of it
		end()
	default:
		r.Body = &lastBody{ReadCloser: r.Body, whole: c.usable, end: end}
	}
	return r
}

func headerCloses(h http.Header) bool { return strings.EqualFold(h.Get("Connection"), "close") }

// lastBody tells when a response's content was read, or given up.
type lastBody struct {
	io.ReadCloser
	whole func() bool // the connection can take another request
	end   func()
	once  sync.Once
}

// Read implements io.Reader.
func (b *lastBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF && b.whole() {
		b.once.Do(b.end)
	}
	return n, err
}

// Close implements io.Closer.
func (b *lastBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.end)
	return err
}

package nethttp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/internal/authority"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/header"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/internal/ascii"
	"github.com/countersign-auth/countersign/machine"
)

// clientExchange is the exchange for one request of the application. It provides what
// [drive.Exchange] needs from net/http.
type clientExchange struct {
	t       *Transport
	request *http.Request
	url     *url.URL // its authority is the origin's
	route   route
	keys    drive.Keys
	source  answer.Source
	body    *content

	conn     *conn // the connection of the last request
	upload   *upload
	response *http.Response  // the last response, until it is delivered
	baked    map[string]bool // the names of the cookies that challenges of this exchange set
}

// run runs the exchange.
func (x *clientExchange) run() (*http.Response, error) {
	method := x.request.Method
	if method == "" {
		method = http.MethodGet
	}
	e := drive.Exchange[*conn]{
		Client: &x.t.client, Keys: x.keys,
		Method: method, URI: x.url.RequestURI(), Body: x.body.kind,
		Source: x.source, BodyHash: x.sum,
		Dial:  func(ctx context.Context, http1 bool) (*conn, error) { return x.t.dial(ctx, &x.route, &x.keys, http1) },
		Send:  x.send,
		Leave: func(*conn) { x.clear() },
	}
	d, on, err := e.Run(x.request.Context())
	if err == nil {
		return x.deliver(d, on), nil
	}
	if failed, ok := errors.AsType[*drive.Error](err); ok { // the connection may still be usable
		if x.t.config.DeliverRefused && x.response != nil && on != nil && failed.Deliverable() {
			return x.deliverRefused(failed, on), nil
		}
		x.clear()
		if on != nil && !x.closes() {
			on.Keep(x.t.idle)
		} else if on != nil {
			on.Close()
		}
		return nil, failed
	}
	if x.upload != nil {
		x.upload.resolve(halted)
	}
	if x.response != nil {
		x.response.Body.Close()
	}
	if on != nil {
		on.Close()
	}
	return nil, err
}

// sum answers a scheme's question for the hash of a body.
func (x *clientExchange) sum(need digest.NeedBodyHash) gss.Answer {
	if need.Response {
		return x.responseSum(need.Algorithm)
	}
	return x.body.sum(need.Algorithm)
}

// responseSum returns the hash of the response's content. It buffers the content and
// restores it for the application.
func (x *clientExchange) responseSum(a digest.Algorithm) gss.Answer {
	r := x.response
	if r == nil || r.Uncompressed { // the server's proof is over the compressed form
		return gss.Declined{}
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, x.t.config.MaxBody+1))
	if err != nil || int64(len(data)) > x.t.config.MaxBody {
		return gss.Declined{} // the exchange then fails
	}
	r.Body = joined{io.MultiReader(bytes.NewReader(data), r.Body), r.Body}
	return drive.BodyHash(a, data)
}

// send sends the request for one leg.
func (x *clientExchange) send(_ context.Context, c *conn, a machine.Send) (machine.Response, error) {
	x.clear()
	x.conn = c
	if !c.Usable() {
		return machine.Response{}, &drive.Loss{Err: errGone, Unsent: true}
	}
	r, watch, err := x.prepare(a)
	if err != nil {
		if s := c.Streams(); s != nil {
			s.Release()
		}
		return machine.Response{}, err
	}
	before := c.wire.wrote.Load()
	response, err := c.cc.RoundTrip(r)
	if err == nil {
		x.response = response
		return x.responded(), nil
	}
	failed := x.upload.failure()
	x.upload.resolve(halted)
	switch {
	case x.request.Context().Err() != nil:
		return machine.Response{}, err
	case failed != nil: // the application's body failed
		return machine.Response{}, failed
	}
	untouched := (!watch.wrote.Load() || !c.multiplexed && c.wire.wrote.Load() == before) && !x.upload.touched()
	return machine.Response{}, &drive.Loss{Err: err, Unsent: untouched, Heard: watch.heard.Load()}
}

var errGone = errors.New("nethttp: the connection had closed")

// watch records what httptrace reports of one leg: whether the header was written, and
// whether any byte of a response arrived.
type watch struct{ wrote, heard atomic.Bool }

// prepare returns the request for one leg on x.conn.
func (x *clientExchange) prepare(a machine.Send) (*http.Request, *watch, error) {
	w := new(watch)
	h := x.request.Header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	if a.Body == machine.Expect {
		h.Set("Expect", "100-continue")
	}
	sends := x.body.kind != machine.NoBody && a.Body != machine.Omit
	u, err := x.body.upload(sends, ascii.EqualFold(h.Get("Expect"), "100-continue"))
	if err != nil {
		return nil, nil, err
	}
	x.upload = u
	if !x.conn.multiplexed {
		x.conn.wire.upload.Store(u)
	}
	ctx := httptrace.WithClientTrace(x.request.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { w.wrote.Store(true) },
		GotFirstResponseByte: func() {
			w.heard.Store(true)
			u.responding()
		},
		Got100Continue: u.continued,
	})
	if a.AfterHandshake {
		ctx = afterHandshake(ctx)
	}
	r := x.request.WithContext(ctx)
	r.Header = h
	hop.ApplySend(h, a)
	x.addCookies(r)
	r.GetBody = nil
	r.Close = false // only on the last leg; see deliver
	if a.Probe {
		r.Method = http.MethodHead
	}
	if x.route.via == machine.Forwarded {
		r.Host = authority.Join(x.keys.Scheme, x.keys.Host, x.keys.Port) // a proof to the proxy is computed over exactly this text
	}
	if x.route.tunnel { // sent to the origin, not to the proxy
		h.Del(header.ProxyAuthorization)
	}
	if sends {
		r.Body, r.ContentLength = u, x.body.length
	} else {
		h.Del("Expect")
		r.Body, r.ContentLength, r.TransferEncoding, r.Trailer = http.NoBody, 0, nil, nil
	}
	return r, w, nil
}

// responded describes the response that just arrived to the machine.
func (x *clientExchange) responded() machine.Response {
	r := x.response
	e := machine.Response{Status: r.StatusCode, Header: responseHeader(r.Header), Close: r.Close, BodySent: x.upload.hold()}
	if side, challenge := challengeOf(r.StatusCode); challenge && !x.keys.Own[side] {
		if side == gss.Origin {
			x.takeCookies()
		}
		e.Close = !x.drain() || e.Close
	}
	return e
}

// challengeOf returns the side that sends its challenges with this status.
func challengeOf(status int) (side gss.Side, ok bool) {
	if status == http.StatusProxyAuthRequired {
		return gss.Proxy, true
	}
	return gss.Origin, status == http.StatusUnauthorized
}

// drain reads the rest of a response that is not delivered, so that its connection can
// be reused. It reports whether it can.
func (x *clientExchange) drain() bool {
	body := x.response.Body
	x.response.Body = http.NoBody
	defer body.Close()
	if !x.conn.multiplexed && x.response.StatusCode == http.StatusProxyAuthRequired && x.upload.began() {
		x.conn.cc.Close() // Squid 5 stops responding after it has refused a body of 64 KB
		return false
	}
	max := x.t.config.MaxDrain
	if x.t.config.DeliverRefused {
		data, err := io.ReadAll(io.LimitReader(body, max+1))
		whole := err == nil && int64(len(data)) <= max
		x.response.Body = io.NopCloser(bytes.NewReader(data))
		if !whole {
			x.response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data), cut{}))
			return x.conn.multiplexed
		}
		return x.conn.Usable()
	}
	if n, err := io.CopyN(io.Discard, body, max+1); err != io.EOF || n > max {
		return x.conn.multiplexed
	}
	return x.conn.Usable()
}

// cut is the end of content of which more was sent than was kept.
type cut struct{}

// Read implements io.Reader.
func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// takeCookies puts the cookies of a 401 into the jar.
func (x *clientExchange) takeCookies() {
	jar, cookies := x.t.config.Jar, x.response.Cookies()
	if jar == nil || len(cookies) == 0 {
		return
	}
	jar.SetCookies(x.url, cookies)
	if x.baked == nil {
		x.baked = make(map[string]bool)
	}
	for _, c := range cookies {
		x.baked[c.Name] = true
	}
}

// addCookies puts the cookies of the jar into the request of a leg that follows a challenge
// which set some.
func (x *clientExchange) addCookies(r *http.Request) { // LEG-6
	if len(x.baked) == 0 {
		return
	}
	var all []*http.Cookie
	has := maps.Clone(x.baked) // the jar's word on these counts, also that there is none
	jar := x.t.config.Jar.Cookies(x.url)
	for _, c := range jar {
		has[c.Name] = true
	}
	for _, c := range r.Cookies() {
		if !has[c.Name] {
			all = append(all, c)
		}
	}
	r.Header.Del("Cookie")
	for _, c := range append(all, jar...) {
		r.AddCookie(c)
	}
}

// clear prepares the connection of an undelivered response for another request, or
// closes it.
func (x *clientExchange) clear() {
	if x.upload != nil {
		if x.response != nil {
			x.drain()
		}
		x.upload.resolve(halted)
		x.upload = nil
	}
	x.response = nil
}

// deliverRefused returns the challenge that could not be met to the application. Its content
// has been read.
func (x *clientExchange) deliverRefused(why *drive.Error, on *drive.Held[*conn]) *http.Response {
	r := x.response
	if x.upload != nil {
		x.upload.resolve(halted)
	}
	x.upload, x.response = nil, nil
	r.Request = x.request.WithContext(context.WithValue(x.request.Context(), refusalKey{}, why))
	if x.closes() {
		on.Close()
	} else {
		on.Keep(x.t.idle)
	}
	return r
}

// deliver returns the response to the application. When its content has been read, the
// connection returns to the pool.
func (x *clientExchange) deliver(d machine.Deliver, on *drive.Held[*conn]) *http.Response {
	r, c := x.response, on.Conn
	x.upload.resolve(settled)
	r.Request = x.request.WithContext(context.WithValue(x.request.Context(), deliveredKey{}, d))
	if c.multiplexed {
		return r
	}
	end := func() { on.Keep(x.t.idle) }
	if x.closes() {
		end = on.Close
	}
	switch {
	case r.StatusCode == http.StatusSwitchingProtocols: // the connection now belongs to the application
	case r.Body == http.NoBody || c.Usable(): // no content is left to read
		end()
	default:
		r.Body = &lastBody{ReadCloser: r.Body, whole: c.Usable, end: end}
	}
	return r
}

// closes reports whether the application wants the connection closed.
func (x *clientExchange) closes() bool { return x.request.Close || headerCloses(x.request.Header) }

func headerCloses(h http.Header) bool { return strings.EqualFold(h.Get("Connection"), "close") }

// lastBody reports when a response's content has been read or closed.
type lastBody struct {
	io.ReadCloser
	whole func() bool // reports whether the connection can take another request
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

package nethttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/countersign-auth/countersign/drivers/internal/hidden"
	"github.com/countersign-auth/countersign/hop"
	"github.com/countersign-auth/countersign/machine"
)

// This file connects the proxy to httputil.ReverseProxy, which does what does not
// concern authentication: it removes hop-by-hop fields (R9110-7.6.1-1, and with them
// Proxy-Authorization, R9110-11.7.2-1) and handles streaming, trailers, 1xx and
// upgrades.

type exchangeKey struct{}

func withExchange(ctx context.Context, x *proxyExchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

func exchangeOf(r *http.Request) *proxyExchange {
	return r.Context().Value(exchangeKey{}).(*proxyExchange)
}

// resource returns the URL that is sent upstream. It is the target in in, which
// handlers in front of the proxy have seen (TARGET-1), byte for byte as the client
// wrote it, so that a Digest over it remains valid, unless one of those handlers
// changed it.
func resource(written string, in *url.URL) *url.URL {
	u := &url.URL{Path: in.Path, RawPath: in.RawPath, RawQuery: in.RawQuery, ForceQuery: in.ForceQuery}
	if u.Path == "" {
		u.Path = "/"
	}
	asWritten, err := url.ParseRequestURI(written)
	same := err == nil && asWritten.Path == u.Path && asWritten.RawQuery == u.RawQuery && asWritten.ForceQuery == u.ForceQuery
	switch {
	case written == "*" && (in.Path == "" || in.Path == "*"): // RFC 9112 section 3.2.4
		return &url.URL{Opaque: "*"}
	case same && !strings.HasPrefix(written, "//"): // which url.URL would take for an authority
		return &url.URL{Opaque: written}
	}
	return u
}

// rewrite prepares the request that is sent upstream.
func rewrite(pr *httputil.ProxyRequest) {
	x := exchangeOf(pr.In)
	u := resource(x.q.URI, pr.In.URL)
	u.Scheme, u.Host = x.to.scheme, x.to.addr
	pr.Out.URL = u
	x.tell(pr)
	x.upgrades(pr.Out.Header)
	if pr.Out.Body != nil && pr.Out.Body != http.NoBody {
		x.body = &clientBody{ReadCloser: pr.Out.Body}
		pr.Out.Body = x.body
	}
	x.send.Apply(pr.Out.Header, received(pr.In.ProtoMajor, pr.In.ProtoMinor, x.p.conf.Name))
}

// received returns the entry of a message in Via.
func received(major, minor int, name string) string {
	return fmt.Sprintf("%d.%d %s", major, minor, name)
}

// named reports whether Connection names the field.
func named(h http.Header, field string) bool {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(name), field) {
				return true
			}
		}
	}
	return false
}

// errReplied means that the proxy sends a reply of its own in place of the upstream's
// response.
var errReplied = errors.New("nethttp: no response to forward")

// errVanished means that the client's own upstream connection has closed, so that the
// client's connection to the proxy must be closed, too.
var errVanished = errors.New("nethttp: the pinned upstream connection has closed")

// proxyTransport is the http.RoundTripper that sends each request over the connection that
// the front chose.
type proxyTransport struct{}

// RoundTrip implements http.RoundTripper.
func (proxyTransport) RoundTrip(out *http.Request) (*http.Response, error) {
	x := exchangeOf(out)
	for {
		res, err := x.exchange(out)
		if err == nil && res.StatusCode == http.StatusSwitchingProtocols && !strings.EqualFold(res.Header.Get("Upgrade"), out.Header.Get("Upgrade")) { // RELAY-2
			res.Body.Close() // httputil would refuse it too, and leave the upstream's connection open
			err = errUnasked
		}
		var e hop.Event
		blame, broke := x.body.blame()
		if err != nil {
			e = hop.Lost{Idle: x.idle, Unsent: !x.written.Load(), Client: broke}
		} else {
			e = hop.Response{Response: machine.Response{
				Status: res.StatusCode, Header: responseHeader(res.Header), BodySent: machine.SentAll, Close: res.Close,
			}}
		}
		switch do := x.step(e).(type) {
		case hop.Send:
			x.send = do
		case hop.Pass:
			x.pass = do
			if both, ok := res.Body.(io.ReadWriteCloser); ok && res.StatusCode == http.StatusSwitchingProtocols {
				res.Body = newUpgraded(both, x.p.conf.TunnelIdle)
			}
			return res, nil
		case hop.Reply:
			if err == nil {
				res.Body.Close()
			} else if !broke {
				x.result.Err = hidden.Error(err) // LEG-4
			}
			if x.reply = do.Reply; err != nil && broke {
				x.reply = blame
			}
			return nil, errReplied
		default:
			if err == nil {
				res.Body.Close()
			}
			return nil, errVanished
		}
	}
}

// exchange sends the request once.
func (x *proxyExchange) exchange(out *http.Request) (*http.Response, error) {
	written := new(atomic.Bool)
	x.idle, x.written = false, written
	up, err := x.connect(out.Context())
	if err != nil {
		return nil, err
	}
	return up.cc.RoundTrip(out.WithContext(httptrace.WithClientTrace(out.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { written.Store(true) },
	})))
}

// connect returns the connection to send the request on.
func (x *proxyExchange) connect(ctx context.Context) (up *upstream, err error) {
	switch x.send.Over {
	case hop.Own:
		up, err = x.f.pinned(), errVanished
	case hop.Pooled:
		up = x.p.pool.take(x.to)
		x.idle = up != nil
	}
	if up == nil && err == nil {
		up, err = x.p.pool.dial(ctx, x.to)
	}
	if up == nil {
		return nil, err
	}
	x.f.carry(up, x.send.Over == hop.NewOwn)
	return up, nil
}

// modify edits the response before it is sent to the client.
func modify(res *http.Response) error {
	x := exchangeOf(res.Request)
	x.result.Status = res.StatusCode
	x.pass.Apply(res.Header, received(res.ProtoMajor, res.ProtoMinor, x.p.conf.Name))
	return nil
}

// failed replies to the client if there is no response to forward.
func failed(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r)
	if !errors.Is(err, errReplied) && !errors.Is(err, errVanished) {
		x.result.Err = hidden.Error(err)
		if do, ok := x.step(hop.Lost{}).(hop.Reply); ok {
			x.reply, err = do.Reply, errReplied
		}
	}
	if !errors.Is(err, errReplied) {
		panic(http.ErrAbortHandler) // closes the client's connection, and nothing else
	}
	x.answer(x.reply)
}

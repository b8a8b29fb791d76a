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

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/machine"
)

// This file is the proxy's way through httputil.ReverseProxy, which does what a
// proxy has to do beside authentication: removing the fields of one hop
// (R9110-7.6.1-1, and with them Proxy-Authorization, R9110-11.7.2-1), streaming,
// trailers, 1xx, upgrades.

type passageKey struct{}

func withPassage(ctx context.Context, x *passage) context.Context {
	return context.WithValue(ctx, passageKey{}, x)
}

func passageOf(r *http.Request) *passage { return r.Context().Value(passageKey{}).(*passage) }

// resource makes the URL that goes upstream. What goes is what in says, which is what
// handlers in front of the proxy went by (TARGET-1): byte for byte as it was written,
// so that a Digest over it holds, unless one of them changed it.
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

// rewrite makes the request that goes upstream.
func rewrite(pr *httputil.ProxyRequest) {
	x := passageOf(pr.In)
	u := resource(x.q.URI, pr.In.URL)
	u.Scheme, u.Host = x.to.scheme, x.to.addr
	pr.Out.URL = u
	x.tell(pr)
	x.upgrades(pr.Out.Header)
	if pr.Out.Body != nil && pr.Out.Body != http.NoBody {
		x.body = &clientBody{ReadCloser: pr.Out.Body}
		pr.Out.Body = x.body
	}
	pr.Out.Header.Add("Via", fmt.Sprintf("%d.%d %s", pr.In.ProtoMajor, pr.In.ProtoMinor, x.p.conf.Name))
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

// errReplied: the passage's reply stands in place of the upstream's response.
var errReplied = errors.New("nethttp: no response is passed on")

// errVanished: the pinned upstream connection was gone before the request touched
// it. To the client that is its own connection closing while it was idle, after
// which it may begin again on another one; a 502 would be taken for the answer.
var errVanished = errors.New("nethttp: the pinned upstream connection has closed")

// passages is the http.RoundTripper that takes each request over the connection
// that the machine chose.
type passages struct{}

// RoundTrip implements http.RoundTripper.
func (passages) RoundTrip(out *http.Request) (*http.Response, error) {
	x := passageOf(out)
	up, res, err := x.exchange(out)
	if err == nil && res.StatusCode == http.StatusSwitchingProtocols && !strings.EqualFold(res.Header.Get("Upgrade"), out.Header.Get("Upgrade")) { // RELAY-2
		res.Body.Close() // httputil would refuse it too, and leave the upstream's connection open
		err = errUnasked
	}
	if err != nil {
		if up != nil {
			up.close()
		}
		x.reply = x.gone()
		if reply, ok := x.body.blame(); ok {
			x.reply = reply
			x.f.retire()
			return nil, errReplied
		}
		if x.pin == machine.Same && !x.written {
			return nil, errVanished
		}
		return nil, errReplied
	}
	act, err := x.run(machine.Response{
		Status: res.StatusCode, Header: responseHeader(res.Header), BodySent: machine.SentAll, Close: res.Close,
	})
	relay, ok := act.(machine.Relay)
	switch {
	case !ok:
		res.Body.Close()
		up.close()
		if x.reply, ok = act.(machine.Reply); !ok {
			x.reply = broken(err)
		}
		return nil, errReplied
	case res.StatusCode == http.StatusSwitchingProtocols:
		x.f.give(up) // no HTTP connection any more; the upgrade owns both ends
		if both, ok := res.Body.(io.ReadWriteCloser); ok {
			res.Body = newUpgraded(both, x.p.conf.TunnelIdle)
		}
	case relay.Keep:
		x.f.pin(up)
	case x.pin == machine.Shared:
		res.Body = &borrowed{res.Body, x.p.pool, up}
	}
	x.relay = relay
	return res, nil
}

// exchange sends the request over the connection that its pin asks for.
func (x *passage) exchange(out *http.Request) (*upstream, *http.Response, error) {
	up, err := x.upstream(out.Context())
	if err != nil {
		return nil, nil, err
	}
	out = out.WithContext(httptrace.WithClientTrace(out.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { x.written = true },
	}))
	res, err := up.cc.RoundTrip(out)
	if err != nil && x.pin == machine.Shared && up.reused && repeatable(out) {
		// It had closed while it was idle, and we did not know.
		up.close()
		if up, err = x.p.pool.dial(out.Context(), x.to); err != nil {
			return nil, nil, err
		}
		res, err = up.cc.RoundTrip(out)
	}
	return up, res, err
}

func (x *passage) upstream(ctx context.Context) (*upstream, error) {
	switch x.pin {
	case machine.Shared:
		return x.p.pool.get(ctx, x.to)
	case machine.Fresh:
		up, err := x.p.pool.dial(ctx, x.to)
		if err == nil {
			x.f.pin(up)
		}
		return up, err
	}
	if up := x.f.pinned(); up != nil {
		return up, nil
	}
	return nil, errVanished
}

// repeatable reports whether a request that may have been sent may be sent again
// (RFC 9110 section 9.2.2).
func repeatable(r *http.Request) bool {
	if r.Body != nil && r.Body != http.NoBody || r.Context().Err() != nil {
		return false
	}
	switch r.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

// borrowed is the body of a response that came over a shared connection, which goes
// back to the pool with it.
type borrowed struct {
	io.ReadCloser
	pool *upstreams
	up   *upstream
}

// Close implements io.Closer.
func (b *borrowed) Close() error {
	err := b.ReadCloser.Close()
	if b.up != nil {
		b.pool.put(b.up)
		b.up = nil
	}
	return err
}

// modify changes the response on its way down.
func modify(res *http.Response) error {
	x := passageOf(res.Request)
	x.result.Status = res.StatusCode
	res.Header.Del("Proxy-Authentication-Info") // of the hop before, as Proxy-Authenticate
	drive.ApplyRelay(res.Header, x.relay, x.p.conf.Proxy.Bound)
	res.Header.Add("Via", fmt.Sprintf("%d.%d %s", res.ProtoMajor, res.ProtoMinor, x.p.conf.Name))
	return nil
}

// failed answers where no response can be passed on.
func failed(w http.ResponseWriter, r *http.Request, err error) {
	x := passageOf(r)
	if errors.Is(err, errVanished) {
		panic(http.ErrAbortHandler) // which closes the client's connection, and nothing else
	}
	if !errors.Is(err, errReplied) {
		x.reply = x.gone()
	}
	x.answer(x.reply)
}

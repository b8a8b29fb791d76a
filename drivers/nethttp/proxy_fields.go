package nethttp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// This file holds the rules for fields by which a proxy describes its clients to the
// upstream.

// frontFields are the fields, in addition to X-Forwarded-…, in which front servers
// describe their clients to other servers: identity, original request, and connection.
// A server behind a reverse proxy trusts them, so that clients must not be able to set
// them.
var frontFields = map[string]bool{
	"forwarded": true, "x-forwarded": true, "x-real-ip": true, "x-client-ip": true, "x-cluster-client-ip": true, "client-ip": true, "true-client-ip": true,
	"cf-connecting-ip": true, "fastly-client-ip": true, "x-envoy-external-address": true, "x-originating-ip": true, "x-remote-ip": true, "x-remote-addr": true,
	"x-original-url": true, "x-original-uri": true, "x-original-host": true, "x-original-method": true, "x-rewrite-url": true, "x-host": true, "x-scheme": true, "x-url-scheme": true,
	"front-end-https": true, "client-cert": true, "client-cert-chain": true, "x-client-cert": true,
	"remote-user": true, "x-remote-user": true, "x-authenticated-user": true, "x-auth-request-user": true, "x-auth-request-email": true,
}

// byFront reports whether a field is one of them. Servers that pass fields on as
// environment variables treat "_" as "-" (RFC 3875 section 4.1.18).
func byFront(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	return frontFields[name] || strings.HasPrefix(name, "x-forwarded-") || strings.HasPrefix(name, "x-ssl-") || strings.HasPrefix(name, "ssl-client-")
}

// tell sets the fields that describe the client to the upstream. A forward proxy
// forwards the fields that it received: it is not the origin's front server. A reverse
// proxy removes the fields that its clients may have forged, and adds its own Forwarded
// and X-Forwarded-For, -Host and -Proto (RFC 7239 section 8.1). If its own front server
// is trusted it appends itself.
func (x *proxyExchange) tell(pr *httputil.ProxyRequest) {
	c, out := x.p.conf, pr.Out.Header
	out.Del("HTTP2-Settings") // hop-by-hop, even if Connection does not name it (RFC 7540 section 3.2.1)
	trusted := c.TrustForwarded || c.Proxy.Auth.PinnedFront
	if !c.Proxy.Reverse || trusted {
		for _, field := range [...]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
			if v, ok := pr.In.Header[field]; ok && !named(pr.In.Header, field) {
				out[field] = v // httputil had removed it
			}
		}
	}
	if !c.Proxy.Reverse {
		return
	}
	if !trusted { // R7239-8.1-1, RELAY-1
		for name := range out {
			if byFront(name) {
				delete(out, name)
			}
		}
	}
	proto, host := "http", pr.In.Host
	if pr.In.TLS != nil {
		proto = "https"
	}
	if ip, _, err := net.SplitHostPort(pr.In.RemoteAddr); err == nil {
		node := ip
		if strings.Contains(ip, ":") {
			node = "[" + ip + "]"
		}
		appendTo(out, "X-Forwarded-For", ip)
		appendTo(out, "Forwarded", fmt.Sprintf(`for="%s";host="%s";proto=%s`, node, host, proto))
	} else {
		appendTo(out, "Forwarded", fmt.Sprintf(`for=unknown;host="%s";proto=%s`, host, proto))
	}
	for field, value := range map[string]string{"X-Forwarded-Host": host, "X-Forwarded-Proto": proto} {
		if out.Get(field) == "" {
			out.Set(field, value)
		}
	}
}

// appendTo appends a member to a list.
func appendTo(h http.Header, field, value string) {
	h.Set(field, strings.Join(slices.Concat(h.Values(field), []string{value}), ", "))
}

// upgrades keeps the first protocol in Upgrade that the configuration allows. Upgrade
// is hop-by-hop (RFC 9110 section 7.8): with an unknown protocol a client could bypass
// everything in front of the upstream.
func (x *proxyExchange) upgrades(h http.Header) { // R9110-7.8-1
	for token := range strings.SplitSeq(h.Get("Upgrade"), ",") {
		token = strings.TrimSpace(token)
		for _, name := range x.p.conf.Upgrades {
			if strings.EqualFold(token, name) {
				h.Set("Upgrade", token)
				return
			}
		}
	}
	h.Del("Upgrade")
	h.Del("Connection") // httputil leaves nothing else in it
}

// errUnasked is returned if the upstream switches to a protocol that was not requested.
var errUnasked = errors.New("nethttp: the upstream switched protocols without being asked")

// clientBody is the body of a client's request. It records an error of reading from the
// client.
type clientBody struct {
	io.ReadCloser
	err atomic.Pointer[error]
}

// Read implements io.Reader. What comes with a failure does not go upstream: a body of HTTP/3 that is longer than
// its Content-Length fails with its last byte, which would make it look whole there.
func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, http.ErrBodyReadAfterClose) {
		b.err.CompareAndSwap(nil, &err)
		return 0, err // RELAY-3
	}
	return n, err
}

// blame returns the reply to a client if its body could not be read. It replaces one
// that names the upstream as the cause.
func (b *clientBody) blame() (machine.Reply, bool) { // RELAY-3
	if b == nil || b.err.Load() == nil {
		return machine.Reply{}, false
	}
	err := *b.err.Load()
	r := machine.Reply{Status: http.StatusBadRequest, Close: true, Fault: gss.Fault{Code: gss.Malformed, Detail: "the request's body ended early or is not valid chunked coding"}}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		r.Status, r.Fault.Detail = http.StatusRequestEntityTooLarge, "the request's body is larger than a handler in front of the proxy allows"
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.Status, r.Fault = http.StatusRequestTimeout, gss.Fault{Code: gss.QuestionFailed, Detail: "the request's body did not arrive in time"}
	}
	return r, true
}

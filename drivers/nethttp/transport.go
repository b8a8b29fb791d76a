package nethttp

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/connect"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/internal/bounds"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
)

// route describes how a request reaches its origin.
type route struct {
	proxy *url.URL // nil: directly
	// via is also Direct through a tunnel or a SOCKS proxy, which take no part in the
	// exchange (HTA-15).
	via    machine.RouteKind
	tunnel bool
}

// route returns how to reach a request's origin.
func (t *Transport) route(r *http.Request) (route, error) {
	if t.config.Proxy == nil {
		return route{}, nil
	}
	proxy, err := t.config.Proxy(r)
	if err != nil || proxy == nil {
		return route{}, err
	}
	w := route{proxy: proxy}
	switch strings.ToLower(proxy.Scheme) {
	case "socks5", "socks5h": // below HTTP: net/http connects through it
	case "http", "https":
		if strings.EqualFold(r.URL.Scheme, "https") {
			w.tunnel = true
		} else {
			w.via = machine.Forwarded
		}
	default:
		return route{}, errors.New("nethttp: the proxy's URL must be of scheme http, https, socks5 or socks5h")
	}
	return w, nil
}

// login returns a Source that answers a plain proxy's questions from the user
// information of its URL.
func (w *route) login(identity string) answer.Source {
	if w.proxy == nil || w.proxy.User == nil || w.via != machine.Forwarded {
		return nil
	}
	password, _ := w.proxy.User.Password()
	s, err := answer.ForProxy((&url.URL{Scheme: w.proxy.Scheme, Host: w.proxy.Host}).String(), w.proxy.User.Username(), password)
	if err != nil {
		return nil
	}
	return answer.As(identity, s)
}

// dialing holds the parameters of a dial that http.Transport does not pass on.
type dialing struct {
	proxy  *url.URL // for http.Transport to use, nil if none
	tunnel *connect.Dialer
	wire   *wire
}

type dialingKey struct{}

func dialingOf(ctx context.Context) *dialing {
	d, _ := ctx.Value(dialingKey{}).(*dialing)
	if d == nil {
		d = new(dialing)
	}
	return d
}

// newBase returns a transport that makes connections for this package and carries no
// request of its own. With http11 it speaks HTTP/1 only.
func newBase(from *http.Transport, http11 bool) *http.Transport {
	b := from.Clone()
	dial := b.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	b.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		d := dialingOf(ctx)
		through := dial
		if d.tunnel != nil {
			through = d.tunnel.DialContext
		}
		c, err := through(ctx, network, address)
		if err != nil || d.wire == nil {
			return c, err
		}
		return countingConn{c, d.wire}, nil
	}
	b.Proxy = func(r *http.Request) (*url.URL, error) { return dialingOf(r.Context()).proxy, nil }
	b.DisableKeepAlives = false // a handshake needs its connection; the pool closes it
	if b.ExpectContinueTimeout == 0 {
		b.ExpectContinueTimeout = defaultExpectTimeout
	}
	noHTTP2 := from.TLSNextProto != nil && from.TLSNextProto["h2"] == nil // the same rule as in net/http
	b.TLSNextProto = nil
	if b.Protocols == nil {
		b.Protocols = new(http.Protocols)
		b.Protocols.SetHTTP1(true)
		b.Protocols.SetHTTP2(!noHTTP2)
	}
	if http11 {
		b.Protocols = new(http.Protocols)
		b.Protocols.SetHTTP1(true)
		if b.TLSClientConfig != nil {
			b.TLSClientConfig.NextProtos = []string{"http/1.1"}
		}
	}
	return b
}

// dial opens a connection for a request's keys. It returns after the TLS handshake, so
// that the binding is known before the first Begin.
func (t *Transport) dial(ctx context.Context, w *route, ks *drive.Keys, http11 bool) (*conn, error) {
	c := &conn{binding: gss.NoBinding(), wire: new(wire)}
	d := &dialing{wire: c.wire}
	if w.tunnel {
		dialer, err := t.tunnels.dialer(t, w, ks.Proxy, ks.Identity)
		if err != nil {
			return nil, err
		}
		d.tunnel = dialer
	} else if w.proxy != nil {
		bare := *w.proxy
		if w.via == machine.Forwarded {
			bare.User = nil // otherwise net/http would send it without our say
		}
		d.proxy = &bare
	}
	if t.config.Multiplexed != nil && w.proxy == nil && ks.Scheme == "https" {
		if !http11 {
			return t.multiplex(ctx, c, ks.Host, ks.Port)
		}
		if t.config.OnlyMultiplexed {
			return nil, &drive.Error{Fault: gss.Fault{Code: gss.Unsupported, Detail: "the origin requires a scheme that needs a connection of its own, which OnlyMultiplexed forbids"}}
		}
	}
	base := t.multi
	if http11 || w.via == machine.Forwarded { // no HTTP/2 with plain proxies
		base = t.single
	}
	ctx = context.WithValue(ctx, dialingKey{}, d)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			if err == nil {
				c.secured(&s)
			}
		},
	})
	cc, err := base.NewClientConn(ctx, ks.Scheme, net.JoinHostPort(ks.Host, strconv.Itoa(int(ks.Port))))
	if err != nil {
		return nil, err
	}
	c.cc = cc
	c.multiplexed = c.multiplexed || cc.Available() > 1 // HTTP/2 without TLS
	return c, nil
}

// secured records what a TLS handshake established, with the origin or with the plain
// proxy that the requests go to.
func (c *conn) secured(s *tls.ConnectionState) {
	c.multiplexed = s.NegotiatedProtocol == "h2"
	c.binding = drive.BindingOf(s)
}

// tunnels has a dialer for each proxy and identity. A dialer remembers facts about its
// proxy.
type tunnels struct {
	mu      sync.Mutex
	dialers map[drive.SpaceKey]*connect.Dialer
}

// dialer returns the dialer for the proxy's protection space k, which includes its
// user.
func (s *tunnels) dialer(t *Transport, w *route, k drive.SpaceKey, identity string) (*connect.Dialer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.dialers[k]; d != nil {
		return d, nil
	}
	dial := t.config.Base.DialContext
	d, err := connect.New(connect.Config{
		Proxy: w.proxy, Machine: t.config.Machine, Source: t.config.Source,
		Identity: identity, Discovered: t.config.Discovered,
		TLS: t.config.Base.TLSClientConfig, Dial: dial, Header: t.config.Base.ProxyConnectHeader,
		Observer: t.config.Observer,
	})
	if err != nil {
		return nil, err
	}
	if s.dialers == nil {
		s.dialers = make(map[drive.SpaceKey]*connect.Dialer)
	}
	for other := range s.dialers {
		if len(s.dialers) < bounds.Peers {
			break
		}
		delete(s.dialers, other)
	}
	s.dialers[k] = d
	return d, nil
}

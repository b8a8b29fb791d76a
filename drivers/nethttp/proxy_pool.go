package nethttp

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/countersign-auth/countersign/drivers/internal/spare"
	"github.com/countersign-auth/countersign/hop"
)

// The limits of a proxy's idle upstream connections.
const (
	maxIdleUpstreams = 128
	maxIdleTime      = 90 * time.Second
)

// origin is the address that an upstream connection leads to.
type origin struct{ scheme, addr string }

// upstream is a connection to an origin.
type upstream struct {
	cc *http.ClientConn
	to origin
}

func (u *upstream) close() { u.cc.Close() }

// upstreams is a pool of idle upstream connections on which no client has authenticated
// with a connection-bound scheme. The pool of http.Transport cannot be used, because
// the connection on which a 401 arrived must be identified and kept for the client that
// will answer it.
type upstreams struct {
	transport *http.Transport
	idle      spare.List[*upstream]
}

func newUpstreams(t *http.Transport) *upstreams {
	if t == nil {
		t = &http.Transport{
			DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second,
		}
	} else {
		t = t.Clone()
	}
	t.Proxy = nil
	t.DisableCompression = true
	t.ExpectContinueTimeout = 0
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true) // a multiplexed connection cannot be pinned (HTA-4)
	t.TLSNextProto = nil
	t.ForceAttemptHTTP2 = false
	return &upstreams{transport: t}
}

// dial opens a new connection to an origin.
func (p *upstreams) dial(ctx context.Context, to origin) (*upstream, error) {
	cc, err := p.transport.NewClientConn(ctx, to.scheme, to.addr)
	if err != nil {
		return nil, err
	}
	return &upstream{cc: cc, to: to}, nil
}

// dialRaw opens the far connection of a tunnel.
func (p *upstreams) dialRaw(ctx context.Context, addr string) (net.Conn, error) {
	if d := p.transport.DialContext; d != nil {
		return d(ctx, "tcp", addr)
	}
	return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", addr)
}

// take returns an idle connection to an origin, nil if there is none.
func (p *upstreams) take(to origin) *upstream {
	for {
		u, ok := p.idle.Take(func(u *upstream) hop.Fit {
			if u.to != to {
				return hop.Unfit
			}
			return hop.Fits
		})
		if !ok || u.cc.Err() == nil {
			return u
		}
	}
}

// put returns a connection to the pool. As far as is known it can take another request.
func (p *upstreams) put(u *upstream) {
	p.idle.Put(u, spare.Bounds{Most: maxIdleUpstreams, PerKey: maxIdleUpstreams, Long: maxIdleTime}, func(other *upstream) bool { return other.to == u.to }, (*upstream).close)
}

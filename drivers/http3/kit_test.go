package http3_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/drivertest"
	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/http3/http3test"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/machine"
)

// kitDriver returns this package as a driver for the kit.
func kitDriver() drivertest.Driver {
	return drivertest.Driver{Client: kitClient, Server: kitServer, HTTP3: http3test.Kit(), Binds: true}
}

// left counts the connections that clients still had when they were closed.
var left atomic.Int64

func kitClient(s drivertest.ClientSetup) (drivertest.Client, error) {
	dialer := &http3.Dialer{TLS: s.TLS, QUIC: &quic.Config{HandshakeIdleTimeout: time.Minute}} // a hundred may be running
	var mu sync.Mutex
	var connections []nethttp.Multiplexed
	tr, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: s.Machine, Source: s.Source,
		Multiplexed: func(ctx context.Context, host string, port uint16) (nethttp.Multiplexed, error) {
			c, err := dialer.Connect(ctx, host, port)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				connections = append(connections, c)
			}
			return c, err
		},
		Base: &http.Transport{TLSClientConfig: s.TLS},
	})
	if err != nil {
		return drivertest.Client{}, err
	}
	return drivertest.Client{
		Do: func(identity string, r *http.Request) (*http.Response, error) {
			return tr.RoundTrip(r.WithContext(nethttp.ActAs(r.Context(), identity)))
		},
		Close: func() {
			tr.CloseIdleConnections()
			for _, c := range connections {
				if c.Err() == nil {
					left.Add(1)
				}
			}
		},
	}, nil
}

func kitServer(s drivertest.ServerSetup) (func(), error) {
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: s.Machine, Source: s.Source, Limits: s.Limits, Certificate: drive.CertificatesOf(s.TLS.Certificates...)})
	if err != nil {
		return nil, err
	}
	return kitServe(s, auth.Wrap), nil
}

// kitServe serves the kit's handler, wrapped by wrap.
func kitServe(s drivertest.ServerSetup, wrap func(http.Handler) http.Handler) (stop func()) {
	server := &quichttp3.Server{
		TLSConfig: s.TLS,
		Handler: wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, _ := nethttp.IdentityFrom(r.Context())
			s.Handler(id.Info.Peer, w, r)
		})),
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		http3.Serve(ctx, s.Packets, server, s.Limits, 0)
	}()
	return func() {
		cancel()
		<-served
	}
}

func TestKit(t *testing.T) {
	drivertest.Run(t, kitDriver)
	if n := left.Load(); n > 0 {
		t.Errorf("%d connections were open after the end of their clients", n)
	}
}

// kitReverse is kitServer with a reverse proxy between the Authenticator and the
// handler.
func kitReverse(s drivertest.ServerSetup) (func(), error) {
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{Auth: s.Machine, Source: s.Source, Limits: s.Limits, Certificate: drive.CertificatesOf(s.TLS.Certificates...)})
	if err != nil {
		return nil, err
	}
	const user = "Kit-User"
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Handler(r.Header.Get(user), w, r) }))
	upstream, err := url.Parse(origin.URL)
	if err != nil {
		return nil, err
	}
	proxy, err := nethttp.NewProxy(nethttp.ProxyConfig{Proxy: machine.ProxyConfig{Reverse: true}, Upstream: upstream, AnyScheme: true})
	if err != nil {
		return nil, err
	}
	stop := kitServe(s, func(http.Handler) http.Handler {
		return auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, _ := nethttp.IdentityFrom(r.Context())
			r = r.Clone(r.Context())
			r.Header.Del("Authorization") // the gate's, not the origin's
			r.Header.Set(user, id.Info.Peer)
			proxy.ServeHTTP(w, r)
		}))
	})
	return func() {
		stop()
		proxy.CloseIdleConnections()
		origin.CloseClientConnections()
		origin.Close()
	}, nil
}

// TestKitReverse: HTTP/3 in front, HTTP/1.1 behind.
func TestKitReverse(t *testing.T) {
	drivertest.Run(t, func() drivertest.Driver { return drivertest.Driver{Server: kitReverse, HTTP3: http3test.Kit()} })
}

// BenchmarkServer measures P14.
func BenchmarkServer(b *testing.B) {
	drivertest.Benchmark(b, kitDriver(), func(s drivertest.ServerSetup) (func(), error) {
		return kitServe(s, func(h http.Handler) http.Handler { return h }), nil
	})
}

package nethttp_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/drivertest"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/internal/long"
)

// kitDriver returns this package as a driver for the kit.
func kitDriver() drivertest.Driver {
	return drivertest.Driver{
		HTTP2: true,
		Binds: true, Thorough: long.Form(),
		Client: func(s drivertest.ClientSetup) (drivertest.Client, error) {
			tr, err := nethttp.NewTransport(nethttp.ClientConfig{
				Machine: s.Machine, Source: s.Source,
				Base: &http.Transport{TLSClientConfig: s.TLS, ForceAttemptHTTP2: true},
			})
			if err != nil {
				return drivertest.Client{}, err
			}
			return drivertest.Client{
				Do: func(identity string, r *http.Request) (*http.Response, error) {
					return tr.RoundTrip(r.WithContext(nethttp.ActAs(r.Context(), identity)))
				},
				Close: tr.CloseIdleConnections,
			}, nil
		},
		Server: func(s drivertest.ServerSetup) (func(), error) {
			conf := nethttp.ServerConfig{Auth: s.Machine, Source: s.Source, Limits: s.Limits}
			if s.TLS != nil {
				s.Listener = tls.NewListener(s.Listener, s.TLS)
				conf.Certificate = drive.CertificatesOf(s.TLS.Certificates...)
			}
			auth, err := nethttp.NewAuthenticator(conf)
			if err != nil {
				return nil, err
			}
			return kitServe(s, auth.Install, auth.Wrap), nil
		},
	}
}

// kitServe serves the kit's handler, wrapped by wrap.
func kitServe(s drivertest.ServerSetup, install func(*http.Server), wrap func(http.Handler) http.Handler) (stop func()) {
	server := &http.Server{Handler: wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := nethttp.IdentityFrom(r.Context())
		s.Handler(id.Info.Peer, w, r)
	}))}
	install(server)
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve(s.Listener)
	}()
	return func() {
		server.Close()
		server.Shutdown(context.Background())
		<-served
	}
}

func TestKit(t *testing.T) { drivertest.Run(t, kitDriver) }

// BenchmarkServer measures P14.
func BenchmarkServer(b *testing.B) {
	drivertest.Benchmark(b, kitDriver(), func(s drivertest.ServerSetup) (func(), error) {
		return kitServe(s, func(*http.Server) {}, func(h http.Handler) http.Handler { return h }), nil
	})
}

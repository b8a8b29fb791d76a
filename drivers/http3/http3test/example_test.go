package http3test_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/drivertest"
	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/http3/http3test"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// The server half of a driver, and what it answers to a client of the kit, which sends requests
// as they are.
func ExampleKit() {
	newServer := func(s drivertest.ServerSetup) (stop func(), err error) {
		auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
			Auth: s.Machine, Source: s.Source, Limits: s.Limits, Certificate: drive.CertificatesOf(s.TLS.Certificates...),
		})
		if err != nil {
			return nil, err
		}
		server := &quichttp3.Server{
			TLSConfig: s.TLS,
			Handler: auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
		}, nil
	}
	_ = func(t *testing.T) { // in a test: a subtest for each check
		drivertest.Run(t, func() drivertest.Driver {
			return drivertest.Driver{Server: newServer, HTTP3: http3test.Kit(), Binds: true}
		})
	}

	site := httptest.NewTLSServer(nil) // only its certificate is used, for 127.0.0.1
	defer site.Close()
	roots := x509.NewCertPool()
	roots.AddCert(site.Certificate())
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer packets.Close()
	stop, err := newServer(drivertest.ServerSetup{
		Machine: machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("example", scheme.AskVerifier)}},
		TLS:     &tls.Config{Certificates: site.TLS.Certificates[:1]},
		Packets: packets,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := http3test.Kit().Dial(ctx, packets.LocalAddr().String(), &tls.Config{RootCAs: roots}, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	request, err := http.NewRequestWithContext(ctx, "GET", "https://"+packets.LocalAddr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	response, err := conn.RoundTrip(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	fmt.Println(response.Proto, response.StatusCode, response.Header["Www-Authenticate"])
	// Output: HTTP/3.0 401 [Basic realm="example", charset="UTF-8"]
}

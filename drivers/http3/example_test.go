package http3_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	quichttp3 "github.com/quic-go/quic-go/http3"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/http3"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A client that answers Digest over HTTP/3.
func ExampleDialer() {
	origin, roots, stop := exampleServer()
	defer stop()

	answers, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	login, err := answer.For(origin, "alice", "wonder")
	if err != nil {
		fmt.Println(err)
		return
	}
	dialer := &http3.Dialer{TLS: &tls.Config{RootCAs: roots}}
	transport, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine:     machine.ClientConfig{Schemes: []scheme.Client{answers}},
		Source:      login,
		Multiplexed: dialer.Connect,
		// Without it a scheme that belongs to a connection, such as NTLM, would go on over HTTP/1.1.
		OnlyMultiplexed: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()

	response, err := client.Get(origin)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(response.Proto, response.StatusCode, string(body))
	// Output: HTTP/3.0 200 hello alice
}

// exampleServer serves HTTP/3 with Digest.
func exampleServer() (origin string, roots *x509.CertPool, stop func()) {
	var key [32]byte
	rand.Read(key[:])
	offers, err := digest.NewServer(digest.ServerConfig{Realm: "example", Keys: []gss.Secret{gss.NewSecret(string(key[:]))}})
	if err != nil {
		panic(err)
	}
	site := httptest.NewTLSServer(nil) // only its certificate is used, for 127.0.0.1
	defer site.Close()
	certificate := site.TLS.Certificates[0]
	roots = x509.NewCertPool()
	roots.AddCert(site.Certificate())
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:        machine.ServerConfig{Schemes: []scheme.Server{offers}},
		Source:      answer.Chain(answer.NewUsers(map[string]string{"alice": "wonder"}), &answer.ReplayCache{Max: 1000}),
		Certificate: drive.CertificatesOf(certificate), // for channel bindings
	})
	if err != nil {
		panic(err)
	}
	server := &quichttp3.Server{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
		Handler: auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			id, _ := nethttp.IdentityFrom(r.Context())
			fmt.Fprintf(w, "hello %s", id.Name())
		})),
	}
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		http3.Serve(ctx, socket, server, drive.Limits{}, time.Second)
	}()
	return "https://" + socket.LocalAddr().String(), roots, func() {
		cancel()
		<-served
		socket.Close()
	}
}

package nethttp_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A client that answers Digest for one origin.
func ExampleTransport() {
	server := exampleServer()
	defer server.Close()

	answers, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	login, err := answer.For(server.URL, "alice", "wonder")
	if err != nil {
		fmt.Println(err)
		return
	}
	transport, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{answers}},
		Source:  login,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()

	response, err := client.Post(server.URL, "text/plain", strings.NewReader("a message"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	established, _ := nethttp.Delivered(response)
	fmt.Println(response.StatusCode, string(body), established.Authenticated)
	// Output: 200 alice sent a message true
}

// An Error describes what failed, with the reason in a gss.Fault.
func ExampleError() {
	server := exampleServer()
	defer server.Close()

	answers, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	transport, err := nethttp.NewTransport(nethttp.ClientConfig{Machine: machine.ClientConfig{Schemes: []scheme.Client{answers}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = (&http.Client{Transport: transport}).Get(server.URL)
	if e, ok := errors.AsType[*drive.Error](err); ok {
		fmt.Println(e.Side, e.Status, e.Fault.Code, e.Fault.Code == gss.NoCredentials)
	}
	// Output: origin 401 no credentials true
}

// exampleServer requires Digest and responds with the user and the request's body.
func exampleServer() *httptest.Server {
	offers, err := digest.NewServer(digest.ServerConfig{Realm: "example", Keys: []gss.Secret{gss.NewSecret(strings.Repeat("key ", 8))}})
	if err != nil {
		panic(err)
	}
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{offers}},
		Source: answer.Chain(answer.NewUsers(map[string]string{"alice": "wonder"}), &answer.ReplayCache{Max: 1000}),
	})
	if err != nil {
		panic(err)
	}
	server := httptest.NewUnstartedServer(auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := nethttp.IdentityFrom(r.Context())
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s sent %s", id.Name(), body)
	})))
	auth.Install(server.Config)
	server.Start()
	return server
}

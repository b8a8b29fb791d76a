package fasthttp_test

import (
	"crypto/rand"
	"fmt"
	"net"

	fast "github.com/valyala/fasthttp"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/fasthttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A server that requires Digest, and a client that answers it.
func Example() {
	var key [32]byte
	rand.Read(key[:]) // nonces of this key are accepted: servers behind one name share it
	offers, err := digest.NewServer(digest.ServerConfig{Realm: "example", Keys: []gss.Secret{gss.NewSecret(string(key[:]))}})
	if err != nil {
		fmt.Println(err)
		return
	}
	auth, err := fasthttp.NewAuthenticator(fasthttp.ServerConfig{
		Auth: machine.ServerConfig{Schemes: []scheme.Server{offers}},
		// The users, and a memory of nonces that were used.
		Source: answer.Chain(answer.NewUsers(map[string]string{"alice": "wonder"}), &answer.ReplayCache{Max: 1000}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &fast.Server{
		Handler: auth.Wrap(func(ctx *fast.RequestCtx) {
			id, _ := fasthttp.IdentityFrom(ctx)
			fmt.Fprintf(ctx, "hello %s", id.Name())
		}),
		ReadBufferSize: 128 << 10, // the default of 4 KiB is too small for tickets
	}
	auth.Install(server)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(drive.RetryAccept(listener, nil))
	defer server.Shutdown()

	url := "http://" + listener.Addr().String() + "/"
	answers, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	login, err := answer.For(url, "alice", "wonder") // for this origin alone
	if err != nil {
		fmt.Println(err)
		return
	}
	transport, err := fasthttp.NewTransport(fasthttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{answers}},
		Source:  login,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer transport.CloseIdleConnections()

	for _, client := range []*fast.Client{{}, {Transport: transport}} {
		status, body, err := client.Get(nil, url)
		fmt.Println(status, string(body), err)
		client.CloseIdleConnections()
	}
	// Output:
	// 401 Unauthorized <nil>
	// 200 hello alice <nil>
}

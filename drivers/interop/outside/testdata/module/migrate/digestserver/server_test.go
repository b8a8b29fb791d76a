package digestserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

func Example() {
	server, err := New("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := net.Listen("tcp", server.Addr)
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(l)
	defer server.Close()

	for _, password := range []string{"hello", "guess"} {
		body, err := get("http://"+l.Addr().String(), "john", password)
		fmt.Println(body, errors.Is(err, gss.Refused))
	}
	// Output:
	// <html><body><h1>Hello, john!</h1></body></html> false
	//  true
}

func get(url, user, password string) (string, error) {
	login, err := answer.For(url, user, password)
	if err != nil {
		return "", err
	}
	respond, err := digest.NewClient(digest.ClientConfig{})
	if err != nil {
		return "", err
	}
	transport, err := nethttp.NewTransport(nethttp.ClientConfig{
		Machine: machine.ClientConfig{Schemes: []scheme.Client{respond}}, Source: login,
	})
	if err != nil {
		return "", err
	}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		return "", err
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

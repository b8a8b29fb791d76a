package digestclient

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/countersign-auth/countersign/digest"
	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/gss"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

func Example() {
	server := newServer()
	defer server.Close()

	client, err := New(server.URL, "foo", "bar")
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := client.Get(server.URL + "/some_outdated_service")
	if err != nil {
		fmt.Println(err)
		return
	}
	res.Body.Close()
	fmt.Println(res.Status)
	client.CloseIdleConnections()
	// Output: 200 OK
}

func newServer() *httptest.Server {
	offer, err := digest.NewServer(digest.ServerConfig{Realm: "old", Keys: []gss.Secret{gss.NewSecret("thirty-two bytes of random data!")}})
	if err != nil {
		panic(err)
	}
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{offer}},
		Source: answer.Chain(answer.NewUsers(map[string]string{"foo": "bar"}), new(answer.ReplayCache)),
	})
	if err != nil {
		panic(err)
	}
	return httptest.NewServer(auth.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
}

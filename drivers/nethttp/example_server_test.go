package nethttp_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A server that authenticates its clients.
func ExampleAuthenticator_Wrap() {
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("example", scheme.AskVerifier)}},
		Source: answer.NewUsers(map[string]string{"alice": "secret"}),
	})
	if err != nil {
		log.Fatal(err)
	}
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := nethttp.IdentityFrom(r.Context())
		fmt.Fprintf(w, "hello %s via %s", id.Name(), id.Scheme)
	})
	server := httptest.NewUnstartedServer(auth.Wrap(app))
	auth.Install(server.Config) // connections, and limits for unauthenticated clients
	server.Start()
	defer server.Close()

	for _, password := range []string{"", "guess", "secret"} {
		req, err := http.NewRequest("GET", server.URL, nil)
		if err != nil {
			log.Fatal(err)
		}
		if password != "" {
			req.SetBasicAuth("alice", password)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d %q %s\n", res.StatusCode, res.Header.Get("WWW-Authenticate"), body)
	}
	// Output:
	// 401 "Basic realm=\"example\", charset=\"UTF-8\"" Unauthorized
	//
	// 401 "Basic realm=\"example\", charset=\"UTF-8\"" Unauthorized
	//
	// 200 "" hello alice via Basic
}

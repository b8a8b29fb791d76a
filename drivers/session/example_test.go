package session_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/session"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// A server that keeps logins: a client with a cookie jar sends its password once.
func Example() {
	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:    machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("example", scheme.AskVerifier)}},
		Source:  answer.NewUsers(map[string]string{"alice": "wonder"}),
		Session: new(session.Config), // sealed under a key of this process, for 8 hours at most
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewUnstartedServer(auth.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := nethttp.IdentityFrom(r.Context())
		fmt.Fprintf(w, "hello %s", id.Name())
	})))
	auth.Install(server.Config)
	server.StartTLS() // without TLS there are no sessions
	defer server.Close()

	client := server.Client()
	get := func(password string) {
		r, err := http.NewRequest(http.MethodGet, server.URL, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		if password != "" {
			r.SetBasicAuth("alice", password)
		}
		response, err := client.Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		fmt.Println(response.StatusCode, string(body))
	}
	if client.Jar, err = cookiejar.New(nil); err != nil {
		fmt.Println(err)
		return
	}
	get("wonder")
	get("")          // with the cookie
	client.Jar = nil // as another client
	get("")
	// Output:
	// 200 hello alice
	// 200 hello alice
	// 401 Unauthorized
}

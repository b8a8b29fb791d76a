package nethttp_test

import (
	"cmp"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/countersign-auth/countersign/drivers/answer"
	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/machine"
	"github.com/countersign-auth/countersign/scheme"
)

// Each route has a policy of its own behind one Authenticator.
func ExampleRequire() {
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := nethttp.IdentityFrom(r.Context())
		fmt.Fprintf(w, "for %v", user)
	})
	isAlice := func(id drive.Identity) bool { return id.Name() == "alice" }

	mux := http.NewServeMux()
	mux.Handle("/public", page)
	mux.Handle("/private", nethttp.Require(nil)(page))
	mux.Handle("/admin", nethttp.Require(isAlice)(page))

	auth, err := nethttp.NewAuthenticator(nethttp.ServerConfig{
		Auth:   machine.ServerConfig{Schemes: []scheme.Server{scheme.BasicServer("staff", scheme.AskVerifier)}, Optional: true},
		Source: answer.NewUsers(map[string]string{"alice": "wonder", "bob": "builder"}),
	})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(auth.Wrap(mux))
	defer server.Close()

	for _, login := range [][2]string{{}, {"bob", "builder"}, {"alice", "wonder"}} {
		for _, path := range []string{"/public", "/private", "/admin"} {
			r, _ := http.NewRequest("GET", server.URL+path, nil)
			if login[0] != "" {
				r.SetBasicAuth(login[0], login[1])
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				log.Fatal(err)
			}
			response.Body.Close()
			fmt.Printf("%s %d for %s\n", path, response.StatusCode, cmp.Or(login[0], "no login"))
		}
	}
	// Output:
	// /public 200 for no login
	// /private 401 for no login
	// /admin 401 for no login
	// /public 200 for bob
	// /private 200 for bob
	// /admin 403 for bob
	// /public 200 for alice
	// /private 200 for alice
	// /admin 200 for alice
}

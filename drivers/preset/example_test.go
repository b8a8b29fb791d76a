package preset_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/countersign-auth/countersign/drivers/drive"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/preset"
)

// app greets the user.
var app = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	user, _ := nethttp.IdentityFrom(r.Context())
	fmt.Fprintf(w, "hello %v by %s", user, user.Scheme)
})

// serve serves a preset until the example ends, and returns its URL.
func serve(s preset.Server) (url string, stop func()) {
	auth, err := s.Authenticator()
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewUnstartedServer(auth.Wrap(app))
	auth.Install(server.Config)
	server.Start()
	return server.URL, server.Close
}

// print prints a response's body.
func print(r *http.Response) {
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", r.Status, body)
}

// A client with a password.
func ExampleClient() {
	origin, stop := serve(preset.Server{Users: map[string]string{"alice": "correct horse"}})
	defer stop()

	transport, err := preset.Client{Origin: origin, User: "alice", Password: "correct horse"}.Transport()
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport}
	response, err := client.Get(origin)
	if err != nil {
		log.Fatal(err)
	}
	print(response)
	// Output: 200 OK: hello alice by Digest
}

// What a preset chooses is a configuration, in which anything can be changed.
func ExampleClient_Config() {
	origin, stop := serve(preset.Server{Users: map[string]string{"alice": "correct horse"}})
	defer stop()

	config, err := preset.Client{Origin: origin, User: "alice", Password: "wrong"}.Config()
	if err != nil {
		log.Fatal(err)
	}
	config.BufferBody = 1 << 20
	transport, err := nethttp.NewTransport(config)
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport}
	_, err = client.Get(origin)
	var refused *drive.Error
	fmt.Println(errors.As(err, &refused) && refused.Status == http.StatusUnauthorized)
	// Output: true
}

// A server with users of a password file, as Apache's htdigest writes it.
func ExampleServer() {
	file := os.TempDir() + "/countersign-example.htdigest"
	// htdigest -c FILE staff alice
	os.WriteFile(file, []byte("alice:staff:0414063c2d12b97f83136799a5dbd2d8\n"), 0o600)
	defer os.Remove(file)

	auth, err := preset.Server{Htdigest: file}.Authenticator()
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "127.0.0.1:0", Handler: auth.Wrap(app)}
	auth.Install(server)
	// log.Fatal(server.ListenAndServeTLS("cert.pem", "key.pem"))

	w := httptest.NewRecorder()
	server.Handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	fmt.Println(w.Code)
	// Output: 401
}

// A policy for each route behind a server that takes NTLM.
func ExampleServer_optional() {
	auth, err := preset.Server{Users: map[string]string{"alice": "correct horse"}, NTLM: true, Domain: "STAFF", Optional: true}.Authenticator()
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/public", app)
	mux.Handle("/private", nethttp.Require(nil)(app))
	server := httptest.NewUnstartedServer(auth.Wrap(mux))
	auth.Install(server.Config)
	server.Start()
	defer server.Close()

	transport, err := preset.Client{Origin: server.URL, User: `STAFF\alice`, Password: "correct horse"}.Transport()
	if err != nil {
		log.Fatal(err)
	}
	for _, client := range []*http.Client{http.DefaultClient, {Transport: transport}} {
		for _, path := range []string{"/public", "/private"} {
			response, err := client.Get(server.URL + path)
			if err != nil {
				log.Fatal(err)
			}
			response.Body.Close()
			fmt.Println(path, response.StatusCode)
		}
	}
	// Output:
	// /public 200
	// /private 401
	// /public 200
	// /private 200
}

// Command chi serves routes with a policy for each, on chi's router.
package main

import (
	"log"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/countersign-auth/countersign/drivers/examples/internal/app"
	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/preset"
)

func main() {
	auth, err := preset.Server{Users: app.Users, NTLM: true, Optional: true}.Authenticator()
	if err != nil {
		log.Fatal(err)
	}
	server := newServer(auth)
	server.Addr = "127.0.0.1:8080"
	log.Fatal(server.ListenAndServe())
}

func newServer(auth *nethttp.Authenticator) *http.Server {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.Get("/public", app.Hello)
	r.Group(func(r chi.Router) {
		r.Use(auth.Wrap)
		r.Get("/optional", app.Hello)
		r.With(nethttp.Require(app.Admin)).Get("/admin", app.Hello)
		r.With(nethttp.Require(nil)).Group(private)
	})
	server := &http.Server{Handler: r}
	auth.Install(server)
	return server
}

func private(r chi.Router) {
	r.Get("/private", app.Hello)
	r.Post("/upload", app.Upload)
	r.Get("/again", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	r.Get("/error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no tea", http.StatusTeapot) })
	r.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("of a handler") })
	r.Get("/stream", app.Stream)
	r.Get("/socket", app.Socket)
}

package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/countersign-auth/countersign/drivers/nethttp"
	"github.com/countersign-auth/countersign/drivers/preset"
)

func main() {
	auth, err := preset.Server{Keytab: "www.keytab"}.Authenticator()
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		user, _ := nethttp.IdentityFrom(r.Context())
		fmt.Fprintln(w, "hello", user.Name())
	})
	server := &http.Server{Addr: os.Getenv("ADDR"), Handler: auth.Wrap(http.DefaultServeMux)}
	auth.Install(server)
	log.Fatal(server.ListenAndServe())
}

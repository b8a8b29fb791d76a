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
	staff, err := preset.Server{Realm: "staff", Htdigest: "users.htdigest"}.Authenticator()
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		user, _ := nethttp.IdentityFrom(r.Context())
		fmt.Fprintln(w, "hello", user.Name())
	})
	server := &http.Server{Addr: os.Getenv("ADDR"), Handler: staff.Wrap(http.DefaultServeMux)}
	staff.Install(server)
	log.Fatal(server.ListenAndServe())
}

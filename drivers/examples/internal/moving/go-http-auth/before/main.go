package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	auth "github.com/abbot/go-http-auth"
)

func main() {
	staff := auth.NewDigestAuthenticator("staff", auth.HtdigestFileProvider("users.htdigest"))
	http.HandleFunc("/", staff.Wrap(func(w http.ResponseWriter, r *auth.AuthenticatedRequest) {
		fmt.Fprintln(w, "hello", r.Username)
	}))
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}

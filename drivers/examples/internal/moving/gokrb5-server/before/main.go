package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/jcmturner/goidentity/v6"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/service"
	"github.com/jcmturner/gokrb5/v8/spnego"
)

func main() {
	keys, err := keytab.Load("www.keytab")
	if err != nil {
		log.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := goidentity.FromHTTPRequestContext(r)
		fmt.Fprintf(w, "hello %s@%s\n", user.UserName(), user.Domain())
	})
	http.Handle("/", spnego.SPNEGOKRB5Authenticate(hello, keys, service.DecodePAC(false)))
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}

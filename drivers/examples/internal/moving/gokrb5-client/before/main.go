package main

import (
	"io"
	"log"
	"net/http"
	"os"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/spnego"
)

func main() {
	conf, err := config.Load(os.Getenv("KRB5_CONFIG"))
	if err != nil {
		log.Fatal(err)
	}
	login := client.NewWithPassword("alice", "INTEROP.TEST", "Password-1!", conf, client.DisablePAFXFAST(true))
	defer login.Destroy()
	response, err := spnego.NewClient(login, nil, "HTTP/localhost").Get(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if response.StatusCode == http.StatusUnauthorized {
		log.Fatal("the login was refused")
	}
	io.Copy(os.Stdout, response.Body)
}
